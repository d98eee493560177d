/* SPDX-License-Identifier: MIT */
/*
 * Configuration space of PCI by its two ports (PCI Local Bus 3.0, 3.2.2.3.2), which the hypervisor and Dom0 share: Dom0
 * has its own copy of the index register. A function is bus << 8 | device << 3 | function, of segment 0.
 */
#pragma once

#include "lib/types.h"

#define PCI_PORT_INDEX 0xcf8
#define PCI_PORT_DATA  0xcfc /* 4 ports */

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY 0x2u
#define PCI_BAR(n)         (0x10 + 4 * (n))
#define PCI_CAP_MSI        0x05
#define PCI_CAP_MSIX       0x11

bool pci_present(uint16_t function);
/* @reg is a multiple of @size: 1, 2 or 4 bytes. */
uint32_t pci_read(uint16_t function, uint8_t reg, unsigned size);
void pci_write(uint16_t function, uint8_t reg, unsigned size, uint32_t value);
/* Where @function has the capability @id; 0: it has none. */
uint8_t pci_find_capability(uint16_t function, uint8_t id);

/* A guest's access to a data port, with @index in its index register. */
uint32_t pci_port_read(uint32_t index, uint16_t port, unsigned size);
void pci_port_write(uint32_t index, uint16_t port, unsigned size, uint32_t value);
