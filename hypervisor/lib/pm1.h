/* SPDX-License-Identifier: MIT */
/* Bits of the register that puts a machine to sleep: the real one's, and the one that fv guests have (ACPI 6.4, 4.8.3.2.1, PM1
 * Control Registers). */
#pragma once

#define PM1_SCI_EN      1u
#define PM1_SLP_TYPE(t) ((uint16_t)(t) << 10)
#define PM1_SLP_EN      (1u << 13)
