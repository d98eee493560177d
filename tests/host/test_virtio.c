/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's virtqueues (guest-kernel/drivers/virtio.c) against a device that lies. Frames are not in a row for the machine,
 * as in a PV guest: those of a queue are exchanged, and a buffer is described frame by frame. What the
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
#define SCATTERED  40 /* up to this frame, every second one is elsewhere */
#define DEVICE_IO  0xc000
#define QUEUE      128

static u8 *pool;
static unsigned next_page, given_back, notified, exchanged;
static bool no_exchange;
static uint32_t queue_frame;
static uint16_t queue_size;

static void *pfn_to_virt(pfn_t pfn)
{
	return pool + (pfn << PAGE_SHIFT);
}

static uint64_t machine_address(const void *virt)
{
	uint64_t offset = (const u8 *)virt - pool, pfn = offset >> PAGE_SHIFT;

	return (pfn < SCATTERED && pfn & 1 ? pfn + 1000 : pfn) << PAGE_SHIFT | (offset & ~PAGE_MASK);
}

static bool machine_in_a_row(pfn_t first, unsigned order)
{
	exchanged += order && !no_exchange;
	return !no_exchange;
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

static u8 registers[8 * PAGE_SIZE];
#define BAR 0xfe000000u /* where they are for the machine */

static void *device_page(uint64_t address)
{
	assert_true(address >= BAR && address < BAR + sizeof(registers));
	return registers + (address - BAR);
}

static bool pci_irq_register(unsigned line, void (*handler)(void *data), void *data)
{
	return true;
}

#include "drivers/virtio.c"
#include "drivers/virtio_pci.c"

static uint32_t space[64]; /* configuration space */
static unsigned reads;

uint32_t pci_read(pci_function_t function, uint8_t reg)
{
	assert_true(++reads < 1000); /* it ends */
	return space[reg / 4];
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
	given_back = notified = exchanged = 0;
	no_exchange = false;
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

/* Two frames, which were not in a row. */
static void test_place(void **state)
{
	assert_int_equal(queue_frame, 2);
	assert_ptr_equal(q.desc, pfn_to_virt(2));
	assert_ptr_equal(q.used, pfn_to_virt(3));
	assert_true(exchanged == 1 && !given_back);
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
	no_exchange = true;
	assert_false(virtqueue_init(&other, &device, 0));
	assert_int_equal(given_back, 1);
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

static void capability(u8 at, u8 next, u8 type, u8 bar, uint32_t offset, uint32_t length)
{
	space[at / 4] = CAP_VENDOR | (uint32_t)next << 8 | 16u << 16 | (uint32_t)type << 24;
	space[at / 4 + 1] = bar;
	space[at / 4 + 2] = offset;
	space[at / 4 + 3] = length;
	space[at / 4 + 4] = 4; /* the step, of CAP_NOTIFY */
}

/* A device without ports, whose registers are at the 64-bit BAR 4. */
static void set_modern(void)
{
	reads = 0;
	memset(space, 0, sizeof(space));
	memset(registers, 0, sizeof(registers));
	space[PCI_COMMAND / 4] = PCI_HAS_CAPABILITIES;
	space[PCI_CAPABILITIES / 4] = 0x40;
	space[PCI_BAR0 / 4 + 4] = BAR | PCI_BAR_64;
	capability(0x40, 0x54, CAP_COMMON, 4, 0, 56);
	capability(0x54, 0x68, CAP_WHY, 4, PAGE_SIZE, 1);
	capability(0x68, 0x7c, CAP_CONFIG, 4, 2 * PAGE_SIZE, 60);
	capability(0x7c, 0, CAP_NOTIFY, 4, 3 * PAGE_SIZE, PAGE_SIZE);
}

static bool begins(void)
{
	struct virtio_device v = {0};
	uint32_t features;

	return virtio_begin(&v, 0, 0xf, &features);
}

static void test_modern(void **state)
{
	struct virtio_device v = {0};
	struct virtqueue modern;
	uint32_t features;

	set_modern();
	registers[M_DEVICE_FEATURES] = 0x35;
	registers[M_QUEUE_SIZE + 1] = 4; /* 1024 */
	registers[M_QUEUE_NOTIFY] = 3;
	registers[2 * PAGE_SIZE + 7] = 99;
	assert_true(virtio_begin(&v, 0, 0xf, &features) && features == 5);
	assert_true(registers[M_DRIVER_FEATURES] == VERSION_1 && registers[M_DRIVER_SELECT] == 1);
	assert_int_equal(registers[M_STATUS], ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(virtio_config(&v, 7), 99);
	assert_true(virtqueue_init(&modern, &v, 0) && modern.size == MODERN_QUEUE &&
		    exchanged == 1); /* setup() did */
	assert_int_equal(*(uint64_t *)(registers + M_QUEUE_DESC), machine_address(modern.desc));
	assert_int_equal(*(uint64_t *)(registers + M_QUEUE_AVAIL), machine_address(modern.avail));
	assert_int_equal(*(uint64_t *)(registers + M_QUEUE_USED), machine_address((void *)modern.used));
	assert_int_equal(registers[M_QUEUE_ENABLE], 1);
	modern.index = 0x1234;
	virtio_notify(&modern);
	assert_int_equal(*(uint16_t *)(registers + 3 * PAGE_SIZE + 12), 0x1234);
	virtio_give_up(&v);
	assert_int_equal(registers[M_STATUS], FAILED);
	free(modern.flights);
}

/* What the configuration space says is not there, too short, across pages, or never ends. */
static void test_modern_lies(void **state)
{
	set_modern();
	assert_true(begins());
	space[PCI_COMMAND / 4] = 0;
	assert_false(begins());
	set_modern();
	capability(0x40, 0x54, CAP_COMMON, 4, 0, 55);
	assert_false(begins());
	capability(0x40, 0x54, CAP_COMMON, 4, PAGE_SIZE - 55, 56);
	assert_false(begins());
	capability(0x40, 0x54, CAP_COMMON, 3, 0, 56);
	assert_false(begins());
	capability(0x40, 0x54, CAP_COMMON, 255, 0, 56);
	assert_false(begins());
	set_modern();
	capability(0x7c, 0x40, 77, 4, 3 * PAGE_SIZE, PAGE_SIZE);
	assert_false(begins());
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
	    cmocka_unit_test_setup_teardown(test_modern, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_modern_lies, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
