/* SPDX-License-Identifier: MIT */
/* See virtio.h. What the device writes is checked before it is used: it may be wrong about anything. */
#include "drivers/virtio.h"
#include "cpu_ops.h"
#include "drivers/virtio_9p.h"
#include "drivers/virtio_blk.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

#define VENDOR       0x1af4u
#define LEGACY_FIRST 0x1000u /* device numbers of those that have the legacy interface */
#define LEGACY_LAST  0x103fu
#define DEVICE_BLK   0x1001u
#define DEVICE_9P    0x1009u

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

enum {
	ACKNOWLEDGE = 1,
	DRIVER = 2,
	DRIVER_OK = 4,
	NEEDS_RESET = 64,
	FAILED = 128
};

/* In INTERRUPT. */
#define WHY_QUEUE  1u
#define WHY_CONFIG 2u

struct virtq_desc {
	uint64_t address;
	uint32_t len;
	uint16_t flags, next;
};
#define DESC_NEXT  1u
#define DESC_WRITE 2u

struct virtq_avail {
	uint16_t flags, index, ring[];
};

struct virtq_used {
	uint16_t flags, index;
	struct {
		uint32_t id, len;
	} ring[];
};

struct in_flight {
	void *token; /* NULL: the device has no chain that begins here */
	uint32_t writable;
};

#define TRIES 64u /* blocks to look at for machine frames in a row */

static struct virtio_device *devices;

bool virtio_begin(struct virtio_device *v, pci_function_t function, uint32_t wanted, uint32_t *features)
{
	uint32_t bar = pci_read(function, PCI_BAR0), command = pci_read(function, PCI_COMMAND) & 0xffff;

	if (!(bar & 1)) /* no ports */
		return false;
	v->io = bar & 0xfffc;
	v->line = pci_read(function, PCI_LINE) & 0xff;
	pci_write(function, PCI_COMMAND, command | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	outb(v->io + STATUS, 0);
	outb(v->io + STATUS, ACKNOWLEDGE);
	outb(v->io + STATUS, ACKNOWLEDGE | DRIVER);
	*features = inl(v->io + DEVICE_FEATURES) & wanted;
	outl(v->io + DRIVER_FEATURES, *features);
	return true;
}

/* Several may share a line, and each is asked. */
static void virtio_irq(void *data)
{
	for (struct virtio_device *v = devices; v; v = v->next) {
		uint8_t why = inb(v->io + INTERRUPT);

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
	outb(v->io + STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
	return true;
}

void virtio_give_up(struct virtio_device *v)
{
	outb(v->io + STATUS, 0);
	outb(v->io + STATUS, FAILED);
}

bool virtio_is_broken(struct virtio_device *v)
{
	return inb(v->io + STATUS) & NEEDS_RESET;
}

uint8_t virtio_config(struct virtio_device *v, uint16_t offset)
{
	return inb(v->io + CONFIG + offset);
}

static bool in_a_row(pfn_t first, unsigned order)
{
	const char *at = pfn_to_virt(first);

	for (size_t i = 1; i < 1u << order; i++)
		if (machine_address(at + i * PAGE_SIZE) != machine_address(at) + i * PAGE_SIZE)
			return false;
	return true;
}

/* 2^order frames that are in a row for the device too. In a PV guest most are, as it gets its memory in large blocks. */
static pfn_t frames_in_a_row(unsigned order)
{
	pfn_t refused[TRIES], found = 0;
	unsigned n = 0;

	while (n < TRIES && (found = page_alloc(order)) && !in_a_row(found, order))
		refused[n++] = found;
	if (n == TRIES)
		found = 0;
	while (n)
		page_free(refused[--n]);
	return found;
}

bool virtqueue_init(struct virtqueue *q, struct virtio_device *v, uint16_t index)
{
	size_t used_at, bytes;
	unsigned order = 0;
	pfn_t frames;

	outw(v->io + QUEUE_SELECT, index);
	*q = (struct virtqueue){.device = v, .index = index, .size = inw(v->io + QUEUE_SIZE)};
	if (!q->size || q->size & (q->size - 1))
		return false;
	used_at = ROUND_UP(
	    q->size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) + (q->size + 1) * 2u, PAGE_SIZE);
	bytes = used_at + sizeof(struct virtq_used) + q->size * sizeof(q->used->ring[0]) + 2;
	while (PAGE_SIZE << order < bytes)
		order++;
	q->flights = kzalloc(q->size * sizeof(*q->flights));
	frames = q->flights && order <= PAGE_MAX_ORDER ? frames_in_a_row(order) : 0;
	if (!frames) {
		kfree(q->flights);
		return false;
	}
	q->desc = pfn_to_virt(frames);
	memset(q->desc, 0, PAGE_SIZE << order);
	q->avail = (void *)(q->desc + q->size);
	q->used = (void *)((char *)q->desc + used_at);
	q->free_count = q->size;
	for (unsigned i = 0; i < q->size; i++)
		q->desc[i].next = i + 1;
	outl(v->io + QUEUE_FRAME, machine_address(q->desc) >> PAGE_SHIFT);
	return true;
}

/* How many frames the piece touches: only within one are addresses in a row. */
static unsigned frames_of(const struct virtio_piece *p)
{
	return (((uintptr_t)p->at & ~PAGE_MASK) + p->len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* Fills descriptors from the free list; the last one filled. */
static uint16_t describe(struct virtqueue *q, const struct virtio_piece *p)
{
	uint16_t last = q->free;

	for (uint32_t done = 0, n; done < p->len; done += n) {
		char *at = (char *)p->at + done;
		struct virtq_desc *d = &q->desc[q->free];

		n = MIN(p->len - done, (uint32_t)(PAGE_SIZE - ((uintptr_t)at & ~PAGE_MASK)));
		d->address = machine_address(at);
		d->len = n;
		d->flags = DESC_NEXT | (p->device_writes ? DESC_WRITE : 0);
		last = q->free;
		q->free = d->next;
		q->free_count--;
	}
	return last;
}

bool virtqueue_add(struct virtqueue *q, const struct virtio_piece *pieces, unsigned count, void *token)
{
	uint16_t head = q->free, last = head;
	unsigned needed = 0;

	for (unsigned i = 0; i < count; i++)
		needed += frames_of(&pieces[i]);
	if (needed > q->free_count)
		return false;
	q->flights[head] = (struct in_flight){token, 0};
	for (unsigned i = 0; i < count; i++) {
		last = describe(q, &pieces[i]);
		q->flights[head].writable += pieces[i].device_writes ? pieces[i].len : 0;
	}
	q->desc[last].flags &= ~DESC_NEXT;
	q->avail->ring[q->avail->index % q->size] = head;
	__atomic_store_n(&q->avail->index, (uint16_t)(q->avail->index + 1), __ATOMIC_SEQ_CST);
	outw(q->device->io + QUEUE_NOTIFY, q->index);
	return true;
}

/* The chain's descriptors are free again. Only this kernel writes them, so the chain is as it was made. */
static void free_chain(struct virtqueue *q, uint16_t head)
{
	uint16_t last = head;

	for (q->free_count++; q->desc[last].flags & DESC_NEXT; q->free_count++)
		last = q->desc[last].next;
	q->desc[last].next = q->free;
	q->free = head;
}

void *virtqueue_take(struct virtqueue *q, uint32_t *len)
{
	uint32_t id;
	void *token;

	if (__atomic_load_n(&q->used->index, __ATOMIC_ACQUIRE) == q->seen)
		return NULL;
	id = q->used->ring[q->seen % q->size].id;
	*len = q->used->ring[q->seen % q->size].len;
	if (id >= q->size || !q->flights[id].token || *len > q->flights[id].writable)
		return ERR_PTR(-EIO);
	q->seen++;
	token = q->flights[id].token;
	q->flights[id].token = NULL;
	free_chain(q, id);
	return token;
}

static void found(pci_function_t function, uint32_t id)
{
	uint32_t device = id >> 16;

	if ((id & 0xffff) != VENDOR)
		return;
	if (device == DEVICE_9P)
		virtio_9p_found(function);
	else if (device == DEVICE_BLK)
		virtio_blk_found(function);
	else if (device > LEGACY_LAST || device < LEGACY_FIRST)
		log_warn("virtio: device %x lacks the legacy interface: start QEMU without disable-legacy\n",
			 (unsigned)device);
}

void virtio_init(void)
{
	pci_scan(found);
}
