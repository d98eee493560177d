/* SPDX-License-Identifier: MIT */
/* Selectors of the flat segments. PV: the hypervisor's, at the end of every guest's GDT. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "xen/xen.h"

#define KERNEL_CS FLAT_KERNEL_CS /* ring 1 in 32 bit, ring 3 in 64 bit */
#define KERNEL_DS FLAT_KERNEL_DS
#define USER_CS   FLAT_USER_CS
#define USER_DS   FLAT_USER_DS
#define USER_SS   FLAT_USER_SS

/* GDT entry 6 is TLS_GDT_ENTRY (x86/trapframe.h). */

#endif
