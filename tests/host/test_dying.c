/* SPDX-License-Identifier: MIT */
/*
 * Specification: memory and the end of its domain, and which CPUs are flushed when a frame changes its use.
 *   nothing   a dying domain gets no frame, no claim and no pin, for its own are undone once, frame by frame
 *   between   frames on their way to it when it died go back; those that it was about to give stay without owner
 *   audited   of a trade under way the auditor is told what it must not miss
 *   limit     before that, it gets exactly what it may have
 *   flushed   the CPUs of its own, and of Dom0, which may map everything; all of them once another has mapped a grant
 *             of it
 *   refused   a table of descriptors that was refused is stamped: what was seen of it meanwhile is forgotten
 */
#include "mm_host.h"

#include <string.h>

#include "cpu/ipi.h"
#include "lib/errno.h"
#include "mm/memory.h"
#include "cpu/cpuset.h"
#include "mm/pt.h"

static void nothing(void **state)
{
	struct domain *d = host_domain(&host_pv64, 64);
	struct page_info *pg = domain_alloc_pages(d, 0, 0);

	memset(mfn_to_virt(page_to_mfn(pg)), 0, PAGE_SIZE);
	d->state = DOMAIN_SHUTDOWN; /* it may be looked at, and saved */
	assert_int_equal(page_pin(pg, PGT_L1), 0);
	assert_int_equal(page_unpin(pg), 0);
	assert_int_equal(domain_claim_pages(d, 5), 0);
	assert_int_equal(domain_claim_pages(d, 0), 0);
	d->state = DOMAIN_DYING;
	assert_int_equal(page_pin(pg, PGT_L1), -EINVAL);
	assert_int_equal(pg->type & (PGT_COUNT | PGT_PINNED), 0);
	assert_int_equal(domain_claim_pages(d, 5), -EINVAL);
	assert_null(domain_alloc_pages(d, 0, 0));
	assert_int_equal(memory_populate(d, 3, 0), INVALID_MFN);
	assert_int_equal(d->mm.tot_pages, 1);
	host_domain_free(d);
}

#define N 64

/* A trade of all that @d has, until some of it is done. */
static void half(struct domain *d, struct exchange *x, bool grows)
{
	*x = (struct exchange){.n = N, .out_order = 0, .grows = grows, .gpfn = 7};
	if (!grows) {
		struct page_info *pg = domain_alloc_pages(d, 6, 0);

		assert_non_null(pg);
		for (unsigned i = 0; i < N; i++)
			x->in[i] = page_to_mfn(pg) + i;
	} else {
		x->out_order = 6;
	}
	while (x->stage != EXCHANGE_SWAP || !x->at)
		assert_int_equal(memory_exchange(d, x), -ERESTART);
	assert_in_range(x->at, 1, N - 1);
}

static int rest(struct domain *d, struct exchange *x)
{
	int rc;

	do {
		rc = memory_exchange(d, x);
	} while (rc == -ERESTART);
	return rc;
}

static void between(void **state)
{
	static struct exchange x;
	uint64_t before = frames_free();

	for (int grows = 0; grows < 2; grows++) {
		struct domain *d = host_domain(&host_pv64, N);
		uint32_t mine;

		half(d, &x, grows);
		mine = x.at;
		d->state = DOMAIN_DYING;
		assert_int_equal(rest(d, &x), -EINVAL);
		assert_int_equal(d->mm.tot_pages, mine); /* the end of the domain finds these in its list */
		host_domain_free(d);
		assert_int_equal(frames_free(), before);
	}
}

static void cancelled(void **state)
{
	static struct exchange x;
	uint64_t before = frames_free();

	for (int grows = 0; grows < 2; grows++) {
		struct domain *d = host_domain(&host_pv64, N);

		half(d, &x, grows);
		while (!memory_exchange_cancel(d, &x))
			;
		assert_true(grows ? d->mm.tot_pages > 0 && d->mm.tot_pages < N : d->mm.tot_pages == N);
		assert_false(mfn_to_page(0)->count &
			     PGC_ALLOCATED); /* a domain that gave nothing gets nothing back */
		host_domain_free(d);
		assert_int_equal(frames_free(), before);
	}
}

#define MANY 256 /* more than go back at once */

static unsigned told;
static void is_stolen(mfn_t mfn)
{
	assert_false(mfn_to_page(mfn)->count & PGC_ALLOCATED);
	told++;
}

/* What is told of a trade under way: the frames that nobody owns yet, and those that are its domain's by a reference alone. */
static void agrees(const struct exchange *x, const struct page_info *old, uint64_t free_before)
{
	unsigned stolen = 0;

	for (unsigned i = 0; i < MANY; i++)
		stolen += old[i].count & PGC_COUNT && !(old[i].count & PGC_ALLOCATED);
	told = 0;
	assert_int_equal(memory_exchange_audit(x, is_stolen), free_before - frames_free());
	assert_int_equal(told, stolen);
}

static void audited(void **state)
{
	static struct exchange x;

	for (unsigned cancel_at = 1; cancel_at < 30; cancel_at++) { /* the last of these come too late */
		struct domain *d = host_domain(&host_pv64, MANY);
		struct page_info *pg = domain_alloc_pages(d, 8, 0);
		uint64_t before = frames_free();
		unsigned steps = 0;

		x = (struct exchange){.n = MANY};
		for (unsigned i = 0; i < MANY; i++)
			x.in[i] = page_to_mfn(pg) + i;
		while (steps < cancel_at && memory_exchange(d, &x)) {
			steps++;
			agrees(&x, pg, before);
		}
		while (!memory_exchange_cancel(d, &x))
			agrees(&x, pg, before);
		assert_int_equal(d->mm.tot_pages, MANY);
		assert_int_equal(frames_free(), before);
		host_domain_free(d);
	}
}

static void limit(void **state)
{
	struct domain *d = host_domain(&host_pv64, 5);

	assert_null(domain_alloc_pages(d, 3, 0));
	assert_non_null(domain_alloc_pages(d, 2, 0));
	assert_null(domain_alloc_pages(d, 1, 0));
	assert_non_null(domain_alloc_pages(d, 0, 0));
	assert_null(domain_alloc_pages(d, 0, 0));
	assert_int_equal(d->refs, 2); /* one for all its frames */
	host_domain_free(d);
}

/* Which CPUs are asked for what they remember when a frame of @d that was memory becomes a table. */
static uint32_t asked(struct domain *d, struct page_info *pg)
{
	assert_int_equal(page_get_and_type(pg, d, PGT_WRITABLE), 0);
	page_put_and_type(pg);
	host_stale_asked = 0;
	assert_int_equal(page_pin(pg, PGT_L1), 0);
	assert_int_equal(page_unpin(pg), 0);
	return host_stale_asked;
}

static void whom(void **state)
{
	struct domain *d = host_domain(&host_pv64, 4), *nobody = privileged_domains;
	struct domain other = {.mm.tlb_cpus = 8}, zero = {.mm.tlb_cpus = 4, .next_privileged = &other};
	struct page_info *pg = domain_alloc_pages(d, 0, 0);

	memset(mfn_to_virt(page_to_mfn(pg)), 0, PAGE_SIZE);
	cpus_online = 0xff;
	d->mm.tlb_cpus = 2;
	assert_int_equal(asked(d, pg), 2);
	privileged_domains = &other;
	assert_int_equal(asked(d, pg), 10);
	privileged_domains = &zero;
	assert_int_equal(asked(d, pg), 14);
	privileged_domains = nobody;
	d->mm.tlb_abroad = CPUSET_ALL;
	assert_int_equal(asked(d, pg), 0xff);
	cpus_online = 1;
	d->mm.tlb_abroad = 0;
	d->mm.tlb_cpus = 1;
	host_domain_free(d);
}

/* Of a block, each frame may have been another's until another moment. */
static void each_frame(void **state)
{
	for (unsigned late = 0; late < 2; late++) {
		mfn_t mfn = buddy_alloc(1, 0);
		unsigned before;

		buddy_free(mfn, 1);
		tlb_flush_cpus(1);
		mfn_to_page(mfn + late)->stamp = tlb_clock;
		before = host_flushes;
		assert_int_equal(buddy_alloc(1, 0), mfn);
		assert_int_equal(host_flushes, before + 1);
		buddy_free(mfn, 1);
	}
}

static void refused(void **state)
{
	struct domain *d = host_domain(&host_pv64, 4);
	struct page_info *pg = domain_alloc_pages(d, 0, 0);
	uint64_t *desc = mfn_to_virt(page_to_mfn(pg));

	memset(desc, 0, PAGE_SIZE);
	desc[511] = ~0ull;
	tlb_clock += 100;
	assert_int_equal(page_get_type(pg, PGT_SEGDESC), -EINVAL);
	assert_int_equal(pg->type & (PGT_COUNT | PGT_VALIDATED), 0);
	assert_int_equal(pg->stamp, (uint32_t)tlb_clock);
	desc[511] = 0;
	assert_int_equal(page_get_type(pg, PGT_SEGDESC), 0);
	page_put_type(pg);
	host_domain_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing),    cmocka_unit_test(between), cmocka_unit_test(cancelled),
	    cmocka_unit_test(limit),      cmocka_unit_test(whom),    cmocka_unit_test(refused),
	    cmocka_unit_test(each_frame), cmocka_unit_test(audited),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
