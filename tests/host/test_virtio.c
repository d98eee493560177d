/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's virtqueues (guest-kernel/drivers/virtio.c) against a device that lies. Frames are in a row for the machine
 * only in some places, as in a PV guest: a queue must lie there, and a buffer is described frame by frame. What the
 * device says it has used is taken only if it was given that and has not given it back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* In place of the kernel's string.h, page tables and ports: memory is a pool, and frames are numbered from its start. */
#define KERN_LIB_STRING_H
#define X86_PAGETABLE_H
#define CPU_OPS_H
#include "kern/lib/types.h"
typedef unsigned long pfn_t;
typedef uint64_t pte_t;
#define PTE_FLAGS 0xfffull

#define POOL_PAGES 256
#define IN_A_ROW   40 /* from this frame on frames are in a row; before, every second one is elsewhere */
#define DEVICE_IO  0xc000
#define QUEUE      128

static u8 *pool;
static unsigned next_page, given_back, notified;
static uint32_t queue_frame;
static uint16_t queue_size;

static void *pfn_to_virt(pfn_t pfn)
{
	return pool + (pfn << PAGE_SHIFT);
}

static uint64_t machine_address(const void *virt)
{
	uint64_t offset = (const u8 *)virt - pool, pfn = offset >> PAGE_SHIFT;

	return (pfn < IN_A_ROW && pfn & 1 ? pfn + 1000 : pfn) << PAGE_SHIFT | (offset & ~PAGE_MASK);
}

static void outb(uint16_t port, uint8_t value)
{
}

static uint8_t inb(uint16_t port)
{
	return 0;
}

static void outw(uint16_t port, uint16_t value)
{
	notified += port == DEVICE_IO + 16;
}

static uint16_t inw(uint16_t port)
{
	return port == DEVICE_IO + 12 ? queue_size : 0;
}

static void outl(uint16_t port, uint32_t value)
{
	if (port == DEVICE_IO + 8)
		queue_frame = value;
}

static uint32_t inl(uint16_t port)
{
	return 0;
}

static bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	return true;
}

#include "drivers/virtio.c"

uint32_t pci_read(pci_function_t function, uint8_t reg)
{
	return 0;
}

void pci_write(pci_function_t function, uint8_t reg, uint32_t value)
{
}

void pci_scan(void (*each)(pci_function_t function, uint32_t id))
{
}

void virtio_9p_found(pci_function_t function)
{
}

void virtio_blk_found(pci_function_t function)
{
}

void log_at(int level, const char *fmt, ...)
{
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

pfn_t page_alloc(unsigned order)
{
	pfn_t first = next_page;

	if (next_page + (1u << order) > POOL_PAGES)
		return 0;
	next_page += 1u << order;
	return first;
}

void page_free(pfn_t pfn)
{
	given_back++;
}

static struct virtio_device device = {.io = DEVICE_IO};
static struct virtqueue q;

static int setup(void **state)
{
	pool = aligned_alloc(PAGE_SIZE, POOL_PAGES * PAGE_SIZE);
	next_page = 2;
	given_back = notified = 0;
	queue_size = QUEUE;
	assert_true(virtqueue_init(&q, &device, 0));
	return 0;
}

static int teardown(void **state)
{
	free(q.flights);
	free(pool);
	return 0;
}

/* Two frames, the first of which are in a row at IN_A_ROW; those tried before are free again. */
static void test_place(void **state)
{
	assert_int_equal(queue_frame, IN_A_ROW);
	assert_ptr_equal(q.desc, pfn_to_virt(IN_A_ROW));
	assert_ptr_equal(q.used, pfn_to_virt(IN_A_ROW + 1));
	assert_int_equal(given_back, (IN_A_ROW - 2) / 2);
}

static void test_no_place(void **state)
{
	static const uint16_t bad[] = {0, 3, 100, 65535, 32769};
	struct virtqueue other;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		queue_size = bad[i];
		assert_false(virtqueue_init(&other, &device, 0));
	}
	queue_size = QUEUE;
	next_page = POOL_PAGES - 1;
	assert_false(virtqueue_init(&other, &device, 0));
}

static bool add(size_t offset, uint32_t out, uint32_t in, void *token)
{
	struct virtio_piece pieces[] = {{pfn_to_virt(10), out, false},
					{(char *)pfn_to_virt(21) + offset, in, true}};

	return virtqueue_add(&q, pieces, 2, token);
}

/* What the device would find: each part within a frame, by its machine address. */
static void test_describe(void **state)
{
	const struct virtq_desc *d = q.desc;

	assert_true(add(100, 50, 2 * PAGE_SIZE, &q));
	assert_true(d[0].address == 10 << PAGE_SHIFT && d[0].len == 50 && d[0].flags == DESC_NEXT &&
		    d[0].next == 1);
	assert_true(d[1].address == (1021 << PAGE_SHIFT) + 100 && d[1].len == PAGE_SIZE - 100 &&
		    d[1].flags == (DESC_NEXT | DESC_WRITE));
	assert_true(d[2].address == 22 << PAGE_SHIFT && d[2].len == PAGE_SIZE);
	assert_true(d[3].address == 1023 << PAGE_SHIFT && d[3].len == 100 && d[3].flags == DESC_WRITE);
	assert_true(q.avail->index == 1 && q.avail->ring[0] == 0 && notified == 1 &&
		    q.free_count == QUEUE - 4);
}

static void device_says(uint32_t id, uint32_t len)
{
	struct virtq_used *used = (struct virtq_used *)q.used;

	used->ring[used->index % QUEUE].id = id;
	used->ring[used->index % QUEUE].len = len;
	used->index++;
}

static void test_take(void **state)
{
	uint32_t len;
	int a, b;

	assert_null(virtqueue_take(&q, &len));
	assert_true(add(0, 10, 20, &a) && add(0, 10, PAGE_SIZE, &b));
	device_says(2, 7);
	device_says(0, 20);
	assert_ptr_equal(virtqueue_take(&q, &len), &b);
	assert_int_equal(len, 7);
	assert_ptr_equal(virtqueue_take(&q, &len), &a);
	assert_int_equal(len, 20);
	assert_null(virtqueue_take(&q, &len));
	assert_int_equal(q.free_count, QUEUE);
}

/* Each is refused, for ever: the queue does not go on. */
static void refused(uint32_t id, uint32_t len)
{
	uint32_t got;
	int token;

	teardown(NULL);
	setup(NULL);
	assert_true(add(0, 10, 20, &token) && add(0, 10, 20, &token));
	device_says(0, 20);
	assert_ptr_equal(virtqueue_take(&q, &got), &token);
	device_says(id, len);
	assert_true(IS_ERR(virtqueue_take(&q, &got)) && IS_ERR(virtqueue_take(&q, &got)));
}

static void test_lies(void **state)
{
	refused(0, 20);    /* given back already */
	refused(3, 20);    /* inside of a chain */
	refused(5, 0);     /* was never given */
	refused(QUEUE, 0); /* there is none */
	refused(0xffffffff, 0);
	refused(2, 21); /* more than it may write */
	refused(2, 0xffffffff);
}

/* Until it is full, and often: no descriptor is lost, none is in two chains. */
static void test_many(void **state)
{
	uint32_t len, heads[QUEUE];
	unsigned count = 0;

	srand(1);
	for (int round = 0; round < 200000; round++) {
		uint32_t head = q.free;

		if (rand() % 2 && add(rand() % 4096, 1 + rand() % 9000, 1 + rand() % 9000, &q)) {
			heads[count++] = head;
		} else if (count) {
			unsigned i = rand() % count;

			device_says(heads[i], 1);
			heads[i] = heads[--count];
			assert_ptr_equal(virtqueue_take(&q, &len), &q);
		}
	}
	while (count) {
		device_says(heads[--count], 0);
		assert_ptr_equal(virtqueue_take(&q, &len), &q);
	}
	assert_int_equal(q.free_count, QUEUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_describe, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_take, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
