/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs as chips of interrupt lines. One is programmed by two registers, an index and a window; irq_lock surrounds each
 * access.
 */
#include "dev/ioapic.h"
#include "cpu/x86.h"
#include "dev/acpi.h"
#include "dev/irq.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/mm.h"

#define REG_VERSION  0x01
#define REG_ARB      0x02
#define REG_ROUTE    0x10 /* + 2 * pin: low word, high word */
#define ROUTE_LEVEL  (1u << 15)
#define ROUTE_LOW    (1u << 13) /* active low */
#define ROUTE_MASKED (1u << 16)
#define ROUTE_DEST   24 /* in the high word */
#define PIC1_DATA    0x21
#define PIC2_DATA    0xa1
#define ISA_LINES    16
#define INTI_LOW     0x03 /* of an override's flags (ACPI 6.4, 5.2.12.5): 0: as the bus has it, 1: active high */
#define INTI_LEVEL   0x0c /* 0: as the bus has it, 4: edge */
#define PINS_MAX     240  /* one byte of REG_VERSION, and the windows end there */

struct pin {
	uint8_t vector; /* of its line; 0: it has none */
	bool set_up;    /* by Dom0 */
	uint16_t mode;  /* ROUTE_LEVEL, ROUTE_LOW */
};

static struct {
	volatile uint32_t *mmio;
	unsigned pins;
	struct pin pin[PINS_MAX];
} chips[ARRAY_SIZE(acpi.ioapic)];
static unsigned gsi_count;

static uint32_t reg_read(unsigned chip, uint32_t reg)
{
	chips[chip].mmio[0] = reg;
	return chips[chip].mmio[4];
}

static void reg_write(unsigned chip, uint32_t reg, uint32_t value)
{
	chips[chip].mmio[0] = reg;
	chips[chip].mmio[4] = value;
}

static struct pin *find_pin(uint32_t gsi, unsigned *chip, unsigned *pin)
{
	for (unsigned c = 0; c < acpi.ioapic_count; c++)
		if (gsi >= acpi.ioapic[c].gsi_base && gsi - acpi.ioapic[c].gsi_base < chips[c].pins) {
			*chip = c;
			*pin = gsi - acpi.ioapic[c].gsi_base;
			return &chips[c].pin[*pin];
		}
	return NULL;
}

static void route(struct irq_line *l)
{
	unsigned chip, pin;
	struct pin *p = find_pin(l->gsi, &chip, &pin);

	reg_write(chip, REG_ROUTE + 2 * pin, l->vector | p->mode | (l->masked ? ROUTE_MASKED : 0));
}

/* The two words cannot be written at once, so the pin is masked meanwhile. */
static void aim(struct irq_line *l)
{
	unsigned chip, pin;
	struct pin *p = find_pin(l->gsi, &chip, &pin);

	reg_write(chip, REG_ROUTE + 2 * pin, l->vector | p->mode | ROUTE_MASKED);
	reg_write(chip, REG_ROUTE + 2 * pin + 1, (uint32_t)l->apic_id << ROUTE_DEST);
	route(l);
}

static void last_user_gone(struct irq_line *l)
{
	unsigned chip, pin;

	find_pin(l->gsi, &chip, &pin)->vector = 0;
	irq_line_free(l);
}

static const struct irq_chip ioapic_chip = {
    .name = "I/O APIC",
    .mask = route,
    .unmask = route,
    .aim = aim,
    .last_user_gone = last_user_gone,
};

/* Trigger and polarity: ISA lines are edge, active high; others level, active low; the MADT's overrides win. */
static uint16_t mode_by_acpi(uint32_t gsi)
{
	uint16_t mode = gsi < ISA_LINES ? 0 : ROUTE_LEVEL | ROUTE_LOW;

	for (unsigned i = 0; i < acpi.override_count; i++) {
		uint16_t flags = acpi.override[i].flags;

		if (acpi.override[i].gsi != gsi)
			continue;
		if (flags & INTI_LOW)
			mode = (flags & INTI_LOW) == INTI_LOW ? mode | ROUTE_LOW : mode & ~ROUTE_LOW;
		if (flags & INTI_LEVEL)
			mode = (flags & INTI_LEVEL) == INTI_LEVEL ? mode | ROUTE_LEVEL : mode & ~ROUTE_LEVEL;
	}
	return mode;
}

uint32_t ioapic_isa_to_gsi(uint8_t isa_irq)
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

/* The line of @gsi, made if there is none. irq_lock held. */
static int line_of(uint32_t gsi, struct irq_line **line)
{
	unsigned chip, pin;
	struct pin *p = find_pin(gsi, &chip, &pin);

	if (!p)
		return -EINVAL;
	if (p->vector) {
		*line = irq_line_by_vector(p->vector);
		return 0;
	}
	*line = irq_line_alloc(&ioapic_chip);
	if (!*line)
		return -ENOSPC;
	p->vector = (*line)->vector;
	(*line)->gsi = gsi;
	(*line)->level = p->mode & ROUTE_LEVEL;
	aim(*line);
	return 0;
}

int irq_attach_gsi(struct irq_user *u, uint32_t gsi)
{
	struct irq_line *l;
	int rc;

	spin_lock(&irq_lock);
	rc = line_of(gsi, &l);
	if (!rc)
		rc = irq_attach_locked(u, l);
	spin_unlock(&irq_lock);
	return rc;
}

static int set_mode(uint32_t gsi, uint16_t mode)
{
	unsigned chip, pin;
	struct pin *p = find_pin(gsi, &chip, &pin);

	if (!p)
		return -EINVAL;
	if (p->vector || p->set_up)
		return -EEXIST;
	p->set_up = true;
	p->mode = mode;
	return 0;
}

int ioapic_setup(uint32_t gsi, bool level, bool active_low)
{
	int rc;

	spin_lock(&irq_lock);
	rc = set_mode(gsi, (level ? ROUTE_LEVEL : 0) | (active_low ? ROUTE_LOW : 0));
	spin_unlock(&irq_lock);
	return rc;
}

static int find_chip(paddr_t address, uint32_t reg)
{
	for (unsigned c = 0; c < acpi.ioapic_count; c++)
		if (acpi.ioapic[c].address == address)
			return reg <= REG_ARB || (reg >= REG_ROUTE && reg < REG_ROUTE + 2 * chips[c].pins)
				   ? (int)c
				   : -EINVAL;
	return -EINVAL;
}

int ioapic_guest_read(paddr_t address, uint32_t reg, uint32_t *value)
{
	int chip = find_chip(address, reg);

	if (chip < 0)
		return chip;
	spin_lock(&irq_lock);
	*value = reg_read(chip, reg);
	spin_unlock(&irq_lock);
	return 0;
}

int ioapic_guest_write(paddr_t address, uint32_t reg, uint32_t value)
{
	int chip = find_chip(address, reg);

	if (chip < 0)
		return chip;
	if (reg < REG_ROUTE || (reg - REG_ROUTE) % 2)
		return 0;
	spin_lock(&irq_lock);
	set_mode(acpi.ioapic[chip].gsi_base + (reg - REG_ROUTE) / 2, value & (ROUTE_LEVEL | ROUTE_LOW));
	spin_unlock(&irq_lock);
	return 0;
}

void ioapic_init(void)
{
	outb(PIC1_DATA, 0xff);
	outb(PIC2_DATA, 0xff);
	for (unsigned c = 0; c < acpi.ioapic_count; c++) {
		uint32_t base = acpi.ioapic[c].gsi_base;

		chips[c].mmio = map_mmio(acpi.ioapic[c].address, PAGE_SIZE);
		mmio_hide(acpi.ioapic[c].address);
		chips[c].pins = MIN((reg_read(c, REG_VERSION) >> 16 & 0xff) + 1, (uint32_t)PINS_MAX);
		for (unsigned pin = 0; pin < chips[c].pins; pin++) {
			chips[c].pin[pin].mode = mode_by_acpi(base + pin);
			reg_write(c, REG_ROUTE + 2 * pin, ROUTE_MASKED);
		}
		gsi_count = MAX(gsi_count, base + chips[c].pins);
	}
}
