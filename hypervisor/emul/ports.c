/* SPDX-License-Identifier: MIT */
/*
 * The ports of paravirtual guests. Two questions: may this code use the port at all (virtual IOPL, or the bitmap of
 * PHYSDEVOP_set_iobitmap; otherwise #GP), and is there a device for it. Dom0 has the real ones except those
 * that the hypervisor uses itself; for other domains nothing is there: reads give ones, writes go nowhere.
 */
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "dev/pci.h"
#include "dom/domain.h"
#include "emul/pv.h"
#include "mm/guest_copy.h"

/* The interrupt controllers, the interval timer; the serial console's UART, and PCI's ports, which are shared. */
static bool is_own(uint16_t port)
{
	if (port <= 0xa1)
		return port >= 0xa0 || (port >= 0x40 ? port <= 0x43 : port >= 0x20 && port <= 0x21);
	return (port & ~7) == 0x3f8 || (port & ~1) == 0x4d0 || (port & ~7) == PCI_PORT_INDEX;
}

static bool is_real(const struct vcpu *v, uint16_t port, unsigned size)
{
	if (!v->domain->privileged)
		return false;
	for (unsigned i = 0; !is_own(port + i);) /* own ports may lie between two others */
		if (++i == size)
			return true;
	return false;
}

static void use_cr3(uint64_t cr3)
{
	if (this_cpu->cr3 == cr3)
		return;
	this_cpu->cr3 = cr3;
	write_cr3(cr3);
}

/* The bitmap lies in the kernel's memory, which a pv64 application's page tables do not show. */
static int bitmap_read(struct vcpu *v, void *to, uint32_t at, size_t n)
{
	uint64_t cr3 = this_cpu->cr3;
	int rc;

	use_cr3(v->mm.kernel_cr3);
	rc = guest_read(to, v->dom.iobitmap + at, n);
	use_cr3(cr3);
	return rc;
}

static __rare bool bitmap_permits(struct vcpu *v, uint16_t port, unsigned size)
{
	uint8_t bits[2] = {0xff, 0xff};

	if (!v->dom.iobitmap || port + size > v->dom.iobitmap_ports)
		return false;
	/* As the processor does, look at two bytes (SDM 1 18.5.2); the last one may be missing. */
	if (bitmap_read(v, bits, port / 8, 2) && bitmap_read(v, bits, port / 8, 1))
		return false;
	return !((bits[0] | bits[1] << 8) >> port % 8 & ((1u << size) - 1));
}

static bool port_permitted(struct vcpu *v, uint16_t port, unsigned size)
{
	return emul_iopl_ok(v) || bitmap_permits(v, port, size);
}

/* Each privileged domain has its own PCI index register, which takes 4-byte accesses; smaller ones there are to another
 * device, such as the reset register of many chip sets. The data register is shared with the hypervisor. */
static __cold uint32_t unreal_read(const struct vcpu *v, uint16_t port, unsigned size)
{
	if (!v->domain->privileged)
		return ~0u;
	if (port == PCI_PORT_INDEX && size == 4)
		return v->domain->emul.pci_index;
	if (port >= PCI_PORT_DATA && port + size <= PCI_PORT_DATA + 4)
		return pci_port_read(v->domain->emul.pci_index, port, size);
	if (port >= PCI_PORT_INDEX && port + size <= PCI_PORT_DATA)
		return size == 1 ? inb(port) : inw(port);
	return ~0u;
}

static __cold void unreal_write(const struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	if (!v->domain->privileged)
		return;
	if (port == PCI_PORT_INDEX && size == 4)
		v->domain->emul.pci_index = value;
	else if (port >= PCI_PORT_DATA && port + size <= PCI_PORT_DATA + 4)
		pci_port_write(v->domain->emul.pci_index, port, size, value);
	else if (port >= PCI_PORT_INDEX && port + size <= PCI_PORT_DATA && size == 1)
		outb(port, value);
	else if (port >= PCI_PORT_INDEX && port + size <= PCI_PORT_DATA)
		outw(port, value);
}

static uint32_t port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	if (!is_real(v, port, size))
		return unreal_read(v, port, size);
	return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
}

static void port_write(struct vcpu *v, uint16_t port, unsigned size, uint32_t value)
{
	if (!is_real(v, port, size))
		unreal_write(v, port, size, value);
	else if (size == 1)
		outb(port, value);
	else if (size == 2)
		outw(port, value);
	else
		outl(port, value);
}

const struct emul_ports emul_pv_ports = {
    .permitted = port_permitted,
    .read = port_read,
    .write = port_write,
};

enum emul_result emul_pv_io(struct emul *e)
{
	return emul_io(e, &emul_pv_ports);
}
