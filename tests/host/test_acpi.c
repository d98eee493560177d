/* SPDX-License-Identifier: MIT */
/*
 * Specification: the firmware's tables, in 2 MiB of a machine's memory that a test fills.
 *   pointer   is found in both areas on 16-byte boundaries, only if its sum is right; the old list or, from revision 2 on, the
 *             wide one
 *   tables    that are too short, too long, wrong in their sum or out of reach are not read; the rest is
 *   madt      processors that are enabled, I/O APICs, overrides, the local APIC's address; as many as there is room for;
 *             an entry that is cut off ends the list
 *   in_memory configuration space in memory, as many areas as there is room for
 *   fadt      registers, the reset register if the flag, the space and the length say so, \_S5 wherever it is
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dev/acpi.c"

#define MEMORY (2ul << 20)
#define RSDP   0xe0010
#define RSDT   0x100000
#define MADT   0x110000
#define FADT   0x120000
#define DSDT   0x130000
#define MCFG   0x140000

uint64_t host_directmap;
static uint8_t *memory;

bool log_admits(enum log_source source, enum log_level level)
{
	return false;
}
void printk(const char *fmt, ...)
{
}

static void put(paddr_t at, uint64_t value, unsigned bytes)
{
	memcpy(memory + at, &value, bytes);
}

/* The byte at @sum becomes what makes the sum of @n bytes zero. */
static void sum(paddr_t at, size_t n, paddr_t to)
{
	uint8_t total = 0;

	memory[to] = 0;
	for (size_t i = 0; i < n; i++)
		total += memory[at + i];
	memory[to] = -total;
}

static void seal(paddr_t table, const char *signature, uint32_t length)
{
	memcpy(memory + table, signature, 4);
	put(table + 4, length, 4);
	sum(table, length, table + 9);
}

static void pointer_at(paddr_t at, uint8_t revision, uint32_t rsdt, uint64_t xsdt)
{
	memcpy(memory + at, "RSD PTR ", 8);
	memory[at + 15] = revision;
	put(at + 16, rsdt, 4);
	put(at + 24, xsdt, 8);
	sum(at, 20, at + 8);
}

/* Two tables in the list, an empty MADT, a FADT of revision 1 and a DSDT without anything. */
static int setup(void **state)
{
	if (!memory)
		memory = aligned_alloc(PAGE_SIZE, MEMORY);
	memset(memory, 0, MEMORY);
	host_directmap = (uint64_t)memory;
	acpi = (struct acpi_info){.lapic_address = LAPIC_DEFAULT};
	pointer_at(RSDP, 0, RSDT, 0);
	put(RSDT + 36, MADT, 4);
	put(RSDT + 40, FADT, 4);
	seal(RSDT, "RSDT", 44);
	put(MADT + 36, 0xfee01000, 4);
	seal(MADT, "APIC", 44);
	put(FADT + 40, DSDT, 4);
	put(FADT + 46, 9, 2);
	put(FADT + 64, 0x604, 4);
	put(FADT + 68, 0x704, 4);
	put(FADT + 76, 0x608, 4);
	put(FADT + 108, 0x32, 1);
	seal(FADT, "FACP", 116);
	seal(DSDT, "DSDT", 36);
	return 0;
}

/* Are the tables read? */
static void found(bool expected)
{
	acpi = (struct acpi_info){.lapic_address = LAPIC_DEFAULT};
	acpi_init();
	assert_int_equal(acpi.present, expected);
	assert_int_equal(acpi.lapic_address, expected ? 0xfee01000 : LAPIC_DEFAULT);
	assert_int_equal(acpi.pm_timer, expected ? 0x608 : 0);
}

static void pointer(void **state)
{
	static const struct {
		paddr_t ebda, at;
		bool found;
	} places[] = {
	    {0, 0xe0000, true},        {0, 0xfffe0, true},        {0, 0xe0008, false}, /* on no boundary */
	    {0, 0x9fc00, false},       {0x9fc00, 0x9fc00, true},  {0x9fc00, 0x9fff0, true},
	    {0x9f800, 0x9fc00, false}, /* behind its first KiB */
	    {0x80000, 0x80000, true},  {0x7fff0, 0x80000, false}, {0xa0000, 0xa0000, false},
	};

	found(true);
	memory[RSDP + 8]++;
	found(false);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		setup(state);
		memory[RSDP] = 0;
		put(0x40e, places[i].ebda >> 4, 2);
		pointer_at(places[i].at, 0, RSDT, 0);
		found(places[i].found);
	}
}

static void wide(void **state)
{
	const paddr_t xsdt = 0x140000;

	put(xsdt + 36, MADT, 8);
	put(xsdt + 44, FADT, 8);
	seal(xsdt, "XSDT", 52);
	memory[RSDT] = 'x'; /* is wrong now, if it is read */
	pointer_at(RSDP, 2, RSDT, xsdt);
	found(true);
	pointer_at(RSDP, 1, RSDT, xsdt);
	found(false);
	pointer_at(RSDP, 2, RSDT, 0);
	found(false);
	seal(RSDT, "RSDT", 44);
	found(true);
	pointer_at(RSDP, 2, RSDT, EARLY_MAP_END);
	found(true);
	/* A table beyond what can be reached: the others are read. */
	put(xsdt + 36, EARLY_MAP_END, 8);
	put(xsdt + 52, MADT, 8);
	seal(xsdt, "XSDT", 60);
	pointer_at(RSDP, 2, 0, xsdt);
	found(true);
}

static void tables(void **state)
{
	memory[FADT + 9]++;
	acpi_init();
	assert_int_equal(acpi.pm_timer, 0);
	assert_int_equal(acpi.lapic_address, 0xfee01000);
	seal(FADT, "FACP", 111); /* ends before the flags do */
	acpi_init();
	assert_int_equal(acpi.pm_timer, 0);
	seal(FADT, "FACP", 112);
	acpi_init();
	assert_int_equal(acpi.pm_timer, 0x608);
	seal(FADT, "FACQ", 116);
	acpi.pm_timer = 0;
	acpi_init();
	assert_int_equal(acpi.pm_timer, 0);
	assert_non_null(table_at(MADT));
	seal(MADT, "APIC", 36);
	assert_non_null(table_at(MADT));
	seal(MADT, "APIC", 35);
	assert_null(table_at(MADT));
	assert_null(table_at(0));
	seal(RSDT, "LONG", (1 << 20) - 4096);
	assert_non_null(table_at(RSDT));
	memset(memory, 0, MEMORY);
	seal(0x1000, "LONG", 1 << 20);
	assert_non_null(table_at(0x1000));
	seal(0x1000, "LONG", (1 << 20) + 1);
	assert_null(table_at(0x1000));
	/* At the end of what can be reached. */
	host_directmap = (uint64_t)memory - (EARLY_MAP_END - PAGE_SIZE);
	seal(PAGE_SIZE - 36, "LAST", 36);
	assert_non_null(table_at(EARLY_MAP_END - 36));
	put(PAGE_SIZE - 36 + 4, 37, 4);
	assert_null(table_at(EARLY_MAP_END - 36));
	memset(memory + PAGE_SIZE - 36, 0, 100);
	seal(PAGE_SIZE - 35, "LAST", 36);
	assert_null(table_at(EARLY_MAP_END - 35));
}

static paddr_t next; /* of the MADT's entries */
static void madt_entry(uint8_t type, uint8_t length, uint64_t low, uint64_t high)
{
	put(next, type, 1);
	put(next + 1, length, 1);
	put(next + 2, low, MIN(length - 2, 8));
	if (length > 10)
		put(next + 10, high, MIN(length - 10, 8));
	next += length;
}

static void madt(void **state)
{
	next = MADT + 44;
	madt_entry(0, 8, 1ull << 16 | 0x0705, 0);                 /* uid 5, APIC id 7, enabled */
	madt_entry(0, 8, 0x0806, 0);                              /* not enabled */
	madt_entry(9, 16, 300ull << 16 | 1ull << 48, 9ull << 16); /* id 300, enabled, uid 9 */
	madt_entry(1, 12, 0xfec00000ull << 16 | 24ull << 48, 0);
	madt_entry(2, 10, 9ull << 8 | 20ull << 16 | 0xdull << 48, 0);
	madt_entry(77, 6, 0, 0);
	madt_entry(5, 12, 0xfee02000ull << 16, 0);
	seal(MADT, "APIC", next - MADT);
	acpi_init();
	assert_int_equal(acpi.cpu_count, 2);
	assert_int_equal(acpi.cpu[0].apic_id, 7);
	assert_int_equal(acpi.cpu[0].uid, 5);
	assert_int_equal(acpi.cpu[1].apic_id, 300);
	assert_int_equal(acpi.cpu[1].uid, 9);
	assert_int_equal(acpi.ioapic_count, 1);
	assert_int_equal(acpi.ioapic[0].address, 0xfec00000);
	assert_int_equal(acpi.ioapic[0].gsi_base, 24);
	assert_int_equal(acpi.override_count, 1);
	assert_int_equal(acpi.override[0].isa_irq, 9);
	assert_int_equal(acpi.override[0].gsi, 20);
	assert_int_equal(acpi.override[0].flags, 0xd);
	assert_int_equal(acpi.lapic_address, 0xfee02000);
}

/* More than there is room for, and entries that are none. */
static void madt_limits(void **state)
{
	next = MADT + 44;
	for (unsigned i = 0; i < 300; i++)
		madt_entry(0, 8, 1ull << 16 | i << 8, 0);
	for (unsigned i = 0; i < 300; i++)
		madt_entry(1, 12, 0xfec00000ull << 16, 0);
	for (unsigned i = 0; i < 300; i++)
		madt_entry(2, 10, 0, 0);
	seal(MADT, "APIC", next - MADT);
	acpi_init();
	assert_int_equal(acpi.cpu_count, ARRAY_SIZE(acpi.cpu));
	assert_int_equal(acpi.ioapic_count, ARRAY_SIZE(acpi.ioapic));
	assert_int_equal(acpi.override_count, ARRAY_SIZE(acpi.override));
	for (unsigned length = 0; length < 2; length++) { /* an entry that has no length ends it */
		setup(state);
		next = MADT + 44;
		madt_entry(0, 8, 1ull << 16, 0);
		put(next + 1, length, 1);
		next += 8;
		madt_entry(0, 8, 1ull << 16, 0);
		seal(MADT, "APIC", next - MADT);
		acpi_init();
		assert_int_equal(acpi.cpu_count, 1);
	}
	setup(state);
	next = MADT + 44;
	madt_entry(0, 8, 1ull << 16, 0);
	madt_entry(0, 8, 1ull << 16, 0);
	seal(MADT, "APIC", next - MADT - 1); /* the second is cut off */
	acpi_init();
	assert_int_equal(acpi.cpu_count, 1);
}

static void fadt(void **state)
{
	acpi_init();
	assert_int_equal(acpi.sci_irq, 9);
	assert_int_equal(acpi.pm1a_control, 0x604);
	assert_int_equal(acpi.pm1b_control, 0x704);
	assert_int_equal(acpi.century, 0x32);
	assert_false(acpi.reset_valid || acpi.s5_valid);
	/* The reset register. */
	for (unsigned i = 0; i < 4; i++) {
		put(FADT + 112, i == 1 ? 0 : FADT_RESET, 4);
		put(FADT + 116, i == 2 ? 0 : SPACE_IO, 1);
		put(FADT + 120, 0xcf9, 8);
		put(FADT + 128, 6, 1);
		seal(FADT, "FACP", i == 3 ? 128 : 129);
		acpi.reset_valid = false;
		acpi_init();
		assert_int_equal(acpi.reset_valid, i == 0);
	}
	assert_int_equal(acpi.reset_port, 0xcf9);
	assert_int_equal(acpi.reset_value, 6);
}

/* A DSDT with @n bytes at @at. */
static void dsdt_has(unsigned at, const char *bytes, size_t n)
{
	memset(memory + DSDT, 0, 256);
	memcpy(memory + DSDT + at, bytes, n);
	seal(DSDT, "DSDT", 128);
	acpi.s5_valid = false;
	acpi.s5_type_a = acpi.s5_type_b = 99;
	acpi_init();
}

static void soft_off(void **state)
{
	static const char plain[] = "\x08_S5_\x12\x06\x04\x0a\x05\x0a\x06";
	static const char root[] = "\x08\\_S5_\x12\x46\x00\x04\x01\x00"; /* its length in two bytes */

	dsdt_has(40, plain, sizeof(plain));
	assert_true(acpi.s5_valid);
	assert_int_equal(acpi.s5_type_a, 5);
	assert_int_equal(acpi.s5_type_b, 6);
	dsdt_has(60, root, sizeof(root));
	assert_true(acpi.s5_valid);
	assert_int_equal(acpi.s5_type_a, 1);
	assert_int_equal(acpi.s5_type_b, 0);
	dsdt_has(128 - 17, plain, sizeof(plain)); /* as near to the end as may be */
	assert_false(acpi.s5_valid);
	dsdt_has(128 - 18, plain, sizeof(plain));
	assert_true(acpi.s5_valid);
	dsdt_has(40, "\x07_S5_\x12\x06\x04\x0a\x05\x0a\x06", 13); /* a mention, no name */
	assert_false(acpi.s5_valid);
	dsdt_has(40, "\x08_S5_\x13\x06\x04\x0a\x05\x0a\x06", 13); /* no package */
	assert_false(acpi.s5_valid);
	dsdt_has(40, "\x08_S4_\x12\x06\x04\x0a\x05\x0a\x06", 13);
	assert_false(acpi.s5_valid);
	/* Where the wide address says, if the other says nothing. */
	setup(state);
	memcpy(memory + DSDT + 40, plain, sizeof(plain));
	seal(DSDT, "DSDT", 128);
	put(FADT + 40, 0, 4);
	put(FADT + 140, DSDT, 8);
	seal(FADT, "FACP", 147);
	acpi_init();
	assert_false(acpi.s5_valid);
	seal(FADT, "FACP", 148);
	acpi_init();
	assert_true(acpi.s5_valid);
	put(FADT + 140, 0x1000, 8);
	put(FADT + 40, DSDT, 4);
	seal(FADT, "FACP", 148);
	acpi.s5_valid = false;
	acpi_init();
	assert_true(acpi.s5_valid);
}

/* MCFG: as many entries as there is room for, whole ones only. */
static void in_memory(void **state)
{
	for (unsigned i = 0; i < 9; i++) {
		put(MCFG + 44 + 16 * i, 0xb0000000 + i, 8);
		put(MCFG + 52 + 16 * i, 0x7f050000 + i, 4);
	}
	put(RSDT + 44, MCFG, 4);
	seal(RSDT, "RSDT", 48);
	seal(MCFG, "MCFG", 44 + 16);
	acpi_init();
	assert_int_equal(acpi.mmconfig_count, 1);
	assert_int_equal(acpi.mmconfig[0].address, 0xb0000000);
	assert_int_equal(acpi.mmconfig[0].segment, 0);
	assert_int_equal(acpi.mmconfig[0].start_bus, 5);
	assert_int_equal(acpi.mmconfig[0].end_bus, 0x7f);
	acpi.mmconfig_count = 0;
	seal(MCFG, "MCFG", 44 + 31);
	acpi_init();
	assert_int_equal(acpi.mmconfig_count, 1);
	acpi.mmconfig_count = 0;
	seal(MCFG, "MCFG", 44 + 9 * 16);
	acpi_init();
	assert_int_equal(acpi.mmconfig_count, 8);
	assert_int_equal(acpi.mmconfig[7].address, 0xb0000007);
	assert_int_equal(acpi.mmconfig[7].segment, 7);
	acpi.mmconfig_count = 0;
	seal(MCFG, "MCFG", 40);
	acpi_init();
	assert_int_equal(acpi.mmconfig_count, 0);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest all[] = {
	    TEST(pointer),     TEST(wide), TEST(tables),   TEST(madt),
	    TEST(madt_limits), TEST(fadt), TEST(soft_off), TEST(in_memory),
	};
	int failed = cmocka_run_group_tests(all, NULL, NULL);

	free(memory);
	return failed;
}
