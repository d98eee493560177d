/* SPDX-License-Identifier: MIT */
/* Futexes: sleeping on a word of user memory. */
#ifndef KERN_PROC_FUTEX_H
#define KERN_PROC_FUTEX_H

#include "kern/lib/types.h"

void futex_wake_all(ulong address); /* in the current address space */

#endif
