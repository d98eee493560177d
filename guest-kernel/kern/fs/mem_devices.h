/* SPDX-License-Identifier: MIT */
/* /dev/null and its relatives. */
#ifndef KERN_FS_MEM_DEVICES_H
#define KERN_FS_MEM_DEVICES_H

void mem_devices_init(void);

#endif
