/* SPDX-License-Identifier: MIT */
/* See virtio.h. What the device writes is checked before it is used: it may be wrong about anything. */
#include "drivers/virtio.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

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

#define USED_NO_NOTIFY 1u /* the device looks without being told */

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

/* 2^order frames that are in a row for the device too. */
static pfn_t frames_in_a_row(unsigned order)
{
	pfn_t first = page_alloc(order);

	if (!first || machine_in_a_row(first, order))
		return first;
	page_free(first);
	return 0;
}

bool virtqueue_init(struct virtqueue *q, struct virtio_device *v, uint16_t index)
{
	size_t used_at, bytes;
	unsigned order = 0;
	pfn_t frames = 0;

	*q = (struct virtqueue){.device = v, .index = index, .size = virtio_queue_size(v, index)};
	if (!q->size || q->size & (q->size - 1))
		return false;
	used_at = ROUND_UP(
	    q->size * sizeof(struct virtq_desc) + sizeof(struct virtq_avail) + (q->size + 1) * 2u, PAGE_SIZE);
	bytes = used_at + sizeof(struct virtq_used) + q->size * sizeof(q->used->ring[0]) + 2;
	while (PAGE_SIZE << order < bytes)
		order++;
	q->flights = kzalloc(q->size * sizeof(*q->flights));
	if (q->flights &&
	    order <= PAGE_MAX_ORDER) /* for a modern device each part lies in one frame, wherever */
		frames = v->common ? page_alloc(order) : frames_in_a_row(order);
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
	return virtio_queue_use(q);
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
	if (!(q->used->flags & USED_NO_NOTIFY))
		virtio_notify(q);
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
