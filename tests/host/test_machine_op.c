/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercalls sysctl, physdev_op and platform_op (hypervisor/dom/sysctl_op.c, physdev_op.c,
 * platform_op.c), with the machine written down.
 *   log       is read in pieces, from its beginning or where the caller was, and cleared by a reader that reached its
 *             end
 *   lists     of domains and processors end at the caller's limit; a long one makes way and goes on where it was; progress
 *             that was not noted does not count
 *   machine   what is told of it, and of each processor; its clock, which all domains are told; its sleep, which it has not
 *   keys      up to a limit at once
 *   lines     interrupt lines are Dom0's, and of domains for which it has mapped some; every guest has its own
 *             privilege and bitmap
 *   answers   find their place, or refuse
 */
#include "guest_host.h"
#include "cpu/x86.h"
static void host_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4]);
#define cpuid host_cpuid
#include "dom/sysctl_op.c"
#define cpu_info platform_cpu_info
#include "dom/platform_op.c"
#undef cpu_info
#include "dom/physdev_op.c"

static struct domain doms[2];
static struct vcpu vcpu, idle[2];
static struct percpu cpus[2] = {{.apic_id = 4, .idle = &idle[0]}, {.apic_id = 6, .idle = &idle[1]}};
struct percpu *cpu_table[MAX_CPUS] = {&cpus[0], &cpus[1]};
uint32_t nr_cpus = 2;
uint64_t tsc_hz = 5000000;
mfn_t max_mfn = 900;
struct acpi_info acpi = {.cpu_count = 3, .cpu = {{4, 40}, {5, 50}, {6, 60}}};
const struct sched_policy *sched_policy = &(const struct sched_policy){.sched_id = 5};

long cpupool_op(struct xen_sysctl_cpupool_op *p)
{
	return p->n_dom = 41, 0;
}
long cpupool_scheduler_op(struct xen_sysctl_scheduler_op *s)
{
	return -EOPNOTSUPP;
}
long cpu_featureset(struct xen_sysctl_cpu_featureset *f)
{
	return f->nr_features = 42, -ENOBUFS;
}
long cpu_policy_of_machine(struct xen_sysctl_cpu_policy *p)
{
	return p->nr_leaves = 43, 0;
}

static void host_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	for (unsigned i = 0; i < 4; i++)
		r[i] = leaf + 16 * sub + i;
}
static unsigned domains; /* that there are: numbers 0, 2, 4... */
struct domain *domain_next(domid_t first)
{
	static struct domain d;

	assert_int_equal(d.refs, 0); /* the one before was let go */
	d = (struct domain){.id = (first + 1) / 2 * 2};
	if (d.id >= domains * 2)
		return NULL;
	d.refs = 1;
	return &d;
}
struct domain *domain_by_id(domid_t id)
{
	if (id > 1)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}
void domain_put(struct domain *d)
{
	assert_true(d->refs-- > 0);
}
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->id;
}
uint32_t domain_flags(const struct domain *d)
{
	return 0x1000 + d->id;
}
uint64_t frames_free(void)
{
	return 77;
}
uint64_t frames_total(void)
{
	return 800;
}
bool wallclock_set(uint64_t seconds, uint32_t ns, ns_t at)
{
	note("clock %lu.%u at %lu", seconds, ns, (uint64_t)at);
	return seconds < 100;
}
void time_update_wallclock(struct domain *d)
{
	note("tell %u", d->id);
}
bool log_admits(enum log_source source, enum log_level level)
{
	return true;
}
void printk(const char *fmt, ...)
{
	note("log");
}
static size_t log_left;
size_t log_read(uint32_t *index, bool incremental, char *to, size_t max)
{
	size_t n = MIN(max, log_left);

	note("%s %u", incremental ? "on" : "from the start", *index);
	memset(to, 'x', n);
	log_left -= n;
	*index += n;
	return n;
}
void log_clear(void)
{
	note("clear");
}
void debug_key(char key)
{
	note("key %c", key);
}
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	r->time[RUNSTATE_running] = v == &idle[0] ? 10 : 11;
}
int pirq_eoi(struct domain *d, uint32_t pirq)
{
	return 71;
}
int pirq_status(struct domain *d, uint32_t pirq, uint32_t *flags)
{
	return 71;
}
static bool page_unmasks;
int pirq_set_eoi_page(struct domain *d, uint64_t mfn, bool unmasks)
{
	page_unmasks = unmasks;
	return 71;
}
static long map_pirq(struct vcpu *v, struct physdev_map_pirq *m)
{
	return 72;
}
const struct sub_op physdev_driver_ops[PHYSDEV_DRIVER_OPS] = {
    [PHYSDEVOP_map_pirq] = SUB_OP(map_pirq, physdev_map_pirq, SUB_PRIVILEGED | SUB_READS)};
static long extension(struct xen_sysctl *op)
{
	note("extension %x", op->cmd);
	guest_base[16] = 99; /* another vCPU */
	return 3;
}

static struct xen_sysctl *op;
static char *buffer;

static int setup(void **state)
{
	for (int i = 0; i < 2; i++)
		doms[i] =
		    (struct domain){.id = i, .abi = &guest_pv64, .mm.heap_bytes = 5 + i, .mm.heap_quota = 50};
	vcpu = (struct vcpu){.domain = &doms[1]};
	host_percpu.vcpu = &vcpu;
	op = (void *)guest_memory();
	memset(op, 0, GUEST_BYTES);
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	buffer = (char *)op + 4096;
	domains = 3;
	looks = work_after = 0;
	sysctl_extension = extension;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	return doms[0].refs || doms[1].refs;
}

static long asks(uint32_t cmd)
{
	op->cmd = cmd;
	return hc_sysctl((uint64_t)op);
}

static void logs(void **state)
{
	struct xen_sysctl_readconsole *r = &op->u.readconsole;

	log_left = 1500;
	*r = (struct xen_sysctl_readconsole){
	    .clear = 1, .buffer = (uint64_t)buffer, .count = 9000, .index = 7};
	assert_int_equal(asks(XEN_SYSCTL_readconsole), 0);
	assert_done("from the start 7;on 1031;on 1507;clear;");
	assert_int_equal(r->count, 1500);
	assert_int_equal(r->index, 1507);
	assert_int_equal(buffer[1499], 'x');
	assert_int_equal(buffer[1500], 0);
	log_left = 99999;
	r->count = 9000;
	r->incremental = 1;
	assert_int_equal(asks(XEN_SYSCTL_readconsole), 0);
	assert_int_equal(r->count, LOG_READ_MAX); /* it reads on; nothing is forgotten yet */
	assert_done("on 1507;on 2531;on 3555;on 4579;");
	log_left = 10;
	r->clear = 0;
	r->count = 100;
	deeds[0] = '\0';
	assert_int_equal(asks(XEN_SYSCTL_readconsole), 0);
	assert_done("on 5603;on 5613;"); /* it is not asked to forget */
	log_left = 10;
	r->clear = 1;
	r->count = 10;
	deeds[0] = '\0';
	assert_int_equal(asks(XEN_SYSCTL_readconsole), 0);
	assert_done("on 5613;"); /* is that all? it is not known yet */
	log_left = 10;
	r->buffer = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_readconsole), -EFAULT);
}

static void lists(void **state)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist, from;
	struct xen_domctl_getdomaininfo *info = (void *)buffer;

	from = (struct xen_sysctl_getdomaininfolist){
	    .first_domain = 1, .max_domains = 9, .buffer = (uint64_t)buffer};
	*l = from;
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(l->num_domains, 2);
	assert_int_equal(info[0].domain, 2);
	assert_int_equal(info[1].domain, 4);
	l->max_domains = 1;
	l->first_domain = 3;
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(l->num_domains, 1);
	assert_int_equal(info[0].domain, 4);
	domains = 100;
	*l = from;
	l->first_domain = 0;
	l->max_domains = 90;
	work_after = looks + 2;
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), RESTARTED);
	assert_int_equal(restart_args[0], (uint64_t)op);
	assert_int_equal(info[63].domain, 126);
	memset(buffer, 0xee, 64 * sizeof(*info));
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(l->num_domains, 90);
	assert_int_equal(info[63].domain, 0xeeee); /* they were told */
	assert_int_equal(info[64].domain, 128);
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), 0); /* and now from the start */
	assert_int_equal(info[0].domain, 0);
	work_after = looks + 1;
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), RESTARTED);
	l->max_domains = 32; /* forged: more are told already than there is room for */
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), 0);
	assert_int_equal(l->num_domains, 32);
	l->buffer = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_getdomaininfolist), -EFAULT);
}

static void lists_in_short(void **state)
{
	struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
	struct ringlet_domain_state *s = (void *)buffer;

	memset(buffer, 0xee, 128 * sizeof(*s));
	*l = (struct xen_sysctl_getdomaininfolist){
	    .first_domain = 1, .max_domains = 9, .buffer = (uint64_t)buffer};
	assert_int_equal(asks(RINGLET_SYSCTL_states), 0);
	assert_int_equal(l->num_domains, 2);
	assert_int_equal(s[0].domain, 2);
	assert_int_equal(s[0].pad, 0);
	assert_int_equal(s[0].flags, 0x1002);
	assert_int_equal(s[1].flags, 0x1004);
	assert_int_equal(s[2].domain, 0xeeee);
	domains = 100;
	l->max_domains = 90;
	work_after = looks + 1;
	assert_int_equal(asks(RINGLET_SYSCTL_states), RESTARTED);
	assert_int_equal(s[31].domain, 64);
	assert_int_equal(s[32].domain, 0xeeee);
	assert_int_equal(asks(RINGLET_SYSCTL_states), 0);
	assert_int_equal(l->num_domains, 90);
	assert_int_equal(s[89].flags, 0x1000 + 180);
	l->buffer = NOWHERE;
	assert_int_equal(asks(RINGLET_SYSCTL_states), -EFAULT);
}

static void machine(void **state)
{
	struct xen_sysctl_physinfo *p = &op->u.physinfo;

	features.max_leaf = 0xd;
	assert_int_equal(asks(XEN_SYSCTL_physinfo), 0);
	assert_int_equal(p->nr_cpus, 2);
	assert_int_equal(p->max_cpu_id, 1);
	assert_int_equal(p->cpu_khz, 5000);
	assert_int_equal(p->total_pages, 800);
	assert_int_equal(p->free_pages, 77);
	assert_int_equal(p->max_mfn, 899);
	assert_int_equal(p->hw_cap[0], 4);
	assert_int_equal(p->hw_cap[1], 3);
	assert_int_equal(p->hw_cap[4], 0x1d);
	assert_int_equal(p->hw_cap[5], 8);
	features.max_leaf = 7;
	assert_int_equal(asks(XEN_SYSCTL_physinfo), 0);
	assert_int_equal(p->hw_cap[4], 0);
	assert_int_equal(p->hw_cap[5], 8);
	features.max_leaf = 6;
	assert_int_equal(asks(XEN_SYSCTL_physinfo), 0);
	assert_int_equal(p->hw_cap[5], 0);
	assert_int_equal(asks(XEN_SYSCTL_sched_id), 0);
	assert_int_equal(op->u.sched_id.sched_id, 5);
	assert_int_equal(asks(XEN_SYSCTL_availheap), 0);
	assert_int_equal(op->u.availheap.avail_bytes, 77 * PAGE_SIZE);
	assert_int_equal(asks(9999 % RINGLET_SYSCTL_BASE), -ENOSYS);
	assert_int_equal(asks(RINGLET_SYSCTL_BASE + 200), 3);
	assert_int_equal(guest_base[16], 99); /* that is no answer */
	((struct ringlet_overhead *)op->u.pad)->domain = 0;
	assert_int_equal(asks(RINGLET_SYSCTL_overhead), 0);
	assert_int_equal(((struct ringlet_overhead *)op->u.pad)->bytes, 5);
	((struct ringlet_overhead *)op->u.pad)->domain = 9;
	assert_int_equal(asks(RINGLET_SYSCTL_overhead), -ESRCH);
	op->interface_version++;
	assert_int_equal(asks(XEN_SYSCTL_physinfo), -EACCES);
	assert_int_equal(hc_sysctl(NOWHERE), -EFAULT);
}

static void processors(void **state)
{
	struct xen_sysctl_getcpuinfo *c = &op->u.getcpuinfo;
	struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
	struct xen_sysctl_numainfo *n = &op->u.numainfo;
	uint64_t *times = (void *)buffer;
	struct xen_sysctl_cputopo *topo = (void *)buffer;
	struct xen_sysctl_meminfo *mem = (void *)buffer;

	*c = (struct xen_sysctl_getcpuinfo){.max_cpus = 9, .info = (uint64_t)buffer};
	assert_int_equal(asks(XEN_SYSCTL_getcpuinfo), 0);
	assert_int_equal(c->nr_cpus, 2);
	assert_int_equal(times[1], 11);
	assert_int_equal(times[2], 0);
	c->max_cpus = 1;
	assert_int_equal(asks(XEN_SYSCTL_getcpuinfo), 0);
	assert_int_equal(c->nr_cpus, 1);
	c->info = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_getcpuinfo), -EFAULT);
	memset(buffer, 0xee, 64);
	*t = (struct xen_sysctl_cputopoinfo){.num_cpus = 9, .cputopo = (uint64_t)buffer};
	assert_int_equal(asks(XEN_SYSCTL_cputopoinfo), 0);
	assert_int_equal(t->num_cpus, 2);
	assert_int_equal(topo[1].core, 1);
	assert_int_equal(topo[2].core, 0xeeeeeeee);
	t->cputopo = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_cputopoinfo), -EFAULT);
	t->cputopo = 0;
	t->num_cpus = 0;
	assert_int_equal(asks(XEN_SYSCTL_cputopoinfo), 0);
	assert_int_equal(t->num_cpus, 2);
	*n = (struct xen_sysctl_numainfo){
	    .num_nodes = 1, .meminfo = (uint64_t)mem, .distance = (uint64_t)(buffer + 64)};
	assert_int_equal(asks(XEN_SYSCTL_numainfo), 0);
	assert_int_equal(mem->memfree, 77 * PAGE_SIZE);
	assert_int_equal(buffer[64], 10);
	n->num_nodes = 0;
	mem->memfree = 1;
	buffer[64] = 1;
	assert_int_equal(asks(XEN_SYSCTL_numainfo), 0);
	assert_int_equal(n->num_nodes, 1);
	assert_int_equal(mem->memfree + buffer[64], 2);
	n->meminfo = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_numainfo), -EFAULT);
	n->meminfo = 0;
	assert_int_equal(asks(XEN_SYSCTL_numainfo), 0);
	n->distance = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_numainfo), -EFAULT);
	n->distance = 0;
	assert_int_equal(asks(XEN_SYSCTL_numainfo), 0);
}

static void keys(void **state)
{
	struct xen_sysctl_debug_keys *k = &op->u.debug_keys;

	memcpy(buffer, "ar", 2);
	*k = (struct xen_sysctl_debug_keys){.keys = (uint64_t)buffer, .nr_keys = 2};
	assert_int_equal(asks(XEN_SYSCTL_debug_keys), 0);
	assert_done("key a;key r;");
	k->nr_keys = DEBUG_KEYS_MAX + 1;
	assert_int_equal(asks(XEN_SYSCTL_debug_keys), -E2BIG);
	assert_done("");
	k->nr_keys = DEBUG_KEYS_MAX;
	assert_int_equal(asks(XEN_SYSCTL_debug_keys), 0);
	k->keys = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_debug_keys), -EFAULT);
}

static void platform(void **state)
{
	struct xen_platform_op *p = (void *)op;
	struct xenpf_pcpuinfo *info = &p->u.pcpu_info;

	*p = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo, .interface_version = XENPF_INTERFACE_VERSION};
	info->xen_cpuid = 1;
	assert_int_equal(hc_platform_op((uint64_t)p), 0);
	assert_int_equal(info->max_present, 1);
	assert_int_equal(info->flags, XEN_PCPU_FLAGS_ONLINE);
	assert_int_equal(info->apic_id, 6);
	assert_int_equal(info->acpi_id, 60);
	info->xen_cpuid = 2;
	assert_int_equal(hc_platform_op((uint64_t)p), 0);
	assert_int_equal(info->flags, XEN_PCPU_FLAGS_INVALID);
	info->xen_cpuid = 0;
	acpi.cpu_count = 0;
	assert_int_equal(hc_platform_op((uint64_t)p), 0);
	assert_int_equal(info->acpi_id, 0);
	acpi.cpu_count = 3;
	p->cmd++;
	assert_int_equal(hc_platform_op((uint64_t)p), -ENOSYS);
	assert_done("");
	p->cmd = XENPF_settime64;
	p->u.settime64 = (struct xenpf_settime64){.secs = 99, .nsecs = 5, .system_time = 7};
	domains = 2;
	assert_int_equal(hc_platform_op((uint64_t)p), 0);
	assert_done("clock 99.5 at 7;tell 0;tell 2;");
	p->u.settime64.secs = 100;
	assert_int_equal(hc_platform_op((uint64_t)p), -EINVAL);
	assert_done("clock 100.5 at 7;");
	p->cmd = XENPF_enter_acpi_sleep;
	p->u.enter_acpi_sleep.sleep_state = 3;
	assert_int_equal(hc_platform_op((uint64_t)p), -EOPNOTSUPP);
	assert_done("log;");
	p->u.enter_acpi_sleep.sleep_state = SOFT_OFF;
	assert_int_equal(hc_platform_op((uint64_t)p), -EOPNOTSUPP);
	assert_done("");
	p->interface_version++;
	assert_int_equal(hc_platform_op((uint64_t)p), -EACCES);
	assert_int_equal(hc_platform_op(NOWHERE), -EFAULT);
}

#define physdev(cmd) hc_physdev_op(PHYSDEVOP_##cmd, (uint64_t)op)

static void privilege(void **state)
{
	struct physdev_set_iopl *s = (void *)op;
	struct physdev_set_iobitmap *b = (void *)op;

	s->iopl = 3;
	assert_int_equal(physdev(set_iopl), 0);
	assert_int_equal(vcpu.dom.iopl, 3);
	s->iopl = 4;
	assert_int_equal(physdev(set_iopl), -EINVAL);
	assert_int_equal(hc_physdev_op(PHYSDEVOP_set_iopl, NOWHERE), -EFAULT);
	assert_int_equal(vcpu.dom.iopl, 3);
	*b = (struct physdev_set_iobitmap){.bitmap = 0x55, .nr_ports = IO_PORTS};
	assert_int_equal(physdev(set_iobitmap), 0);
	b->nr_ports++;
	b->bitmap = 0x66;
	assert_int_equal(physdev(set_iobitmap), -EINVAL);
	assert_int_equal(hc_physdev_op(PHYSDEVOP_set_iobitmap, NOWHERE), -EFAULT);
	assert_int_equal(vcpu.dom.iobitmap, 0x55);
	assert_int_equal(vcpu.dom.iobitmap_ports, IO_PORTS);
}

/* Numbers of all operations that there may be, of which Dom0 has all. */
static void lines(void **state)
{
	static const uint32_t of_interrupts[] = {PHYSDEVOP_eoi, PHYSDEVOP_irq_status_query,
						 PHYSDEVOP_pirq_eoi_gmfn_v1, PHYSDEVOP_pirq_eoi_gmfn_v2};

	for (unsigned i = 0; i < ARRAY_SIZE(of_interrupts); i++)
		assert_int_equal(hc_physdev_op(of_interrupts[i], (uint64_t)op), -EPERM);
	doms[1].evt.pirqs = (void *)&doms[1]; /* Dom0 has mapped some for it */
	for (unsigned i = 0; i < ARRAY_SIZE(of_interrupts); i++)
		assert_int_equal(hc_physdev_op(of_interrupts[i], (uint64_t)op), 71);
	assert_int_equal(physdev(map_pirq), -EPERM);
	assert_int_equal(hc_physdev_op(999, (uint64_t)op), -ENOSYS);
	doms[1].evt.pirqs = NULL;
	doms[1].privileged = true;
	for (unsigned i = 0; i < ARRAY_SIZE(of_interrupts); i++)
		assert_int_equal(hc_physdev_op(of_interrupts[i], (uint64_t)op), 71);
	assert_false(page_unmasks);
	assert_int_equal(physdev(pirq_eoi_gmfn_v1), 71);
	assert_true(page_unmasks);
	assert_int_equal(physdev(map_pirq), 72);
	assert_int_equal(hc_physdev_op(999, (uint64_t)op), -ENOSYS);
	assert_int_equal(physdev(prepare_msix), -ENOSYS); /* which is none of those above */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void pools_and_policies(void **state)
{
	struct xen_sysctl_pcitopoinfo *t = &op->u.pcitopoinfo;
	uint32_t *nodes = (uint32_t *)(guest_base + 1024);

	assert_int_equal(asks(XEN_SYSCTL_cpupool_op), 0);
	assert_int_equal(op->u.cpupool_op.n_dom, 41);
	assert_int_equal(asks(XEN_SYSCTL_scheduler_op), -EOPNOTSUPP);
	assert_int_equal(asks(XEN_SYSCTL_get_cpu_featureset), -ENOBUFS); /* it says how many there are */
	assert_int_equal(op->u.cpu_featureset.nr_features, 42);
	assert_int_equal(asks(XEN_SYSCTL_get_cpu_policy), 0);
	assert_int_equal(op->u.cpu_policy.nr_leaves, 43);
	op->u.cpu_levelling_caps.caps = 9;
	assert_int_equal(asks(XEN_SYSCTL_get_cpu_levelling_caps), 0);
	assert_int_equal(op->u.cpu_levelling_caps.caps, 0);
	*t = (struct xen_sysctl_pcitopoinfo){.num_devs = 3, .nodes = (uint64_t)nodes};
	memset(nodes, 9, 16);
	assert_int_equal(asks(XEN_SYSCTL_pcitopoinfo), 0);
	assert_int_equal(t->num_devs, 3);
	assert_int_equal(nodes[2], XEN_INVALID_NODE_ID);
	assert_int_equal(nodes[3], 0x09090909);
	t->nodes = NOWHERE;
	assert_int_equal(asks(XEN_SYSCTL_pcitopoinfo), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(logs), TEST(lists),    TEST(lists_in_short), TEST(machine), TEST(processors),
	    TEST(keys), TEST(platform), TEST(privilege),      TEST(lines),   TEST(pools_and_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
