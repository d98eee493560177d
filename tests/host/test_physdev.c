/* SPDX-License-Identifier: MIT */
/*
 * Specification: what Dom0 asks of the machine's devices (hypervisor/dom/physdev_driver.c), with devices written down.
 *   whose     no other domain may ask any of it; Dom0 maps lines for others, messages only for itself
 *   messages  which function, table and number each form names; numbers that name nothing here are refused, not cut short
 *   results   a PIRQ that was found comes back in the structure, and 0 as the result; a reference is let go on every way
 *   in_memory configuration space in memory is what the firmware's table says, or an error
 *   functions those that are there, of segment 0; one that is gone may be removed; the table of a used one stays
 */
#include "guest_host.h"
#define remove remove_function /* stdio.h has one */
#include "dom/physdev_driver.c"
#undef remove

#define GSIS 24

struct acpi_info acpi = {.mmconfig_count = 2,
			 .mmconfig = {{0xb0000000, 0, 0, 0x7f}, {0xc0000000, 1, 0x10, 0xff}}};
static struct domain doms[2]; /* Dom0, and another */
static struct vcpu vcpu = {.domain = &doms[0]};
static int result; /* what the mechanism says */

struct domain *domain_by_id(domid_t id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : id < 2 ? &doms[id] : NULL;

	if (d)
		d->refs++;
	return d;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	d->refs--;
}
unsigned ioapic_gsi_count(void)
{
	return GSIS;
}
int pirq_map_gsi(struct domain *d, uint32_t gsi, int wanted)
{
	note("line %u of d%u as %d", gsi, d->id, wanted);
	return result;
}
int pirq_map_msi(struct domain *d, const struct pirq_message *m, int wanted)
{
	note("message %u of %x at %lx of d%u as %d", m->number, m->function, m->table_base, d->id, wanted);
	return result;
}
int pirq_unmap(struct domain *d, uint32_t pirq)
{
	note("unmap %u of d%u", pirq, d->id);
	return result;
}
void pirq_unmap_function(struct domain *d, uint16_t function)
{
	note("forget %x of d%u", function, d->id);
}
int pirq_reserve(struct domain *d)
{
	return result;
}
int ioapic_setup(uint32_t gsi, bool level, bool low)
{
	note("line %u is %d%d", gsi, level, low);
	return result;
}
int ioapic_guest_read(uint64_t base, uint32_t reg, uint32_t *value)
{
	*value = base + reg;
	return result;
}
int ioapic_guest_write(uint64_t base, uint32_t reg, uint32_t value)
{
	note("register %x of %lx is %x", reg, base, value);
	return result;
}
/* Function 0:3.0, with MSI-X. */
bool pci_present(uint16_t function)
{
	return function == 0x18;
}
uint8_t pci_find_capability(uint16_t function, uint8_t id)
{
	return function == 0x18 && id == PCI_CAP_MSIX ? 0x50 : 0;
}
static bool used;
bool msi_in_use(uint16_t function)
{
	return used;
}
void msi_restore(uint16_t function)
{
	note("restore %x", function);
}

static int setup(void **state)
{
	doms[0] = (struct domain){.id = 0, .abi = &guest_pv64, .privileged = true};
	doms[1] = (struct domain){.id = 1, .abi = &guest_pv64};
	host_percpu.vcpu = &vcpu;
	result = 0;
	used = false;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	return doms[0].refs | doms[1].refs;
}

/* The operation on a structure, which the test has filled in. */
static long asks(unsigned op, void *arg)
{
	return physdev_driver_ops[op].run(&vcpu, arg);
}

static void whose(void **state)
{
	vcpu.domain = &doms[1];
	for (unsigned op = 0; op < PHYSDEV_DRIVER_OPS; op++)
		if (physdev_driver_ops[op].run)
			assert_int_equal(
			    sub_op_run(physdev_driver_ops, PHYSDEV_DRIVER_OPS, op, &vcpu, guest_memory()),
			    -EPERM);
	vcpu.domain = &doms[0];
	assert_done("");
}

static long map(struct physdev_map_pirq *m, domid_t who)
{
	m->domid = who;
	m->pirq = -1;
	return asks(PHYSDEVOP_map_pirq, m);
}

static void lines(void **state)
{
	struct physdev_map_pirq m = {.type = MAP_PIRQ_TYPE_GSI, .index = 5};
	struct physdev_unmap_pirq u = {.domid = 1, .pirq = 6};
	struct physdev_setup_gsi s = {.gsi = 0, .triggering = 1, .polarity = 0};
	struct physdev_irq irq = {.irq = GSIS - 1};
	struct physdev_get_free_pirq f = {.type = MAP_PIRQ_TYPE_MSI};

	result = 9;
	assert_int_equal(map(&m, DOMID_SELF), 0);
	assert_int_equal(m.pirq, 9);
	assert_int_equal(map(&m, 1), 0);
	assert_int_equal(m.pirq, 9);
	assert_done("line 5 of d0 as -1;line 5 of d1 as -1;");
	m.index = 0;
	assert_int_equal(map(&m, 0), 0);
	assert_int_equal(map(&m, 1), 0);
	assert_done("line 0 of d0 as -1;line 0 of d1 as -1;");
	m.index = -1;
	assert_int_equal(map(&m, 0), -EINVAL);
	assert_int_equal(map(&m, 1), -EINVAL);
	assert_int_equal(map(&m, 2), -ESRCH);
	assert_int_equal(map(&m, DOMID_IDLE), -ESRCH);
	m.type = MAP_PIRQ_TYPE_UNKNOWN;
	assert_int_equal(map(&m, 0), -EINVAL);
	assert_int_equal(map(&m, 1), -EPERM);
	assert_done("");
	result = -EBUSY;
	m = (struct physdev_map_pirq){.type = MAP_PIRQ_TYPE_GSI, .index = 9};
	assert_int_equal(map(&m, 0), -EBUSY);
	assert_int_equal(m.pirq, -EBUSY);
	assert_int_equal(asks(PHYSDEVOP_unmap_pirq, &u), -EBUSY);
	u.domid = 2;
	assert_int_equal(asks(PHYSDEVOP_unmap_pirq, &u), -ESRCH);
	assert_int_equal(asks(PHYSDEVOP_setup_gsi, &s), -EBUSY);
	s.gsi = -1;
	assert_int_equal(asks(PHYSDEVOP_setup_gsi, &s), -EINVAL);
	assert_done("line 9 of d0 as -1;unmap 6 of d1;line 0 is 10;");
	assert_int_equal(asks(PHYSDEVOP_alloc_irq_vector, &irq), 0);
	assert_int_equal(irq.vector, GSIS - 1);
	irq.irq = GSIS;
	assert_int_equal(asks(PHYSDEVOP_alloc_irq_vector, &irq), -EINVAL);
	assert_int_equal(asks(PHYSDEVOP_get_free_pirq, &f), -EBUSY);
	result = 40;
	assert_int_equal(asks(PHYSDEVOP_get_free_pirq, &f), 0);
	assert_int_equal(f.pirq, 40);
	f.type = MAP_PIRQ_TYPE_GSI;
	assert_int_equal(asks(PHYSDEVOP_get_free_pirq, &f), 0);
	f.type = MAP_PIRQ_TYPE_MSI_SEG;
	assert_int_equal(asks(PHYSDEVOP_get_free_pirq, &f), -EINVAL);
}

static void messages(void **state)
{
	const int msi = MAP_PIRQ_TYPE_MSI, seg = MAP_PIRQ_TYPE_MSI_SEG, multi = MAP_PIRQ_TYPE_MULTI_MSI;
	static const char plain[] = "message 0 of 718 at 0 of d0 as -1;";
	static const char msix[] = "message 3 of 718 at fe000000 of d0 as -1;";
	const struct {
		int type, bus, devfn, entry_nr;
		uint64_t table;
		long result;
		const char *done;
	} cases[] = {
	    {msi, 7, 0x18, 3, 0, 0, plain}, /* without a table the number says nothing */
	    {seg, 7, 0x18, 3, 0, 0, plain},
	    {msi, 7, 0x18, 3, 0xfe000000, 0, msix},
	    {seg, 7, 0x18, 3, 0xfe000000, 0, msix},
	    {multi, 7, 0x18, 1, 0, 0, plain},
	    {multi, 7, 0x18, 0, 0, -EINVAL, ""},
	    {multi, 7, 0x18, 2, 0, -EOPNOTSUPP, ""},
	    {multi, 7, 0x18, 32, 0, -EOPNOTSUPP, ""},
	    {multi, 7, 0x18, 33, 0, -EINVAL, ""},
	    {multi, 7, 0x18, 1, 0xfe000000, -EINVAL, ""},
	    {msi, 7, 0x118, 0, 0, -EINVAL, ""},
	    {seg, 7, 0x118, 0, 0, -EINVAL, ""},
	    {msi, 0x107, 0x18, 0, 0, -EINVAL, ""},
	    {seg, 0x107, 0x18, 0, 0, -EINVAL, ""},
	    {msi, 0x10007, 0x18, 0, 0, -EINVAL, ""},
	    {seg, 0x10007, 0x18, 0, 0, -ENODEV, ""}, /* another segment */
	    {multi, 0x10007, 0x18, 1, 0, -ENODEV, ""},
	    {multi, 0x10107, 0x18, 1, 0, -EINVAL, ""},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct physdev_map_pirq m = {.type = cases[i].type,
					     .bus = cases[i].bus,
					     .devfn = cases[i].devfn,
					     .entry_nr = cases[i].entry_nr,
					     .table_base = cases[i].table};

		assert_int_equal(map(&m, 0), cases[i].result);
		assert_int_equal(m.pirq, cases[i].result);
		assert_done(cases[i].done);
		assert_int_equal(map(&m, 1), -EPERM);
		assert_done("");
	}
}

static long space(uint64_t address, uint16_t segment, uint8_t start, uint8_t end, uint32_t flags)
{
	struct physdev_pci_mmcfg_reserved m = {address, segment, start, end, flags};

	return asks(PHYSDEVOP_pci_mmcfg_reserved, &m);
}

static void in_memory(void **state)
{
	assert_int_equal(space(0xb0000000, 0, 0, 0x7f, XEN_PCI_MMCFG_RESERVED), 0);
	assert_int_equal(space(0xb0000000, 0, 0, 0x7f, 0), 0);
	assert_int_equal(space(0xc0000000, 1, 0x10, 0xff, 0), 0);
	assert_int_equal(space(0xb0000000, 0, 0, 0x7f, 2), -EINVAL);
	assert_int_equal(space(0xb0100000, 0, 0, 0x7f, 0), -EIO);
	assert_int_equal(space(0xb0000000, 1, 0, 0x7f, 0), -ENODEV);
	assert_int_equal(space(0xb0000000, 0, 1, 0x7f, 0), -ENODEV);
	assert_int_equal(space(0xb0000000, 0, 0, 0xff, 0), -ENODEV);
	acpi.mmconfig_count = 1;
	assert_int_equal(space(0xc0000000, 1, 0x10, 0xff, 0), -ENODEV);
	acpi.mmconfig_count = 2;
}

static void functions(void **state)
{
	static const unsigned by_segment[] = {PHYSDEVOP_pci_device_remove, PHYSDEVOP_restore_msi_ext,
					      PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix};
	struct physdev_manage_pci there = {.bus = 0, .devfn = 0x18}, gone = {.bus = 1, .devfn = 0x18};
	struct physdev_manage_pci_ext ext = {.bus = 0, .devfn = 0x18};
	struct physdev_pci_device_add added = {.devfn = 0x18};
	struct physdev_restore_msi old = {.devfn = 0x18};
	struct physdev_pci_device d = {.devfn = 0x18};

	assert_int_equal(asks(PHYSDEVOP_manage_pci_add, &there), 0);
	assert_int_equal(asks(PHYSDEVOP_manage_pci_add, &gone), -ENODEV);
	assert_int_equal(asks(PHYSDEVOP_manage_pci_add_ext, &ext), 0);
	ext.bus = 1;
	assert_int_equal(asks(PHYSDEVOP_manage_pci_add_ext, &ext), -ENODEV);
	assert_int_equal(asks(PHYSDEVOP_pci_device_add, &added), 0);
	added.seg = 1;
	assert_int_equal(asks(PHYSDEVOP_pci_device_add, &added), -ENODEV);
	assert_done("");
	assert_int_equal(asks(PHYSDEVOP_manage_pci_remove, &gone), 0);
	assert_int_equal(asks(PHYSDEVOP_pci_device_remove, &d), 0);
	assert_done("forget 118 of d0;forget 18 of d0;");
	assert_int_equal(asks(PHYSDEVOP_restore_msi, &old), 0);
	assert_int_equal(asks(PHYSDEVOP_restore_msi_ext, &d), 0);
	assert_done("restore 18;restore 18;");
	assert_int_equal(asks(PHYSDEVOP_prepare_msix, &d), 0);
	used = true;
	assert_int_equal(asks(PHYSDEVOP_release_msix, &d), -EBUSY);
	d.seg = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(by_segment); i++)
		assert_int_equal(asks(by_segment[i], &d), -ENODEV);
	d = (struct physdev_pci_device){.devfn = 0x20};
	assert_int_equal(asks(PHYSDEVOP_restore_msi_ext, &d), -ENODEV);
	assert_int_equal(asks(PHYSDEVOP_prepare_msix, &d), -ENODEV);
	assert_done("");
}

static void registers(void **state)
{
	struct physdev_apic a = {.apic_physbase = 0xfec00000, .reg = 3, .value = 7};

	assert_int_equal(asks(PHYSDEVOP_apic_write, &a), 0);
	assert_done("register 3 of fec00000 is 7;");
	assert_int_equal(asks(PHYSDEVOP_apic_read, &a), 0);
	assert_int_equal(a.value, 0xfec00003);
	result = -EINVAL;
	assert_int_equal(asks(PHYSDEVOP_apic_read, &a), -EINVAL);
	assert_int_equal(asks(PHYSDEVOP_apic_write, &a), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(whose), TEST(lines), TEST(messages), TEST(in_memory), TEST(functions), TEST(registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
