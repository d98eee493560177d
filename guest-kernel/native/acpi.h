/* SPDX-License-Identifier: MIT */
/* ACPI's tables, which the firmware left in memory. (ACPI 6.4, 5.2, ACPI System Description Tables) */
#ifndef ACPI_H
#define ACPI_H

#include "kern/lib/types.h"

#define ACPI_HEADER 36u /* bytes before a table's contents; the length is at offset 4 */

/* The table with these four letters, or NULL. */
const uint8_t *acpi_table(const char *signature);

/* What lies at this physical address, or NULL if it is not mapped. */
const uint8_t *acpi_at(uint32_t addr);

uint32_t acpi_read32(const uint8_t *p);

#endif
