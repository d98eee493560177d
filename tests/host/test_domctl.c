/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall domctl (hypervisor/dom/domctl_op.c, domctl_vcpu.c), with the mechanisms written down.
 *   create    what a new domain cannot be is refused before it is there; its limits are what was asked for
 *   oneself   nothing that stops the caller, or waits for it, is done to it
 *   state     of a dying domain, nothing but looking and finishing; the first unpause brings one to life
 *   pauses    are counted, up to a limit, and given back only by whom they are of
 *   frames    a hypercall page is written into memory that may be written; what kind a frame is, and whose
 *   vcpus     a context goes in while the domain is paused and comes out while the vCPU is; where it may run is a CPU
 *   maps      have the bits that were asked for and no other, and an end
 *   answers   come back if it went well and there are any; references, memory and the lock are let go on every way
 */
#include "guest_host.h"
#include "dom/domctl_op.c"
#include "dom/domctl_vcpu.c"
#include "mm/pt.h"

static struct domain doms[3]; /* Dom0, another, a new one */
static struct vcpu vcpus[4];
static struct percpu cpu5 = {.id = 5};
static struct page_info frames[8];
struct page_info *frame_table = frames;
mfn_t max_mfn = ARRAY_SIZE(frames);
uint32_t nr_cpus = 2;
struct domain *dom0 = &doms[0];
const struct sched_policy *sched_policy = &(const struct sched_policy){.sched_id = 5};
static const struct guest_ops kinds_here[KINDS] = {
    [KIND_PV64] = {.name = "64"}, [KIND_PV32] = {.name = "32"}, [KIND_FV] = {.name = "fv"}};
const struct guest_ops *guest_kinds[KINDS];
static int result;
static unsigned held;

void cpu_service_requests(void)
{
}
static struct domain *get(struct domain *d)
{
	if (d)
		d->refs++;
	return d;
}
struct domain *domain_by_id(domid_t id)
{
	assert_true(id < DOMID_FIRST_RESERVED);
	return get(id < 2 ? &doms[id] : NULL);
}
struct domain *domain_next(domid_t first)
{
	return get(first < 2 ? &doms[1] : NULL);
}
void domain_put(struct domain *d)
{
	assert_true(d->refs-- > 0);
}
struct domain *domain_create(domid_t id, const struct guest_ops *ops, int *err)
{
	*err = result;
	note("create %d %s", id == DOMID_INVALID ? -1 : id, ops->name);
	((struct xen_domctl *)guest_base)->u.createdomain.ssidref = 99; /* another vCPU */
	doms[2].max_port = 4095;
	return result ? NULL : &doms[2];
}
bool grant_limits_ok(int32_t grants, int32_t maptrack)
{
	return grants != 99;
}
void grant_set_limits(struct domain *d, int32_t grants, int32_t maptrack)
{
	note("limits %d %d", grants, maptrack);
}
void domain_set_quota(struct domain *d)
{
	note("quota d%u", d->id);
}
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *i)
{
	i->max_pages = 1234;
}
int domain_relinquish(struct domain *d)
{
	note("end d%u", d->id);
	return result;
}
void domain_pause(struct domain *d)
{
	note("pause d%u", d->id);
}
void domain_unpause(struct domain *d)
{
	note("unpause d%u", d->id);
}
int domain_set_ops(struct domain *d, const struct guest_ops *ops)
{
	note("kind %s", ops->name);
	return result;
}
int vcpu_create(struct domain *d, uint32_t id)
{
	note("new v%u", id);
	d->vcpu[id] = &vcpus[3];
	return result;
}
void time_update_wallclock(struct domain *d)
{
	note("clock %ld", d->time_offset);
}
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	if (mfn >= max_mfn || frames[mfn].owner != d)
		return NULL;
	frames[mfn].count++;
	return &frames[mfn];
}
int page_get_type(struct page_info *pg, enum page_type type)
{
	assert_int_equal(type, PGT_WRITABLE);
	if (page_type_of(pg) != PGT_WRITABLE)
		return -EINVAL;
	pg->type++;
	return 0;
}
int page_put_and_type(struct page_info *pg)
{
	assert_true(pg->type & PGT_COUNT);
	pg->type--;
	page_put(pg);
	return 0;
}
void frame_release(struct page_info *pg)
{
	fail();
}
static void fill(void *page)
{
	note("fill %lx", virt_to_mfn(page));
}
static bool no_memory;
void *heap_alloc_for(struct domain *d, size_t n)
{
	assert_ptr_equal(d, &doms[0]);
	if (no_memory)
		return NULL;
	held++;
	return malloc(n);
}
void heap_free(void *p)
{
	held--;
	free(p);
}
static unsigned parts;
int vcpu_set_context(struct vcpu *v, const void *ctx)
{
	note("context %x of v%u", *(const uint8_t *)ctx, v->id);
	return parts && parts-- ? -ERESTART : result;
}
static int settles;
int pt_settle_left(struct domain *d)
{
	note("settle");
	return settles;
}
void vcpu_pause(struct vcpu *v)
{
	note("pause v%u", v->id);
}
void vcpu_unpause(struct vcpu *v)
{
	note("unpause v%u", v->id);
}
static void get_context_of(struct vcpu *v, void *ctx)
{
	note("look v%u", v->id);
	memset(ctx, 0x5a, v->domain->ops->context_size);
}
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	r->time[RUNSTATE_running] = 77;
}
void vcpu_set_affinity(struct vcpu *v, uint32_t cpus)
{
	note("cpus %x", cpus);
	v->hard_affinity = cpus;
}

static struct xen_domctl *op;
static uint64_t *array; /* behind it */

static int setup(void **state)
{
	for (int i = 0; i < KINDS; i++)
		guest_kinds[i] = &kinds_here[i];
	guest_pv64.context_size = 5168;
	guest_pv64.fill_hypercall_page = fill;
	guest_pv64.get_context = get_context_of;
	memset(doms, 0, sizeof(doms));
	for (int i = 0; i < 3; i++)
		doms[i] = (struct domain){.id = i, .ops = &guest_pv64, .max_vcpus = 2, .state = DOMAIN_ALIVE};
	for (int i = 0; i < 4; i++)
		vcpus[i] = (struct vcpu){.id = i, .domain = &doms[!!i], .cpu = &cpu5};
	doms[0].vcpu[0] = &vcpus[0];
	doms[1].vcpu[0] = &vcpus[1];
	doms[1].vcpu[2] = &vcpus[2];
	doms[0].privileged = true;
	host_percpu.vcpu = &vcpus[0];
	memset(frames, 0, sizeof(frames));
	for (int i = 0; i < 8; i++)
		frames[i] = (struct page_info){.count = 1, .owner = &doms[i == 7 ? 0 : 1]};
	op = (void *)guest_memory();
	memset(op, 0, GUEST_BYTES);
	array = (uint64_t *)op + 512;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = 1;
	result = settles = 0;
	parts = looks = work_after = 0;
	no_memory = false;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < 8; i++)
		if (frames[i].count != 1 || (frames[i].type & PGT_COUNT))
			return -1;
	return held || doms[0].refs || doms[1].refs || domctl_lock.held;
}

static long asks(uint32_t cmd)
{
	op->cmd = cmd;
	return hc_domctl((uint64_t)op);
}

/* @cmd of Dom0 itself, and of the other. */
static void of_others(uint32_t cmd)
{
	op->domain = 0;
	assert_int_equal(asks(cmd), -EINVAL);
	assert_done("");
	op->domain = 1;
}

static void creates(void **state)
{
	struct xen_domctl_createdomain *c = &op->u.createdomain,
				       good = {.max_vcpus = 2, .max_evtchn_port = 1023};

	*c = good;
	c->ssidref = 8;
	c->handle[15] = 9;
	op->domain = 0;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), 0);
	assert_int_equal(op->domain, 2);
	assert_int_equal(doms[2].max_vcpus, 2);
	assert_int_equal(doms[2].max_port, 1023);
	assert_int_equal(doms[2].ssidref, 8);
	assert_int_equal(doms[2].uuid[15], 9);
	assert_done("create -1 64;limits 0 0;quota d2;");
	c->max_evtchn_port = ~0u;
	c->flags = RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch | XEN_DOMCTL_CDF_xs_domain;
	c->max_vcpus = MAX_VCPUS;
	op->domain = DOMID_FIRST_RESERVED - 1;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), 0);
	assert_true(doms[2].fv_nopatch);
	assert_int_equal(doms[2].max_port, 4095);
	op->domain = DOMID_FIRST_RESERVED;
	*c = good;
	result = -EEXIST;
	assert_int_equal(asks(XEN_DOMCTL_createdomain), -EEXIST);
	assert_int_equal(c->ssidref, 99); /* there is no answer */
	assert_int_equal(op->domain, DOMID_FIRST_RESERVED);
	assert_done("create 32751 fv;limits 0 0;quota d2;create -1 64;");
	for (int i = 0; i < 7; i++) {
		*c = good;
		if (i == 0)
			c->flags = XEN_DOMCTL_CDF_hvm;
		if (i == 1)
			c->arch.emulation_flags = 1;
		if (i == 2)
			c->vmtrace_size = 1;
		if (i == 3)
			c->cpupool_id = 1;
		if (i == 4)
			c->max_vcpus = 0;
		if (i == 5)
			c->max_vcpus = MAX_VCPUS + 1;
		if (i == 6)
			c->max_grant_frames = 99;
		assert_int_equal(asks(XEN_DOMCTL_createdomain), -EINVAL);
	}
	*c = good;
	c->flags = RINGLET_CDF_fv;
	guest_kinds[KIND_FV] = NULL; /* it is not built in */
	assert_int_equal(asks(XEN_DOMCTL_createdomain), -EOPNOTSUPP);
	assert_done("");
}

static void numbers_of_vcpus(void **state)
{
	struct xen_domctl_max_vcpus *m = &op->u.max_vcpus;

	m->max = 2;
	of_others(XEN_DOMCTL_max_vcpus);
	m->max = 1;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -EINVAL);
	m->max = 2;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), 0);
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), 0);
	assert_done("new v1;");
	doms[1].vcpu[0] = doms[1].vcpu[1] = NULL;
	work_after = looks + 1;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), RESTARTED);
	assert_int_equal(restart_nr, __HYPERVISOR_domctl);
	assert_int_equal(restart_args[0], (uint64_t)op);
	doms[1].vcpu[0] = NULL;
	result = -ENOMEM;
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -ENOMEM);
	doms[1].vcpu[0] = NULL;
	work_after = looks + 1; /* whatever waits, it is no use to come again */
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus), -ENOMEM);
	assert_done("new v0;new v0;new v0;");
}

static void ends(void **state)
{
	of_others(XEN_DOMCTL_destroydomain);
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), 0);
	result = -ERESTART;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), RESTARTED);
	assert_done("end d1;end d1;");
	doms[1].state = DOMAIN_DEAD;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), 0);
	assert_done("");
	dom0 = &doms[1]; /* whoever asks */
	doms[1].state = DOMAIN_ALIVE;
	assert_int_equal(asks(XEN_DOMCTL_destroydomain), -EINVAL);
	of_others(XEN_DOMCTL_destroydomain);
	dom0 = &doms[0];
}

static void pauses(void **state)
{
	doms[0].controller_pauses = 1;
	of_others(XEN_DOMCTL_pausedomain);
	of_others(XEN_DOMCTL_unpausedomain);
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), -EINVAL);
	doms[1].state = DOMAIN_BUILDING;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), 0);
	assert_int_equal(doms[1].controller_pauses, 1);
	assert_int_equal(doms[1].state, DOMAIN_BUILDING);
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), 0);
	assert_int_equal(doms[1].state, DOMAIN_ALIVE);
	assert_int_equal(doms[1].controller_pauses, 0);
	assert_done("pause d1;unpause d1;");
	doms[1].controller_pauses = PAUSE_MAX - 1;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), 0);
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -EOVERFLOW);
	assert_done("pause d1;");
	doms[1].state = DOMAIN_SHUTDOWN;
	assert_int_equal(asks(XEN_DOMCTL_unpausedomain), 0);
	assert_int_equal(doms[1].state, DOMAIN_SHUTDOWN);
}

static void dying(void **state)
{
	static const uint32_t refused[] = {
	    XEN_DOMCTL_pausedomain,       XEN_DOMCTL_unpausedomain,    XEN_DOMCTL_max_mem,
	    XEN_DOMCTL_max_vcpus,         XEN_DOMCTL_set_address_size, XEN_DOMCTL_get_address_size,
	    XEN_DOMCTL_hypercall_init,    XEN_DOMCTL_settimeoffset,    XEN_DOMCTL_setdomainhandle,
	    XEN_DOMCTL_getpageframeinfo3, XEN_DOMCTL_scheduler_op,     XEN_DOMCTL_getvcpuinfo};

	doms[1].controller_pauses = 1;
	for (doms[1].state = DOMAIN_DYING; doms[1].state <= DOMAIN_DEAD; doms[1].state++)
		for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
			assert_int_equal(asks(refused[i]), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), 0);
	assert_int_equal(op->u.getdomaininfo.max_pages, 1234);
	assert_done("");
}

static void kinds(void **state)
{
	op->u.address_size.size = 32;
	of_others(XEN_DOMCTL_set_address_size);
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), 0);
	op->u.address_size.size = 64;
	result = -EACCES;
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), -EACCES);
	op->u.address_size.size = 16;
	assert_int_equal(asks(XEN_DOMCTL_set_address_size), -EINVAL);
	assert_done("kind 32;kind 64;");
	assert_int_equal(asks(XEN_DOMCTL_get_address_size), 0);
	assert_int_equal(op->u.address_size.size, 64);
	op->u.max_mem.max_memkb = 4 * 300 + 3;
	assert_int_equal(asks(XEN_DOMCTL_max_mem), 0);
	assert_int_equal(doms[1].max_pages, 300);
	op->u.settimeoffset.time_offset_seconds = -5;
	assert_int_equal(asks(XEN_DOMCTL_settimeoffset), 0);
	assert_done("quota d1;clock -5;");
	op->u.setdomainhandle.handle[3] = 4;
	assert_int_equal(asks(XEN_DOMCTL_setdomainhandle), 0);
	assert_int_equal(doms[1].uuid[3], 4);
	assert_int_equal(asks(XEN_DOMCTL_max_vcpus + 1000), -ENOSYS);
}

static void which(void **state)
{
	op->domain = 9;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -ESRCH);
	op->domain = DOMID_FIRST_RESERVED;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	op->domain = DOMID_SELF;
	assert_int_equal(asks(XEN_DOMCTL_pausedomain), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -ESRCH);
	op->domain = 0;
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), 0);
	assert_int_equal(op->domain, 1);
	op->interface_version++;
	assert_int_equal(asks(XEN_DOMCTL_getdomaininfo), -EACCES);
	assert_int_equal(hc_domctl(NOWHERE - 8), -EFAULT);
}

static void hypercall_pages(void **state)
{
	frames[2].type = PGT_KEY_OF(PGT_WRITABLE);
	frames[3].type = PGT_KEY_OF(PGT_L1);
	op->u.hypercall_init.gmfn = 2;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), 0);
	assert_done("fill 2;");
	op->u.hypercall_init.gmfn = 3;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), -EPERM);
	op->u.hypercall_init.gmfn = 7;
	assert_int_equal(asks(XEN_DOMCTL_hypercall_init), -EACCES);
	assert_done("");
}

static void frame_kinds(void **state)
{
	struct xen_domctl_getpageframeinfo3 *p = &op->u.getpageframeinfo3;
	static const uint64_t expected[] = {XEN_DOMCTL_PFINFO_NOTAB,
					    1ul << XEN_DOMCTL_PFINFO_LTAB_SHIFT,
					    4ul << XEN_DOMCTL_PFINFO_LTAB_SHIFT | XEN_DOMCTL_PFINFO_LPINTAB,
					    XEN_DOMCTL_PFINFO_NOTAB,
					    XEN_DOMCTL_PFINFO_NOTAB,
					    XEN_DOMCTL_PFINFO_XTAB};

	frames[1].type = PGT_KEY_OF(PGT_L1);
	frames[2].type = PGT_KEY_OF(PGT_L4) | PGT_PINNED;
	frames[3].type = PGT_KEY_OF(PGT_SEGDESC);
	frames[4].type = PGT_KEY_OF(PGT_WRITABLE);
	for (unsigned i = 0; i < 6; i++)
		array[i] = i == 5 ? 7 : i;
	*p = (struct xen_domctl_getpageframeinfo3){.num = 6, .array = (uint64_t)array};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_memory_equal(array, expected, sizeof(expected));
	assert_int_equal(p->num, 6); /* the structure is as it was */
	p->num = PAGEFRAME_MAX + 1;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), -E2BIG);
	p->num = PAGEFRAME_MAX;
	looks = 0;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_int_equal(looks, PAGEFRAME_MAX / FRAMES_PER_CHECK);
	looks = 0;
	work_after = 2;
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), RESTARTED);
	assert_int_equal(p->num, PAGEFRAME_MAX - 2 * FRAMES_PER_CHECK);
	assert_int_equal(p->array, (uint64_t)(array + 2 * FRAMES_PER_CHECK));
	*p = (struct xen_domctl_getpageframeinfo3){.num = 2, .array = NOWHERE - 8};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), -EFAULT);
	doms[0].ops = &guest_pv32; /* a caller with words of four bytes */
	((uint32_t *)array)[0] = 1;
	((uint32_t *)array)[1] = 7;
	*p = (struct xen_domctl_getpageframeinfo3){.num = 2, .array = (uint64_t)array};
	assert_int_equal(asks(XEN_DOMCTL_getpageframeinfo3), 0);
	assert_int_equal(((uint32_t *)array)[1], XEN_DOMCTL_PFINFO_XTAB);
}

static void weights(void **state)
{
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

	*s = (struct xen_domctl_scheduler_op){.sched_id = 5, .cmd = XEN_DOMCTL_SCHEDOP_getinfo};
	s->u.credit.cap = 9;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), 0);
	assert_int_equal(s->u.credit.weight, 256);
	assert_int_equal(s->u.credit.cap, 0);
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), 0);
	s->u.credit.weight = 257;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EOPNOTSUPP);
	s->u.credit.weight = 256;
	s->u.credit.cap = 1;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EOPNOTSUPP);
	s->cmd = XEN_DOMCTL_SCHEDOP_putvcpuinfo;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EINVAL);
	s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	s->sched_id = 6;
	assert_int_equal(asks(XEN_DOMCTL_scheduler_op), -EINVAL);
}

/* ---- vCPUs ---- */

static void contexts_in(void **state)
{
	struct xen_domctl_vcpucontext *c = &op->u.vcpucontext;

	*array = 0xc;
	*c = (struct xen_domctl_vcpucontext){.vcpu = 0, .ctxt = (uint64_t)array};
	of_others(XEN_DOMCTL_setvcpucontext);
	parts = 1;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), 0);
	assert_done("pause d1;context c of v1;context c of v1;unpause d1;");
	parts = 5;
	work_after = looks + 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), RESTARTED);
	assert_done("pause d1;context c of v1;context c of v1;unpause d1;");
	doms[1].pt_left = 4;
	settles = -ERESTART;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), RESTARTED);
	assert_done("pause d1;context c of v1;settle;unpause d1;");
	parts = 0;
	result = -EINVAL;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	deeds[0] = '\0';
	c->ctxt = NOWHERE - 5167;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EFAULT);
	no_memory = true;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -ENOMEM);
	c->vcpu = 1; /* not there; 2 is, but beyond the limit */
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	c->vcpu = 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpucontext), -EINVAL);
	assert_done("");
}

static void contexts_out(void **state)
{
	struct xen_domctl_vcpucontext *c = &op->u.vcpucontext;

	*c = (struct xen_domctl_vcpucontext){.vcpu = 0, .ctxt = (uint64_t)array};
	vcpus[0].initialised = true;
	of_others(XEN_DOMCTL_getvcpucontext);
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ENODATA);
	vcpus[1].initialised = true;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), 0);
	assert_done("pause v1;look v1;unpause v1;");
	assert_int_equal(((uint8_t *)array)[5167], 0x5a);
	assert_int_equal(((uint8_t *)array)[5168], 0);
	c->ctxt = NOWHERE - 5167;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -EFAULT);
	no_memory = true;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ENOMEM);
	c->vcpu = 2;
	assert_int_equal(asks(XEN_DOMCTL_getvcpucontext), -ESRCH);
}

static void infos(void **state)
{
	struct xen_domctl_getvcpuinfo *i = &op->u.getvcpuinfo;

	for (vcpus[1].state = VCPU_OFFLINE; vcpus[1].state <= VCPU_BLOCKED; vcpus[1].state++) {
		vcpus[1].running = vcpus[1].state == VCPU_RUNNABLE;
		i->vcpu = 0;
		assert_int_equal(asks(XEN_DOMCTL_getvcpuinfo), 0);
		assert_int_equal(i->online, vcpus[1].state != VCPU_OFFLINE);
		assert_int_equal(i->blocked, vcpus[1].state == VCPU_BLOCKED);
		assert_int_equal(i->running, vcpus[1].running);
		assert_int_equal(i->cpu_time, 77);
		assert_int_equal(i->cpu, 5);
	}
	i->vcpu = 1;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuinfo), -ESRCH);
}

static void affinities(void **state)
{
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	uint8_t *hard = (uint8_t *)array, *soft = hard + 16;
	const struct xenctl_bitmap map = {.bitmap = (uint64_t)hard, .nr_bits = 64};

	*a = (struct xen_domctl_vcpuaffinity){.cpumap_hard = map, .cpumap_soft = map};
	a->cpumap_soft.bitmap = (uint64_t)soft;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
	a->flags = XEN_VCPUAFFINITY_SOFT;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	a->flags = XEN_VCPUAFFINITY_HARD;
	memset(hard, 0xff, 12);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus ffffffff;");
	assert_int_equal(array[0], 3); /* the CPUs that there are */
	assert_int_equal(hard[8], 0xff);
	array[0] = 4;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
	array[0] = 0xff;
	a->cpumap_hard.nr_bits = 2;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus 3;");
	a->cpumap_hard.nr_bits = 32;
	memset(hard, 0xff, 4);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), 0);
	assert_done("cpus ffffffff;");
	a->cpumap_hard.nr_bits = 2;
	memset(hard, 0xff, 32);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->cpumap_soft.nr_bits = 40;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), 0);
	assert_int_equal(hard[0], 3);
	assert_int_equal(hard[1], 0xff);
	assert_int_equal(soft[0], 3);
	assert_int_equal(soft[4], 0);
	assert_int_equal(soft[5], 0xff);
	a->flags = 0;
	hard[0] = soft[0] = 9;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), 0);
	assert_int_equal(hard[0] + soft[0], 18);
	a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	a->cpumap_hard.nr_bits = CPUMAP_BITS_MAX + 1;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -E2BIG);
	a->cpumap_hard.nr_bits = CPUMAP_BITS_MAX;
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), 0);
	a->cpumap_hard = (struct xenctl_bitmap){.bitmap = NOWHERE, .nr_bits = 8};
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -EFAULT);
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -EFAULT);
	assert_done("");
	a->vcpu = 1;
	assert_int_equal(asks(XEN_DOMCTL_setvcpuaffinity), -ESRCH);
	assert_int_equal(asks(XEN_DOMCTL_getvcpuaffinity), -ESRCH);
	nr_cpus = 32;
	assert_int_equal(all_cpus(), ~0u);
	nr_cpus = 31;
	assert_int_equal(all_cpus(), ~0u >> 1);
	nr_cpus = 2;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(creates),     TEST(numbers_of_vcpus),
	    TEST(ends),        TEST(pauses),
	    TEST(dying),       TEST(kinds),
	    TEST(which),       TEST(hypercall_pages),
	    TEST(frame_kinds), TEST(weights),
	    TEST(contexts_in), TEST(contexts_out),
	    TEST(infos),       TEST(affinities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
