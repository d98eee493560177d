/* SPDX-License-Identifier: MIT */
/*
 * The I/O APICs (Intel 82093AA data sheet). Their pins are numbered through all of them: global system interrupts. A pin is
 * an interrupt line (dev/irq.h) as long as it has users.
 */
#pragma once

#include "lib/types.h"

void ioapic_init(void); /* mask the PIC and all pins; maps the I/O APICs */
/* One more than the highest interrupt. */
unsigned ioapic_gsi_count(void);
/* The interrupt at which an ISA device's arrives, by the MADT's overrides. */
uint32_t ioapic_isa_to_gsi(uint8_t isa_irq);
/*
 * How @gsi is raised, as Dom0 has learnt from ACPI; until then it is as the MADT says. -EINVAL: no such interrupt;
 * -EEXIST: set already, or the line is in use.
 */
int ioapic_setup(uint32_t gsi, bool level, bool active_low);
/* Registers of the I/O APIC at @address, as a guest may see and change them. Of what it writes, only the trigger and
 * polarity of a free pin count. -EINVAL: there is no such I/O APIC or register. */
int ioapic_guest_read(paddr_t address, uint32_t reg, uint32_t *value);
int ioapic_guest_write(paddr_t address, uint32_t reg, uint32_t value);
