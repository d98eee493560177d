/* SPDX-License-Identifier: MIT */
/* Lab 2: what attack.c has to offer to judge.c. */
#pragma once

#include "fw.h"

/* The application: machine code between two labels, copied to USER_CODE and run in ring 3 with an address in RDI (EBX
 * in 32 bit). It is to read the word there and to pass it on in RAX (EAX) by a system call. */
extern const char attack_begin[], attack_end[];

/* The kernel's mistake: one page-table entry, written so that from now on the application can read the page of @secret,
 * a page of the kernel's that is mapped as the boot tables map everything. 0, or what the hypervisor answered. */
int open_door(void *secret);
/* The entry as it was before. */
int close_door(void *secret);
