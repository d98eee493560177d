/* SPDX-License-Identifier: MIT */
/* See virtio.h: virtio devices as functions of PCI, with the legacy interface or the modern one. */
#include "cpu_ops.h"
#include "drivers/virtio.h"
#include "drivers/virtio_9p.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_net.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"

#define VENDOR       0x1af4u
#define LEGACY_NET   0x1000u /* device numbers of those that may have the legacy interface */
#define LEGACY_BLK   0x1001u
#define LEGACY_9P    0x1009u
#define MODERN       0x1040u /* and of those that have not: the type behind it */
#define TYPE_NET     1u
#define TYPE_BLK     2u
#define TYPE_9P      9u
#define MODERN_QUEUE 256u /* so large at most is a queue: then each part of it lies in one frame */

/* Ports of the legacy interface; the device's own configuration is behind them, as MSI-X stays off. */
enum {
	DEVICE_FEATURES = 0,
	DRIVER_FEATURES = 4,
	QUEUE_FRAME = 8,
	QUEUE_SIZE = 12,
	QUEUE_SELECT = 14,
	QUEUE_NOTIFY = 16,
	STATUS = 18,
	INTERRUPT = 19, /* reading it takes the interrupt back */
	CONFIG = 20,
};

/* Registers of the modern one. (Virtio 1.2, 4.1.4.3, Common Configuration Structure Layout) */
enum {
	M_DEVICE_SELECT = 0, /* which 32 of the features */
	M_DEVICE_FEATURES = 4,
	M_DRIVER_SELECT = 8,
	M_DRIVER_FEATURES = 12,
	M_STATUS = 20,
	M_QUEUE_SELECT = 22,
	M_QUEUE_SIZE = 24,
	M_QUEUE_ENABLE = 28,
	M_QUEUE_NOTIFY = 30,
	M_QUEUE_DESC = 32, /* 64 bits each */
	M_QUEUE_AVAIL = 40,
	M_QUEUE_USED = 48,
	M_END = 56,
};
#define VERSION_1 1u /* of the second 32 features */

/* Capabilities that tell where the registers are. (4.1.4, Virtio Structure PCI Capabilities) */
enum {
	CAP_COMMON = 1,
	CAP_NOTIFY = 2,
	CAP_WHY = 3,
	CAP_CONFIG = 4,
};
#define CAP_VENDOR 0x09u
#define CAPS_MAX   48u /* no more fit into the configuration space: a chain that goes on is a circle */

enum {
	ACKNOWLEDGE = 1,
	DRIVER = 2,
	DRIVER_OK = 4,
	FEATURES_OK = 8,
	NEEDS_RESET = 64,
	FAILED = 128
};

/* Why it interrupts. */
#define WHY_QUEUE  1u
#define WHY_CONFIG 2u

static struct virtio_device *devices;

static volatile uint32_t *register32(const struct virtio_device *v, unsigned at)
{
	return (volatile uint32_t *)(v->common + at);
}

static volatile uint16_t *register16(const struct virtio_device *v, unsigned at)
{
	return (volatile uint16_t *)(v->common + at);
}

static void set_status(struct virtio_device *v, uint8_t status)
{
	if (v->common)
		v->common[M_STATUS] = status;
	else
		outb(v->io + STATUS, status);
}

static uint8_t get_status(struct virtio_device *v)
{
	return v->common ? v->common[M_STATUS] : inb(v->io + STATUS);
}

/* Machine address of the BAR's memory; 0: it has none. */
static uint64_t bar_address(pci_function_t function, unsigned bar)
{
	uint32_t low = bar < 6 ? pci_read(function, PCI_BAR0 + 4 * bar) : 1, high = 0;

	if (low & 1)
		return 0;
	if ((low & PCI_BAR_64) && bar < 5)
		high = pci_read(function, PCI_BAR0 + 4 * bar + 4);
	return (uint64_t)high << 32 | (low & ~15u);
}

/* Registers of so many bytes at this machine address, or NULL: they are in no one page. */
static volatile uint8_t *map(uint64_t address, uint32_t bytes)
{
	return (address & ~PAGE_MASK) + bytes <= PAGE_SIZE ? device_page(address) : NULL;
}

static void take_capability(struct virtio_device *v, pci_function_t function, uint8_t at)
{
	uint32_t first = pci_read(function, at), length = pci_read(function, at + 12);
	uint64_t address = bar_address(function, pci_read(function, at + 4) & 0xff);

	if (!address)
		return;
	address += pci_read(function, at + 8);
	switch (first >> 24) {
	case CAP_COMMON:
		v->common = v->common || length < M_END ? v->common : map(address, M_END);
		break;
	case CAP_NOTIFY:
		v->notify = address;
		v->notify_step = pci_read(function, at + 16);
		break;
	case CAP_WHY:
		v->why = v->why ? v->why : map(address, 1);
		break;
	case CAP_CONFIG:
		v->config = v->config ? v->config : map(address, MIN(length, 64u));
		break;
	}
}

static bool find_registers(struct virtio_device *v, pci_function_t function)
{
	uint8_t at = pci_read(function, PCI_CAPABILITIES) & 0xfc;

	if (!(pci_read(function, PCI_COMMAND) & PCI_HAS_CAPABILITIES))
		return false;
	for (unsigned n = 0; at && n < CAPS_MAX; n++) {
		uint32_t first = pci_read(function, at);

		if ((first & 0xff) == CAP_VENDOR)
			take_capability(v, function, at);
		at = first >> 8 & 0xfc;
	}
	return v->common && v->notify && v->why && v->config;
}

static bool modern_features(struct virtio_device *v, uint32_t wanted, uint32_t *features)
{
	*register32(v, M_DEVICE_SELECT) = 0;
	*features = *register32(v, M_DEVICE_FEATURES) & wanted;
	*register32(v, M_DRIVER_SELECT) = 0;
	*register32(v, M_DRIVER_FEATURES) = *features;
	*register32(v, M_DRIVER_SELECT) = 1;
	*register32(v, M_DRIVER_FEATURES) = VERSION_1;
	set_status(v, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return get_status(v) & FEATURES_OK;
}

bool virtio_begin(struct virtio_device *v, pci_function_t function, uint32_t wanted, uint32_t *features)
{
	uint32_t bar = pci_read(function, PCI_BAR0), command = pci_read(function, PCI_COMMAND) & 0xffff;

	v->line = pci_read(function, PCI_LINE) & 0xff;
	pci_write(function, PCI_COMMAND, command | PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	v->io = bar & 1 ? bar & 0xfffc : 0;
	if (!v->io && !find_registers(v, function))
		return false;
	set_status(v, 0);
	set_status(v, ACKNOWLEDGE);
	set_status(v, ACKNOWLEDGE | DRIVER);
	if (v->common)
		return modern_features(v, wanted, features);
	*features = inl(v->io + DEVICE_FEATURES) & wanted;
	outl(v->io + DRIVER_FEATURES, *features);
	return true;
}

/* Several may share a line, and each is asked. */
static void virtio_irq(void *data)
{
	for (struct virtio_device *v = devices; v; v = v->next) {
		uint8_t why = v->common ? *v->why : inb(v->io + INTERRUPT);

		if (why & WHY_QUEUE)
			v->interrupt(v);
		if (why & WHY_CONFIG && v->changed)
			v->changed(v);
	}
}

bool virtio_start(struct virtio_device *v)
{
	const struct virtio_device *other = devices;

	while (other && other->line != v->line)
		other = other->next;
	if (!other && !pci_irq_register(v->line, virtio_irq, NULL))
		return false;
	v->next = devices;
	devices = v;
	set_status(v, ACKNOWLEDGE | DRIVER | DRIVER_OK | (v->common ? FEATURES_OK : 0));
	return true;
}

void virtio_give_up(struct virtio_device *v)
{
	set_status(v, 0);
	set_status(v, FAILED);
}

bool virtio_is_broken(struct virtio_device *v)
{
	return get_status(v) & NEEDS_RESET;
}

uint8_t virtio_config(struct virtio_device *v, uint16_t offset)
{
	return v->common ? v->config[offset] : inb(v->io + CONFIG + offset);
}

uint16_t virtio_queue_size(struct virtio_device *v, uint16_t index)
{
	if (v->common) {
		*register16(v, M_QUEUE_SELECT) = index;
		return MIN(*register16(v, M_QUEUE_SIZE), MODERN_QUEUE);
	}
	outw(v->io + QUEUE_SELECT, index);
	return inw(v->io + QUEUE_SIZE);
}

static void set_address(struct virtio_device *v, unsigned at, const volatile void *part)
{
	uint64_t address = machine_address((const void *)part);

	*register32(v, at) = address;
	*register32(v, at + 4) = address >> 32;
}

bool virtio_queue_use(struct virtqueue *q)
{
	struct virtio_device *v = q->device;

	if (!v->common) {
		outl(v->io + QUEUE_FRAME, machine_address(q->desc) >> PAGE_SHIFT);
		return true;
	}
	q->notify = (volatile uint16_t *)map(
	    v->notify + (uint64_t)*register16(v, M_QUEUE_NOTIFY) * v->notify_step, sizeof(*q->notify));
	if (!q->notify)
		return false;
	*register16(v, M_QUEUE_SIZE) = q->size;
	set_address(v, M_QUEUE_DESC, q->desc);
	set_address(v, M_QUEUE_AVAIL, q->avail);
	set_address(v, M_QUEUE_USED, q->used);
	*register16(v, M_QUEUE_ENABLE) = 1;
	return true;
}

void virtio_notify(struct virtqueue *q)
{
	if (q->notify)
		*q->notify = q->index;
	else
		outw(q->device->io + QUEUE_NOTIFY, q->index);
}

static void found(pci_function_t function, uint32_t id)
{
	uint32_t device = id >> 16;

	if ((id & 0xffff) != VENDOR)
		return;
	if (device == LEGACY_9P || device == MODERN + TYPE_9P)
		virtio_9p_found(function);
	else if (device == LEGACY_BLK || device == MODERN + TYPE_BLK)
		virtio_blk_found(function);
	else if (device == LEGACY_NET || device == MODERN + TYPE_NET)
		virtio_net_found(function);
}

void virtio_init(void)
{
	pci_scan(found);
}
