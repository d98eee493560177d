/* SPDX-License-Identifier: MIT */
/*
 * An ordinary domain and the machine: it has no ports (reads give ones, writes go nowhere, whatever its I/O privilege),
 * no interrupt lines, no say over all caches; it may not steer machine, domains or processors, does not hear what Dom0
 * is told, and does not see the hypervisor's command line. The hypercalls that are Dom0's answer -EPERM to every command.
 */
#include "domu.h"
#include "time.h"
#include "xen/arch-x86/xen-mca.h"
#include "xen/domctl.h"
#include "xen/hypfs.h"
#include "xen/physdev.h"
#include "xen/platform.h"
#include "xen/sysctl.h"

const char test_title[] = "attack-domu-machine";

static void out(unsigned port, uint32_t value)
{
	__asm__ volatile("outb %b0, %w1" ::"a"(value), "d"(port));
	__asm__ volatile("outw %w0, %w1" ::"a"(value), "d"(port));
	__asm__ volatile("outl %0, %w1" ::"a"(value), "d"(port));
}

static uint32_t in(unsigned port)
{
	uint32_t value;

	__asm__ volatile("inl %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

static uint8_t inb(unsigned port)
{
	uint8_t value;

	__asm__ volatile("inb %w1, %0" : "=a"(value) : "d"(port));
	return value;
}

/* Resets by keyboard controller, chip set and ACPI; disks, interrupt controllers, timer, DMA, console. */
static void hostile_writes(void)
{
	static const struct {
		uint16_t port;
		uint32_t value;
	} writes[] = {{0x64, 0xfe},        {0x92, 1},        {0xcf9, 6},        {0xcf9, 0xe},
		      {0x604, 0x2000},     {0xb004, 0x2000}, {0x21, 0xff},      {0xa1, 0xff},
		      {0x20, 0x11},        {0x43, 0x34},     {0x40, 1},         {0x1f7, 0xe7},
		      {0x3f8, '!'},        {0x3fb, 0x80},    {0x70, 0xf},       {0x71, 0x55},
		      {0xcf8, 0x80000004}, {0xcfc, 0},       {0x0, 0xffffffff}, {0xb2, 0xffffff},
		      {0x402, 'X'},        {0x501, 0xff},    {0xf4, 0x10}};

	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++)
		check_no_fault(out(writes[i].port, writes[i].value));
}

static void ports(void)
{
	struct physdev_set_iopl iopl = {0};
	unsigned odd = 0;

	check_fault(VEC_GP, inb(0x80));
	iopl.iopl = 3;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	for (unsigned port = 0; port <= 0xffff; port++)
		odd += inb(port) != 0xff;
	check_eq(odd, 0);
	hostile_writes();
	check_eq(in(0xcfc), 0xffffffff);
	check_eq(in(0xffff), 0xffffffff);
}

static void interrupts(void)
{
	static const unsigned commands[] = {PHYSDEVOP_eoi,
					    PHYSDEVOP_irq_status_query,
					    PHYSDEVOP_alloc_irq_vector,
					    PHYSDEVOP_map_pirq,
					    PHYSDEVOP_unmap_pirq,
					    PHYSDEVOP_setup_gsi,
					    PHYSDEVOP_manage_pci_add,
					    PHYSDEVOP_manage_pci_remove,
					    PHYSDEVOP_manage_pci_add_ext,
					    PHYSDEVOP_pci_mmcfg_reserved,
					    PHYSDEVOP_pci_device_add,
					    PHYSDEVOP_pci_device_remove,
					    PHYSDEVOP_apic_read,
					    PHYSDEVOP_apic_write,
					    PHYSDEVOP_get_free_pirq,
					    PHYSDEVOP_pirq_eoi_gmfn_v1,
					    PHYSDEVOP_pirq_eoi_gmfn_v2,
					    PHYSDEVOP_restore_msi,
					    PHYSDEVOP_restore_msi_ext,
					    PHYSDEVOP_prepare_msix,
					    PHYSDEVOP_release_msix};
	static char arg[128];

	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		check_eq(hypercall_physdev_op(commands[i], arg), -XEN_EPERM);
	for (unsigned line = 0; line < 32; line++) {
		struct evtchn_bind_pirq bind = {.pirq = line};

		check_eq(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind), -XEN_EPERM);
	}
}

/* Every command of these, and some unknown ones. The structure is as it should be, except for its contents. */
static void control(void)
{
	static struct xen_domctl d;
	static struct xen_sysctl s;
	static struct xen_platform_op p;
	static struct xen_mc mc;

	for (unsigned cmd = 0; cmd < 100; cmd++) {
		__builtin_memset(&d, 0, sizeof(d));
		d.cmd = cmd;
		d.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
		d.domain = cmd % 2 ? victim_domid() : own_domid();
		check_eq(hypercall_domctl(&d), -XEN_EPERM);
		__builtin_memset(&s, 0, sizeof(s));
		s.cmd = cmd;
		s.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		check_eq(hypercall_sysctl(&s), -XEN_EPERM);
		__builtin_memset(&p, 0, sizeof(p));
		p.cmd = cmd;
		p.interface_version = XENPF_INTERFACE_VERSION;
		check_eq(hypercall_platform_op(&p), -XEN_EPERM);
		mc = (struct xen_mc){.cmd = cmd, .interface_version = XEN_MCA_INTERFACE_VERSION};
		check_eq(hypercall_mca(&mc), -XEN_EPERM);
		check_eq(hypercall_hypfs_op(cmd, "/", 2, &mc, sizeof(mc)), -XEN_EPERM);
		check_eq(hypercall_xenpmu_op(cmd, &mc), -XEN_EOPNOTSUPP);
	}
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), -XEN_EPERM);
	check_eq(hypercall_xen_version(XENVER_build_id, NULL), -XEN_EPERM);
}

/* The same through a multicall, whose checks are its own. */
static void control_by_multicall(void)
{
	static struct xen_domctl d = {.cmd = XEN_DOMCTL_destroydomain,
				      .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
	static struct multicall_entry m[3];

	d.domain = victim_domid();
	m[0] = (struct multicall_entry){.op = __HYPERVISOR_domctl, .args = {(unsigned long)&d}};
	m[1] = (struct multicall_entry){.op = __HYPERVISOR_sysctl, .args = {(unsigned long)&d}};
	m[2] = (struct multicall_entry){.op = __HYPERVISOR_platform_op, .args = {(unsigned long)&d}};
	check_eq(hypercall_multicall(m, ARRAY_SIZE(m)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(m); i++)
		check_eq((long)m[i].result, -XEN_EPERM);
}

static void others_end(void)
{
	const domid_t others[] = {0, victim_domid(), own_domid()};

	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		for (unsigned reason = 0; reason < 6; reason++) {
			struct sched_remote_shutdown s = {.domain_id = others[i], .reason = reason};

			check_eq(hypercall_sched_op(SCHEDOP_remote_shutdown, &s), -XEN_EPERM);
		}
}

static void caches(void)
{
	check_eq(mmuext1(MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EACCES);
	check_eq(mmuext1(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), -XEN_EACCES);
}

static void secrets(void)
{
	static char line[1024], byte;
	struct xen_feature_info fi = {0};

	check_eq(hypercall_xen_version(XENVER_commandline, line), 0);
	for (unsigned i = 0; i < sizeof(line); i++)
		check_eq(line[i], i < 8 ? "<denied>"[i] : 0);
	check_eq(hypercall_xen_version(XENVER_get_features, &fi), 0);
	check(!(fi.submap & 1u << XENFEAT_dom0));
	check(!(start_info->flags & (SIF_INITDOMAIN | SIF_PRIVILEGED)));
	check_eq(hypercall_console_io(CONSOLEIO_read, 1, &byte), -XEN_EPERM);
}

/* It may bind what is told to Dom0; it never hears it, though a domain ends and input is typed meanwhile. */
static void notices(void)
{
	static const unsigned global[] = {VIRQ_CONSOLE,  VIRQ_DOM_EXC,  VIRQ_TBUF,
					  VIRQ_DEBUGGER, VIRQ_CON_RING, VIRQ_ENOMEM};
	unsigned timer = bind_timer(), port[ARRAY_SIZE(global)] = {0};

	for (unsigned i = 0; i < ARRAY_SIZE(global); i++) {
		struct evtchn_bind_virq bind = {.virq = global[i]};

		if (!hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind))
			port[i] = bind.port;
	}
	printk("attack-domu-machine listens\n");
	for (unsigned i = 0; i < 20; i++)
		wait_for_port(timer, system_time() + 20000000);
	for (unsigned i = 0; i < ARRAY_SIZE(global); i++)
		check(!port[i] || !event_test_and_clear(port[i]));
}

void test_main(void)
{
	ports();
	interrupts();
	control();
	control_by_multicall();
	others_end();
	caches();
	secrets();
	notices();
}
