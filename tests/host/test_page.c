/* SPDX-License-Identifier: MIT */
/*
 * Specification: the rules of direct paging, as the essay in hypervisor/mm/page.c states them.
 *   types     one type at a time; changes only at count zero, with a flush of CPUs that may remember the old one
 *   pv64      promotion, what is refused in it, hypervisor slots, linear entries
 *   sparse    each entry of an L1 counts, wherever it stands and whatever is around it; what is refused, too
 *   pv32      a PAE root: four entries, the carrier, what may not change
 *   change    new before old, Accessed and Dirty, refusals leave the entry alone
 *   segdesc   audited, written back, refused
 *   model     a guest does random things for a long time; counts always equal what a count from scratch
 *             gives, and no frame is ever writable and a table
 */
#include "mm_host.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/m2p.h"
#include "mm/pt.h"

#define RO (PTE_P | PTE_U)
#define RW (RO | PTE_RW)

static struct domain *d;
static struct page_info *frames; /* contiguous frames of d */

static mfn_t mfn_of(unsigned i)
{
	return page_to_mfn(&frames[i]);
}

static uint64_t *table(unsigned i)
{
	return mfn_to_virt(mfn_of(i));
}

static uint64_t pte(unsigned i, uint64_t flags)
{
	return make_pte(mfn_of(i), flags);
}

static void begin(const struct guest_kind *kind, unsigned order)
{
	d = host_domain(kind, 1u << order);
	frames = domain_alloc_pages(d, order, 0);
	assert_non_null(frames);
}

static void end(void)
{
	host_domain_free(d);
}

static int set_preserving(unsigned t, unsigned slot, uint64_t new, bool preserve_ad)
{
	bool flush;
	int rc;

	spin_lock(&d->mm.pt_lock);
	if (page_type_of(&frames[t]) == PGT_L1)
		rc = pt_change_l1(table(t) + slot, new, d, d, preserve_ad);
	else
		rc = pt_change_upper(&frames[t], slot * 8, new, preserve_ad, &flush);
	spin_unlock(&d->mm.pt_lock);
	return rc;
}

static int set(unsigned t, unsigned slot, uint64_t new)
{
	return set_preserving(t, slot, new, false);
}

static int pin(unsigned t, enum page_type level)
{
	return page_pin(&frames[t], level);
}

static uint64_t type_count(unsigned i)
{
	return frames[i].type & PGT_COUNT;
}

static void types(void **state)
{
	unsigned before;

	begin(&host_pv64, 2);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), 0);
	assert_int_equal(pin(0, PGT_L1), -EINVAL);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_SEGDESC), -EINVAL);
	page_put_and_type(&frames[0]);
	before = host_flushes;
	assert_int_equal(pin(0, PGT_L1), 0);
	assert_int_equal(host_flushes, before + 1); /* it was writable a moment ago */
	assert_int_equal(pin(0, PGT_L1), -EINVAL);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), -EINVAL);
	assert_int_equal(page_unpin(&frames[0]), 0);
	assert_int_equal(page_unpin(&frames[0]), -EINVAL);
	before = host_flushes;
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), 0);
	assert_int_equal(host_flushes, before + 1); /* no CPU walks it as a table any more */
	page_put_and_type(&frames[0]);
	end();
}

static void pv64(void **state)
{
	enum {
		L4,
		L3,
		L2,
		L1,
		DATA,
		LINEAR
	};

	begin(&host_pv64, 3);
	table(L1)[7] = pte(DATA, RW & ~PTE_U);
	table(L1)[8] = pte(DATA, RO | PTE_G);
	table(L1)[9] = 0x123456789abcd000 & ~PTE_P; /* not present: anything goes */
	table(L2)[0] = pte(L1, PTE_P | PTE_RW);
	table(L3)[511] = pte(L2, RW);
	table(L4)[300] = pte(L3, RW);
	table(L4)[256] = 0xdead;      /* not the guest's: does not count */
	table(L4)[301] = pte(L4, RO); /* the hypervisor's slots would be seen one level late */
	assert_int_equal(pin(L4, PGT_L4), -EINVAL);
	table(L4)[301] = 0;
	table(L3)[301] = pte(L3, RO);
	assert_int_equal(pin(L4, PGT_L4), 0);
	assert_int_equal(table(L1)[7], pte(DATA, RW | PTE_GUEST_KERNEL));
	assert_int_equal(table(L1)[8], pte(DATA, RO));
	assert_int_equal(table(L2)[0], pte(L1, RW));
	assert_int_equal(table(L4)[256], idle_root[256]);
	assert_int_equal(type_count(L1), 1);
	assert_int_equal(type_count(DATA), 1);
	assert_int_equal(frames[DATA].count, PGC_ALLOCATED | 3);
	assert_int_equal(set(L4, 256, pte(L3, RW)), -EINVAL);
	assert_int_equal(set(L4, 302, pte(L4, RO)), -EINVAL);
	assert_int_equal(set(L3, 302, pte(L3, RW)), -EINVAL); /* a writable self-map */
	assert_int_equal(set(L4, 302, pte(L2, RW)), -EINVAL);
	assert_int_equal(set(L2, 1, pte(L1, RW | PTE_PS)), -EINVAL);
	assert_int_equal(set(L1, 1, pte(L1, RW)), -EINVAL);
	assert_int_equal(set(L1, 1, pte(L1, RO)), 0);
	assert_int_equal(set(L1, 2, pte(DATA, RO | PTE_PCD)), -EINVAL);
	table(LINEAR)[0] = pte(DATA, RO);
	table(LINEAR)[1] = pte(DATA, RO | PTE_PCD);
	assert_int_equal(pin(LINEAR, PGT_L1), -EINVAL); /* nor in one that is to be */
	table(LINEAR)[0] = table(LINEAR)[1] = 0;
	assert_int_equal(set(L1, 2, make_pte(0x9f, RO)), -EPERM); /* a hole */
	assert_int_equal(set(L1, 2, make_pte(1, RO)), -EINVAL);   /* the hypervisor's */

	/* A root that names another one; a second L3 that names the first one, and so may not be named itself. */
	table(LINEAR)[5] = pte(L4, RO);
	assert_int_equal(pin(LINEAR, PGT_L4), -EINVAL);
	table(LINEAR)[5] = pte(L3, RO);
	assert_int_equal(pin(LINEAR, PGT_L3), 0);
	assert_int_equal(type_count(L3), 2);
	assert_int_equal(set(L3, 5, pte(LINEAR, RO)), -EINVAL);
	assert_int_equal(page_unpin(&frames[L4]), 0);
	assert_int_equal(table(L4)[256], 0);
	assert_int_equal(type_count(L3), 1);
	assert_int_equal(set(LINEAR, 5, 0), 0);
	assert_int_equal(type_count(L3), 0);
	assert_int_equal(type_count(DATA), 0);
	end();
}

/* Entry n of an L1 names one frame, if @present says so; more of them hold no more than they did before. */
static void sparse_table(bool (*present)(unsigned n))
{
	unsigned held = 0;

	for (unsigned n = 0; n < 512; n++) {
		bool here = present(n);

		table(0)[n] = here ? pte(1, RW) : pte(1, RW) & ~PTE_P;
		held += here;
	}
	assert_int_equal(pin(0, PGT_L1), 0);
	assert_int_equal(type_count(1), held);
	assert_int_equal(frames[1].count, PGC_ALLOCATED | (1 + held));
	assert_int_equal(page_unpin(&frames[0]), 0);
	assert_int_equal(type_count(1), 0);
	assert_int_equal(frames[1].count, PGC_ALLOCATED | 1);
}

static unsigned sparse_at, sparse_part;

static bool alone(unsigned n)
{
	return n == sparse_at;
}

static bool every(unsigned n)
{
	return n % sparse_part == sparse_at;
}

static bool some(unsigned n)
{
	return !host_random(sparse_part);
}

static bool none(unsigned n)
{
	return false;
}

static void sparse(void **state)
{
	begin(&host_pv64, 1);
	sparse_table(none);
	for (sparse_at = 0; sparse_at < 512; sparse_at++)
		sparse_table(alone);
	for (sparse_part = 1; sparse_part < 130; sparse_part++) {
		sparse_at = host_random(sparse_part);
		sparse_table(every);
		sparse_table(some);
	}
	memset(table(0), 0, PAGE_SIZE);
	for (unsigned n = 0; n < 512; n++) {
		table(0)[n] = pte(2, RO); /* not its own */
		table(0)[n / 2] = n ? pte(1, RO) : table(0)[0];
		assert_int_equal(pin(0, PGT_L1), -EINVAL);
		assert_int_equal(frames[1].count, PGC_ALLOCATED | 1);
		table(0)[n / 2] = table(0)[n] = 0;
	}
	end();
}

static void pv32(void **state)
{
	enum {
		L3,
		L2,
		CARRIER,
		L1,
		DATA,
		OTHER
	};

	begin(&host_pv32, 3);
	table(L1)[0] = pte(DATA, PTE_P | PTE_RW);
	table(CARRIER)[0] = pte(L1, PTE_P | PTE_RW);
	table(CARRIER)[500] = 0xbad;
	table(L3)[0] = pte(L2, PTE_P);
	table(L3)[4] = 0xbad;
	assert_int_equal(pin(L3, PGT_L3), -EINVAL); /* no carrier */
	assert_int_equal(type_count(L2), 0);
	table(L3)[3] = pte(CARRIER, PTE_P);
	assert_int_equal(pin(L3, PGT_L3), 0);
	assert_int_equal(table(L3)[0], pte(L2, RW));
	assert_int_equal(table(L3)[4], 0);
	assert_int_equal(table(L1)[0], pte(DATA, PTE_P | PTE_RW));
	assert_int_equal(table(CARRIER)[COMPAT_M2P_SLOT], m2p_compat_l2[COMPAT_M2P_SLOT]);
	assert_int_equal(set(CARRIER, COMPAT_M2P_SLOT, 0), -EINVAL);
	assert_int_equal(set(L3, 3, pte(CARRIER, PTE_P)), -EINVAL);
	assert_int_equal(set(L3, 4, 0), -EINVAL);
	assert_int_equal(set(L3, 1, pte(CARRIER, PTE_P)), -EINVAL);
	assert_int_equal(set(L3, 1, pte(L3, PTE_P)), -EINVAL); /* no linear entries here */
	assert_int_equal(pin(CARRIER, PGT_L2), -EINVAL);
	assert_int_equal(pin(7, PGT_L4), -EINVAL); /* there is no such level, though it is empty and unused */
	table(OTHER)[3] = pte(CARRIER, PTE_P);
	assert_int_equal(pin(OTHER, PGT_L3), -EINVAL); /* the carrier is another root's */
	assert_int_equal(set(L3, 1, pte(L2, PTE_P)), 0);
	assert_int_equal(type_count(L2), 2);
	assert_int_equal(page_unpin(&frames[L3]), 0);
	assert_int_equal(table(CARRIER)[COMPAT_M2P_SLOT], 0);
	assert_int_equal(pin(CARRIER, PGT_L2), 0); /* an ordinary L2 again */
	end();
}

static void change(void **state)
{
	enum {
		L1,
		DATA,
		OTHER
	};

	begin(&host_pv64, 2);
	table(L1)[0] = pte(DATA, RW);
	assert_int_equal(pin(L1, PGT_L1), 0);
	table(L1)[0] |= PTE_A | PTE_D; /* the processor */
	assert_int_equal(set_preserving(L1, 0, pte(DATA, RO), true), 0);
	assert_int_equal(table(L1)[0], pte(DATA, RO | PTE_A | PTE_D));
	assert_int_equal(type_count(DATA), 0);
	assert_int_equal(set(L1, 0, pte(OTHER, RW)), 0);
	assert_int_equal(table(L1)[0], pte(OTHER, RW));
	assert_int_equal(frames[DATA].count, PGC_ALLOCATED | 1);
	assert_int_equal(set(L1, 0, pte(OTHER, RO | PTE_NX)), 0);
	assert_int_equal(type_count(OTHER), 0);
	assert_int_equal(pin(OTHER, PGT_L1), 0);
	assert_int_equal(set(L1, 0, pte(OTHER, RW)), -EINVAL);
	assert_int_equal(table(L1)[0], pte(OTHER, RO | PTE_NX));
	assert_int_equal(set(L1, 0, 0x10), 0);
	assert_int_equal(table(L1)[0], 0x10);
	end();
}

static unsigned waits;
static void validates(void)
{
	if (++waits == 3)
		frames[1].type |= PGT_VALIDATED;
}
static void gives_up(void)
{
	if (++waits == 3)
		frames[1].type = PGT_KEY_OF(PGT_L1);
}

/* A use of a type that another CPU is validating waits for the end of that, whichever it is. */
static void being_validated(void **state)
{
	begin(&host_pv64, 2);
	frames[1].type = PGT_KEY_OF(PGT_WRITABLE) | 1;
	waits = 0;
	host_meanwhile = validates;
	assert_int_equal(page_get_type(&frames[1], PGT_WRITABLE), 0);
	assert_int_equal(waits, 3);
	assert_int_equal(frames[1].type, PGT_KEY_OF(PGT_WRITABLE) | PGT_VALIDATED | 2);
	frames[1].type = PGT_KEY_OF(PGT_L1) | 1;
	assert_int_equal(page_get_type(&frames[1], PGT_WRITABLE), -EINVAL); /* another: no need to wait */
	assert_int_equal(waits, 3);
	waits = 0;
	host_meanwhile = gives_up;
	assert_int_equal(page_get_type(&frames[1], PGT_L1), 0);
	assert_int_equal(waits, 3);
	assert_int_equal(frames[1].type & (PGT_KEY | PGT_VALIDATED | PGT_COUNT),
			 PGT_KEY_OF(PGT_L1) | PGT_VALIDATED | 1);
	host_meanwhile = NULL;
	page_put_type(&frames[1]);
	end();
}

/* A count that is full takes no more: the next would run over into the flags. */
static void full_count(void **state)
{
	uint32_t before;

	begin(&host_pv64, 0);
	before = frames[0].count;
	frames[0].count = PGC_ALLOCATED | (PGC_COUNT_MAX - 1);
	assert_true(page_get(&frames[0], d));
	assert_int_equal(frames[0].count, PGC_ALLOCATED | PGC_COUNT_MAX);
	assert_false(page_get(&frames[0], d));
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), -EINVAL);
	assert_int_equal(frames[0].count, PGC_ALLOCATED | PGC_COUNT_MAX);
	frames[0].count = before;
	end();
}

static void segdesc(void **state)
{
	begin(&host_pv64, 1);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_SEGDESC), 0);
	assert_int_equal(table(0)[511], 1);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), -EINVAL);
	page_put_and_type(&frames[0]);
	table(0)[100] = ~0ull;
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_SEGDESC), -EINVAL);
	assert_int_equal(page_get_and_type(&frames[0], d, PGT_WRITABLE), 0);
	page_put_and_type(&frames[0]);
	end();
}

/* ---- the model ---- */

#define MODEL_ORDER  6
#define MODEL_FRAMES (1u << MODEL_ORDER)
#define MODEL_SLOTS  10
#define MODEL_STEPS  300000

static unsigned held[MODEL_FRAMES]; /* writable uses the test itself holds */

/* Few slots, so that they meet; the first and last of interest to either kind among them. */
static unsigned random_slot(void)
{
	static const uint16_t slots[MODEL_SLOTS] = {0, 1, 2, 3, 4, 255, 256, 300, 427, 428};

	return slots[host_random(MODEL_SLOTS)];
}

/* What a frame is mostly used as, so that whole trees come about: 1..4 a table of that level, 0 data. */
static unsigned role(unsigned i)
{
	return i % 5;
}

static uint64_t random_entry(unsigned t)
{
	unsigned want = role(t) ? role(t) - 1 : host_random(5), to;
	uint64_t flags = (host_random(8) ? PTE_P : 0) | (host_random(2) ? PTE_U : 0);
	bool linear = role(t) > 1 && !host_random(10);

	if (linear)
		want = role(t);
	else
		flags |= host_random(3) ? PTE_RW : 0;
	do
		to = host_random(MODEL_FRAMES);
	while (role(to) != want && host_random(200));
	if (!host_random(300))
		flags |= PTE_PS;
	if (!host_random(300))
		return make_pte(host_random(HOST_FRAMES + 100), flags);
	return pte(to, flags);
}

/* The guest stores to a frame, if it could have it mapped writable. */
static void model_store(unsigned t)
{
	if (page_get_and_type(&frames[t], d, PGT_WRITABLE))
		return;
	table(t)[random_slot()] = random_entry(t);
	page_put_and_type(&frames[t]);
}

static void model_hold(unsigned t)
{
	if (held[t]) {
		held[t]--;
		page_put_and_type(&frames[t]);
	} else if (!host_random(8) && !page_get_and_type(&frames[t], d, PGT_WRITABLE)) {
		held[t]++;
	}
}

static bool is_live_table(unsigned t)
{
	enum page_type type = page_type_of(&frames[t]);

	return type >= PGT_L1 && type <= PGT_L4 && (frames[t].type & PGT_VALIDATED);
}

static void model_step(void)
{
	unsigned t = host_random(MODEL_FRAMES);

	switch (host_random(8)) {
	case 0:
		pin(t, role(t) && host_random(10) ? role(t) : 1 + host_random(4));
		break;
	case 1:
		page_unpin(&frames[t]);
		break;
	case 2:
		model_hold(t);
		break;
	case 3:
	case 4:
		if (is_live_table(t))
			set(t, random_slot(), random_entry(t));
		break;
	default:
		model_store(t);
	}
}

struct expected {
	unsigned refs, uses;
};

static void count_entry(struct expected *x, unsigned t, int level, uint64_t e)
{
	unsigned to = pte_mfn(e) - mfn_of(0);

	if (!(e & PTE_P) || mfn_is_io(pte_mfn(e)))
		return;
	assert_true(to < MODEL_FRAMES); /* nothing but its own frames */
	if (level > 1 && to == t) {
		assert_false(e & PTE_RW);
		return;
	}
	x[to].refs++;
	if (level == 1 && !(e & PTE_RW))
		return;
	x[to].uses++;
	if (level == 1)
		assert_int_equal(page_type_of(&frames[to]), PGT_WRITABLE);
	else if (page_type_of(&frames[to]) == (enum page_type)level)
		assert_false(e & PTE_RW);
	else
		assert_int_equal(page_type_of(&frames[to]), level - 1);
}

static void model_check(void)
{
	struct expected x[MODEL_FRAMES] = {};

	for (unsigned t = 0; t < MODEL_FRAMES; t++) {
		int level = page_type_of(&frames[t]);
		bool carrier = frames[t].type & PGT_CARRIER;

		x[t].refs += 1 + held[t] + !!(frames[t].type & PGT_PINNED);
		x[t].uses += held[t] + !!(frames[t].type & PGT_PINNED);
		for (unsigned s = 0; is_live_table(t) && s < PTES_PER_TABLE; s++)
			if (level == 1 || d->paging->slot_rule(level, s, carrier) != SLOT_RESERVED)
				count_entry(x, t, level, table(t)[s]);
	}
	for (unsigned t = 0; t < MODEL_FRAMES; t++) {
		assert_int_equal(frames[t].count & PGC_COUNT, x[t].refs);
		assert_int_equal(type_count(t), x[t].uses);
	}
}

static void model(const struct guest_kind *kind)
{
	unsigned roots = 0;
	uint64_t before = frames_free();

	begin(kind, MODEL_ORDER);
	for (unsigned i = 0; i < MODEL_STEPS; i++) {
		model_step();
		if (i % 32 == 0)
			model_check();
		roots += page_type_of(&frames[host_random(MODEL_FRAMES)]) ==
			 (enum page_type)kind->paging->root_level;
	}
	assert_true(roots > MODEL_STEPS / 1000); /* the guest did get somewhere */
	for (unsigned t = 0; t < MODEL_FRAMES; t++)
		for (; held[t]; held[t]--)
			page_put_and_type(&frames[t]);
	end();
	assert_int_equal(frames_free(), before);
}

static void model_pv64(void **state)
{
	model(&host_pv64);
}

static void model_pv32(void **state)
{
	model(&host_pv32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(types),   cmocka_unit_test(full_count), cmocka_unit_test(being_validated),
	    cmocka_unit_test(pv64),    cmocka_unit_test(pv32),       cmocka_unit_test(change),
	    cmocka_unit_test(segdesc), cmocka_unit_test(model_pv64), cmocka_unit_test(model_pv32),
	    cmocka_unit_test(sparse),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
