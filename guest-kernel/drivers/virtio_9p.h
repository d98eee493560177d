/* SPDX-License-Identifier: MIT */
/* A folder that the host shares (QEMU: -virtfs): one request queue. (Virtio 1.2, 5.12 reserves the number; the configuration
 * is a 16-bit length and the mount tag.) What the requests say: kern/fs/p9.h. */
#ifndef DRIVERS_VIRTIO_9P_H
#define DRIVERS_VIRTIO_9P_H

#include "drivers/pci.h"

void virtio_9p_found(pci_function_t function);

#endif
