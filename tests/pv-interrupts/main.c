/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of real devices, for Dom0. QEMU's edu device raises one whenever its register is written, by its pin or by
 * MSI; a virtio device and an NVMe controller have MSI-X.
 *
 *   pin       a level line is silent from its arrival to the EOI, and comes again if the device still raises it
 *   message   comes as often as it is sent, needs no EOI, and the capability's address and data are not Dom0's to write
 *   storm     a message that is not taken is not let through for ever: the function's MSI is off for a while
 *   MSI-X     an entry is masked but while it is bound; what cannot be mapped is refused, each with its error
 *   vectors   all are given, then -ENOSPC, and all come back
 *   page      the shared page says for each PIRQ whether it needs an EOI
 */
#include "fw.h"
#include "time.h"
#include "xen/physdev.h"

const char test_title[] = "pv-interrupts";

#define EDU       0x11e81234u
#define VIRTIO    0x1af4u /* the vendor */
#define NVME      0x010802u
#define XHCI      0x0c0330u
#define EDU_RAISE 0x60
#define EDU_ACK   0x64

#define COMMAND    0x04
#define MEMORY     0x2u
#define BUS_MASTER 0x4u
#define BAR0       0x10
#define PIN_LINE   0x3c
#define CAP_MSI    0x05
#define CAP_MSIX   0x11
#define MSI_ENABLE 1u

#define DEVICE_PTE (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PCD | PTE_PWT)
#define SECONDS    1000000000ull
#define SOON       (system_time() + 10 * SECONDS) /* what must come */
#define A_WHILE    (system_time() + 3000000)      /* what must not */

static unsigned edu, other;
static volatile uint32_t *regs;
static uint8_t *eoi_page;

static void outl(unsigned port, uint32_t value)
{
	__asm__ volatile("outl %0, %w1" ::"a"(value), "d"(port));
}

static uint32_t inl(unsigned port)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

static void outw(unsigned port, uint16_t value)
{
	__asm__ volatile("outw %w0, %w1" ::"a"(value), "d"(port));
}

static uint32_t config(unsigned function, unsigned reg)
{
	outl(0xcf8, 0x80000000u | function << 8 | (reg & 0xfc));
	return inl(0xcfc) >> 8 * (reg & 3);
}

static void config_set(unsigned function, unsigned reg, uint32_t value)
{
	outl(0xcf8, 0x80000000u | function << 8 | (reg & 0xfc));
	outl(0xcfc, value);
}

static void config_set16(unsigned function, unsigned reg, uint16_t value)
{
	outl(0xcf8, 0x80000000u | function << 8 | (reg & 0xfc));
	outw(0xcfc + (reg & 2), value);
}

static unsigned find_device(uint32_t mask, uint32_t id)
{
	for (unsigned function = 0; function < 256; function++)
		if ((config(function, 0) & mask) == id)
			return function;
	error("no device %x: QEMU needs the devices of tests/build.mk", id);
}

static unsigned find_class(uint32_t class)
{
	for (unsigned function = 0; function < 256; function++)
		if (config(function, 8) >> 8 == class)
			return function;
	error("no device of class %x", class);
}

static unsigned capability(unsigned function, uint8_t id)
{
	unsigned at = config(function, 0x34) & 0xfc;

	while (at && (config(function, at) & 0xff) != id)
		at = config(function, at) >> 8 & 0xfc;
	return at;
}

/* A page of the image shows the device's instead. */
static void *map_device(uint64_t address)
{
	unsigned long va = (unsigned long)page_alloc();

	check_eq(pte_write(pte_maddr(va, 1), (address & ~0xfffull) | DEVICE_PTE), 0);
	check_eq(hypercall_update_va_mapping(va, (address & ~0xfffull) | DEVICE_PTE, UVMF_INVLPG), 0);
	return (void *)va;
}

static uint64_t bar(unsigned function, unsigned n)
{
	uint64_t low = config(function, BAR0 + 4 * n);

	return (low & 6) == 4 ? (uint64_t)config(function, BAR0 + 4 * n + 4) << 32 | (low & ~15ull)
			      : low & ~15ull;
}

static struct physdev_map_pirq message(unsigned function, uint64_t table_base, int entry)
{
	return (struct physdev_map_pirq){.domid = DOMID_SELF,
					 .type = MAP_PIRQ_TYPE_MSI_SEG,
					 .index = -1,
					 .pirq = -1,
					 .bus = function >> 8,
					 .devfn = function & 0xff,
					 .entry_nr = entry,
					 .table_base = table_base};
}

static int map(struct physdev_map_pirq m)
{
	int rc = hypercall_physdev_op(PHYSDEVOP_map_pirq, &m);

	return rc ? rc : m.pirq;
}

static int unmap(int pirq)
{
	struct physdev_unmap_pirq u = {.domid = DOMID_SELF, .pirq = pirq};

	return hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

static unsigned bind(int pirq)
{
	struct evtchn_bind_pirq b = {.pirq = pirq};

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &b), 0);
	event_mask(b.port, false);
	return b.port;
}

static void close_port(unsigned port)
{
	struct evtchn_close c = {.port = port};

	check_eq(hypercall_event_channel_op(EVTCHNOP_close, &c), 0);
}

static void eoi(int pirq)
{
	struct physdev_eoi e = {.irq = pirq};

	check_eq(hypercall_physdev_op(PHYSDEVOP_eoi, &e), 0);
}

static bool page_says_eoi(int pirq)
{
	return eoi_page[pirq / 8] >> pirq % 8 & 1;
}

static void pin(void)
{
	int line = config(edu, PIN_LINE) & 0xff;
	struct physdev_map_pirq m = {
	    .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = line, .pirq = line};
	unsigned port;

	check_eq(hypercall_physdev_op(PHYSDEVOP_map_pirq, &m), 0);
	check_eq(m.pirq, line);
	port = bind(line);
	check(page_says_eoi(line));
	regs[EDU_RAISE / 4] = 1;
	check(wait_for_port(port, SOON));
	check(!wait_for_port(port, A_WHILE)); /* raised still, but masked */
	eoi(line);
	check(wait_for_port(port, SOON));
	regs[EDU_ACK / 4] = 1;
	eoi(line);
	check(!wait_for_port(port, A_WHILE));
	regs[EDU_RAISE / 4] = 2;
	check(wait_for_port(port, SOON));
	regs[EDU_ACK / 4] = 2;
	close_port(port); /* without EOI; the next one starts again */
	port = bind(line);
	regs[EDU_RAISE / 4] = 4;
	check(wait_for_port(port, SOON));
	regs[EDU_ACK / 4] = 4;
	eoi(line);
	close_port(port);
	check_eq(unmap(line), 0);
}

static void capability_is_not_ours(unsigned at)
{
	uint32_t low = config(edu, at + 4), data = config(edu, at + 12);

	check((low & 0xfff00000) == 0xfee00000);
	config_set(edu, at + 4, 0xfee00000 | 0xff000);
	config_set(edu, at + 8, 1);
	config_set(edu, at + 12, 0x82);
	config_set16(edu, at + 12, 0x82);
	config_set16(edu, at + 4, 0);
	check_eq(config(edu, at + 4), low);
	check_eq(config(edu, at + 8), 0);
	check_eq(config(edu, at + 12), data);
}

/* Those behind the first would have others' vectors. */
static void one_message_at_most(void)
{
	unsigned xhci = find_class(XHCI), at = capability(xhci, CAP_MSI);

	check(config(xhci, at + 2) & 0x0e); /* it could send several */
	config_set16(xhci, at + 2, MSI_ENABLE | 0x30);
	check_eq(config(xhci, at + 2) & 0x71, MSI_ENABLE);
	config_set(xhci, at, MSI_ENABLE << 16 | 0x300000);
	check_eq(config(xhci, at + 2) & 0x71, MSI_ENABLE);
	config_set16(xhci, at + 2, 0);
}

static void storm(unsigned at, int pirq, unsigned port)
{
	bool off = false;

	event_mask(port, true); /* pending, and not taken */
	for (unsigned i = 0; i < 100000 && !off; i++) {
		regs[EDU_RAISE / 4] = 1;
		off = !(config(edu, at + 2) & MSI_ENABLE);
	}
	check(off);
	for (uint64_t end = SOON; !(config(edu, at + 2) & MSI_ENABLE) && system_time() < end;)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	check(config(edu, at + 2) & MSI_ENABLE);
	/* An EOI ends it, too, and the page asks for it. */
	for (unsigned i = 0; i < 100000 && config(edu, at + 2) & MSI_ENABLE; i++)
		regs[EDU_RAISE / 4] = 1;
	check(page_says_eoi(pirq));
	eoi(pirq);
	check(config(edu, at + 2) & MSI_ENABLE);
	check(!page_says_eoi(pirq));
	check(event_test_and_clear(port));
	event_mask(port, false);
	regs[EDU_RAISE / 4] = 1;
	check(wait_for_port(port, SOON));
	regs[EDU_ACK / 4] = ~0u;
}

static void messages(void)
{
	unsigned at = capability(edu, CAP_MSI), port;
	struct physdev_map_pirq m = message(edu, 0, 0);
	int pirq;

	m.type = MAP_PIRQ_TYPE_MULTI_MSI;
	m.entry_nr = 2;
	check_eq(map(m), -XEN_EOPNOTSUPP);
	m.entry_nr = 0;
	check_eq(map(m), -XEN_EINVAL);
	m.entry_nr = 1;
	pirq = map(m);
	check(pirq > 0);
	check_eq(map(m), -XEN_EEXIST);
	m.bus |= 1 << 16; /* another segment's */
	check_eq(map(m), -XEN_ENODEV);
	m.bus &= 0xffff;
	check_eq(unmap(pirq), 0);
	check_eq(unmap(pirq), -XEN_EINVAL);
	m.type = MAP_PIRQ_TYPE_MSI;
	check_eq(map(m), pirq); /* the same number and vector are free again */
	port = bind(pirq);
	config_set16(edu, at + 2, MSI_ENABLE);
	check(!page_says_eoi(pirq));
	for (unsigned i = 1; i < 100; i++) {
		regs[EDU_RAISE / 4] = i;
		check(wait_for_port(port, SOON));
		regs[EDU_ACK / 4] = i;
	}
	capability_is_not_ours(at);
	regs[EDU_RAISE / 4] = 1;
	check(wait_for_port(port, SOON));
	regs[EDU_ACK / 4] = 1;
	storm(at, pirq, port);
	/* Taken away while it is bound: it is sent no more. */
	check_eq(unmap(pirq), 0);
	check(!(config(edu, at + 2) & MSI_ENABLE));
	config_set16(edu, at + 2, MSI_ENABLE);
	regs[EDU_RAISE / 4] = 1;
	check(!wait_for_port(port, A_WHILE));
	regs[EDU_ACK / 4] = 1;
	config_set16(edu, at + 2, 0);
	close_port(port);
}

static void table(void)
{
	unsigned at = capability(other, CAP_MSIX), command = config(other, COMMAND), port;
	uint32_t where = config(other, at + 4);
	uint64_t base = bar(other, where & 7);
	unsigned last = config(other, at + 2) & 0x7ff;
	volatile uint32_t *entry = (void *)((char *)map_device(base + (where & ~7u)) + (where & 0xff8));
	struct physdev_pci_device device = {.bus = other >> 8, .devfn = other & 0xff};
	int pirq;

	config_set(other, COMMAND, (command & 0xffff) | MEMORY);
	check_eq(hypercall_physdev_op(PHYSDEVOP_prepare_msix, &device), 0);
	pirq = map(message(other, base, 0));
	check(pirq > 0);
	check_eq(map(message(other, base, 0)), -XEN_EEXIST);
	check_eq(map(message(other, base, last + 1)), -XEN_EINVAL);
	check_eq(map(message(other, base, -1)), -XEN_EINVAL);
	check_eq(map(message(other, base + PAGE_SIZE, 1)), -XEN_EINVAL);
	check_eq(map(message(other, (uint64_t)va_to_mfn(eoi_page) << 12, 1)), -XEN_EINVAL);
	check_eq(map(message(other, 0, 0)), -XEN_ENODEV); /* virtio has no MSI */
	check_eq(hypercall_physdev_op(PHYSDEVOP_release_msix, &device), -XEN_EBUSY);
	check_eq(entry[0] & 0xfff00000, 0xfee00000);
	check_eq(entry[3], 1);
	port = bind(pirq);
	check_eq(entry[3], 0);
	/* A reset may have emptied it. */
	entry[0] = entry[2] = 0;
	check_eq(hypercall_physdev_op(PHYSDEVOP_restore_msi_ext, &device), 0);
	check_eq(entry[0] & 0xfff00000, 0xfee00000);
	check(entry[2] >= 0x30);
	check_eq(entry[3], 0);
	close_port(port);
	check_eq(entry[3], 1);
	config_set(other, COMMAND, command & 0xffff & ~MEMORY);
	check_eq(map(message(other, base, 1)), -XEN_ENXIO);
	config_set(other, COMMAND, (command & 0xffff) | MEMORY);
	/* With the function everything goes. */
	check_eq(hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &device), 0);
	check_eq(unmap(pirq), -XEN_EINVAL);
	check_eq(hypercall_physdev_op(PHYSDEVOP_release_msix, &device), 0);
}

static void vectors(void)
{
	unsigned nvme = find_class(NVME), given = 0;
	uint64_t base = bar(nvme, 0);
	static int pirqs[300];

	config_set(nvme, COMMAND, (config(nvme, COMMAND) & 0xffff) | MEMORY);
	for (unsigned round = 0; round < 2; round++) {
		unsigned n = 0;

		while (n < ARRAY_SIZE(pirqs) && (pirqs[n] = map(message(nvme, base, n))) >= 0)
			n++;
		check(n > 150 && n < 192);
		check_eq(pirqs[n], -XEN_ENOSPC);
		check(!given || n == given);
		given = n;
		/* There are vectors for messages, or for lines. */
		check_eq(
		    hypercall_event_channel_op(EVTCHNOP_bind_pirq, &(struct evtchn_bind_pirq){.pirq = 7}),
		    -XEN_ENOSPC);
		while (n)
			check_eq(unmap(pirqs[--n]), 0);
	}
	close_port(bind(7));
	printk("%u vectors\n", given);
}

static void shared_page(void)
{
	struct physdev_pirq_eoi_gmfn g = {.gmfn = ~0ul};
	static char table_page[4096] __attribute__((aligned(4096)));

	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EINVAL);
	g.gmfn = root_mfn();
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EINVAL);
	eoi_page = page_alloc();
	g.gmfn = va_to_mfn(eoi_page);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), 0);
	g.gmfn = va_to_mfn(table_page);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EBUSY);
	check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, &g), -XEN_EBUSY);
	/* It stays writable memory as long as bits are set in it. */
	table_ready(eoi_page);
	check(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(eoi_page), 0) < 0);
	check_eq(page_set_ro(eoi_page, false), 0);
}

void test_main(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	edu = find_device(~0u, EDU);
	other = find_device(0xffff, VIRTIO);
	regs = map_device(bar(edu, 0));
	config_set(edu, COMMAND, (config(edu, COMMAND) & 0xffff) | MEMORY | BUS_MASTER);
	shared_page();
	pin();
	messages();
	one_message_at_most();
	table();
	vectors();
}
