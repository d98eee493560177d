/* SPDX-License-Identifier: MIT */
/* Virtio network cards. */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include "drivers/pci.h"

/* This function is one: it becomes a device of kern/net/netdev.h. */
void virtio_net_found(pci_function_t function);

#endif
