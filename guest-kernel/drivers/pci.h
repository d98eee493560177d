/* SPDX-License-Identifier: MIT */
/* The configuration space of PCI functions, by ports. (PCI Local Bus 3.0, 3.2.2.3.2, Software Generation of Configuration
 * Transactions; 6.1, Configuration Space Organization) */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "kern/lib/types.h"

#define PCI_ID           0x00 /* vendor; device << 16 */
#define PCI_COMMAND      0x04 /* status << 16 */
#define PCI_BAR0         0x10
#define PCI_CAPABILITIES 0x34 /* the lowest byte: where the first one is */
#define PCI_LINE         0x3c /* the lowest byte: where the firmware has led its interrupt */

#define PCI_COMMAND_IO       1u
#define PCI_COMMAND_MEMORY   2u
#define PCI_COMMAND_MASTER   4u
#define PCI_HAS_CAPABILITIES (1u << 20)
#define PCI_BAR_64           4u /* the next one is the upper half of its address */

typedef uint16_t pci_function_t; /* bus << 8 | device << 3 | function */

/* A register of four bytes; all ones where no function is. */
uint32_t pci_read(pci_function_t function, uint8_t reg);
void pci_write(pci_function_t function, uint8_t reg, uint32_t value);

/* Calls found() for each function of the machine, also for those behind bridges. */
void pci_scan(void (*found)(pci_function_t function, uint32_t id));

#endif
