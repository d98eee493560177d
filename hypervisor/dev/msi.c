/* SPDX-License-Identifier: MIT */
/*
 * The chips that are PCI functions. An MSI without mask register is masked by its enable bit, otherwise owned by Dom0.
 * The driver has already disabled the function's interrupt pin (PCI 3.0, 6.8.1.3), so nothing replaces the message.
 */
#include "dev/msi.h"
#include "dev/pci.h"
#include "lib/errno.h"
#include "mm/mm.h"
#include "mm/page.h"

/* Message address and data (SDM 3A 11.11). */
#define MSI_ADDRESS     0xfee00000u
#define MSI_DESTINATION 12

/* MSI's capability, from its beginning. */
#define MSI_CONTROL      0x02
#define MSI_ENABLE       0x0001u
#define MSI_COUNT        0x0070u /* how many messages, as a power of two */
#define MSI_WIDE         0x0080u
#define MSI_HAS_MASK     0x0100u
#define MSI_LOW          0x04
#define MSI_HIGH         0x08
#define MSI_DATA(wide)   ((wide) ? 0x0c : 0x08)
#define MSI_MASK(wide)   ((wide) ? 0x10 : 0x0c)
#define MSI_LENGTH(wide) ((wide) ? 0x18 : 0x14) /* with mask and pending bits */

/* MSI-X's capability and table. */
#define MSIX_CONTROL 0x02
#define MSIX_SIZE    0x07ffu /* how many entries, less one */
#define MSIX_TABLE   0x04
#define MSIX_BAR     0x7u
#define ENTRY_BYTES  16
#define ENTRY_MASKED 1u
enum {
	ENTRY_LOW,
	ENTRY_HIGH,
	ENTRY_DATA,
	ENTRY_CONTROL
};

#define BAR_IO      0x1u
#define BAR_TYPE    0x6u
#define BAR_64      0x4u
#define BAR_ADDRESS 0xfffffff0u
#define BARS        6

static uint32_t address(const struct irq_line *l)
{
	return MSI_ADDRESS | (uint32_t)l->apic_id << MSI_DESTINATION;
}

static void config_set(const struct irq_line *l, uint8_t offset, unsigned size, uint32_t bits, bool set)
{
	uint8_t reg = l->msi.capability + offset;
	uint32_t old = pci_read(l->msi.function, reg, size);

	pci_write(l->msi.function, reg, size, set ? old | bits : old & ~bits);
}

static void apply_mask(struct irq_line *l)
{
	if (l->msi.entry)
		l->msi.entry[ENTRY_CONTROL] = l->masked ? ENTRY_MASKED : 0;
	else if (l->msi.has_mask)
		config_set(l, MSI_MASK(l->msi.wide), 4, 1, l->masked);
	else
		config_set(l, MSI_CONTROL, 2, MSI_ENABLE, !l->masked);
}

/* One word names the processor, so the message need not be masked meanwhile. */
static void aim(struct irq_line *l)
{
	if (l->msi.entry)
		l->msi.entry[ENTRY_LOW] = address(l);
	else
		pci_write(l->msi.function, l->msi.capability + MSI_LOW, 4, address(l));
}

static const struct irq_chip msi_chip = {.name = "MSI", .mask = apply_mask, .unmask = apply_mask, .aim = aim};

static void write_message(struct irq_line *l)
{
	const struct msi *m = &l->msi;

	if (m->entry) {
		m->entry[ENTRY_CONTROL] = ENTRY_MASKED;
		m->entry[ENTRY_HIGH] = 0;
		m->entry[ENTRY_DATA] = l->vector;
	} else {
		config_set(l, MSI_CONTROL, 2, MSI_COUNT, false);
		if (m->wide)
			pci_write(m->function, m->capability + MSI_HIGH, 4, 0);
		pci_write(m->function, m->capability + MSI_DATA(m->wide), 2, l->vector);
	}
	aim(l);
	apply_mask(l);
}

/* What base register @bar holds; 0: nothing, as for virtual functions. */
static paddr_t bar_read(uint16_t function, unsigned bar)
{
	uint32_t low = pci_read(function, PCI_BAR(bar), 4), high = 0;

	if (low & BAR_IO)
		return 0;
	if ((low & BAR_TYPE) == BAR_64 && bar + 1 < BARS)
		high = pci_read(function, PCI_BAR(bar + 1), 4);
	return (paddr_t)high << 32 | (low & BAR_ADDRESS);
}

/* Where entry @number of the function's table lies. */
static int find_entry(const struct msi *m, uint64_t table_base, paddr_t *at)
{
	uint32_t table = pci_read(m->function, m->capability + MSIX_TABLE, 4);
	paddr_t bar;

	if (m->number > (pci_read(m->function, m->capability + MSIX_CONTROL, 2) & MSIX_SIZE))
		return -EINVAL;
	if ((table & MSIX_BAR) >= BARS || table_base % 16)
		return -EINVAL;
	if (!(pci_read(m->function, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
		return -ENXIO;
	bar = bar_read(m->function, table & MSIX_BAR);
	*at = table_base + (table & ~MSIX_BAR) + m->number * ENTRY_BYTES;
	if ((bar && bar != table_base) || *at < table_base || *at % PAGE_SIZE > PAGE_SIZE - ENTRY_BYTES)
		return -EINVAL;
	/* Dom0 says where, by the base register if not by its argument: never in memory or hidden MMIO. */
	return mfn_is_io(*at >> PAGE_SHIFT) && mmio_allowed(*at >> PAGE_SHIFT) ? 0 : -EPERM;
}

static int describe(struct msi *m, uint16_t function, uint64_t table_base, uint32_t number, paddr_t *entry)
{
	uint16_t control;

	*m = (struct msi){.function = function, .number = number};
	m->capability = pci_find_capability(function, table_base ? PCI_CAP_MSIX : PCI_CAP_MSI);
	if (!m->capability)
		return -ENODEV;
	if (table_base)
		return number > MSIX_SIZE ? -EINVAL : find_entry(m, table_base, entry);
	control = pci_read(function, m->capability + MSI_CONTROL, 2);
	m->wide = control & MSI_WIDE;
	m->has_mask = control & MSI_HAS_MASK;
	return 0;
}

/* A function sends messages of one kind. irq_lock held. */
static bool taken(uint16_t function, bool msix, uint32_t number)
{
	for (struct irq_line *l = NULL; (l = irq_line_next(l)) != NULL;)
		if (l->chip == &msi_chip && l->msi.function == function &&
		    (!msix || !l->msi.entry || l->msi.number == number))
			return true;
	return false;
}

static int open_line(const struct msi *m, paddr_t entry, struct irq_line **line)
{
	struct irq_line *l;

	if (taken(m->function, entry, m->number))
		return -EEXIST;
	l = irq_line_alloc(&msi_chip);
	if (!l)
		return -ENOSPC;
	l->msi = *m;
	if (!entry)
		config_set(l, MSI_CONTROL, 2, MSI_ENABLE, false);
	else
		l->msi.entry =
		    (void *)((char *)mmio_window(l->vector, entry >> PAGE_SHIFT) + entry % PAGE_SIZE);
	write_message(l);
	*line = l;
	return 0;
}

int msi_open(uint16_t function, uint64_t table_base, uint32_t number, struct irq_line **line)
{
	paddr_t entry = 0;
	struct msi m;
	int rc = describe(&m, function, table_base, number, &entry);

	if (rc)
		return rc;
	spin_lock(&irq_lock);
	rc = open_line(&m, entry, line);
	spin_unlock(&irq_lock);
	return rc;
}

void msi_close(struct irq_line *l)
{
	spin_lock(&irq_lock);
	if (!l->msi.entry)
		config_set(l, MSI_CONTROL, 2, MSI_ENABLE, false);
	irq_line_free(l);
	spin_unlock(&irq_lock);
}

void msi_restore(uint16_t function)
{
	spin_lock(&irq_lock);
	for (struct irq_line *l = NULL; (l = irq_line_next(l)) != NULL;)
		if (l->chip == &msi_chip && l->msi.function == function)
			write_message(l);
	spin_unlock(&irq_lock);
}

bool msi_in_use(uint16_t function)
{
	bool found;

	spin_lock(&irq_lock);
	found = taken(function, false, 0);
	spin_unlock(&irq_lock);
	return found;
}

/* Where the capability at @at ends, given its control word @control. */
static unsigned msi_end(unsigned at, uint16_t control)
{
	bool wide = control & MSI_WIDE;

	return at + (control & MSI_HAS_MASK ? MSI_LENGTH(wide) : MSI_DATA(wide) + 4);
}

bool msi_admits(uint16_t function, uint8_t reg, unsigned size, uint32_t *value)
{
	unsigned at = pci_find_capability(function, PCI_CAP_MSI);

	if (!at || reg + size <= at + MSI_CONTROL ||
	    reg >= msi_end(at, pci_read(function, at + MSI_CONTROL, 2)))
		return true;
	if (reg + size > at + MSI_LOW)
		return false;
	/* One message: more of them would use the vectors of other lines. */
	if (reg <= at + MSI_CONTROL)
		*value &= ~(MSI_COUNT << 8 * (at + MSI_CONTROL - reg));
	return true;
}
