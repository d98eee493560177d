/* SPDX-License-Identifier: MIT */
/* /dev/null and its relatives. */
#ifndef KERN_FS_MEM_DEVICES_H
#define KERN_FS_MEM_DEVICES_H

#include "kern/lib/types.h"

void mem_devices_init(void);

/* Copies from the log, from position *pos since boot on, and moves *pos. */
long log_read_user(void *buf, size_t n, u64 *pos);

#endif
