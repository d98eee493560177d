/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices on PCI: finding them (virtio_pci.c), and the queues by which memory is handed to a device and comes back
 * (virtio.c). Nothing here knows what a device does; virtio_9p.c, virtio_blk.c and virtio_net.c do.
 *
 * The legacy interface is used where a device has it: by ports, which a PV kernel reaches without mapping anything. Its price: a
 * queue with all its parts lies in machine frames in a row. The modern one is registers in the device's memory, and its
 * queues are used in the same form. (Virtio 1.2, 2.7, Split Virtqueues; 4.1.4, Virtio Structure PCI Capabilities)
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include "drivers/pci.h"
#include "machine.h"

struct virtio_device {
	struct virtio_device *next;
	uint16_t io; /* legacy: the first port */
	volatile uint8_t *common, *why,
	    *config;          /* modern: registers; common is NULL if the device is a legacy one */
	uint64_t notify;      /* modern: machine address and ... */
	uint32_t notify_step; /* ... distance of the words that tell of queues */
	unsigned line;        /* of its interrupt */
	/* With the kernel lock: look into the queues; and, if not NULL, the configuration has changed, or the device is broken. */
	void (*interrupt)(struct virtio_device *v);
	void (*changed)(struct virtio_device *v);
};

/* A piece of the linear map: the device reads it, or writes it. The pieces that it writes come last. */
struct virtio_piece {
	void *at;
	uint32_t len;
	bool device_writes;
};

struct virtqueue {
	struct virtio_device *device;
	uint16_t index, size;
	uint16_t free, free_count; /* unused descriptors, as a list */
	uint16_t seen;             /* used entries taken, modulo 65536 */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	volatile struct virtq_used *used;
	struct in_flight *flights; /* by first descriptor */
	volatile uint16_t *notify; /* modern: written when there is something in the queue */
};

/* Calls the drivers of all devices. Once, when memory and interrupts work. */
void virtio_init(void);

/* Resets the device, and takes from the features that it offers those of `wanted`. */
bool virtio_begin(struct virtio_device *v, pci_function_t function, uint32_t wanted, uint32_t *features);
/* From now on it works, and interrupts. */
bool virtio_start(struct virtio_device *v);
/* It has done what cannot be: it is reset, gets nothing more, and uses no memory any more. */
void virtio_give_up(struct virtio_device *v);
/* The device says that it works no more. */
bool virtio_is_broken(struct virtio_device *v);
/* A byte of the device's own configuration. */
uint8_t virtio_config(struct virtio_device *v, uint16_t offset);

/* What virtio.c needs of virtio_pci.c: the size of a queue, 0: there is none; the device uses the queue, false: it cannot; it looks
 * into it. */
uint16_t virtio_queue_size(struct virtio_device *v, uint16_t index);
bool virtio_queue_use(struct virtqueue *q);
void virtio_notify(struct virtqueue *q);

/* Between begin and start. False: the device has no such queue, or there is no memory for it. */
bool virtqueue_init(struct virtqueue *q, struct virtio_device *v, uint16_t index);
/* Hands the pieces to the device and tells it so; token comes back with them. False: no room in the queue. */
bool virtqueue_add(struct virtqueue *q, const struct virtio_piece *pieces, unsigned count, void *token);
/* What the device is done with: its token, and in *len how many bytes it has written. NULL: nothing more for now, or
 * an ERR_PTR: the device has answered what nobody asked. */
void *virtqueue_take(struct virtqueue *q, uint32_t *len);

#endif
