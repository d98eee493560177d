/* SPDX-License-Identifier: MIT */
/*
 * The operations by which Dom0 controls domains and the machine, on domains that it made (misc.c): structures with the right
 * shape, whose numbers are small, at borders or anything; states that were read and are set again with a word or two changed. Two
 * vCPUs do this to the same domains, and now and then the structure lies in the arena, which changes meanwhile. For an ordinary
 * domain each of these must be refused.
 */
#include "fuzz.h"
#include "xen/arch-x86/xen-mca.h"
#include "xen/domctl.h"
#include "xen/hypfs.h"
#include "xen/physdev.h"
#include "xen/platform.h"
#include "xen/sysctl.h"

#define NONE 255
#define BIG  4096 /* of a buffer in the ring */

/* Where an operation's structure has what: bytes from its union's beginning. */
struct shape {
	uint8_t cmd;
	uint8_t vcpu, bits; /* u32: a vCPU's number; how many */
	uint8_t pointer[2];
	uint16_t many; /* of what @bits counts, at most */
};
#define SHAPE(cmd, vcpu, bits, many, p0, p1)    \
	{                                       \
		cmd, vcpu, bits, {p0, p1}, many \
	}

static const struct shape domctls[] = {
    SHAPE(XEN_DOMCTL_setvcpuaffinity, 0, 16, 70, 8, 24),
    SHAPE(XEN_DOMCTL_getvcpuaffinity, 0, 16, 70, 8, 24),
    SHAPE(XEN_DOMCTL_shadow_op, NONE, 0, 40, 16, NONE),
    SHAPE(XEN_DOMCTL_setvcpucontext, 0, NONE, 0, 8, NONE),
    SHAPE(XEN_DOMCTL_getvcpucontext, 0, NONE, 0, 8, NONE),
    SHAPE(XEN_DOMCTL_getvcpuinfo, 0, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_scheduler_op, 8, 4, 5, NONE, NONE),
    SHAPE(XEN_DOMCTL_setdomainhandle, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_setdebugging, NONE, 0, 3, NONE, NONE),
    SHAPE(XEN_DOMCTL_irq_permission, NONE, 0, 40, NONE, NONE),
    SHAPE(XEN_DOMCTL_settimeoffset, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_resumedomain, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_sendtrigger, 4, 0, 4, NONE, NONE),
    SHAPE(XEN_DOMCTL_get_address_size, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_set_ext_vcpucontext, 0, 4, 80, NONE, NONE),
    SHAPE(XEN_DOMCTL_get_ext_vcpucontext, 0, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_gettscinfo, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_DOMCTL_settscinfo, NONE, 0, 3, NONE, NONE),
    SHAPE(XEN_DOMCTL_getpageframeinfo3, NONE, 0, 1100, 8, NONE),
    SHAPE(XEN_DOMCTL_setvcpuextstate, 0, 16, 900, 24, NONE),
    SHAPE(XEN_DOMCTL_getvcpuextstate, 0, 16, 900, 24, NONE),
    SHAPE(XEN_DOMCTL_setnodeaffinity, NONE, 8, 40, 0, NONE),
    SHAPE(XEN_DOMCTL_getnodeaffinity, NONE, 8, 40, 0, NONE),
    SHAPE(XEN_DOMCTL_get_vcpu_msrs, 0, 4, 3, 8, NONE),
    SHAPE(XEN_DOMCTL_set_vcpu_msrs, 0, 4, 3, 8, NONE),
    SHAPE(XEN_DOMCTL_get_cpu_policy, NONE, 0, 130, 8, 16),
    SHAPE(XEN_DOMCTL_set_cpu_policy, NONE, 0, 130, 8, 16),
};

static const struct shape sysctls[] = {
    SHAPE(XEN_SYSCTL_readconsole, NONE, 16, 4000, 8, NONE),
    SHAPE(XEN_SYSCTL_physinfo, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_SYSCTL_sched_id, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_SYSCTL_getdomaininfolist, NONE, 4, 20, 8, NONE),
    SHAPE(XEN_SYSCTL_getcpuinfo, NONE, 0, 70, 8, NONE),
    SHAPE(XEN_SYSCTL_availheap, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_SYSCTL_cputopoinfo, NONE, 0, 70, 8, NONE),
    SHAPE(XEN_SYSCTL_numainfo, NONE, 0, 3, 8, 16),
    SHAPE(XEN_SYSCTL_cpupool_op, 4, 0, 9, 24, NONE),
    SHAPE(XEN_SYSCTL_scheduler_op, 0, 8, 3, NONE, NONE),
    SHAPE(XEN_SYSCTL_pcitopoinfo, NONE, 0, 40, 8, 16),
    SHAPE(XEN_SYSCTL_get_cpu_levelling_caps, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_SYSCTL_get_cpu_featureset, 0, 4, 20, 8, NONE),
    SHAPE(XEN_SYSCTL_get_cpu_policy, 0, 4, 130, 16, 24),
};

static const struct shape platforms[] = {
    SHAPE(XENPF_settime32, NONE, NONE, 0, NONE, NONE),     SHAPE(XENPF_settime64, 12, NONE, 0, NONE, NONE),
    SHAPE(XENPF_firmware_info, 4, 0, 7, NONE, NONE),       SHAPE(XENPF_get_cpuinfo, 0, NONE, 0, NONE, NONE),
    SHAPE(XENPF_enter_acpi_sleep, NONE, 4, 8, NONE, NONE),
};

static const struct shape mcas[] = {
    SHAPE(XEN_MC_fetch, NONE, 0, 8, 16, NONE),          SHAPE(XEN_MC_notifydomain, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_MC_physcpuinfo, NONE, 0, 70, 8, NONE),    SHAPE(XEN_MC_msrinject, NONE, NONE, 0, NONE, NONE),
    SHAPE(XEN_MC_mceinject, NONE, NONE, 0, NONE, NONE), SHAPE(XEN_MC_inject_v2, NONE, 4, 70, 8, NONE),
};

enum family {
	DOMCTL,
	SYSCTL,
	PLATFORM,
	MCA,
	HYPFS,
	PHYSDEV,
	FAMILIES
};
#define OPS 32
static struct tally {
	uint32_t made, worked;
} tallies[FAMILIES][OPS];

static void count(struct fuzz *f, enum family family, unsigned op, long rc)
{
	struct tally *t = &tallies[family][op % OPS];

	if (f->queueing)
		return;
	t->made++;
	t->worked += rc >= 0;
	if (!f->dom0 && rc >= 0)
		printk("BUG: an ordinary domain may do operation %u of family %u\n", op, family);
}

void control_tell(void)
{
	static const char *const names[FAMILIES] = {"domctl", "sysctl",   "platform_op",
						    "mca",    "hypfs_op", "physdev_op"};
	static const struct {
		const struct shape *shape;
		unsigned n;
	} of[FAMILIES] = {{domctls, ARRAY_SIZE(domctls)},
			  {sysctls, ARRAY_SIZE(sysctls)},
			  {platforms, ARRAY_SIZE(platforms)},
			  {mcas, ARRAY_SIZE(mcas)}};

	for (unsigned family = 0; family < FAMILIES; family++) {
		printk("worked %s:", names[family]);
		for (unsigned i = 0; i < OPS; i++)
			if (tallies[family][i].made)
				printk(" %u: %u of %u,", of[family].n ? of[family].shape[i].cmd : i,
				       tallies[family][i].worked, tallies[family][i].made);
		printk("\n");
	}
}

/* Some memory of the arguments, or of the arena, or none. */
static unsigned long any_buffer(struct fuzz *f)
{
	uint64_t *p;

	if (one_in(f, 4))
		return one_in(f, 2) ? arena_va(f) : bad_pointer(f);
	if (one_in(f, 8))
		return 0;
	p = buffer(f, BIG);
	for (unsigned i = 0; i < 4; i++)
		p[i] = one_in(f, 2) ? random64(f) : any_word(f);
	return (unsigned long)p;
}

static void fill(struct fuzz *f, const struct shape *s, unsigned char *u)
{
	if (one_in(f, 3))
		for (unsigned i = 0; i < 6; i++)
			((uint64_t *)u)[i] = any_word(f);
	if (s->vcpu != NONE)
		*(uint32_t *)(u + s->vcpu) = one_in(f, 12) ? any_word(f) : below(f, 2);
	if (s->bits != NONE)
		*(uint32_t *)(u + s->bits) = one_in(f, 12) ? any_word(f) : below(f, s->many + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(s->pointer); i++)
		if (s->pointer[i] != NONE)
			*(uint64_t *)(u + s->pointer[i]) = any_buffer(f);
}

/* The structure itself, or a copy where it may change. */
static unsigned long placed(struct fuzz *f, const void *op)
{
	return one_in(f, 16) ? (one_in(f, 3) ? bad_pointer(f) : arena_va(f)) : (unsigned long)op;
}

static long domctl(struct fuzz *f, struct xen_domctl *op, unsigned cmd, domid_t domain)
{
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domain;
	return call(f, __HYPERVISOR_domctl, placed(f, op), 0, 0, 0, 0);
}

/* Never Dom0 itself: some of these would be the end of us. */
static domid_t victim(struct fuzz *f)
{
	domid_t domain = one_in(f, 12) ? any_domid(f) : f->made[below(f, ARRAY_SIZE(f->made))];

	return domain || !f->dom0 ? domain : 999;
}

static void on_domain(struct fuzz *f)
{
	struct xen_domctl *op = buffer(f, sizeof(*op));
	unsigned i = below(f, ARRAY_SIZE(domctls));

	fill(f, &domctls[i], op->u.pad);
	count(f, DOMCTL, i, domctl(f, op, domctls[i].cmd, victim(f)));
}

static unsigned index_of(unsigned cmd)
{
	unsigned i = 0;

	while (domctls[i].cmd != cmd)
		i++;
	return i;
}

/* Change a word or two of @n bytes. */
static void forge(struct fuzz *f, void *p, unsigned n)
{
	for (unsigned i = 1 + below(f, 2); i; i--)
		((uint32_t *)p)[below(f, n / 4)] = one_in(f, 2) ? 1u << below(f, 32) : any_word(f);
}

/* Extended registers: the header's words and XCR0 most of all. */
static void forged_registers(struct fuzz *f)
{
	struct xen_domctl *op = buffer(f, sizeof(*op));
	uint64_t *image = buffer(f, 1024);
	domid_t domain = victim(f);

	op->u.vcpuextstate.size = 1024;
	op->u.vcpuextstate.vcpu = below(f, 2);
	set_xen_guest_handle(op->u.vcpuextstate.buffer, (void *)image);
	count(f, DOMCTL, index_of(XEN_DOMCTL_getvcpuextstate),
	      domctl(f, op, XEN_DOMCTL_getvcpuextstate, domain));
	if (one_in(f, 2)) /* XCR0, header */
		image[one_in(f, 2) ? 0 : 2 + 64 + below(f, 8)] ^=
		    one_in(f, 2) ? 1ull << below(f, 64) : random64(f);
	else if (!one_in(f, 3))
		forge(f, image, 848);
	op->u.vcpuextstate.size = one_in(f, 8) ? any_word(f) : 848;
	count(f, DOMCTL, index_of(XEN_DOMCTL_setvcpuextstate),
	      domctl(f, op, XEN_DOMCTL_setvcpuextstate, domain));
}

/* Policies with features that the machine does not have. */
static void forged_policy(struct fuzz *f)
{
	struct xen_domctl *op = buffer(f, sizeof(*op));
	struct xen_cpuid_leaf *leaves = buffer(f, 128 * sizeof(*leaves));
	domid_t domain = victim(f);

	op->u.cpu_policy.nr_leaves = 128;
	set_xen_guest_handle(op->u.cpu_policy.leaves, leaves);
	count(f, DOMCTL, index_of(XEN_DOMCTL_get_cpu_policy),
	      domctl(f, op, XEN_DOMCTL_get_cpu_policy, domain));
	if (!one_in(f, 4))
		forge(f, leaves, 40 * sizeof(*leaves));
	op->u.cpu_policy.nr_leaves = one_in(f, 8) ? any_word(f) : below(f, 60);
	op->u.cpu_policy.nr_msrs = 0;
	count(f, DOMCTL, index_of(XEN_DOMCTL_set_cpu_policy),
	      domctl(f, op, XEN_DOMCTL_set_cpu_policy, domain));
}

static void on_machine(struct fuzz *f)
{
	struct xen_sysctl *s = buffer(f, sizeof(*s));
	struct xen_platform_op *p = buffer(f, sizeof(*p));
	struct xen_mc *m = buffer(f, sizeof(*m));
	unsigned i = below(f, ARRAY_SIZE(sysctls));

	s->cmd = sysctls[i].cmd;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	fill(f, &sysctls[i], s->u.pad);
	count(f, SYSCTL, i, call(f, __HYPERVISOR_sysctl, placed(f, s), 0, 0, 0, 0));

	i = below(f, ARRAY_SIZE(platforms));
	p->cmd = platforms[i].cmd;
	p->interface_version = XENPF_INTERFACE_VERSION;
	fill(f, &platforms[i], p->u.pad);
	count(f, PLATFORM, i, call(f, __HYPERVISOR_platform_op, placed(f, p), 0, 0, 0, 0));

	i = below(f, ARRAY_SIZE(mcas));
	m->cmd = mcas[i].cmd;
	m->interface_version = XEN_MCA_INTERFACE_VERSION;
	fill(f, &mcas[i], m->u.pad);
	count(f, MCA, i, call(f, __HYPERVISOR_mca, placed(f, m), 0, 0, 0, 0));
	call(f, __HYPERVISOR_xenpmu_op, below(f, 9), placed(f, m), 0, 0, 0);
}

static void files(struct fuzz *f)
{
	static const char *const names[] = {"/",
					    "/params/loglvl",
					    "/params/guest_loglvl",
					    "/buildinfo/version/",
					    "/cpupool/0",
					    "/buildinfo/compileinfo/compiler",
					    "//",
					    "/params/loglvl/x"};
	static const char *const values[] = {"all", "warning/all", "none", "loud", "error/"};
	char *path = buffer(f, 64), *value = buffer(f, 64);
	const char *name = names[below(f, ARRAY_SIZE(names))], *text = values[below(f, ARRAY_SIZE(values))];
	unsigned cmd = below(f, 4), n = 0, m = 0;
	unsigned long size, to;

	while ((path[n] = name[n]))
		n++;
	while ((value[m] = text[m]))
		m++;
	if (one_in(f, 6))
		path[below(f, n + 1)] = any_word(f);
	size = one_in(f, 10) ? any_word(f) : n + 1;
	to = cmd == XEN_HYPFS_OP_write_contents && !one_in(f, 6) ? (unsigned long)value : any_buffer(f);
	m = cmd == XEN_HYPFS_OP_write_contents ? m + !one_in(f, 6) : below(f, 400);
	if (cmd == XEN_HYPFS_OP_get_version && one_in(f, 2))
		count(f, HYPFS, cmd, call(f, __HYPERVISOR_hypfs_op, cmd, 0, 0, 0, 0));
	else
		count(f, HYPFS, cmd,
		      call(f, __HYPERVISOR_hypfs_op, cmd, one_in(f, 12) ? arena_va(f) : (unsigned long)path,
			   size, to, one_in(f, 10) ? any_word(f) : m));
}

/* Interrupts and functions of devices that nobody uses: this machine's do nothing by themselves. */
static void devices(struct fuzz *f)
{
	uint64_t *arg = buffer(f, 64);
	unsigned cmd = below(f, PHYSDEVOP_release_msix + 1);
	struct physdev_map_pirq *map = (void *)arg;

	if (cmd == PHYSDEVOP_set_iopl || cmd == PHYSDEVOP_set_iobitmap) /* any domain's own */
		return;
	for (unsigned i = 0; i < 3; i++)
		arg[i] = one_in(f, 2) ? below(f, 40) : any_word(f);
	if (cmd == PHYSDEVOP_map_pirq && !one_in(f, 4)) {
		map->domid = one_in(f, 2) ? DOMID_SELF : victim(f);
		map->type = one_in(f, 2) ? MAP_PIRQ_TYPE_GSI : (int)below(f, 6);
		map->index = below(f, 30);
		map->pirq = one_in(f, 2) ? -1 : (int)below(f, 300);
		map->bus = one_in(f, 6) ? any_word(f) : 0;
		map->devfn = below(f, 48);
		map->entry_nr = below(f, 3);
		map->table_base = one_in(f, 2) ? 0 : any_word(f);
	}
	if (cmd == PHYSDEVOP_apic_read || cmd == PHYSDEVOP_apic_write)
		*(unsigned long *)arg = one_in(f, 4) ? any_word(f) : 0xfec00000;
	count(f, PHYSDEV, cmd, call(f, __HYPERVISOR_physdev_op, cmd, placed(f, arg), 0, 0, 0));
}

void do_control(struct fuzz *f)
{
	static action_fn *const kinds[] = {on_domain,     on_domain,  on_domain, forged_registers,
					   forged_policy, on_machine, files,     devices};

	kinds[below(f, ARRAY_SIZE(kinds))](f);
}
