/* SPDX-License-Identifier: MIT */
/*
 * Finding ACPI's tables: a pointer in the firmware's part of the first MiB leads to a table of tables.
 * (ACPI 6.4, 5.2.5.3, Root System Description Pointer Structure; 5.2.7, Root System Description Table)
 */
#include "x86/internal.h"
#include "acpi.h"
#include "kern/lib/string.h"

#define RSDP_RSDT 16

uint32_t acpi_read32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* boot.asm maps the first GiB (of which the 32-bit kernel uses the end for itself), paging.c the rest. */
static bool mapped(uint32_t addr)
{
	uint32_t mapped_always = 1022u << 20;

	return addr < mapped_always || (sizeof(void *) == 8 && addr >> PAGE_SHIFT < boot_info.pages);
}

const uint8_t *acpi_at(uint32_t addr)
{
	return addr && mapped(addr) ? (const uint8_t *)pfn_to_virt(0) + addr : NULL;
}

static const uint8_t *find_rsdp(void)
{
	for (uint32_t addr = 0xe0000; addr < 0x100000; addr += 16)
		if (!memcmp(acpi_at(addr), "RSD PTR ", 8))
			return acpi_at(addr);
	return NULL;
}

const uint8_t *acpi_table(const char *signature)
{
	const uint8_t *rsdp = find_rsdp(), *rsdt = rsdp ? acpi_at(acpi_read32(rsdp + RSDP_RSDT)) : NULL;
	uint32_t len = rsdt ? acpi_read32(rsdt + 4) : 0;

	for (uint32_t i = ACPI_HEADER; i + 4 <= len; i += 4) {
		const uint8_t *table = acpi_at(acpi_read32(rsdt + i));

		if (table && !memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}
