/* SPDX-License-Identifier: MIT */
/* Selectors of the flat segments. Native: in the kernel's own GDT (segments.c), the kernel in ring 0. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#ifdef __x86_64__
#define USER_CS 0x2b
#else
#define USER_CS 0x1b
#endif
#define USER_DS 0x23
#define USER_SS 0x23

/* GDT entry 6 is TLS_GDT_ENTRY (x86/trapframe.h). */
#define TSS_SELECTOR          0x38
#define DOUBLE_FAULT_SELECTOR 0x40 /* in 32 bit; in 64 bit the TSS takes both entries */

#endif
