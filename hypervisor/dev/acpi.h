/* SPDX-License-Identifier: MIT */
/* What the ACPI tables say, copied once at boot (they may lie outside the direct map later). */
#pragma once

#include "lib/types.h"

struct acpi_irq_override {
	uint8_t isa_irq;
	uint32_t gsi;
	uint16_t flags; /* MADT: polarity bits 0-1, trigger bits 2-3 */
};

struct acpi_ioapic {
	paddr_t address;
	uint32_t gsi_base;
};

struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid; /* what the tables call it */
};

/* Configuration space of PCI in memory (MCFG). */
struct acpi_mmconfig {
	paddr_t address; /* of bus 0 */
	uint16_t segment;
	uint8_t start_bus, end_bus;
};

struct acpi_info {
	bool present;
	uint32_t cpu_count; /* usable processors, perhaps more than are started */
	struct acpi_cpu cpu[256];
	paddr_t lapic_address;
	uint32_t ioapic_count, override_count, mmconfig_count;
	struct acpi_ioapic ioapic[4];
	struct acpi_irq_override override[16];
	struct acpi_mmconfig mmconfig[8];
	uint16_t pm1a_control, pm1b_control; /* I/O ports; 0: none */
	uint16_t pm_timer;                   /* I/O port; 0: none */
	uint16_t sci_irq;
	uint8_t s5_type_a, s5_type_b; /* SLP_TYP of soft off, from \_S5 */
	bool s5_valid;
	bool reset_valid; /* FADT reset register, in I/O space */
	uint16_t reset_port;
	uint8_t reset_value;
	uint8_t century; /* CMOS index, 0: none */
};
extern struct acpi_info acpi;

/* Before mm_init: reads through the early map of the first 4 GiB. */
void acpi_init(void);
