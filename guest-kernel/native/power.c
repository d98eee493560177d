/* SPDX-License-Identifier: MIT */
/*
 * The end, on the bare machine: power off through ACPI, restart by the keyboard controller.
 * ACPI's way to state S5 is a value in the DSDT's byte code (package _S5_) written to a port from the FADT.
 * (ACPI 6.4, 7.4.2 Sleeping States; 4.8.3.2 PM1 Control Registers; 5.2.5.3, 5.2.9 the tables)
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "cpu_ops.h"
#include "kern/lib/string.h"

#define SLEEP_ENABLE    0x2000u
#define KEYBOARD_STATUS 0x64u
#define KEYBOARD_RESET  0xfeu

#define FADT_DSDT     40
#define FADT_PM1A_CNT 64
#define TABLE_HEADER  36

static uint32_t read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static const uint8_t *phys(uint32_t addr)
{
	return (const uint8_t *)pfn_to_virt(0) + addr;
}

static const uint8_t *find_rsdp(void)
{
	for (uint32_t addr = 0xe0000; addr < 0x100000; addr += 16)
		if (!memcmp(phys(addr), "RSD PTR ", 8))
			return phys(addr);
	return NULL;
}

static const uint8_t *find_fadt(const uint8_t *rsdp)
{
	const uint8_t *rsdt = phys(read32(rsdp + 16));
	uint32_t len = read32(rsdt + 4);

	for (uint32_t i = TABLE_HEADER; i + 4 <= len; i += 4)
		if (!memcmp(phys(read32(rsdt + i)), "FACP", 4))
			return phys(read32(rsdt + i));
	return NULL;
}

/* "_S5_", package op, length, number of elements, then the first element: 0x0a and a byte, or a constant. */
static unsigned sleep_type(const uint8_t *dsdt)
{
	uint32_t len = read32(dsdt + 4);

	for (uint32_t i = TABLE_HEADER; i + 9 < len; i++) {
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
	const uint8_t *rsdp = find_rsdp(), *fadt = rsdp ? find_fadt(rsdp) : NULL;

	if (fadt) {
		uint64_t patience = time_ns() + 1000000000u;

		outw(read32(fadt + FADT_PM1A_CNT),
		     sleep_type(phys(read32(fadt + FADT_DSDT))) << 10 | SLEEP_ENABLE);
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
