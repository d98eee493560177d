/* SPDX-License-Identifier: MIT */
/* /dev/cost: the kernel's own operations, for the program `cost`. */
#ifndef KERN_SYS_COST_H
#define KERN_SYS_COST_H

void cost_init(void);

#endif
