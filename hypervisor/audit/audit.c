/* SPDX-License-Identifier: MIT */
/*
 * The auditor. The rules of mm/page.c say what the counts of a frame mean; here they are counted from scratch
 * and compared. Nothing below trusts the code it examines: it reads the tables that the processor reads.
 *
 *	- references and uses are exactly those that entries, pins, roots, GDTs, LDTs, grants and registered
 *	  areas hold, no more (a leak) and no less (a use after free to come);
 *	- all uses of a frame are of one kind, the frame's type: so none is writable and a table;
 *	- a partial table (mm/partial.c) has one use, its own, and holds what stands below its border;
 *	- entries name frames of their own domain, or frames that it has a right to (tables.c);
 *	- a vCPU that may run can: it has a context, roots, and the hypervisor's slots in them; and a CPU's TLB may
 *	  hold translations of its own vCPU and no other (vcpus.c);
 *	- an owned frame is in its owner's list, and the list holds no other;
 *	- the hypervisor's memory held for each domain is what its account says (mm/charge.c);
 *	- a free frame has no owner, no count and no type, and the free ones are as many as the allocator
 *	  says.
 *
 * It runs while no other vCPU does. A vCPU leaves its CPU only on the way out of the hypervisor, so no count
 * is on its way from one value to another. The counts cost 16 bytes per frame, allocated at the first audit
 * and kept.
 * Locking: audit_lock keeps a second audit out, which does not wait.
 */
#include "audit/audit.h"
#include "mm/memory.h"
#include <stdarg.h>
#include "dev/console.h"
#include "gnt/grant.h"
#include "guest/domain.h"
#include "lib/format.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"

#define LINES_MAX 20

struct audit_count *audit_counts;

static struct spinlock audit_lock;
static unsigned wrong;
static uint64_t free_seen, guests_seen;

void audit_ref(mfn_t mfn)
{
	if (mfn_valid(mfn))
		audit_counts[mfn].refs++;
	else
		audit_wrong("a reference to frame %lx, which does not exist", (unsigned long)mfn);
}

void audit_use(mfn_t mfn, unsigned kind)
{
	audit_ref(mfn);
	if (!mfn_valid(mfn))
		return;
	audit_counts[mfn].uses++;
	audit_counts[mfn].kinds |= 1u << kind;
}

void audit_wrong(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	if (wrong++ >= LINES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	printk("audit: wrong: %s\n", line);
}

/* All vCPUs but the current one. Dom0 is the first in the list, so no domain comes or goes meanwhile. */
static void for_each_other_vcpu(void (*fn)(struct vcpu *v))
{
	struct domain *d;
	struct vcpu *v;

	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		for_each_vcpu (d, v)
			if (v != current)
				fn(v);
	}
}

static void count_charge(struct domain *d, size_t bytes)
{
	d->mm.audit_bytes += bytes;
}

static void check_accounts(void)
{
	struct domain *d;

	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		if (d->mm.heap_bytes != d->mm.audit_bytes)
			audit_wrong("%s: %lu bytes of the hypervisor's on its account, %lu held", d->name,
				    (unsigned long)d->mm.heap_bytes, (unsigned long)d->mm.audit_bytes);
	}
}

static void check_partial(struct domain *d, uint32_t partial)
{
	if (partial != d->mm.partial_tables)
		audit_wrong("%s: %u partial tables, %u in its total", d->name, partial, d->mm.partial_tables);
	if (d->mm.pt_left &&
	    (mfn_to_page(d->mm.pt_left)->owner != d || !(mfn_to_page(d->mm.pt_left)->type & PGT_PARTIAL)))
		audit_wrong("%s: frame %x is left to take apart, but is none of its partial tables", d->name,
			    d->mm.pt_left);
}

static void nothing(mfn_t mfn)
{
}

/* Frames in @d's total that a memory_op of any vCPU has taken for it and not finished with. */
static uint64_t begun_for(const struct domain *d)
{
	struct domain *who;
	struct vcpu *v;
	uint64_t n = 0;

	for (uint32_t next = 0; (who = domain_next(next)) != NULL; domain_put(who)) {
		next = who->id + 1;
		for_each_vcpu (who, v)
			if (v->mm.memory_work && v->mm.memory_work->d == d)
				n += memory_exchange_audit(&v->mm.memory_work->x, nothing);
	}
	return n;
}

static void audit_domain(struct domain *d)
{
	uint64_t listed = 0;
	uint32_t partial = 0;
	mfn_t mfn = d->mm.page_head;

	for (; mfn && listed <= d->mm.tot_pages; listed++, mfn = mfn_to_page(mfn)->next) {
		partial += !!(mfn_to_page(mfn)->type & PGT_PARTIAL);
		if (mfn_to_page(mfn)->owner != d || audit_counts[mfn].kinds & AUDIT_LISTED)
			audit_wrong("frame %lx in the list of %s, which is not its owner", (unsigned long)mfn,
				    d->name);
		audit_counts[mfn].kinds |= AUDIT_LISTED;
	}
	listed += begun_for(d);
	if (listed != d->mm.tot_pages)
		audit_wrong("%s: %lu frames in its list, %lu in its total", d->name, (unsigned long)listed,
			    (unsigned long)d->mm.tot_pages);
	check_partial(d, partial);
	audit_vcpus(d);
	if (d->grants)
		audit_grants(d);
	d->mm.audit_bytes = 0;
}

static bool is_table(const struct page_info *pg)
{
	return page_type_of(pg) >= PGT_L1 && page_type_of(pg) <= PGT_L4;
}

static unsigned kind_of(const struct page_info *pg)
{
	return pg->type & PGT_CARRIER ? AUDIT_CARRIER : page_type_of(pg);
}

/* What stands in the frame table itself: the owner's reference, the pin, the own use of a partial table or a shared
 * page. */
static void count_flags(struct page_info *pg, struct audit_count *c)
{
	c->refs += !!(pg->count & PGC_ALLOCATED);
	if (pg->type & (PGT_PINNED | PGT_PARTIAL))
		audit_use(page_to_mfn(pg), kind_of(pg));
	if (pg->count & PGC_HEAP) {
		count_charge(pg->owner, PAGE_SIZE);
		c->uses++;
		c->kinds |= 1u << kind_of(pg);
	}
}

/* A table in use is valid, and then names its owner, or partial; nothing else is partial. */
static bool table_state_ok(const struct page_info *pg)
{
	bool used = pg->type & PGT_COUNT, valid = is_table(pg) && (pg->type & PGT_VALIDATED);

	if ((pg->type & PGT_TAG_MASK) >> PGT_TAG_SHIFT != (valid && pg->owner ? pg->owner->pt_tag : 0))
		return false;
	if (!is_table(pg))
		return !(pg->type & (PGT_PARTIAL | PGT_DOOMED | PGT_HELD_MASK));
	if (!(pg->type & PGT_PARTIAL))
		return !!(pg->type & PGT_VALIDATED) == used && !(pg->type & (PGT_DOOMED | PGT_HELD_MASK));
	return (pg->type & PGT_COUNT) == 1 && !(pg->type & (PGT_VALIDATED | PGT_PINNED));
}

static void check_owned(struct page_info *pg, struct audit_count *c)
{
	unsigned long mfn = page_to_mfn(pg);
	uint32_t refs = pg->count & PGC_COUNT, uses = pg->type & PGT_COUNT;
	const char *owner = pg->owner ? pg->owner->name : "nobody";
	uint32_t kinds;

	count_flags(pg, c);
	kinds = c->kinds & ~AUDIT_LISTED;
	if (refs != c->refs || uses != c->uses)
		audit_wrong("frame %lx of %s, type %lx: %u references, %u wanted; %u uses, %u wanted", mfn,
			    owner, (unsigned long)pg->type, refs, c->refs, uses, c->uses);
	if (kinds & ~(1u << kind_of(pg)))
		audit_wrong("frame %lx of %s, type %lx, is used as kinds %x", mfn, owner,
			    (unsigned long)pg->type, kinds);
	if (!table_state_ok(pg))
		audit_wrong("frame %lx of %s: type word %lx", mfn, owner, (unsigned long)pg->type);
	if (is_table(pg) && uses && pg->linear != c->linear)
		audit_wrong("frame %lx of %s: %d linear entries, %d wanted", mfn, owner, pg->linear,
			    c->linear);
	if (!(pg->count & PGC_HEAP) != !!(c->kinds & AUDIT_LISTED))
		audit_wrong("frame %lx of %s is %sin its list", mfn, owner,
			    c->kinds & AUDIT_LISTED ? "" : "not ");
	guests_seen++;
}

/* A free block; returns how many frames it has. */
static uint64_t check_free(mfn_t mfn)
{
	uint64_t n = 1ull << (mfn_to_page(mfn)->type & 0xff);

	for (mfn_t m = mfn; m < mfn + n; m++) {
		struct page_info *pg = mfn_to_page(m);

		if (!mfn_valid(m) || pg->count || pg->owner || (m != mfn && pg->type) || audit_counts[m].refs)
			audit_wrong("free frame %lx: count %x, type %lx, %u holders", (unsigned long)m,
				    pg->count, (unsigned long)pg->type, audit_counts[m].refs);
	}
	free_seen += n;
	return n;
}

/* The hypervisor's own frames, device memory: no guest holds them. */
static void check_unowned(struct page_info *pg, const struct audit_count *c)
{
	heap_each_charge(pg, count_charge);
	if (c->refs || c->uses)
		audit_wrong("frame %lx, which belongs to no guest, has %u holders",
			    (unsigned long)page_to_mfn(pg), c->refs);
}

static void check_frames(void)
{
	for (mfn_t mfn = 1; mfn < max_mfn;) {
		struct page_info *pg = mfn_to_page(mfn);

		if (!pg->count && (pg->type & PGT_FREE)) {
			mfn += check_free(mfn);
			continue;
		}
		if (pg->count & PGC_COUNT)
			check_owned(pg, &audit_counts[mfn]);
		else
			check_unowned(pg, &audit_counts[mfn]);
		mfn++;
	}
	if (free_seen != frames_free())
		audit_wrong("%lu frames are free, the allocator says %lu", (unsigned long)free_seen,
			    (unsigned long)frames_free());
}

static bool counts_ready(void)
{
	if (!audit_counts)
		audit_counts = heap_alloc_pages(block_order(max_mfn * sizeof(*audit_counts)));
	if (audit_counts)
		memset(audit_counts, 0, max_mfn * sizeof(*audit_counts));
	return audit_counts;
}

static void count_all(void)
{
	struct domain *d;

	for (mfn_t mfn = 1; mfn < max_mfn; mfn++) {
		struct page_info *pg = mfn_to_page(mfn);

		if ((pg->count & PGC_COUNT) && is_table(pg) && (pg->type & (PGT_VALIDATED | PGT_PARTIAL)))
			audit_table(pg);
	}
	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		audit_domain(d);
	}
}

static void report(void)
{
	uint64_t total = frames_total();

	if (wrong)
		printk("audit: %u discrepancies\n", wrong);
	else
		printk("audit: %lu frames, ok: %lu free, %lu held for guests\n", (unsigned long)total,
		       (unsigned long)free_seen, (unsigned long)guests_seen);
}

bool audit_run(void)
{
	bool ok;

	if (!spin_trylock(&audit_lock)) {
		printk("audit: one is running\n");
		return false;
	}
	for_each_other_vcpu(vcpu_pause);
	wrong = 0;
	free_seen = guests_seen = 0;
	if (counts_ready()) {
		count_all();
		check_frames();
		check_accounts();
		audit_cpus();
	} else {
		audit_wrong("no memory for the counts");
	}
	report();
	ok = !wrong;
	for_each_other_vcpu(vcpu_unpause);
	spin_unlock(&audit_lock);
	return ok;
}
