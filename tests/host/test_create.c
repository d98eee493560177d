/* SPDX-License-Identifier: MIT */
/*
 * Specification: a domain and its vCPUs come to be with any of their allocations refused, one after the other, and
 * change their kind so. The caller is told -ENOMEM or that there is no domain; what there is by then takes no context
 * for which something is missing, lets a second attempt go on, and can be ended; and in the end not a byte is missing.
 * A domain that is not referred to any more is not found. No two domains have the same tag.
 *   kinds     a domain that has frames, or that has begun, keeps its kind; a new kind's guest finds the time in its place
 *   sizes     the vCPU of a kernel that registers no handlers has no memory for a table of them, and does not come to need it
 *   account   what a domain's limits add up to, and which of them count for it
 *   info      of a vCPU is moved once, while the vCPU itself asks or is off, to a frame that it may write, all of it inside;
 *             and comes back
 *   pauses    nest, and the last one's end sets the watchdogs
 */
#include "mm_host.h"

#include <stdlib.h>

#include "gnt/grant.h"
#include "pv/desc.h"
#include "pv/pv_mm.h"

#include "dom/domain.c"
#include "guest/list.c"
#include "dom/quota.c"
#include "dom/vcpu.c"
#include "evt/port.c"

#define VCPUS 18 /* their windows lie in two tables */

/* ---- the rest of the hypervisor ---- */

hypercall_fn hypercall_table[2 * NR_HYPERCALLS];

void tlb_flush_page_local(gva_t va)
{
}

void watchdog_init(struct domain *d)
{
}

static unsigned went_on;
void watchdog_go_on(struct domain *d, ns_t pause)
{
	went_on++;
}

static unsigned told_time; /* how often */
void time_update_wallclock(struct domain *d)
{
	told_time++;
}

void time_update_vcpu(struct vcpu *v)
{
}

void time_restart_vcpu(struct vcpu *v)
{
}

uint64_t pirqs_most(void)
{
	return 7000;
}

static unsigned resets;
void fpu_reset(struct fpu_area *area)
{
	resets++;
}

void vcpu_timers_init(struct vcpu *v)
{
}

void vcpu_timers_go_on(struct vcpu *v)
{
}

int sched_domain_init(struct domain *d)
{
	d->sched.policy = heap_alloc_for(d, 24);
	return d->sched.policy ? 0 : -ENOMEM;
}

void sched_domain_free(struct domain *d)
{
	heap_free(d->sched.policy);
}

int sched_vcpu_init(struct vcpu *v)
{
	v->sched.policy = heap_alloc_for(v->domain, 40);
	return v->sched.policy ? 0 : -ENOMEM;
}

void sched_vcpu_free(struct vcpu *v)
{
	heap_free(v->sched.policy);
}

void vcpu_reconsider(struct vcpu *v)
{
}

void vcpu_sync(struct vcpu *v)
{
}

static unsigned onlines;
void vcpu_online(struct vcpu *v)
{
	onlines++;
}

void vcpu_offline(struct vcpu *v)
{
}

ns_t now(void)
{
	return 0;
}

/* ---- the kinds, by their own functions ---- */

static unsigned contexts;

static int init64(struct vcpu *v)
{
	return desc_init(v);
}

static int init32(struct vcpu *v)
{
	int rc = desc_init(v);

	return rc ? rc : pv32_kind_root_alloc(v);
}

static void free64(struct vcpu *v)
{
	desc_free(v);
}

static void free32(struct vcpu *v)
{
	desc_free(v);
	pv32_kind_root_free(v);
}

static int set_context(struct vcpu *v, const void *ctx)
{
	contexts++;
	assert_non_null(v->mm.desc_l1);
	if (v->domain->abi->word_shift == 5)
		assert_non_null(v->mm.kind_root);
	return 0;
}

static const struct guest_abi abis[] = {{.max_ports = 4096, .word_shift = 6},
					{.max_ports = 1024, .word_shift = 5}};
static const struct hypercall_abi calls;
static const struct pv_doors pv;
static const struct guest_doors doors[] = {
    {.vcpu_init = init64, .vcpu_free = free64, .set_context = set_context},
    {.vcpu_init = init32, .vcpu_free = free32, .set_context = set_context},
};
static const struct guest_kind kinds[] = {
    {.name = "pv64", .abi = &abis[0], .calls = &calls, .pv = &pv, .doors = &doors[0]},
    {.name = "pv32", .abi = &abis[1], .calls = &calls, .pv = &pv, .doors = &doors[1]},
};

/* ---- memory that is refused once ---- */

static long until_refused = -1;
bool __real_domain_charge(struct domain *d, size_t bytes);
bool __wrap_domain_charge(struct domain *d, size_t bytes)
{
	if (until_refused >= 0 && until_refused-- == 0)
		return false;
	return __real_domain_charge(d, bytes);
}

/* As dom/destroy.c does it. */
static void end(struct domain *d)
{
	struct vcpu *v;

	d->state = DOMAIN_DYING;
	for_each_vcpu (d, v)
		d->doors->vcpu_free(v);
	assert_int_equal(mm_relinquish(d), 0);
	unshare_heap_page(d->shared_info);
	grant_unshare(d);
	d->state = DOMAIN_DEAD;
	domain_put(d); /* finds that nothing is on its account, or panics */
}

static struct domain *create(const struct guest_kind *kind)
{
	struct domain *d;
	int rc = 0;

	d = domain_create(DOMID_INVALID, kind, &rc);
	if (!d) {
		assert_int_equal(rc, -ENOMEM);
		d = domain_create(DOMID_INVALID, kind, &rc); /* a second attempt */
	}
	assert_non_null(d);
	d->max_vcpus = VCPUS;
	domain_set_quota(d);
	return d;
}

/* A vCPU that lacks something says so. */
static void contexts_of(struct domain *d, bool all)
{
	static const struct vcpu_guest_context ctx;
	struct vcpu *v;

	for_each_vcpu (d, v) {
		int rc = vcpu_set_context(v, &ctx);

		assert_true(rc == 0 || (!all && rc == -ENOMEM));
	}
}

static void all_of(unsigned from, bool retry)
{
	struct domain *d = create(&kinds[from]);
	int rc;

	for (uint32_t id = 0; id < VCPUS; id++) {
		rc = vcpu_create(d, id);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_true(!rc == !!d->vcpu[id]);
		if (rc && retry)
			assert_int_equal(vcpu_create(d, id), 0);
	}
	contexts_of(d, true);
	rc = domain_set_kind(d, &kinds[!from]);
	assert_true(rc == 0 || rc == -ENOMEM);
	contexts_of(d, rc == 0);
	if (rc && retry) {
		assert_int_equal(domain_set_kind(d, &kinds[!from]), 0);
		contexts_of(d, true);
	}
	end(d);
}

static void each_allocation(void **state)
{
	for (unsigned from = 0; from < 2; from++)
		for (unsigned retry = 0; retry < 2; retry++) {
			uint64_t before;
			long n = 0;

			all_of(from, retry); /* the heap keeps a page or two */
			before = frames_free();
			do {
				until_refused = n++;
				all_of(from, retry);
				assert_int_equal(frames_free(), before);
			} while (until_refused < 0);
			until_refused = -1;
			assert_true(n > VCPUS);
		}
	assert_true(contexts > 0);
}

/* A kind with fewer ports is refused to a domain that has more: nothing would close them. */
static void ports_stay(void **state)
{
	struct domain *d = create(&kinds[0]);
	struct evtchn *ch;

	spin_lock(&d->evt.lock);
	memset(d->evt.ports_taken, 0xff, sizeof(d->evt.ports_taken));
	d->evt.ports_taken[1100 / 64] &= ~(1ull << 1100 % 64);
	assert_int_equal(port_alloc(d, &ch), 1100);
	spin_unlock(&d->evt.lock);
	assert_int_equal(domain_set_kind(d, &kinds[1]), -EACCES);
	assert_ptr_equal(d->kind, &kinds[0]);
	end(d);
}

static void found_while_referred_to(void **state)
{
	struct domain *d = create(&kinds[0]), *other = create(&kinds[0]);
	struct domain self = {.id = 1000, .refs = 1};
	struct vcpu v = {.domain = &self};

	host_percpu.vcpu = &v;
	assert_true(d->pt_tag && other->pt_tag && d->pt_tag != other->pt_tag);
	assert_ptr_equal(domain_by_id(d->id), d);
	assert_int_equal(d->refs, 4); /* its own, shared_info, a grant frame, the test's */
	domain_put(d);
	d->refs -= 3; /* another CPU is about to take it off the list */
	assert_null(domain_by_id(d->id));
	assert_ptr_equal(domain_next(d->id), other);
	assert_int_equal(d->refs, 0);
	domain_put(other);
	d->refs += 3;
	end(d);
	end(other);
}

static struct domain *numbered(domid_t id)
{
	int rc;
	struct domain *d = domain_create(id, &kinds[0], &rc);

	assert_non_null(d);
	assert_int_equal(d->id, id);
	return d;
}

/* In ascending order, whatever the order in which they came; numbers 256 apart hash to the same. */
static void all_in_order(void **state)
{
	static const domid_t order[] = {700, 300, 32000, 44, 301, 556};
	static const domid_t sorted[] = {44, 300, 301, 556, 700, 32000};
	struct domain *all[ARRAY_SIZE(order) + 2], *d, self = {.id = 1000, .refs = 1};
	struct vcpu v = {.domain = &self};
	uint32_t next = 40, n = 0;
	int rc;

	host_percpu.vcpu = &v;
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		all[i] = numbered(order[i]);
	assert_null(domain_create(300, &kinds[0], &rc));
	assert_int_equal(rc, -EEXIST);
	d = domain_create(DOMID_INVALID, &kinds[0], &rc);
	next = d->id; /* the next two numbers are taken */
	end(d);
	all[6] = numbered(next + 1);
	all[7] = numbered(next + 2);
	d = domain_create(DOMID_INVALID, &kinds[0], &rc);
	assert_non_null(d);
	assert_int_equal(d->id, next + 3);
	end(d);
	end(all[6]);
	end(all[7]);
	next = 40;
	for (; (d = domain_next(next)); domain_put(d)) {
		assert_int_equal(d->id, sorted[n++]);
		assert_ptr_equal(domain_by_id(d->id), d);
		domain_put(d);
		next = d->id + 1;
	}
	assert_int_equal(n, ARRAY_SIZE(order));
	n = 0;
	list_for_each (d, &domain_list, link)
		assert_int_equal(d->id, sorted[n++]);
	assert_ptr_equal(domain_by_id(DOMID_SELF), &self); /* which need not be in the list */
	assert_ptr_equal(domain_by_id(1000), &self);
	assert_int_equal(self.refs, 3);
	assert_null(domain_by_id(45));
	assert_null(domain_by_id(40000));
	end(all[1]);
	assert_null(domain_by_id(300));
	d = domain_by_id(44); /* behind it in the same slot */
	assert_ptr_equal(d, all[3]);
	domain_put(d);
	end(all[3]);
	d = domain_next(0);
	assert_ptr_equal(d, all[4]);
	domain_put(d);
	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		if (i != 1 && i != 3)
			end(all[i]);
	assert_null(domain_next(0));
}

static void kind_rules(void **state)
{
	struct domain *d;

	told_time = 0;
	d = create(&kinds[0]);
	assert_int_equal(told_time, 1);
	assert_int_equal(domain_set_kind(d, &kinds[1]), 0);
	assert_int_equal(told_time, 2);
	assert_int_equal((char *)d->evt.mask - (char *)d->evt.pending, 1024 / 8);
	d->state = DOMAIN_ALIVE;
	assert_int_equal(domain_set_kind(d, &kinds[1]), 0);
	assert_int_equal(domain_set_kind(d, &kinds[0]), -EACCES);
	d->state = DOMAIN_BUILDING;
	d->mm.max_pages = 1;
	assert_non_null(domain_alloc_pages(d, 0, 0));
	assert_int_equal(domain_set_kind(d, &kinds[0]), -EACCES);
	assert_ptr_equal(d->kind, &kinds[1]);
	end(d);
}

/* What the structure of a first vCPU adds to the domain's account; the rest is the same for all kinds. */
static uint64_t bytes_of_vcpu(struct domain *d)
{
	uint64_t before = d->mm.heap_bytes;

	assert_int_equal(vcpu_create(d, 0), 0);
	return d->mm.heap_bytes - before;
}

static void sizes(void **state)
{
	static const struct guest_kind bare = {.name = "fv", .abi = &abis[0], .doors = &doors[0]};
	struct domain *with = create(&kinds[0]), *without = create(&bare);
	uint64_t before = dom_idle.mm.heap_bytes;
	struct vcpu *idle = vcpu_alloc(&dom_idle, 1);

	assert_int_equal(dom_idle.mm.heap_bytes - before, PAGE_SIZE);
	assert_true(bytes_of_vcpu(with) - bytes_of_vcpu(without) >= sizeof(with->vcpu[0]->traps));
	assert_int_equal(domain_set_kind(without, &kinds[0]), -EACCES);
	assert_int_equal(domain_set_kind(with, &bare), -EACCES);
	assert_ptr_equal(without->kind, &bare);
	vcpu_free(idle);
	end(without);
	end(with);
}

static uint64_t heap_most(uint64_t pages)
{
	return pages * 3;
}

static void account(void **state)
{
	static const struct guest_doors more = {.heap_most = heap_most, .vcpu_free = free64};
	static const struct guest_kind third = {.name = "fv", .abi = &abis[0], .doors = &more};
	struct domain *d = create(&kinds[0]), *other;
	uint64_t quota, ports = evtchn_most(d);
	int rc;

	domain_set_quota(d);
	quota = d->mm.heap_quota;
	assert_int_equal(quota, (128ul << 10) + VCPUS * (64ul << 10) + ports + grant_most(d));
	d->privileged = true;
	domain_set_quota(d);
	assert_int_equal(d->mm.heap_quota, quota + 7000);
	d->privileged = false;
	d->max_vcpus = 0;
	domain_set_quota(d);
	assert_int_equal(d->mm.heap_quota, quota - (VCPUS - 1) * (64ul << 10));
	/* A kind with fewer ports is allowed less. */
	assert_int_equal(domain_set_kind(d, &kinds[1]), 0);
	assert_true(d->mm.heap_quota < quota - (VCPUS - 1) * (64ul << 10));
	other = domain_create(DOMID_INVALID, &third,
			      &rc); /* it makes no hypercalls, and has memory of another sort */
	other->mm.max_pages = 100;
	domain_set_quota(other);
	assert_int_equal(other->mm.heap_quota, (128ul << 10) + (64ul << 10) + evtchn_most(other) + 300);
	end(other);
	end(d);
}

static void info_moves(void **state)
{
	static const struct vcpu_guest_context on = {.flags = VGCF_online}, off;
	struct domain *d = create(&kinds[0]), *other = create(&kinds[0]);
	struct page_info *pg, *table;
	struct vcpu *v, *second;
	mfn_t mfn;

	d->mm.max_pages = other->mm.max_pages = 2;
	pg = domain_alloc_pages(d, 0, 0);
	table = domain_alloc_pages(d, 0, 0);
	table->type = (uint64_t)PGT_L1 << PGT_SHIFT | PGT_VALIDATED | 1;
	mfn = page_to_mfn(pg);
	resets = onlines = 0;
	assert_int_equal(vcpu_create(d, 0) | vcpu_create(d, 1), 0);
	assert_int_equal(resets, 2);
	assert_int_equal(vcpu_create(d, 1), -EEXIST);
	assert_int_equal(vcpu_create(d, MAX_VCPUS), -EINVAL);
	v = d->vcpu[0];
	second = d->vcpu[1];
	assert_int_equal(vcpu_set_context(v, &off), 0);
	assert_int_equal(onlines, 0);
	assert_int_equal(vcpu_set_context(v, &on), 0);
	assert_int_equal(onlines, 1);
	host_percpu.vcpu = v;
	v->state = second->state = VCPU_RUNNABLE;
	assert_int_equal(vcpu_map_info(v, mfn, 4), -ENXIO); /* inside a word */
	assert_int_equal(vcpu_map_info(v, mfn, PAGE_SIZE - 64 + 8), -ENXIO);
	assert_int_equal(vcpu_map_info(v, mfn, ~7u), -ENXIO);
	assert_int_equal(vcpu_map_info(second, mfn, 0), -EINVAL); /* it may be using the old place */
	assert_int_equal(vcpu_map_info(v, 1ul << 40, 0), -EINVAL);
	assert_int_equal(vcpu_map_info(v, page_to_mfn(table), 0), -EINVAL);
	assert_int_equal(table->count & PGC_COUNT, 1);
	assert_int_equal(pg->count & PGC_COUNT, 1);
	memset(v->info, 0x11, 64);
	assert_int_equal(vcpu_map_info(v, mfn, PAGE_SIZE - 64), 0);
	assert_ptr_equal(v->info, (char *)mfn_to_virt(mfn) + PAGE_SIZE - 64);
	assert_int_equal(((uint8_t *)v->info)[63], 0x11);
	assert_int_equal(v->info->upcall_pending, 1); /* it looks at everything again */
	assert_int_equal(pg->type & PGT_COUNT, 1);
	assert_int_equal(vcpu_map_info(v, mfn, 0), -EINVAL); /* twice */
	second->state = VCPU_OFFLINE;
	assert_int_equal(vcpu_map_info(second, mfn, 0), 0);
	assert_int_equal(pg->type & PGT_COUNT, 2);
	vcpu_unmap_info(v);
	vcpu_unmap_info(v);
	vcpu_unmap_info(second);
	assert_ptr_equal(second->info, (char *)d->shared_info + 64);
	assert_int_equal(pg->count & PGC_COUNT, 1);
	host_percpu.vcpu = NULL;
	table->type = 0;
	end(other);
	end(d);
}

static void pauses(void **state)
{
	struct domain *d = create(&kinds[0]);

	went_on = 0;
	assert_int_equal(d->sched.pause_count, 1);
	domain_pause(d);
	domain_unpause(d);
	assert_int_equal(went_on, 0);
	domain_unpause(d);
	assert_int_equal(d->sched.pause_count, 0);
	assert_int_equal(went_on,
			 2); /* with the time that is past, and again for one that expired meanwhile */
	assert_false(d->dom.lock.held);
	end(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kind_rules),   cmocka_unit_test(sizes),
	    cmocka_unit_test(account),      cmocka_unit_test(info_moves),
	    cmocka_unit_test(pauses),       cmocka_unit_test(each_allocation),
	    cmocka_unit_test(ports_stay),   cmocka_unit_test(found_while_referred_to),
	    cmocka_unit_test(all_in_order),
	};

	host_init();
	domains_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
