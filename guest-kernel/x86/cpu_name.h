/* SPDX-License-Identifier: MIT */
/* What the processor calls itself. */
#ifndef X86_CPU_NAME_H
#define X86_CPU_NAME_H

#define CPU_NAME_MAX 49

void cpu_vendor(char name[CPU_NAME_MAX]);
void cpu_model(char name[CPU_NAME_MAX]);

#endif
