/* SPDX-License-Identifier: MIT */
/*
 * A Dom0 that maps interrupts absurdly. Messages of functions that do not exist; MSI-X tables that it says, or has its
 * device say, lie in memory, in the hypervisor, in an interrupt controller: nothing is written there. A device whose
 * table is moved away under the hypervisor's hands. Numbers of PIRQs and registers of every size. A page for EOIs that
 * is a page table, a device's, no domain's. Whatever is answered, the machine goes on, and what was mapped comes back
 * (audit=exit).
 */
#include "fw.h"
#include "xen/physdev.h"

const char test_title[] = "attack-interrupts";

#define VIRTIO  0x1af4u
#define COMMAND 0x04
#define MEMORY  0x2u
#define BAR0    0x10
#define TABLE   0x04 /* in MSI-X's capability */

static unsigned device, table_bar;
static uint32_t seed = 1;

static uint32_t any(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed ^ seed >> 16;
}

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

static uint32_t config(unsigned function, unsigned reg)
{
	outl(0xcf8, 0x80000000u | function << 8 | (reg & 0xfc));
	return inl(0xcfc);
}

static void config_set(unsigned function, unsigned reg, uint32_t value)
{
	outl(0xcf8, 0x80000000u | function << 8 | (reg & 0xfc));
	outl(0xcfc, value);
}

static void find(void)
{
	unsigned at;

	while (device < 256 && (config(device, 0) & 0xffff) != VIRTIO)
		device++;
	if (device == 256)
		error("no virtio device: QEMU needs -device virtio-rng-pci");
	at = config(device, 0x34) & 0xfc;
	while (at && (config(device, at) & 0xff) != 0x11)
		at = config(device, at) >> 8 & 0xfc;
	table_bar = BAR0 + 4 * (config(device, at + TABLE) & 7);
	config_set(device, COMMAND, (config(device, COMMAND) & 0xffff) | MEMORY);
}

static int map(unsigned type, unsigned function, uint64_t table_base, int entry, int pirq)
{
	struct physdev_map_pirq m = {.domid = DOMID_SELF,
				     .type = type,
				     .index = -1,
				     .pirq = pirq,
				     .bus = function >> 8,
				     .devfn = function & 0xff,
				     .entry_nr = entry,
				     .table_base = table_base};
	int rc = hypercall_physdev_op(PHYSDEVOP_map_pirq, &m);

	return rc ? rc : m.pirq;
}

static int unmap(int pirq)
{
	struct physdev_unmap_pirq u = {.domid = DOMID_SELF, .pirq = pirq};

	return hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

static void all_functions(void)
{
	for (unsigned function = 0; function < 0x10000; function += function < 0x400 ? 1 : 0x3f) {
		int rc = map(MAP_PIRQ_TYPE_MSI_SEG, function, 0, 0, -1);

		if (rc >= 0)
			check_eq(unmap(rc), 0);
		check(map(MAP_PIRQ_TYPE_MSI_SEG, function, 0xfffffffffffff000ull, 0, -1) < 0);
	}
}

/* Where no table is: said by the argument, then by the base register too. */
static void tables_in_memory(void)
{
	static char mine[4096] __attribute__((aligned(4096)));
	const uint64_t wrong[] = {(uint64_t)va_to_mfn(mine) << 12,
				  0x100000,
				  0x200000,
				  0x1000,
				  0xa0000,
				  0xfee00000,
				  0xfec00000,
				  0xfee00ff0,
				  ~15ull,
				  1ull << 52};
	uint32_t was = config(device, table_bar);

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		check(map(MAP_PIRQ_TYPE_MSI_SEG, device, wrong[i], 0, -1) < 0);
		check(map(MAP_PIRQ_TYPE_MSI, device, wrong[i], -1, -1) < 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		int rc;

		config_set(device, table_bar, wrong[i]);
		rc = map(MAP_PIRQ_TYPE_MSI_SEG, device, wrong[i], 0, -1);
		check(wrong[i] == 0xa0000 ? rc != -XEN_EFAULT : rc < 0);
		if (rc >= 0)
			check_eq(unmap(rc), 0);
	}
	config_set(device, table_bar, was);
	for (unsigned i = 0; i < sizeof(mine); i++)
		check(!mine[i]);
}

/* The device is somewhere else, off, and back while its message is mapped, bound, masked and taken away. */
static void moved_away(void)
{
	uint32_t was = config(device, table_bar), command = config(device, COMMAND) & 0xffff;
	const uint32_t places[] = {0, 0x100000, 0xfee00000, 0xfffff000};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		struct evtchn_bind_pirq bind;
		struct evtchn_close close;
		int pirq = map(MAP_PIRQ_TYPE_MSI_SEG, device, was & ~15u, 0, -1);

		check(pirq > 0);
		config_set(device, table_bar, places[i]);
		config_set(device, COMMAND, i % 2 ? command : 0);
		bind = (struct evtchn_bind_pirq){.pirq = pirq};
		check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0);
		close.port = bind.port;
		check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
		check_eq(unmap(pirq), 0);
		config_set(device, table_bar, was);
		config_set(device, COMMAND, command);
	}
}

static void numbers(void)
{
	static const unsigned odd[] = {512, 513, 1024, 4096, 0x7fffffff, 0x80000000u, ~0u, 0xffff0000};

	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		struct evtchn_bind_pirq bind = {.pirq = odd[i], .flags = ~0u};
		struct physdev_eoi eoi = {.irq = odd[i]};

		check(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind) < 0);
		check(hypercall_physdev_op(PHYSDEVOP_eoi, &eoi) < 0);
		check(unmap(odd[i]) < 0);
		if ((int)odd[i] > 0)
			check(map(MAP_PIRQ_TYPE_MSI_SEG, device, config(device, table_bar) & ~15u, 0,
				  odd[i]) < 0);
	}
}

static void any_arguments(void)
{
	for (unsigned i = 0; i < 20000; i++) {
		int rc = map(any() % 6, any() % 8 ? device : any() & 0xffff,
			     any() % 4 ? config(device, table_bar) & ~15u : any(), any() % 8 - 1,
			     any() % 3 ? -1 : (int)(any() % 600));
		struct evtchn_bind_pirq bind = {.pirq = rc, .flags = any()};

		if (rc < 0)
			continue;
		if (!hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind) && any() % 2) {
			struct evtchn_close close = {.port = bind.port};

			check_eq(hypercall_event_channel_op(EVTCHNOP_close, &close), 0);
		}
		if (any() % 4)
			check_eq(unmap(rc), 0);
		else
			hypercall_physdev_op(PHYSDEVOP_pci_device_remove,
					     &(struct physdev_pci_device){.devfn = device});
	}
}

/* Each register of each function by each size, through indexes of all kinds. */
static void config_space(void)
{
	uint32_t bars[6], command = config(device, COMMAND) & 0xffff;

	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		bars[i] = config(device, BAR0 + 4 * i);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned port = 0xcfc + any() % 4;
		uint32_t value = any();

		outl(0xcf8, (any() & 0x7f000000) * (any() % 4 == 0) | (any() % 8 ? 0x80000000u : 0) |
				device << 8 | (any() & 0xfc));
		switch (any() % 6) {
		case 0:
			check_no_fault(__asm__ volatile("outb %b0, %w1" ::"a"(value), "d"(port)));
			break;
		case 1:
			check_no_fault(__asm__ volatile("outw %w0, %w1" ::"a"(value), "d"(port)));
			break;
		case 2:
			check_no_fault(__asm__ volatile("outl %0, %w1" ::"a"(value), "d"(port)));
			break;
		default:
			check_no_fault(inl(port));
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		config_set(device, BAR0 + 4 * i, bars[i]);
	config_set(device, COMMAND, command);
}

static void pages(void)
{
	const unsigned long frames[] = {0,          ~0ul,     root_mfn(),        0x100, 0xfee00, 0xa0,
					0xffffffff, 0xfffffu, (unsigned long)-2, 1};

	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		struct physdev_pirq_eoi_gmfn g = {.gmfn = frames[i]};

		check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EINVAL);
		check_eq(hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, &g), -XEN_EINVAL);
	}
}

void test_main(void)
{
	struct physdev_set_iopl iopl = {.iopl = 1};

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	find();
	all_functions();
	tables_in_memory();
	moved_away();
	numbers();
	pages();
	any_arguments();
	config_space();
	any_arguments();
}
