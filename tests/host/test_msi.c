/* SPDX-License-Identifier: MIT */
/*
 * Specification: messages of PCI functions, with one function's registers in an array.
 *   search    a capability is found where the list has it; a list that is circular, leads into the header or is not there
 *             has none
 *   forms     of an MSI, narrow and wide, with and without mask: each word at its place, one message, and nothing besides
 *   entries   of a table of MSI-X: inside the table, whole, where the function's base register says, and not in memory
 *   kinds     a function sends one kind, and from each entry one line
 *   ends      a closed message is not sent; a reset function gets back what it needs
 *   guest     writes what it likes but address, data and count of an MSI, and registers that are beyond the old ones
 */
#include "irq_host.h"
#include "dev/msi.c"
#include "dev/pci.c"

#define FUNCTION 0x18
#define MSI_AT   0x50
#define MSIX_AT  0x70
#define TABLE    0xfe001000ul /* MSI-X's, in the BAR at 0xfe000000 */

static uint8_t config[256], before[256];
static uint32_t port_index;
static uint32_t page[1024], *table = page; /* what is mapped of MMIO */
static mfn_t mapped;
static bool allowed;
struct page_info *frame_table;
mfn_t max_mfn = 0x1000;

static uint32_t port_in(uint16_t port, unsigned size)
{
	uint32_t value = ~0u;

	assert_true(pci_lock.held);
	if ((port_index >> 8 & 0xffff) == FUNCTION)
		memcpy(&value, &config[(port_index & 0xfc) + port - PCI_PORT_DATA], size);
	return size == 4 ? value : value & ((1u << 8 * size) - 1);
}
static void port_out(uint16_t port, unsigned size, uint32_t value)
{
	assert_true(pci_lock.held);
	if (port == PCI_PORT_INDEX)
		port_index = value;
	else if ((port_index >> 8 & 0xffff) == FUNCTION)
		memcpy(&config[(port_index & 0xfc) + port - PCI_PORT_DATA], &value, size);
}
void *mmio_window(unsigned n, mfn_t mfn)
{
	assert_int_equal(n, VECTOR_IRQ_FIRST);
	mapped = mfn;
	return page;
}
bool mmio_allowed(mfn_t mfn)
{
	return allowed;
}

static void put(unsigned at, uint32_t value, unsigned size)
{
	memcpy(&config[at], &value, size);
}
static uint32_t get(unsigned at, unsigned size)
{
	uint32_t value = 0;

	memcpy(&value, &config[at], size);
	return value;
}

static int setup(void **state)
{
	memset(lines, 0, sizeof(lines));
	memset(config, 0, sizeof(config));
	memset(page, 0x55, sizeof(page));
	allowed = true;
	put(0, 0x12348086, 4);
	put(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	put(STATUS, STATUS_CAP_LIST, 2);
	put(PCI_BAR(2), 0xfe001004, 4); /* 64 bits wide */
	put(PCI_BAR(3), 0, 4);
	put(CAPABILITIES, MSI_AT, 1);
	put(MSI_AT, PCI_CAP_MSI | MSIX_AT << 8, 2);
	put(MSIX_AT, PCI_CAP_MSIX, 2);
	put(MSIX_AT + MSIX_CONTROL, 3, 2); /* 4 entries */
	put(MSIX_AT + MSIX_TABLE, 2, 4);   /* at the beginning of BAR 2 */
	return 0;
}

static void search(void **state)
{
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSI), MSI_AT);
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSIX), MSIX_AT);
	assert_int_equal(pci_find_capability(FUNCTION, 1), 0);
	assert_int_equal(pci_find_capability(FUNCTION + 1, PCI_CAP_MSI), 0);
	put(CAPABILITIES, MSI_AT + 3, 1); /* the lowest bits mean nothing */
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSI), MSI_AT);
	put(MSIX_AT + 1, MSI_AT, 1); /* circular */
	assert_int_equal(pci_find_capability(FUNCTION, 1), 0);
	put(CAPABILITIES, 0x3c, 1); /* in the header */
	put(0x3c, PCI_CAP_MSI, 1);
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSI), 0);
	put(CAPABILITIES, 0x40, 1);
	put(0x40, PCI_CAP_MSI, 1);
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSI), 0x40);
	/* The last of as many as there is room for. */
	for (unsigned at = 0x40; at < 0xfc; at += 4)
		put(at, (at + 4) << 8 | 0x99, 4);
	put(0xfc, PCI_CAP_MSIX, 4);
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSIX), 0xfc);
	put(STATUS, 0, 2);
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSIX), 0);
	put(STATUS, STATUS_CAP_LIST, 2);
	put(0, 0xffff, 2);
	assert_false(pci_present(FUNCTION));
	assert_int_equal(pci_find_capability(FUNCTION, PCI_CAP_MSIX), 0);
}

static void forms(void **state)
{
	for (unsigned form = 0; form < 4; form++) {
		bool wide = form & 1, mask = form & 2;
		uint16_t fixed = (wide ? MSI_WIDE : 0) | (mask ? MSI_HAS_MASK : 0);
		unsigned data_at = MSI_AT + (wide ? 12 : 8), mask_at = MSI_AT + (wide ? 16 : 12), used;
		struct irq_user u = {0};
		struct irq_line *l;

		setup(state);
		memset(&config[MSI_AT + 4], 0x5a, 20);
		put(MSI_AT + MSI_CONTROL, fixed | MSI_COUNT | MSI_ENABLE, 2);
		memcpy(before, config, sizeof(config));
		assert_int_equal(msi_open(FUNCTION, 0, 9, &l), 0);
		assert_false(irq_lock.held);
		assert_int_equal(get(MSI_AT + 4, 4), 0xfee02000);
		assert_int_equal(get(data_at, 2), VECTOR_IRQ_FIRST);
		if (wide)
			assert_int_equal(get(MSI_AT + 8, 4), 0);
		/* Masked, since it has no users: by its bit, or by not being sent at all. */
		assert_int_equal(get(MSI_AT + MSI_CONTROL, 2), fixed);
		if (mask)
			assert_int_equal(get(mask_at, 4), 0x5a5a5a5b);
		assert_int_equal(irq_attach(&u, l), 0);
		assert_int_equal(get(MSI_AT + MSI_CONTROL, 2), fixed | (mask ? 0 : MSI_ENABLE));
		if (mask)
			assert_int_equal(get(mask_at, 4), 0x5a5a5a5a);
		irq_aim(&u, 7);
		assert_int_equal(get(MSI_AT + 4, 4), 0xfee07000);
		/* All else is as it was. */
		used = (mask ? mask_at + 4 : data_at + 2) - (MSI_AT + 2);
		memcpy(&before[MSI_AT + 2], &config[MSI_AT + 2], used);
		assert_memory_equal(config, before, sizeof(config));
		/* A reset forgets all that is not fixed. */
		memset(&config[MSI_AT + 4], 0, 20);
		put(MSI_AT + MSI_CONTROL, fixed, 2);
		msi_restore(FUNCTION + 1);
		assert_int_equal(get(MSI_AT + 4, 4), 0);
		msi_restore(FUNCTION);
		assert_int_equal(get(MSI_AT + 4, 4), 0xfee07000);
		assert_int_equal(get(data_at, 2), VECTOR_IRQ_FIRST);
		assert_int_equal(get(MSI_AT + MSI_CONTROL, 2), fixed | (mask ? 0 : MSI_ENABLE));
		irq_detach(&u);
		put(MSI_AT + MSI_CONTROL, fixed | MSI_ENABLE, 2);
		msi_close(l);
		assert_int_equal(get(MSI_AT + MSI_CONTROL, 2), fixed);
		assert_null(irq_line_next(NULL));
	}
}

static void entries(void **state)
{
	const uint32_t *e = table + 3 * 4;
	struct irq_user u = {0};
	struct irq_line *l;

	assert_int_equal(msi_open(FUNCTION, TABLE, 3, &l), 0);
	assert_int_equal(mapped, TABLE >> PAGE_SHIFT);
	assert_int_equal(e[0], 0xfee02000);
	assert_int_equal(e[1], 0);
	assert_int_equal(e[2], VECTOR_IRQ_FIRST);
	assert_int_equal(e[3], 1);
	assert_int_equal(e[-1], 0x55555555);
	assert_int_equal(irq_attach(&u, l), 0);
	assert_int_equal(e[3], 0);
	irq_aim(&u, 9);
	assert_int_equal(e[0], 0xfee09000);
	memset(page, 0, sizeof(page));
	msi_restore(FUNCTION);
	assert_int_equal(e[0], 0xfee09000);
	assert_int_equal(e[2], VECTOR_IRQ_FIRST);
	assert_int_equal(e[3], 0);
	put(MSI_AT + MSI_CONTROL, MSI_ENABLE, 2);
	irq_detach(&u);
	msi_close(l);
	assert_int_equal(e[3], 1);
	assert_int_equal(get(MSI_AT + MSI_CONTROL, 2), MSI_ENABLE); /* not its own */
	assert_false(irq_lock.held);
}

/* One register with another value: what opening entry @number of the table at @base says. */
static void opens(unsigned at, uint32_t value, unsigned size, uint64_t base, uint32_t number, int expected)
{
	struct irq_line *l;

	setup(NULL);
	put(at, value, size);
	assert_int_equal(msi_open(FUNCTION, base, number, &l), expected);
	assert_false(irq_lock.held);
	if (!expected)
		msi_close(l);
	assert_null(irq_line_next(NULL));
}

static void bad_entries(void **state)
{
	const unsigned table_at = MSIX_AT + MSIX_TABLE;

	opens(0, 0x8086, 2, TABLE, 0, 0);
	opens(0, 0x8086, 2, TABLE, 4, -EINVAL); /* it has 4 */
	opens(0, 0x8086, 2, TABLE, MSIX_SIZE + 1, -EINVAL);
	opens(MSIX_AT + MSIX_CONTROL, 0xffff, 2, TABLE, 100, 0);
	opens(MSIX_AT + MSIX_CONTROL, 0xffff, 2, TABLE, 0x10003, -EINVAL); /* not entry 3 */
	opens(MSIX_AT, 1, 1, TABLE, 0, -ENODEV);
	opens(MSI_AT, 1, 1, 0, 0, -ENODEV);
	opens(0, 0x8086, 2, TABLE + 8, 0, -EINVAL);
	opens(0, 0x8086, 2, TABLE + PAGE_SIZE, 0, -EINVAL); /* another's BAR */
	opens(PCI_BAR(2), 0, 4, TABLE + PAGE_SIZE, 0, 0);   /* which has none, as a virtual function */
	opens(PCI_BAR(2), 0xfe001005, 4, TABLE, 0, 0);      /* nor do ports say where */
	opens(PCI_BAR(3), 1, 4, TABLE, 0, -EINVAL);         /* 64 bits count */
	opens(PCI_BAR(3), 1, 4, TABLE | 1ull << 32, 0, 0);
	opens(PCI_COMMAND, 0, 2, TABLE, 0, -ENXIO);
	opens(table_at, 6, 4, TABLE, 0, -EINVAL); /* there are six BARs */
	opens(table_at, 7, 4, TABLE, 0, -EINVAL);
	opens(table_at, 2 | 0xff0, 4, TABLE, 0, 0);
	opens(table_at, 2 | 0xff8, 4, TABLE, 0, -EINVAL); /* over the end of a page */
	opens(table_at, 2, 4, 0x100000, 0, -EINVAL);
}

static void last_bar(void **state)
{
	struct irq_line *l;

	/* Over the end of all addresses. */
	put(PCI_BAR(2), 0, 4);
	put(MSIX_AT + MSIX_TABLE, 2 | PAGE_SIZE, 4);
	assert_int_equal(msi_open(FUNCTION, -PAGE_SIZE, 0, &l), -EINVAL);
	/* The sixth register has no upper half. */
	put(PCI_BAR(5), 0xfe001004, 4);
	put(PCI_BAR(5) + 4, 1, 4);
	put(MSIX_AT + MSIX_TABLE, 5, 4);
	assert_int_equal(msi_open(FUNCTION, TABLE, 0, &l), 0);
	msi_close(l);
	/* Where Dom0 may not go, and in memory. */
	allowed = false;
	assert_int_equal(msi_open(FUNCTION, TABLE, 0, &l), -EPERM);
	allowed = true;
	frame_table = calloc(0x1000, sizeof(*frame_table));
	put(PCI_BAR(5), 0x100000, 4);
	assert_int_equal(msi_open(FUNCTION, 0x100000, 0, &l), -EPERM);
	frame_table[0x100].count = PGC_IO;
	assert_int_equal(msi_open(FUNCTION, 0x100000, 0, &l), 0);
	msi_close(l);
	free(frame_table);
}

static void kinds(void **state)
{
	struct irq_line *a, *b;

	assert_false(msi_in_use(FUNCTION));
	assert_int_equal(msi_open(FUNCTION, 0, 0, &a), 0);
	assert_true(msi_in_use(FUNCTION));
	assert_false(msi_in_use(FUNCTION + 1));
	assert_int_equal(msi_open(FUNCTION, 0, 0, &b), -EEXIST);
	assert_int_equal(msi_open(FUNCTION, TABLE, 0, &b), -EEXIST);
	msi_close(a);
	assert_false(msi_in_use(FUNCTION));
	assert_int_equal(msi_open(FUNCTION, TABLE, 0, &a), 0);
	assert_int_equal(msi_open(FUNCTION, TABLE, 0, &b), -EEXIST);
	assert_int_equal(msi_open(FUNCTION, 0, 0, &b), -EEXIST);
	assert_false(taken(FUNCTION, true, 1));
	/* No vector is left. */
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		if (!lines[i].chip)
			lines[i].waits = true;
	assert_int_equal(msi_open(FUNCTION, TABLE, 1, &b), -ENOSPC);
	assert_false(irq_lock.held);
}

/* What happens to @value, written by Dom0 through the ports to the 1, 2 or 4 bytes at @at. */
static void guest_writes(unsigned at, unsigned size, uint32_t value, uint32_t expected)
{
	uint32_t index = INDEX_ENABLE | FUNCTION << 8 | (at & 0xfc);

	pci_port_write(index, PCI_PORT_DATA + at % 4, size, value);
	assert_int_equal(get(at, size), expected);
	assert_int_equal(pci_port_read(index, PCI_PORT_DATA + at % 4, size), expected);
}

static void guest(void **state)
{
	static const uint16_t forms[] = {0, MSI_WIDE, MSI_HAS_MASK, MSI_WIDE | MSI_HAS_MASK};
	static const unsigned length[] = {0xc, 0x10, 0x14, 0x18};

	for (unsigned i = 0; i < 4; i++) {
		setup(state);
		put(MSI_AT + MSI_CONTROL, forms[i], 2);
		for (unsigned at = MSI_AT + MSI_LOW; at < MSI_AT + length[i]; at++)
			guest_writes(at, 1, 0xff, 0);
		guest_writes(MSI_AT + length[i], 4, 0x12345678, 0x12345678);
		guest_writes(MSI_AT + length[i] - 2, 2, 0xffff, 0);
		guest_writes(MSI_AT - 4, 4, 0x12345678, 0x12345678);
		guest_writes(MSI_AT, 1, PCI_CAP_MSI, PCI_CAP_MSI);
	}
	setup(state);
	/* The control word: all but the count, in whichever bytes it comes. */
	guest_writes(MSI_AT + 2, 2, MSI_COUNT | MSI_ENABLE, MSI_ENABLE);
	guest_writes(MSI_AT + 2, 1, MSI_COUNT | 2, 2);
	guest_writes(MSI_AT + 3, 1, 0x70, 0x70);
	put(MSI_AT + 2, 0, 2);
	guest_writes(MSI_AT, 4, (MSI_COUNT | MSI_ENABLE) << 16 | MSIX_AT << 8 | PCI_CAP_MSI,
		     MSI_ENABLE << 16 | MSIX_AT << 8 | PCI_CAP_MSI);
	/* The header is Dom0's. */
	guest_writes(0x3c, 4, 0xffffffff, 0xffffffff);
	guest_writes(PCI_BAR(2), 4, 0xfe002000, 0xfe002000);
	/* A function without the capability. */
	put(MSI_AT, 1, 1);
	guest_writes(MSI_AT + 4, 4, 0xffffffff, 0xffffffff);
	/* Registers beyond the first 256 are not reached this way. */
	pci_port_write(INDEX_ENABLE | 0x01000000 | FUNCTION << 8 | 0x40, PCI_PORT_DATA, 4, 0x77);
	assert_int_equal(get(0x40, 4), 0);
	assert_int_equal(pci_port_read(INDEX_ENABLE | 0x01000000 | FUNCTION << 8, PCI_PORT_DATA, 4), ~0u);
	assert_false(pci_lock.held);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(search),   TEST(forms), TEST(entries), TEST(bad_entries),
	    TEST(last_bar), TEST(kinds), TEST(guest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
