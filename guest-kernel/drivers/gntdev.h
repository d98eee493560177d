/* SPDX-License-Identifier: MIT */
/* /dev/xen/gntdev: mapping and copying what other domains granted. Linux's interface. */
#ifndef DRIVERS_GNTDEV_H
#define DRIVERS_GNTDEV_H

void gntdev_init(void);

#endif
