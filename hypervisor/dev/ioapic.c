/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs (Intel 82093AA data sheet) and the lines' users. Vector = VECTOR_IRQ_FIRST + GSI. An I/O APIC is
 * programmed by two registers, an index and a window, so ioapic_lock surrounds each access; the interrupt
 * handler takes it too, which is safe since interrupts never arrive while the hypervisor holds a lock.
 */
#include "dev/ioapic.h"
#include "cpu/ipi.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dev/acpi.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/mm.h"

#define REG_VERSION  0x01
#define REG_ROUTE    0x10 /* + 2 * pin: low word, high word */
#define ROUTE_LEVEL  (1u << 15)
#define ROUTE_LOW    (1u << 13) /* active low */
#define ROUTE_MASKED (1u << 16)
#define PIC1_DATA    0x21
#define PIC2_DATA    0xa1
#define ISA_LINES    16

enum line_user {
	LINE_FREE,
	LINE_PIRQ, /* Dom0 */
	LINE_HOST, /* ours: host_fn */
};

struct line {
	uint8_t user;
	uint32_t route; /* low word as last written */
	void (*host_fn)(void);
};

static struct spinlock ioapic_lock;
static struct line lines[MAX_GSI];
static volatile uint32_t *mmio[ARRAY_SIZE(acpi.ioapic)];
static uint32_t pins[ARRAY_SIZE(acpi.ioapic)];
static unsigned gsi_count;
static uint64_t arrived; /* GSIs whose interrupt Dom0 has not been told of yet */
static void (*pirq_handler)(uint32_t gsi);

_Static_assert(MAX_GSI <= 64 && VECTOR_IRQ_FIRST + MAX_GSI - 1 <= VECTOR_IRQ_LAST,
	       "one vector and bit per GSI");

static uint32_t reg_read(unsigned chip, uint32_t reg)
{
	mmio[chip][0] = reg;
	return mmio[chip][4];
}

static void reg_write(unsigned chip, uint32_t reg, uint32_t value)
{
	mmio[chip][0] = reg;
	mmio[chip][4] = value;
}

static bool find_pin(uint32_t gsi, unsigned *chip, unsigned *pin)
{
	for (unsigned c = 0; c < acpi.ioapic_count; c++)
		if (gsi >= acpi.ioapic[c].gsi_base && gsi < acpi.ioapic[c].gsi_base + pins[c]) {
			*chip = c;
			*pin = gsi - acpi.ioapic[c].gsi_base;
			return gsi < MAX_GSI;
		}
	return false;
}

static void route(uint32_t gsi, uint32_t low)
{
	unsigned chip, pin;

	if (!find_pin(gsi, &chip, &pin))
		return;
	if (!lines[gsi].route) /* destination: the boot CPU, once */
		reg_write(chip, REG_ROUTE + 2 * pin + 1, cpu_table[0]->apic_id << 24);
	lines[gsi].route = low;
	reg_write(chip, REG_ROUTE + 2 * pin, low);
}

/* Trigger and polarity: ISA lines are edge, active high; others level, active low; the MADT's overrides win.
 */
static uint32_t line_mode(uint32_t gsi)
{
	uint32_t mode = gsi < ISA_LINES ? 0 : ROUTE_LEVEL | ROUTE_LOW;

	for (unsigned i = 0; i < acpi.override_count; i++) {
		uint16_t flags = acpi.override[i].flags;

		if (acpi.override[i].gsi != gsi)
			continue;
		if ((flags & 3) != 0)
			mode = (flags & 3) == 3 ? mode | ROUTE_LOW : mode & ~ROUTE_LOW;
		if ((flags >> 2 & 3) != 0)
			mode = (flags >> 2 & 3) == 3 ? mode | ROUTE_LEVEL : mode & ~ROUTE_LEVEL;
	}
	return mode;
}

uint32_t irq_isa_to_gsi(uint8_t isa_irq)
{
	for (unsigned i = 0; i < acpi.override_count; i++)
		if (acpi.override[i].isa_irq == isa_irq)
			return acpi.override[i].gsi;
	return isa_irq;
}

unsigned ioapic_gsi_count(void)
{
	return gsi_count;
}

static int bind(uint32_t gsi, enum line_user user, void (*fn)(void))
{
	unsigned chip, pin;
	int err = 0;

	if (!find_pin(gsi, &chip, &pin))
		return -EINVAL;
	spin_lock(&ioapic_lock);
	if (lines[gsi].user != LINE_FREE && (lines[gsi].user != user || user == LINE_HOST)) {
		err = -EBUSY;
	} else if (lines[gsi].user == LINE_FREE) {
		lines[gsi].user = user;
		lines[gsi].host_fn = fn;
		route(gsi,
		      (VECTOR_IRQ_FIRST + gsi) | line_mode(gsi) | (user == LINE_PIRQ ? ROUTE_MASKED : 0));
	}
	spin_unlock(&ioapic_lock);
	return err;
}

int irq_bind_pirq(uint32_t gsi)
{
	return bind(gsi, LINE_PIRQ, NULL);
}

int irq_bind_host(uint32_t gsi, void (*fn)(void))
{
	return bind(gsi, LINE_HOST, fn);
}

int irq_unbind_pirq(uint32_t gsi)
{
	if (gsi >= MAX_GSI || lines[gsi].user != LINE_PIRQ)
		return -EINVAL;
	spin_lock(&ioapic_lock);
	route(gsi, lines[gsi].route | ROUTE_MASKED);
	lines[gsi].user = LINE_FREE;
	spin_unlock(&ioapic_lock);
	return 0;
}

static void set_mask(uint32_t gsi, bool masked)
{
	if (gsi >= MAX_GSI || lines[gsi].user != LINE_PIRQ)
		return;
	spin_lock(&ioapic_lock);
	if (masked != !!(lines[gsi].route & ROUTE_MASKED))
		route(gsi, lines[gsi].route ^ ROUTE_MASKED);
	spin_unlock(&ioapic_lock);
}

void irq_mask(uint32_t gsi)
{
	set_mask(gsi, true);
}

void irq_unmask(uint32_t gsi)
{
	set_mask(gsi, false);
}

void irq_set_pirq_handler(void (*fn)(uint32_t gsi))
{
	pirq_handler = fn;
}

static void on_interrupt(uint8_t vector)
{
	uint32_t gsi = vector - VECTOR_IRQ_FIRST;

	if (gsi >= MAX_GSI)
		return;
	if (lines[gsi].user == LINE_HOST) {
		lines[gsi].host_fn();
	} else if (lines[gsi].user == LINE_PIRQ) {
		/* A level line stays raised until Dom0 has served the device: silent until its PHYSDEVOP_eoi.
		 */
		if (lines[gsi].route & ROUTE_LEVEL)
			set_mask(gsi, true);
		__atomic_or_fetch(&arrived, 1ull << gsi, __ATOMIC_ACQ_REL);
		cpu_raise(this_cpu->self, PENDING_IRQ);
	}
}

void irq_work(void)
{
	uint64_t bits = __atomic_exchange_n(&arrived, 0, __ATOMIC_ACQ_REL);

	for (; bits; bits &= bits - 1)
		if (pirq_handler)
			pirq_handler(__builtin_ctzll(bits));
}

void ioapic_init(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	for (unsigned c = 0; c < acpi.ioapic_count; c++) {
		mmio[c] = map_mmio(acpi.ioapic[c].address, PAGE_SIZE);
		mmio_hide(acpi.ioapic[c].address);
		pins[c] = (reg_read(c, REG_VERSION) >> 16 & 0xff) + 1;
		for (unsigned pin = 0; pin < pins[c]; pin++)
			reg_write(c, REG_ROUTE + 2 * pin, ROUTE_MASKED);
		gsi_count = MAX(gsi_count, MIN(acpi.ioapic[c].gsi_base + pins[c], (uint32_t)MAX_GSI));
	}
	irq_set_device_handler(on_interrupt);
}
