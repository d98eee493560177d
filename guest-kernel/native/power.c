/* SPDX-License-Identifier: MIT */
/*
 * The end, on the bare machine: power off through ACPI, restart by the keyboard controller.
 * ACPI's way to state S5 is a value in the DSDT's byte code (package _S5_) written to a port from the FADT.
 * (ACPI 6.4, 7.4.2 Sleeping States; 4.8.3.2 PM1 Control Registers; 5.2.9 FADT)
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "acpi.h"
#include "cpu_ops.h"
#include "kern/lib/string.h"

#define SLEEP_ENABLE    0x2000u
#define KEYBOARD_STATUS 0x64u
#define KEYBOARD_RESET  0xfeu

#define FADT_DSDT     40
#define FADT_PM1A_CNT 64

/* "_S5_", package op, length, number of elements, then the first element: 0x0a and a byte, or a constant. */
static unsigned sleep_type(const uint8_t *dsdt)
{
	uint32_t len = acpi_read32(dsdt + 4);

	for (uint32_t i = ACPI_HEADER; i + 9 < len; i++) {
		const uint8_t *p = dsdt + i;

		if (memcmp(p, "_S5_", 4) || p[4] != 0x12)
			continue;
		p += 5 + (p[5] >> 6) + 2;
		return *p == 0x0a ? p[1] : *p;
	}
	return 0;
}

void machine_poweroff(void)
{
	const uint8_t *fadt = acpi_table("FACP"),
		      *dsdt = fadt ? acpi_at(acpi_read32(fadt + FADT_DSDT)) : NULL;

	if (dsdt) {
		uint64_t patience = time_ns() + 1000000000u;

		outw(acpi_read32(fadt + FADT_PM1A_CNT), sleep_type(dsdt) << 10 | SLEEP_ENABLE);
		while (time_ns() < patience)
			cpu_relax();
	}
	early_print("The machine may be switched off now.\n");
	machine_crash();
}

void machine_reboot(void)
{
	outb(KEYBOARD_STATUS, KEYBOARD_RESET);
	machine_crash();
}

void machine_crash(void)
{
	irq_disable();
	for (;;)
		__asm__ volatile("hlt");
}
