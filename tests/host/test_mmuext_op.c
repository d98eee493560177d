/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall mmuext_op (hypervisor/mm/mmuext_op.c, mmu_list.h), with the mechanism written down.
 *   frames    pins, unpins and whole pages are of the domain that is named; what is written may be written
 *   own       roots, flushes and the LDT are the caller's own, whatever domain is named; caches of all are Dom0's
 *   lists     stop at the first that fails, make way between two, and go on where they were; the number done is told, those
 *             before a restart included; an operation that left tables to take apart is done
 */
#include "guest_host.h"
#include "cpu/ipi.h"
#include "mm/mmu_list.c"
#include "mm/mmuext_op.c"

static struct domain doms[2], nobody;
static struct vcpu vcpu;
static struct page_info frames[8];
struct page_info *frame_table = frames;
mfn_t max_mfn = ARRAY_SIZE(frames);
uint32_t cpus_online = 0xf0;
static int result, settles;

struct domain *mmu_owner_get(domid_t id, int *rc)
{
	struct domain *d = id == DOMID_SELF ? current->domain
			   : id == DOMID_IO ? &nobody
			   : id < 2         ? &doms[id]
					    : NULL;

	*rc = d ? 0 : -ESRCH;
	if (d)
		d->refs++;
	return d;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs-- > 0);
}
int vcpumask_to_cpus(gva_t mask, uint32_t *cpus)
{
	*cpus = 0xc;
	return mask ? 0 : -EFAULT;
}
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	if (mfn >= max_mfn || frames[mfn].owner != d)
		return NULL;
	frames[mfn].count++;
	return &frames[mfn];
}
int page_get_and_type(struct page_info *pg, struct domain *d, enum page_type type)
{
	if (pg->owner != d || page_type_of(pg) != type)
		return -EINVAL;
	pg->count++;
	return 0;
}
int page_put_and_type(struct page_info *pg)
{
	pg->count--;
	return 0;
}
void frame_release(struct page_info *pg)
{
	fail();
}
int page_pin(struct page_info *pg, enum page_type level)
{
	note("pin %lu as %d", page_to_mfn(pg), level);
	return result;
}
int page_unpin(struct page_info *pg)
{
	note("unpin %lu", page_to_mfn(pg));
	return result;
}
int vcpu_set_root(struct vcpu *v, mfn_t root)
{
	note("root %lu", root);
	return result;
}
int vcpu_set_user_root(struct vcpu *v, mfn_t root)
{
	note("user root %lu", root);
	return result;
}
void tlb_flush_local(void)
{
	note("flush");
}
void tlb_flush_page_local(gva_t va)
{
	note("flush %lx", va);
}
void tlb_flush_cpus(uint32_t cpus)
{
	note("flush of %x", cpus);
}
void tlb_flush_page_cpus(uint32_t cpus, gva_t va)
{
	note("flush %lx of %x", va, cpus);
}
void cpu_call(uint32_t cpus, void (*fn)(void *arg), void *arg)
{
	note("caches of %x", cpus);
}
int pt_settle_left(struct domain *d)
{
	note("settle d%u", d->id);
	return settles;
}
static int set_ldt(struct vcpu *v, gva_t base, uint32_t entries)
{
	note("ldt %lx %u", base, entries);
	return result;
}

static struct paging_rules paging;
static const struct pv_doors pv = {.set_ldt = set_ldt};
static struct mmuext_op *list_of;
static uint32_t *told;

static int setup(void **state)
{
	paging = (struct paging_rules){.root_level = 4, .user_root = true};
	for (int i = 0; i < 2; i++)
		doms[i] = (struct domain){
		    .id = i, .abi = &guest_pv64, .paging = &paging, .pv = &pv, .mm.tlb_cpus = 3};
	vcpu = (struct vcpu){.domain = &doms[1]};
	host_percpu.vcpu = &vcpu;
	host_percpu.id = 2;
	list_of = (void *)guest_memory();
	memset(list_of, 0, GUEST_BYTES);
	told = (uint32_t *)(list_of + 20);
	host_directmap = (uint64_t)list_of;
	memset(frames, 0, sizeof(frames));
	for (int i = 0; i < 8; i++)
		frames[i] = (struct page_info){.count = 1,
					       .owner = &doms[i < 6],
					       .type = i == 5 ? 0 : (uint64_t)PGT_WRITABLE << PGT_SHIFT};
	result = settles = 0;
	looks = work_after = 0;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < 8; i++)
		if (frames[i].count != 1)
			return -1;
	return doms[0].refs || doms[1].refs || nobody.refs;
}

static long one(uint32_t cmd, uint64_t arg1, uint64_t arg2, uint64_t of)
{
	list_of[0] = (struct mmuext_op){.cmd = cmd};
	list_of[0].arg1.mfn = arg1;
	list_of[0].arg2.src_mfn = arg2;
	return hc_mmuext_op((uint64_t)list_of, 1, 0, of);
}

static void pins(void **state)
{
	for (uint32_t cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++)
		assert_int_equal(one(cmd, 2, 0, DOMID_SELF), 0);
	assert_done("pin 2 as 1;pin 2 as 2;pin 2 as 3;pin 2 as 4;");
	assert_int_equal(one(MMUEXT_UNPIN_TABLE, 2, 0, DOMID_SELF), 0);
	assert_done("unpin 2;");
	assert_int_equal(one(MMUEXT_PIN_L1_TABLE, 7, 0, DOMID_SELF), -EINVAL); /* another's */
	assert_int_equal(one(MMUEXT_UNPIN_TABLE, 7, 0, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_PIN_L1_TABLE, 7, 0, 0), 0);
	assert_done("pin 7 as 1;");
	paging = (struct paging_rules){.root_level = 3};
	assert_int_equal(one(MMUEXT_PIN_L4_TABLE, 2, 0, DOMID_SELF), 0); /* there is nothing to do */
	assert_int_equal(one(MMUEXT_NEW_USER_BASEPTR, 2, 0, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_PIN_L1_TABLE, 2, 0, DOMID_IO), -EINVAL);
	doms[1].paging = NULL; /* a guest whose tables the processor never sees */
	for (uint32_t cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++)
		assert_int_equal(one(cmd, 2, 0, DOMID_SELF), -EINVAL);
	doms[1].paging = &paging;
	assert_done("");
	result = -EINVAL;
	assert_int_equal(one(MMUEXT_PIN_L3_TABLE, 2, 0, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_UNPIN_TABLE, 2, 0, DOMID_SELF), -EINVAL);
}

static void pages(void **state)
{
	uint8_t *two = mfn_to_virt(2), *three = mfn_to_virt(3);

	memset(two, 1, PAGE_SIZE);
	memset(three, 2, PAGE_SIZE);
	assert_int_equal(one(MMUEXT_COPY_PAGE, 2, 3, DOMID_SELF), 0);
	assert_int_equal(two[PAGE_SIZE - 1], 2);
	assert_int_equal(one(MMUEXT_CLEAR_PAGE, 2, 0, DOMID_SELF), 0);
	assert_int_equal(two[0] + two[PAGE_SIZE - 1], 0);
	assert_int_equal(two[PAGE_SIZE], 2);
	assert_int_equal(one(MMUEXT_CLEAR_PAGE, 5, 0, DOMID_SELF), -EINVAL); /* not to be written */
	assert_int_equal(one(MMUEXT_CLEAR_PAGE, 7, 0, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_CLEAR_PAGE, max_mfn, 0, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_COPY_PAGE, 5, 3, DOMID_SELF), -EINVAL);
	assert_int_equal(one(MMUEXT_COPY_PAGE, 2, 7, DOMID_SELF), -EINVAL); /* nor read */
	assert_int_equal(one(MMUEXT_COPY_PAGE, 2, 5, DOMID_SELF), 0);
}

static void own(void **state)
{
	static const uint32_t cmds[] = {MMUEXT_NEW_BASEPTR,   MMUEXT_NEW_USER_BASEPTR, MMUEXT_TLB_FLUSH_LOCAL,
					MMUEXT_INVLPG_LOCAL,  MMUEXT_TLB_FLUSH_MULTI,  MMUEXT_INVLPG_MULTI,
					MMUEXT_TLB_FLUSH_ALL, MMUEXT_INVLPG_ALL,       MMUEXT_SET_LDT};

	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
		assert_int_equal(one(cmds[i], 0x10, 8, DOMID_SELF), 0);
		strcpy(deeds + strlen(deeds), " ");
		looks = strlen(deeds);
		assert_int_equal(one(cmds[i], 0x10, 8, 0), -EPERM);
		assert_int_equal(strlen(deeds), looks);
	}
	assert_done("root 16; user root 16; flush; flush 10; flush of c; flush 10 of c; flush of 3; flush 10 "
		    "of 3; ldt 10 8; ");
	looks = 0;
	assert_int_equal(one(MMUEXT_TLB_FLUSH_MULTI, 0x10, 0, DOMID_SELF), -EFAULT);
	assert_int_equal(one(MMUEXT_FLUSH_CACHE, 0, 0, DOMID_SELF), -EACCES);
	assert_int_equal(one(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0, DOMID_SELF), -EACCES);
	assert_int_equal(one(MMUEXT_MARK_SUPER, 0, 0, DOMID_SELF), -EOPNOTSUPP);
	assert_int_equal(one(99, 0, 0, DOMID_SELF), -ENOSYS);
	assert_int_equal(one(MMUEXT_PIN_L1_TABLE, 2, 0, 9), -ESRCH);
	assert_done("");
	doms[1].privileged = true;
	assert_int_equal(one(MMUEXT_FLUSH_CACHE, 0, 0, DOMID_SELF), 0);
	assert_int_equal(one(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0, DOMID_SELF), 0);
	assert_done("caches of 4;caches of f0;");
}

static void lists(void **state)
{
	const uint64_t at = (uint64_t)list_of, where = (uint64_t)told;

	for (int i = 0; i < 4; i++) {
		list_of[i] = (struct mmuext_op){.cmd = MMUEXT_INVLPG_LOCAL};
		list_of[i].arg1.linear_addr = i;
	}
	assert_int_equal(hc_mmuext_op(at, 4, where, DOMID_SELF), 0);
	assert_int_equal(*told, 4);
	assert_done("flush 0;flush 1;flush 2;flush 3;");
	list_of[2].cmd = 99;
	assert_int_equal(hc_mmuext_op(at, 4, where, DOMID_SELF), -ENOSYS);
	assert_int_equal(*told, 2);
	assert_done("flush 0;flush 1;");
	list_of[2].cmd = MMUEXT_INVLPG_LOCAL;
	looks = 0;
	work_after = 2;
	assert_int_equal(hc_mmuext_op(at, 4, where, DOMID_SELF), 0); /* it had gone by the next look */
	assert_int_equal(*told, 4);
	assert_done("flush 0;flush 1;flush 2;flush 3;");
	*told = 5; /* those of before */
	assert_int_equal(hc_mmuext_op(at, 2 | LIST_RESTARTED, where, DOMID_SELF), 0);
	assert_int_equal(*told, 7);
	assert_int_equal(hc_mmuext_op(at, 2 | LIST_RESTARTED, NOWHERE, DOMID_SELF), -EFAULT);
	deeds[0] = '\0';
	assert_int_equal(hc_mmuext_op(at, 2, NOWHERE, DOMID_SELF), -EFAULT);
	assert_int_equal(hc_mmuext_op(NOWHERE, 1, where, DOMID_SELF), -EFAULT);
	assert_int_equal(*told, 0);
	doms[1].mm.pt_left = 4;
	settles = -EINVAL; /* what was left comes first, after a restart */
	deeds[0] = '\0';
	assert_int_equal(hc_mmuext_op(at, 2 | LIST_RESTARTED, where, DOMID_SELF), -EINVAL);
	assert_done("settle d1;");
	doms[1].mm.pt_left = 0;
	list_of[0].cmd = MMUEXT_NEW_BASEPTR;
	result = PT_LEFT;
	looks = 0;
	work_after = 1;
	*told = 0;
	assert_int_equal(hc_mmuext_op(at, 2, where, DOMID_SELF), RESTARTED);
	assert_int_equal(*told, 1); /* it is done, and not again */
	assert_int_equal(restart_args[0], at + sizeof(struct mmuext_op));
	assert_int_equal(restart_args[1], 1 | LIST_RESTARTED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(pins), TEST(pages), TEST(own), TEST(lists)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
