/* SPDX-License-Identifier: MIT */
/*
 * Specification: I/O APICs and the CMOS clock, with their registers in memory: of an I/O APIC only what was written last.
 *   begin     every pin is masked, and has the mode that its number and the firmware's overrides say
 *   lines     a pin has a line while it has users: vector, mode and processor are what is written last
 *   setup     by Dom0, once for each pin, while nobody uses it; by either way, of which one says so
 *   registers Dom0 reads those that are there, and changes nothing by writing but the mode
 *   clock     in all its forms: twelve and 24 hours, decimal and binary, with a century and without; read between two updates
 */
#include "irq_host.h"
#include "dev/ioapic.c"
#include "dev/rtc.c"

static uint32_t mmio[2][PAGE_SIZE / 4];
static uint8_t cmos[128], cmos_at;
static unsigned hidden, updates, passing; /* that the clock has yet to make */
struct acpi_info acpi;

static uint32_t port_in(uint16_t port, unsigned size)
{
	assert_int_equal(port, CMOS_DATA);
	if (cmos_at == REG_A && updates)
		return updates-- % 2 ? A_UPDATING : 0;
	if (cmos_at == REG_YEAR && passing) { /* a minute passes at the end of a reading */
		passing--;
		cmos[REG_MINUTES]++;
	}
	return cmos[cmos_at];
}
static void port_out(uint16_t port, unsigned size, uint32_t value)
{
	if (port == CMOS_INDEX)
		cmos_at = value & 0x7f;
}
void *map_mmio(paddr_t pa, size_t len)
{
	return mmio[pa == 0xfec10000];
}
void mmio_hide(paddr_t pa)
{
	hidden++;
}

static void is_written(unsigned chip, uint32_t reg, uint32_t value)
{
	assert_int_equal(mmio[chip][0], reg);
	assert_int_equal(mmio[chip][4], value);
	assert_false(irq_lock.held);
}

/* 24 pins from 0 on, and 8 from 32 on. */
static int setup(void **state)
{
	memset(lines, 0, sizeof(lines));
	memset(chips, 0, sizeof(chips));
	gsi_count = hidden = 0;
	acpi = (struct acpi_info){
	    .ioapic_count = 2,
	    .ioapic = {{.address = 0xfec00000}, {.address = 0xfec10000, .gsi_base = 32}},
	    .override_count = 5,
	    .override = {{.isa_irq = 0, .gsi = 2},
			 {.isa_irq = 9, .gsi = 9, .flags = 0xd},   /* level, high */
			 {.isa_irq = 10, .gsi = 10, .flags = 0x7}, /* edge, low */
			 {.isa_irq = 11, .gsi = 20, .flags = 0x5}, /* edge, high */
			 {.isa_irq = 12, .gsi = 21, .flags = 0xf}},
	};
	mmio[0][4] = 23 << 16 | 0x11;
	mmio[1][4] = 7 << 16 | 0x11;
	ioapic_init();
	return 0;
}

static void begins(void **state)
{
	static const struct {
		uint32_t gsi, mode;
	} modes[] = {
	    {2, 0},
	    {9, ROUTE_LEVEL},
	    {10, ROUTE_LOW},
	    {15, 0},
	    {16, ROUTE_LEVEL | ROUTE_LOW},
	    {20, 0},
	    {21, ROUTE_LEVEL | ROUTE_LOW},
	    {39, ROUTE_LEVEL | ROUTE_LOW},
	};

	assert_int_equal(ioapic_gsi_count(), 40);
	assert_int_equal(hidden, 2);
	is_written(0, REG_ROUTE + 46, ROUTE_MASKED);
	is_written(1, REG_ROUTE + 14, ROUTE_MASKED);
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
		assert_int_equal(mode_by_acpi(modes[i].gsi), modes[i].mode);
	assert_int_equal(ioapic_isa_to_gsi(0), 2);
	assert_int_equal(ioapic_isa_to_gsi(11), 20);
	assert_int_equal(ioapic_isa_to_gsi(1), 1);
	/* More pins than there are registers for. */
	setup(state);
	acpi.ioapic_count = 1;
	mmio[0][4] = 0xff << 16;
	ioapic_init();
	assert_int_equal(chips[0].pins, PINS_MAX);
}

static void line_comes_and_goes(void **state)
{
	struct irq_user a = {.shares = true}, b = {.shares = true}, c = {0};
	uint32_t vector = VECTOR_IRQ_FIRST;

	assert_int_equal(irq_attach_gsi(&a, 34), 0);
	is_written(1, REG_ROUTE + 4, vector | ROUTE_LEVEL | ROUTE_LOW);
	assert_true(a.line->level);
	assert_int_equal(a.line->gsi, 34);
	assert_int_equal(irq_attach_gsi(&b, 34), 0);
	assert_ptr_equal(a.line, b.line);
	assert_int_equal(irq_attach_gsi(&c, 34), -EBUSY);
	irq_aim(&a, 5);
	is_written(1, REG_ROUTE + 4, vector | ROUTE_LEVEL | ROUTE_LOW);
	assert_int_equal(irq_attach_gsi(&c, 15), 0);
	is_written(0, REG_ROUTE + 30, vector + 1);
	assert_false(c.line->level);
	irq_detach(&c);
	is_written(0, REG_ROUTE + 30, (vector + 1) | ROUTE_MASKED);
	irq_detach(&a);
	irq_detach(&b);
	is_written(1, REG_ROUTE + 4, vector | ROUTE_LEVEL | ROUTE_LOW | ROUTE_MASKED);
	assert_null(irq_line_next(NULL));
	/* Anew, and no pins but those. */
	assert_int_equal(irq_attach_gsi(&a, 34), 0);
	irq_detach(&a);
	assert_int_equal(irq_attach_gsi(&c, 24), -EINVAL);
	assert_int_equal(irq_attach_gsi(&c, 31), -EINVAL);
	assert_int_equal(irq_attach_gsi(&c, 40), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
		lines[i].waits = true;
	assert_int_equal(irq_attach_gsi(&c, 5), -ENOSPC);
	assert_int_equal(chips[0].pin[5].vector, 0);
}

static void set_up(void **state)
{
	struct irq_user a = {0};

	assert_int_equal(ioapic_setup(17, false, true), 0);
	assert_int_equal(ioapic_setup(17, true, true), -EEXIST);
	assert_int_equal(irq_attach_gsi(&a, 17), 0);
	is_written(0, REG_ROUTE + 34, VECTOR_IRQ_FIRST | ROUTE_LOW);
	irq_detach(&a);
	assert_int_equal(irq_attach_gsi(&a, 18), 0);
	assert_int_equal(ioapic_setup(18, false, false), -EEXIST); /* in use */
	irq_detach(&a);
	assert_int_equal(ioapic_setup(18, true, false), 0);
	assert_int_equal(chips[0].pin[18].mode, ROUTE_LEVEL);
	assert_int_equal(ioapic_setup(24, true, true), -EINVAL);
	assert_false(irq_lock.held);
}

static void registers(void **state)
{
	const paddr_t second = 0xfec10000;
	uint32_t value;

	mmio[1][4] = 0x77;
	assert_int_equal(ioapic_guest_read(second, REG_ARB, &value), 0);
	assert_int_equal(mmio[1][0], REG_ARB);
	assert_int_equal(value, 0x77);
	assert_int_equal(ioapic_guest_read(second, REG_ARB + 1, &value), -EINVAL);
	assert_int_equal(ioapic_guest_read(second, REG_ROUTE - 1, &value), -EINVAL);
	assert_int_equal(ioapic_guest_read(second, REG_ROUTE, &value), 0);
	assert_int_equal(ioapic_guest_read(second, REG_ROUTE + 15, &value), 0);
	assert_int_equal(ioapic_guest_read(second, REG_ROUTE + 16, &value), -EINVAL);
	assert_int_equal(ioapic_guest_read(second + 4, REG_ARB, &value), -EINVAL);
	assert_int_equal(ioapic_guest_write(second + 4, REG_ROUTE, 0), -EINVAL);
	assert_int_equal(ioapic_guest_write(second, REG_ROUTE + 16, 0), -EINVAL);
	mmio[1][0] = 99;
	assert_int_equal(ioapic_guest_write(second, 0, 0xffffffff), 0);
	assert_int_equal(ioapic_guest_write(second, REG_ROUTE + 1, 0xffffffff), 0);
	assert_false(chips[1].pin[0].set_up);
	assert_int_equal(ioapic_guest_write(second, REG_ROUTE + 2, ROUTE_LOW | 0x50), 0);
	assert_int_equal(chips[1].pin[1].mode, ROUTE_LOW);
	assert_true(chips[1].pin[1].set_up);
	assert_int_equal(ioapic_guest_write(second, REG_ROUTE, 0), 0);
	assert_true(chips[1].pin[0].set_up);
	assert_int_equal(mmio[1][0], 99); /* nothing was written */
	assert_int_equal(ioapic_guest_write(0xfec00000, REG_ROUTE + 6, ROUTE_LEVEL), 0);
	assert_int_equal(chips[0].pin[3].mode, ROUTE_LEVEL);
	assert_int_equal(ioapic_guest_read(0xfec00000, REG_VERSION, &value), 0);
	assert_int_equal(mmio[0][0], REG_VERSION);
	assert_false(irq_lock.held);
}

static void clock_is(unsigned b, uint8_t hour, uint64_t expected)
{
	cmos[REG_B] = b;
	cmos[REG_HOURS] = hour;
	assert_int_equal(rtc_read(), expected);
	assert_int_equal(cmos_at, 0);
}

static void clock_forms(void **state)
{
	const uint64_t day = 951782400; /* 29 February 2000 */
	static const uint8_t bcd[] = {0x56, 0, 0x34, 0, 0, 0, 0, 0x29, 0x02, 0x00};

	memcpy(cmos, bcd, sizeof(bcd));
	updates = 3;
	clock_is(B_24_HOURS, 0x23, day + 23 * 3600 + 34 * 60 + 56);
	assert_int_equal(updates, 0);
	passing = 2;
	clock_is(B_24_HOURS, 0x23, day + 23 * 3600 + 36 * 60 + 56);
	cmos[REG_MINUTES] = 0x34;
	clock_is(0, 0x12, day + 34 * 60 + 56);                       /* midnight */
	clock_is(0, 0x11, day + 11 * 3600 + 34 * 60 + 56);           /* in the morning */
	clock_is(0, 0x12 | HOUR_PM, day + 12 * 3600 + 34 * 60 + 56); /* noon */
	clock_is(0, 0x11 | HOUR_PM, day + 23 * 3600 + 34 * 60 + 56); /* late */
	acpi.century = 0x32;
	cmos[0x32] = 0x20;
	clock_is(B_24_HOURS, 0x00, day + 34 * 60 + 56);
	cmos[0x32] = 0x21; /* 1 March 2100, since 2100 has no 29 February */
	clock_is(B_24_HOURS, 0x00, 4107542400 + 34 * 60 + 56);
	acpi.century = 0;
	cmos[REG_YEAR] = 0x70;
	cmos[REG_DAY] = cmos[REG_MONTH] = 1;
	clock_is(B_24_HOURS, 0x00, 34 * 60 + 56);
	cmos[REG_YEAR] = 0x69;
	clock_is(B_24_HOURS, 0x00, 3124224000 + 34 * 60 + 56);
	cmos[REG_SECONDS] = cmos[REG_MINUTES] = 59; /* binary */
	cmos[REG_YEAR] = 24;
	cmos[REG_MONTH] = 12;
	cmos[REG_DAY] = 31;
	clock_is(B_24_HOURS | B_BINARY, 23, 1735689599);
	clock_is(B_BINARY, 11 | HOUR_PM, 1735689599);
}

static void days(void **state)
{
	assert_int_equal(days_from_civil(1970, 1, 1), 0);
	assert_int_equal(days_from_civil(1969, 12, 31), -1);
	assert_int_equal(days_from_civil(2000, 2, 29), 11016);
	assert_int_equal(days_from_civil(2000, 3, 1), 11017);
	assert_int_equal(days_from_civil(1900, 3, 1) - days_from_civil(1900, 2, 28), 1);
	assert_int_equal(days_from_civil(0, 2, 1), -719497);
	assert_int_equal(days_from_civil(-1, 12, 31), -719529);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(begins),    TEST(line_comes_and_goes), TEST(set_up),
	    TEST(registers), TEST(clock_forms),         TEST(days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
