/* SPDX-License-Identifier: MIT */
/* Virtual disks of this domain: device/vbd in the store. */
#ifndef DRIVERS_BLKFRONT_H
#define DRIVERS_BLKFRONT_H

/* They become /dev/xvda and so on, as they come; xenbus_wait() waits for those that are there. Needs the store ring. */
void blkfront_init(void);

#endif
