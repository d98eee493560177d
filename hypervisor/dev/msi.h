/* SPDX-License-Identifier: MIT */
/*
 * Messages of PCI functions as interrupt lines: MSI (PCI Local Bus 3.0, 6.8.1), one per function, and the entries of MSI-X
 * tables (6.8.2). The hypervisor alone writes address and data of a message.
 *
 * This protects against mistakes of Dom0, not against a hostile driver. Its function may send any message: that is a
 * write to memory, which nothing here remaps. Without an IOMMU, control of a device's DMA is control of the machine.
 */
#pragma once

#include "dev/irq.h"

/*
 * A masked line for messages of @function: MSI if @table_base is 0; else entry @number of its MSI-X table, in the base
 * register that holds @table_base.
 * -ENODEV: there is no such function, or it has no such capability. -EINVAL: no such entry, or the table lies elsewhere.
 * -ENXIO: the function does not decode memory. -EPERM: the table lies where Dom0 may have nothing. -EEXIST: mapped
 * already, or the function uses the other kind. -ENOSPC: there is no vector left.
 */
int msi_open(uint16_t function, uint64_t table_base, uint32_t number, struct irq_line **line);
/* Its message is no longer sent. It has no users. */
void msi_close(struct irq_line *l);
/* The function was reset: write again what its lines need. */
void msi_restore(uint16_t function);
/* Does @function have lines? */
bool msi_in_use(uint16_t function);
/* May Dom0 write @value to register @reg of configuration space? Bits that Dom0 may not set are cleared in it. */
bool msi_admits(uint16_t function, uint8_t reg, unsigned size, uint32_t *value);
