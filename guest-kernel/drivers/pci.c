/* SPDX-License-Identifier: MIT */
/* See pci.h. Under Ringlet Dom0 has an index register of its own, so nobody comes between the two accesses. */
#include "drivers/pci.h"
#include "cpu_ops.h"

#define INDEX  0xcf8u
#define DATA   0xcfcu
#define ENABLE (1u << 31)

#define PCI_TYPE          0x0c /* header type << 16 */
#define TYPE_BRIDGE       1u
#define TYPE_MANY         0x80u /* the device has more functions than one */
#define PCI_BRIDGE_BUSES  0x18  /* the last bus behind it << 16 */
#define NO_FUNCTION       0xffffffffu
#define FUNCTIONS_ON_BUS  256u
#define FUNCTIONS_ON_CARD 8u

uint32_t pci_read(pci_function_t function, uint8_t reg)
{
	outl(INDEX, ENABLE | (uint32_t)function << 8 | reg);
	return inl(DATA);
}

void pci_write(pci_function_t function, uint8_t reg, uint32_t value)
{
	outl(INDEX, ENABLE | (uint32_t)function << 8 | reg);
	outl(DATA, value);
}

/* The last bus that is known of after this function has been looked at. */
static unsigned look_at(pci_function_t function, uint32_t id, unsigned last,
			void (*found)(pci_function_t, uint32_t))
{
	uint32_t type = pci_read(function, PCI_TYPE) >> 16 & 0x7f;

	found(function, id);
	return type == TYPE_BRIDGE ? MAX(last, pci_read(function, PCI_BRIDGE_BUSES) >> 16 & 0xff) : last;
}

void pci_scan(void (*found)(pci_function_t function, uint32_t id))
{
	unsigned last = 0;

	outl(INDEX, ENABLE);
	if (inl(INDEX) != ENABLE) /* a machine without PCI */
		return;
	for (unsigned f = 0; f < (last + 1) * FUNCTIONS_ON_BUS; f++) {
		uint32_t id = pci_read(f, PCI_ID);

		if (id != NO_FUNCTION)
			last = look_at(f, id, last, found);
		if (f % FUNCTIONS_ON_CARD == 0 &&
		    (id == NO_FUNCTION || !(pci_read(f, PCI_TYPE) >> 16 & TYPE_MANY)))
			f += FUNCTIONS_ON_CARD - 1;
	}
}
