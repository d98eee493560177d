/* SPDX-License-Identifier: MIT */
/* Copying between a program's memory and granted pages: a part of /dev/xen/gntdev. */
#ifndef DRIVERS_GNTCOPY_H
#define DRIVERS_GNTCOPY_H

#include "machine.h"
#include "xen/grant_table.h"

long gntcopy(const void *user); /* IOCTL_GNTDEV_GRANT_COPY */
void gntcopy_clear_byte(domid_t domid, grant_ref_t ref, u32 offset);

#endif
