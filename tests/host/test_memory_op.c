/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall memory_op (hypervisor/mm/memory_op.c, memory_map_op.c, memory_work.c, mmu_owner.c), with the
 * mechanism written down.
 *   lists     return how many extents are done; they end at the first that fails and go on after other work where they were
 *   told      a guest that cannot be told of its frames does not get them, before a large extent is begun
 *   large     an extent of many frames comes in steps, remembered by the vCPU; another call cancels it
 *   whose     other domains are Dom0's to name, DOMID_IO and DOMID_XEN for page tables alone
 *   claims    Dom0's, and exactly those words that mean one
 *   maps      of a domain by Dom0, of the machine to Dom0; an odd length is refused, a shorter buffer gets a part
 *   vcpus     a set of them becomes the CPUs of those that run
 */
#include "guest_host.h"
#include "cpu/ipi.h"
#include "mm/memory_map_op.c"
#include "mm/memory_op.c"
#include "mm/memory_work.c"
#include "mm/mmu_owner.c"

static struct domain doms[2], special[2];
static struct vcpu vcpus[4];
static struct percpu cpus[2] = {{.id = 0}, {.id = 3}};
struct domain *dom_io = &special[0], *dom_xen = &special[1];
struct mem_range boot_ram[BOOT_RAM_MAX] = {{0x1000, 0x3000, 1}, {0x9000, 0xa000, 2}};
unsigned boot_ram_count = 2;
mfn_t max_mfn = 5000;
static unsigned held;
static int result;

struct domain *domain_by_id(domid_t id)
{
	if (id > 1)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}
void domain_get(struct domain *d)
{
	d->refs++;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs-- > 0);
}
void cpu_service_requests(void)
{
}
static struct page_info shared = {.count = 1};
static bool ends; /* the domain gave up its shared_info */
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	assert_int_equal(mfn, 0x77);
	shared.count += !ends;
	return ends ? NULL : &shared;
}
void frame_release(struct page_info *pg)
{
	fail();
}
static unsigned room; /* frames that there are */
mfn_t memory_populate(struct domain *d, pfn_t gpfn, unsigned addr_bits)
{
	note("d%u gets %lx in %u bits", d->id, gpfn == INVALID_PFN ? 0xfff : gpfn, addr_bits);
	return room && room-- ? 0x100 + room : INVALID_MFN;
}
static unsigned steps; /* before the end of what is large */
int memory_decrease(struct domain *d, mfn_t mfn, unsigned order, uint32_t *at)
{
	note("d%u gives %lx+%u at %u", d->id, mfn, order, *at);
	if (order && steps) {
		steps--;
		++*at;
		return -ERESTART;
	}
	return result;
}
static gva_t vanishing;
int memory_exchange(struct domain *d, struct exchange *x)
{
	note("step %u+%u of d%u %lx in %u", x->n, x->out_order, d->id,
	     x->gpfn == INVALID_PFN ? 0xfff : x->gpfn, x->addr_bits);
	if (steps) {
		steps--;
		return -ERESTART;
	}
	x->out[0] = 0x200;
	if (vanishing)
		guest_pv64.low_end = vanishing;
	return result;
}
static unsigned cancels;
bool memory_exchange_cancel(struct domain *d, struct exchange *x)
{
	if (cancels)
		note("cancel");
	return !cancels || !--cancels;
}
static bool no_memory;
void *heap_alloc_for(struct domain *d, size_t n)
{
	if (no_memory)
		return NULL;
	held++;
	return calloc(1, n);
}
void heap_free(void *p)
{
	held -= p != NULL;
	free(p);
}
int domain_claim_pages(struct domain *d, uint64_t pages)
{
	note("claim %lu for d%u", pages, d->id);
	return result;
}
long memory_exchange_op(gva_t arg)
{
	return 88;
}
static unsigned shares;
bool m2p_share(void)
{
	return !shares || !--shares;
}
mfn_t m2p_frame(unsigned entry_shift, uint64_t i)
{
	return i < 3 ? entry_shift * 1000 + i : 0;
}

static struct xen_memory_reservation *r;
static uint64_t *list;

static const struct paging_rules paging = {
    .m2p_start = 0x10000, .m2p_end = 0x10000 + 8 * 4000, .m2p_entry_shift = 3};

static int setup(void **state)
{
	guest_pv64.low_end = NOWHERE;
	for (int i = 0; i < 2; i++) {
		doms[i] = (struct domain){.id = i,
					  .abi = &guest_pv64,
					  .paging = &paging,
					  .max_vcpus = 4,
					  .mm.tot_pages = 40 + i,
					  .mm.max_pages = 60 + i};
		special[i] = (struct domain){.id = i ? DOMID_XEN : DOMID_IO};
	}
	for (int i = 0; i < 4; i++) {
		vcpus[i] = (struct vcpu){.id = i, .domain = &doms[1], .cpu = &cpus[i & 1]};
		doms[1].vcpu[i] = &vcpus[i];
	}
	host_percpu.vcpu = &vcpus[0];
	r = (void *)guest_memory();
	memset(r, 0, GUEST_BYTES);
	list = (uint64_t *)r + 64;
	*r = (struct xen_memory_reservation){
	    .extent_start = (uint64_t)list, .nr_extents = 3, .domid = DOMID_SELF};
	for (int i = 0; i < 3; i++)
		list[i] = 0x10 + i;
	room = 100;
	steps = cancels = shares = looks = work_after = 0;
	vanishing = 0;
	result = 0;
	no_memory = false;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	guest_pv64.low_end = NOWHERE;
	while (memory_work_end(&vcpus[0]))
		;
	return held || doms[0].refs || doms[1].refs || special[0].refs || special[1].refs;
}

static long asks(uint64_t cmd)
{
	return hc_memory_op(cmd, (uint64_t)r);
}

static void lists(void **state)
{
	r->mem_flags = XENMEMF_address_bits(32);
	assert_int_equal(asks(XENMEM_populate_physmap), 3);
	assert_done("d1 gets 10 in 32 bits;d1 gets 11 in 32 bits;d1 gets 12 in 32 bits;");
	assert_int_equal(list[0], 0x163);
	assert_int_equal(list[2], 0x161);
	assert_int_equal(asks(XENMEM_increase_reservation | 1u << MEMOP_EXTENT_SHIFT), 3);
	assert_done("d1 gets fff in 32 bits;d1 gets fff in 32 bits;");
	room = 1;
	assert_int_equal(asks(XENMEM_increase_reservation), 1);
	deeds[0] = '\0';
	assert_int_equal(asks(XENMEM_populate_physmap | 3u << MEMOP_EXTENT_SHIFT), 3); /* all of them */
	assert_done("");
	room = 9;
	work_after = looks + 2;
	assert_int_equal(asks(XENMEM_populate_physmap), RESTARTED);
	assert_int_equal(restart_nr, __HYPERVISOR_memory_op);
	assert_int_equal(restart_args[0], XENMEM_populate_physmap | 2u << MEMOP_EXTENT_SHIFT);
	assert_int_equal(restart_args[1], (uint64_t)r);
	r->extent_start = 0; /* it need not be told */
	assert_int_equal(asks(XENMEM_increase_reservation), 3);
	deeds[0] = '\0';
	r->extent_start = NOWHERE - 8;
	*(uint64_t *)(NOWHERE - 8) = 0x30;
	assert_int_equal(asks(XENMEM_decrease_reservation), 1);
	assert_done("d1 gives 30+0 at 0;");
	result = -EINVAL;
	r->extent_start = (uint64_t)list;
	assert_int_equal(asks(XENMEM_decrease_reservation), 0);
	deeds[0] = '\0';
	r->extent_start = NOWHERE;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	assert_done("");
	assert_int_equal(asks(XENMEM_increase_reservation), 0);
	assert_done("d1 gets fff in 32 bits;d1 gives 103+0 at 0;"); /* taken back */
	room = 2;
	r->extent_start = 0;
	r->nr_extents = MAX_EXTENTS;
	assert_int_equal(asks(XENMEM_increase_reservation), 2);
	deeds[0] = '\0';
	r->nr_extents = MAX_EXTENTS + 1ul;
	assert_int_equal(asks(XENMEM_increase_reservation), 0);
	assert_int_equal(hc_memory_op(XENMEM_increase_reservation, NOWHERE), 0);
	assert_done("");
}

static void orders(void **state)
{
	r->nr_extents = 1;
	r->extent_order = MAX_ORDER_DOMU + 1;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	r->extent_order = 64;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	assert_done("");
	doms[1].privileged = true;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	r->extent_order = MAX_ORDER_DOM0;
	assert_int_equal(asks(XENMEM_decrease_reservation), 1);
	assert_done("d1 gives 10+18 at 0;");
	doms[1].privileged = false;
	r->extent_order = MAX_ORDER_DOMU;
	assert_int_equal(asks(XENMEM_populate_physmap), 1);
	assert_done("step 512+9 of d1 10 in 0;");
	assert_int_equal(list[0], 0x200);
}

static void large(void **state)
{
	r->nr_extents = 1;
	r->extent_order = 2;
	steps = 2;
	assert_int_equal(asks(XENMEM_populate_physmap), 1);
	assert_done("step 4+2 of d1 10 in 0;step 4+2 of d1 10 in 0;step 4+2 of d1 10 in 0;");
	list[0] = 0x10;
	steps = 2;
	assert_int_equal(asks(XENMEM_decrease_reservation), 1);
	assert_done("d1 gives 10+2 at 0;d1 gives 10+2 at 1;d1 gives 10+2 at 2;");
	steps = 9;
	work_after = looks + 2;
	assert_int_equal(asks(XENMEM_decrease_reservation), RESTARTED);
	assert_done("d1 gives 10+2 at 0;d1 gives 10+2 at 1;");
	steps = 0;
	assert_int_equal(asks(restart_args[0]), 1); /* where it was */
	assert_done("d1 gives 10+2 at 2;");
	steps = 9;
	work_after = looks + 1;
	assert_int_equal(asks(XENMEM_populate_physmap), RESTARTED);
	assert_non_null(vcpus[0].mm.memory_work);
	deeds[0] = '\0';
	steps = 0;
	r->mem_flags = XENMEMF_address_bits(20); /* another call: what was begun is cancelled first */
	cancels = 2;
	assert_int_equal(asks(XENMEM_populate_physmap), 1);
	assert_done("cancel;cancel;step 4+2 of d1 10 in 20;");
	steps = 9;
	work_after = looks + 1;
	assert_int_equal(asks(XENMEM_increase_reservation), RESTARTED);
	deeds[0] = '\0';
	cancels = 5;
	work_after = looks + 1;
	list[0] = 0x11;
	assert_int_equal(asks(XENMEM_populate_physmap), RESTARTED);
	assert_done("cancel;");
	cancels = steps = 0;
	result = -ENOMEM;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	assert_int_equal(list[0], 0x11);
	assert_null(vcpus[0].mm.memory_work);
	no_memory = true;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
}

/* The same words about another domain are another call. */
static void of_another(void **state)
{
	r->nr_extents = 1;
	r->extent_order = 2;
	doms[1].privileged = true;
	steps = 9;
	work_after = looks + 1;
	assert_int_equal(asks(XENMEM_populate_physmap), RESTARTED);
	deeds[0] = '\0';
	steps = 0;
	cancels = 1;
	r->domid = 0;
	assert_int_equal(asks(XENMEM_populate_physmap), 1);
	assert_done("cancel;step 4+2 of d0 10 in 0;");
}

static void told(void **state)
{
	r->nr_extents = 1;
	r->extent_order = 2;
	r->extent_start = NOWHERE;
	assert_int_equal(asks(XENMEM_increase_reservation), 0);
	assert_done("");
	r->extent_start = NOWHERE - PAGE_SIZE; /* what is given up is only read */
	mprotect((void *)(NOWHERE - PAGE_SIZE), PAGE_SIZE, PROT_READ);
	assert_int_equal(asks(XENMEM_decrease_reservation), 1);
	mprotect((void *)(NOWHERE - PAGE_SIZE), PAGE_SIZE, PROT_READ | PROT_WRITE);
	r->extent_start = 0;
	assert_int_equal(asks(XENMEM_increase_reservation), 1);
	r->extent_start = (uint64_t)list;
	vanishing = (uint64_t)list; /* it could be told, and then not: they are its own all the same */
	assert_int_equal(asks(XENMEM_increase_reservation), 0);
	assert_null(vcpus[0].mm.memory_work);
}

static void whose(void **state)
{
	int rc;

	r->nr_extents = 1;
	r->domid = 0;
	assert_int_equal(asks(XENMEM_populate_physmap), 0);
	assert_int_equal(asks(XENMEM_populate_physmap | 0u), 0);
	assert_done("");
	assert_null(mmu_owner_get(0, &rc));
	assert_int_equal(rc, -EPERM);
	assert_null(mmu_owner_get(DOMID_IO, &rc));
	assert_ptr_equal(mmu_owner_get(1, &rc), &doms[1]);
	assert_int_equal(rc, 0);
	assert_ptr_equal(mmu_owner_get(DOMID_SELF, &rc), &doms[1]);
	assert_int_equal(doms[1].refs, 2);
	doms[1].refs = 0;
	assert_null(memory_domain_get(DOMID_XEN, &rc));
	assert_int_equal(rc, -EPERM);
	doms[1].privileged = true;
	assert_null(memory_domain_get(DOMID_XEN, &rc));
	assert_int_equal(rc, -ESRCH);
	assert_null(memory_domain_get(DOMID_IO, &rc));
	assert_int_equal(rc, -ESRCH);
	assert_ptr_equal(mmu_owner_get(DOMID_IO, &rc), dom_io);
	assert_ptr_equal(mmu_owner_get(DOMID_XEN, &rc), dom_xen);
	assert_int_equal(special[0].refs + special[1].refs, 2);
	special[0].refs = special[1].refs = 0;
	assert_null(mmu_owner_get(9, &rc));
	assert_int_equal(rc, -ESRCH);
	assert_int_equal(asks(XENMEM_populate_physmap), 1);
	assert_done("d0 gets 10 in 0 bits;");
}

static void claims(void **state)
{
	r->extent_start = 0;
	assert_int_equal(asks(XENMEM_claim_pages), -EPERM);
	doms[1].privileged = true;
	result = -ENOMEM;
	assert_int_equal(asks(XENMEM_claim_pages), -ENOMEM);
	assert_done("claim 3 for d1;");
	r->extent_order = 1;
	assert_int_equal(asks(XENMEM_claim_pages), -EINVAL);
	r->extent_order = 0;
	r->mem_flags = 1;
	assert_int_equal(asks(XENMEM_claim_pages), -EINVAL);
	r->mem_flags = 0;
	r->extent_start = 8;
	assert_int_equal(asks(XENMEM_claim_pages), -EINVAL);
	r->extent_start = 0;
	r->domid = 9;
	assert_int_equal(asks(XENMEM_claim_pages), -ESRCH);
	assert_int_equal(hc_memory_op(XENMEM_claim_pages, NOWHERE), -EFAULT);
	assert_done("");
}

static void maps(void **state)
{
	struct xen_foreign_memory_map *f = (void *)r;
	struct xen_memory_map *m = (void *)r;
	struct e820_entry *entries = (void *)list;

	*m = (struct xen_memory_map){.nr_entries = 5, .buffer = (uint64_t)list};
	assert_int_equal(asks(XENMEM_memory_map), -ENOSYS);
	assert_int_equal(asks(XENMEM_machine_memory_map), -EPERM);
	assert_int_equal(asks(XENMEM_set_memory_map), -EPERM);
	doms[1].privileged = true;
	assert_int_equal(asks(XENMEM_machine_memory_map), 0);
	assert_int_equal(m->nr_entries, 2);
	assert_int_equal(entries[1].addr, 0x9000);
	assert_int_equal(entries[1].size, 0x1000);
	assert_int_equal(entries[1].type, 2);
	m->nr_entries = 1;
	assert_int_equal(asks(XENMEM_machine_memory_map), -EINVAL);
	m->nr_entries = 2;
	m->buffer = NOWHERE - 39;
	assert_int_equal(asks(XENMEM_machine_memory_map), -EFAULT);
	*f = (struct xen_foreign_memory_map){.domid = DOMID_SELF, .map = {2, (uint64_t)list}};
	assert_int_equal(asks(XENMEM_set_memory_map), 0);
	f->map.nr_entries = MAP_ENTRIES_MAX;
	assert_int_equal(asks(XENMEM_set_memory_map), 0);
	f->map.nr_entries = MAP_ENTRIES_MAX + 1;
	assert_int_equal(asks(XENMEM_set_memory_map), -EINVAL);
	f->map.nr_entries = 0;
	assert_int_equal(asks(XENMEM_set_memory_map), -EINVAL);
	f->map.nr_entries = 2;
	assert_int_equal(asks(XENMEM_set_memory_map), 0);
	f->domid = 9;
	assert_int_equal(asks(XENMEM_set_memory_map), -ESRCH);
	f->domid = 1;
	f->map.buffer = NOWHERE;
	assert_int_equal(asks(XENMEM_set_memory_map), -EFAULT);
	no_memory = true;
	assert_int_equal(asks(XENMEM_set_memory_map), -ENOMEM);
	no_memory = false;
	doms[1].state = DOMAIN_DYING; /* it would never be freed */
	f->map.buffer = (uint64_t)list;
	assert_int_equal(asks(XENMEM_set_memory_map), -EINVAL);
	assert_int_equal(held, 1);
	*m = (struct xen_memory_map){.nr_entries = 1, .buffer = (uint64_t)(entries + 5)};
	assert_int_equal(asks(XENMEM_memory_map), 0);
	assert_int_equal(m->nr_entries, 1);
	assert_int_equal(entries[5].size, 0x2000);
	assert_int_equal(entries[6].size, 0);
	assert_int_equal(hc_memory_op(XENMEM_memory_map, NOWHERE), -EFAULT);
	assert_int_equal(hc_memory_op(XENMEM_machine_memory_map, NOWHERE), -EFAULT);
	assert_int_equal(hc_memory_op(XENMEM_set_memory_map, NOWHERE), -EFAULT);
	assert_false(doms[1].mm.page_lock.held);
	heap_free(doms[1].mm.memory_map);
}

static void totals(void **state)
{
	struct xen_memory_domain *q = (void *)r;
	struct xen_machphys_mapping *m = (void *)r;
	struct xen_machphys_mfn_list *l = (void *)r;

	q->domid = DOMID_SELF;
	assert_int_equal(asks(XENMEM_current_reservation), 41);
	assert_int_equal(asks(XENMEM_maximum_reservation), 61);
	q->domid = 0;
	assert_int_equal(asks(XENMEM_current_reservation), -EPERM);
	assert_int_equal(hc_memory_op(XENMEM_current_reservation, NOWHERE), -EFAULT);
	assert_int_equal(asks(XENMEM_maximum_ram_page), 5000);
	assert_int_equal(asks(XENMEM_machphys_mapping), 0);
	assert_int_equal(m->v_start, 0x10000);
	assert_int_equal(m->max_mfn, 3999); /* as far as it sees */
	max_mfn = 3000;
	assert_int_equal(asks(XENMEM_machphys_mapping), 0);
	assert_int_equal(m->max_mfn, 2999);
	max_mfn = 5000;
	*l = (struct xen_machphys_mfn_list){.max_extents = 2, .extent_start = (uint64_t)list};
	shares = 3;
	assert_int_equal(asks(XENMEM_machphys_mfn_list), 0);
	assert_int_equal(l->nr_extents, 2);
	assert_int_equal(list[1], 3001);
	assert_int_equal(list[2], 0x12);
	l->max_extents = 9;
	assert_int_equal(asks(XENMEM_machphys_compat_mfn_list), 0);
	assert_int_equal(l->nr_extents, 3);
	assert_int_equal(list[2], 2002);
	shares = 5;
	work_after = looks + 2;
	assert_int_equal(asks(XENMEM_machphys_mfn_list), RESTARTED);
	assert_int_equal(restart_args[0], XENMEM_machphys_mfn_list);
	shares = 0;
	l->extent_start = NOWHERE;
	assert_int_equal(asks(XENMEM_machphys_mfn_list), -EFAULT);
	assert_int_equal(hc_memory_op(XENMEM_machphys_mfn_list, NOWHERE), -EFAULT);
	assert_int_equal(asks(XENMEM_exchange), 88);
	assert_int_equal(asks(XENMEM_add_to_physmap), -EACCES);
	assert_int_equal(asks(MEMOP_CMD_MASK), -ENOSYS);
}

/* As the domain itself says; nothing yet, or nonsense, is 0. */
static void pfns(void **state)
{
	static uint64_t page[PAGE_SIZE / 8];
	struct xen_memory_domain *q = (void *)r;
	uint64_t *says = &page[PV64_shared_info_arch_max_pfn / 8];

	q->domid = DOMID_SELF;
	doms[1].shared_info = page;
	doms[1].shared_info_mfn = 0x77;
	guest_pv64.max_ports = 4096;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0);
	*says = 1;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0);
	*says = 0x7fffffff;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0x7ffffffe);
	*says = 0x80000000;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0);
	*says = ~0ull;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0);
	*says = 5;
	ends = true;
	assert_int_equal(asks(XENMEM_maximum_gpfn), 0);
	ends = false;
	assert_int_equal(shared.count, 1);
	q->domid = 0;
	assert_int_equal(asks(XENMEM_maximum_gpfn), -EPERM);
	assert_int_equal(asks(XENMEM_acquire_resource), -EOPNOTSUPP);
	assert_int_equal(asks(XENMEM_get_vnumainfo), -EOPNOTSUPP);
}

static void sets_of_vcpus(void **state)
{
	uint32_t found;
	uint8_t *mask = (uint8_t *)list;

	vcpus[1].running = vcpus[2].running = true;
	mask[0] = 0xff;
	mask[1] = 0xff;
	assert_int_equal(vcpumask_to_cpus((gva_t)mask, &found), 0);
	assert_int_equal(found, 1u << 3 | 1u << 0);
	mask[0] = 8; /* does not run */
	assert_int_equal(vcpumask_to_cpus((gva_t)mask, &found), 0);
	assert_int_equal(found, 0);
	mask[0] = 2;
	assert_int_equal(vcpumask_to_cpus((gva_t)mask, &found), 0);
	assert_int_equal(found, 1u << 3);
	doms[1].vcpu[1] = NULL;
	assert_int_equal(vcpumask_to_cpus((gva_t)mask, &found), 0);
	assert_int_equal(found, 0);
	doms[1].max_vcpus = 2; /* the third is not its any more, nor its bit read */
	mask[0] = 4;
	assert_int_equal(vcpumask_to_cpus((gva_t)mask, &found), 0);
	assert_int_equal(found, 0);
	assert_int_equal(vcpumask_to_cpus(NOWHERE, &found), -EFAULT);
	doms[1].max_vcpus = 9;
	assert_int_equal(vcpumask_to_cpus(NOWHERE - 1, &found), -EFAULT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lists),  TEST(orders), TEST(large),  TEST(of_another),    TEST(told), TEST(whose),
	    TEST(claims), TEST(maps),   TEST(totals), TEST(sets_of_vcpus), TEST(pfns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
