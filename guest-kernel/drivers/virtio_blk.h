/* SPDX-License-Identifier: MIT */
/* Virtio disks: each becomes /dev/vda, /dev/vdb and so on, with what kern/block/ makes of it. */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include "drivers/pci.h"

void virtio_blk_found(pci_function_t function);

#endif
