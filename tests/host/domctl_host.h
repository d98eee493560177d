/* SPDX-License-Identifier: MIT */
/* The hypercall domctl between a Dom0, another domain, and stand-ins for all that it calls. Included by one file of a test. */
#pragma once

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
static const struct guest_kind kinds_here[KINDS] = {
    [KIND_PV64] = {.name = "64"}, [KIND_PV32] = {.name = "32"}, [KIND_FV] = {.name = "fv"}};
const struct guest_kind *guest_kinds[KINDS];
static struct guest_doors doors;
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
struct domain *domain_create(domid_t id, const struct guest_kind *kind, int *rc)
{
	*rc = result;
	note("create %d %s", id == DOMID_INVALID ? -1 : id, kind->name);
	((struct xen_domctl *)guest_base)->u.createdomain.ssidref = 99; /* another vCPU */
	doms[2].evt.max_port = 4095;
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
void domain_resume(struct domain *d)
{
	note("resume d%u", d->id);
}
long cpu_policy_get(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	note("policy of d%u", d->id);
	p->nr_leaves = 7;
	return result;
}
long cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	note("policy for d%u", d->id);
	p->err_leaf = 8;
	return result;
}
long domctl_state(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	return -ENOSYS;
}
int domain_set_kind(struct domain *d, const struct guest_kind *kind)
{
	note("kind %s", kind->name);
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
	note("clock %ld", d->sched.time_offset);
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
	memset(ctx, 0x5a, v->domain->doors->context_size);
}
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *r)
{
	r->time[RUNSTATE_running] = 77;
}
void vcpu_set_affinity(struct vcpu *v, uint32_t cpus)
{
	note("cpus %x", cpus);
	v->sched.hard_affinity = cpus;
}

static struct xen_domctl *op;
static uint64_t *array; /* behind it */

static int setup(void **state)
{
	for (int i = 0; i < KINDS; i++)
		guest_kinds[i] = &kinds_here[i];
	doors = (struct guest_doors){
	    .context_size = 5168, .fill_hypercall_page = fill, .get_context = get_context_of};
	memset(doms, 0, sizeof(doms));
	for (int i = 0; i < 3; i++)
		doms[i] = (struct domain){
		    .id = i, .abi = &guest_pv64, .doors = &doors, .max_vcpus = 2, .state = DOMAIN_ALIVE};
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
