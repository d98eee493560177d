/* SPDX-License-Identifier: MIT */
/* PCI's configuration space. pci_lock guards the pair of ports; no other lock is taken inside it. */
#include "dev/pci.h"
#include "cpu/x86.h"
#include "dev/msi.h"
#include "lib/spinlock.h"

#define INDEX_ENABLE      0x80000000u
#define INDEX_RESERVED    0x7f000000u /* registers from 256 on, on some processors: not allowed here */
#define STATUS            0x06
#define STATUS_CAP_LIST   0x10u
#define CAPABILITIES      0x34
#define HEADER_SIZE       0x40
#define CAPABILITIES_MOST ((256 - HEADER_SIZE) / 4)

static struct spinlock pci_lock;

static uint32_t data_in(uint32_t index, uint16_t port, unsigned size)
{
	uint32_t value;

	spin_lock(&pci_lock);
	outl(PCI_PORT_INDEX, index);
	value = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	spin_unlock(&pci_lock);
	return value;
}

static void data_out(uint32_t index, uint16_t port, unsigned size, uint32_t value)
{
	spin_lock(&pci_lock);
	outl(PCI_PORT_INDEX, index);
	if (size == 1)
		outb(port, value);
	else if (size == 2)
		outw(port, value);
	else
		outl(port, value);
	spin_unlock(&pci_lock);
}

static uint32_t index_of(uint16_t function, uint8_t reg)
{
	return INDEX_ENABLE | (uint32_t)function << 8 | (reg & 0xfcu);
}

uint32_t pci_read(uint16_t function, uint8_t reg, unsigned size)
{
	return data_in(index_of(function, reg), PCI_PORT_DATA + reg % 4, size);
}

void pci_write(uint16_t function, uint8_t reg, unsigned size, uint32_t value)
{
	data_out(index_of(function, reg), PCI_PORT_DATA + reg % 4, size, value);
}

bool pci_present(uint16_t function)
{
	return pci_read(function, 0, 2) != 0xffff;
}

uint8_t pci_find_capability(uint16_t function, uint8_t id)
{
	uint8_t at;

	if (!pci_present(function) || !(pci_read(function, STATUS, 2) & STATUS_CAP_LIST))
		return 0;
	at = pci_read(function, CAPABILITIES, 1) & 0xfc;
	/* A broken list may be circular. */
	for (unsigned i = 0; at >= HEADER_SIZE && i < CAPABILITIES_MOST; i++) {
		uint16_t head = pci_read(function, at, 2);

		if ((head & 0xff) == id)
			return at;
		at = head >> 8 & 0xfc;
	}
	return 0;
}

uint32_t pci_port_read(uint32_t index, uint16_t port, unsigned size)
{
	if (index & INDEX_RESERVED)
		return ~0u;
	return data_in(index, port, size);
}

void pci_port_write(uint32_t index, uint16_t port, unsigned size, uint32_t value)
{
	uint8_t reg = (index & 0xfc) + port % 4;

	if (index & INDEX_RESERVED)
		return;
	if (index & INDEX_ENABLE && reg >= HEADER_SIZE && !msi_admits(index >> 8, reg, size, &value))
		return;
	data_out(index, port, size, value);
}
