/* SPDX-License-Identifier: MIT */
/*
 * A guest meddles with a tree of page tables while the hypervisor is in the middle of it: a timer interrupts the
 * hypercall that validates the tree or takes it apart, and the handler does what it should not. A table on its way is
 * neither memory nor a table: no vCPU can write it, map it writable, give it another type or name it by a linear
 * entry. A call that takes it up again, pins or uses it gets a whole table. One never gone on with does no harm. A
 * domain that is destroyed in the middle leaves nothing. A second vCPU, if there is one, does the same things at the
 * same time.
 */
#include "big_tree.h"
#include "control.h"

const char test_title[] = "attack-partial-trees";

#define TRIES 300 /* until an interrupt came at the right moment, which is up to the machine's speed */

static pte_t *linear; /* a pinned table of the level of the tree's top */
static volatile bool armed;
static void (*meddle)(struct frame *f);
static volatile unsigned hits;

/* The interrupted hypercall has begun: the hypervisor says so to itself in the count of operations. */
static bool restarted(const struct frame *f)
{
#ifdef __x86_64__
	return f->ax == __HYPERVISOR_mmuext_op && (f->si & 0x80000000);
#else
	return f->ax == __HYPERVISOR_mmuext_op && (f->cx & 0x80000000);
#endif
}

static void tick(struct frame *f)
{
	if (!event_test_and_clear(tick_port) || !armed)
		return;
	if (!restarted(f)) {
		tick_arm();
		return;
	}
	armed = false;
	hits++;
	meddle(f);
}

/* Run @change until @attack happened in the middle of it at least once; after each time @restore. */
static void in_the_middle(int (*change)(void), void (*attack)(struct frame *f), int want,
			  int (*restore)(void))
{
	unsigned n = 0;

	meddle = attack;
	for (hits = 0; !hits && n < TRIES; n++) {
		int rc;

		armed = true;
		tick_arm();
		events_on();
		rc = change();
		events_off();
		armed = false;
		check_eq(rc, hits ? want : 0);
		if (restore)
			check_eq(restore(), 0);
		tree_is_memory();
	}
	check(hits);
}

/* ---- what a table on its way must not let happen ---- */

static void not_mapped_writable(struct frame *f)
{
	for (int level = 2; level <= TREE_LEVEL; level++)
		check(page_set_ro(tree_table[level], false) < 0);
}

/* On its way up; on its way down such things only hasten its end. */
static void writes(struct frame *f)
{
	unsigned long gdt[1] = {tree_mfn()};

	not_mapped_writable(f);
	check(pte_write((uint64_t)tree_mfn() << 12 | 8, 0) < 0);
	check(pte_write((uint64_t)tree_mfn() << 12 | 4088, tree_entry(tree_data, TREE_RW)) < 0);
	check(mmuext1(MMUEXT_CLEAR_PAGE, tree_mfn(), 0) < 0);
	check(mmuext1(MMUEXT_COPY_PAGE, tree_mfn(), va_to_mfn(tree_data)) < 0);
	check(hypercall_set_gdt(gdt, 512) < 0);
}

static void other_levels(struct frame *f)
{
	for (int level = 1; level < TREE_LEVEL; level++)
		check(mmuext1(MMUEXT_PIN_L1_TABLE + level - 1, tree_mfn(), 0) < 0);
	check(mmuext1(MMUEXT_UNPIN_TABLE, tree_mfn(), 0) < 0);
	writes(f);
}

/* By another table of its level. */
static void linear_entry(struct frame *f)
{
	uint64_t slot = ((uint64_t)va_to_mfn(linear) << 12) + 5 * 8;

	check(pte_write(slot, tree_entry(tree_table[TREE_LEVEL], PTE_P | PTE_U)) < 0);
	check(pte_write(slot, tree_entry(tree_table[TREE_LEVEL], TREE_RW | PTE_U)) < 0);
	check_eq(linear[5], 0);
	writes(f);
}

/* It is a whole table then, and the interrupted pin finds it pinned. */
static void pin_first(struct frame *f)
{
	check_eq(tree_pin(), 0);
}

static void pin_and_unpin(struct frame *f)
{
	check_eq(tree_pin(), 0);
	check_eq(tree_unpin(), 0);
	tree_is_memory();
}

/* The interrupted hypercall is never made again: it looks done, with the result that was in RAX. */
static void abandon(struct frame *f)
{
	f->ip += 2;
}

static int pin_abandoned(void)
{
	int rc = tree_pin();

	if (!hits)
		return rc;
	/* No domain's, now. */
	writes(NULL);
	check(tree_unpin() < 0);
	check_eq(tree_pin(), 0);
	return 0;
}

/* Only the way down is interrupted. */
static int unpin_alone(void)
{
	armed = false;
	check_eq(tree_pin(), 0);
	armed = true;
	tick_arm();
	return tree_unpin();
}

static int unpin_what_was_pinned(void)
{
	return hits ? tree_unpin() : 0;
}

static int unpin_abandoned(void)
{
	int rc = unpin_alone();

	if (!hits)
		return rc;
	/* The next operation on upper tables takes apart what was left. */
	check_eq(pte_write((uint64_t)va_to_mfn(linear) << 12, 0), 0);
	return 0;
}

/* The last entry of the last L1 is bad: everything must be undone, stopping or not. */
static int pin_bad(void)
{
	int rc;

	check_eq(page_set_ro(tree_l1[TREE_L1S - 1], false), 0);
	tree_l1[TREE_L1S - 1][511] = tree_entry(root_page(), TREE_RW);
	table_ready(tree_l1[TREE_L1S - 1]);
	rc = tree_pin();
	check_eq(page_set_ro(tree_l1[TREE_L1S - 1], false), 0);
	tree_l1[TREE_L1S - 1][511] = 0;
	table_ready(tree_l1[TREE_L1S - 1]);
	check(rc < 0);
	return 0;
}

/* ---- frames given away, domains ended ---- */

static long total(void)
{
	struct xen_memory_domain self = {.domid = DOMID_SELF};

	return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static xen_pfn_t given;

static long reservation(unsigned cmd)
{
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, &given);
	return hypercall_memory_op(cmd, &r);
}

/* Its owner gives it away; it stays as long as it is on its way or a table. */
static void give_away(struct frame *f)
{
	given = tree_mfn();
	check_eq(reservation(XENMEM_decrease_reservation), 1);
	check(page_set_ro(tree_table[TREE_LEVEL], false) < 0);
}

static void given_away(void)
{
	pte_t *top = tree_table[TREE_LEVEL];
	long before = total();
	unsigned n = 0;

	meddle = give_away;
	for (hits = 0; !hits && n < TRIES; n++) {
		armed = true;
		tick_arm();
		events_on();
		check_eq(tree_pin(), 0);
		events_off();
		armed = false;
		if (hits) {
			check_eq(hypercall_update_va_mapping((unsigned long)top, 0, UVMF_INVLPG), 0);
			check_eq(total(), before);
		}
		check_eq(tree_unpin(), 0);
	}
	check(hits);
	check_eq(total(), before - 1);
	check(mmuext1(MMUEXT_PIN_L1_TABLE + TREE_LEVEL - 1, given, 0) < 0);
}

/* ---- another domain, whose tables are pinned by us ---- */

#define THEIRS 40

static xen_pfn_t theirs[THEIRS];
static char window[4096] __attribute__((aligned(4096)));
static domid_t domain;

static long on_domain(unsigned cmd, uint64_t arg)
{
	long rc;

	if (cmd == XEN_DOMCTL_createdomain)
		op.u.createdomain = (struct xen_domctl_createdomain){
		    .max_vcpus = 1, .max_evtchn_port = -1, .max_grant_frames = 4, .max_maptrack_frames = 4};
	else if (cmd == XEN_DOMCTL_max_mem)
		op.u.max_mem.max_memkb = arg;
	rc = domctl(cmd, domain);
	if (cmd == XEN_DOMCTL_createdomain)
		domain = op.domain;
	return rc;
}

static void fill(unsigned i, unsigned n, unsigned to, bool same)
{
	pte_t pte = (pte_t)theirs[i] << 12 | TREE_RW;

	check_eq(hypercall_update_va_mapping_otherdomain((unsigned long)window, pte, UVMF_INVLPG, domain), 0);
	for (unsigned e = 0; e < n; e++)
		((volatile pte_t *)window)[e] = (pte_t)theirs[same ? to : to + e] << 12 | TREE_RW | PTE_U;
	check_eq(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
}

/* A pv64 domain: frames 0 to 2 the upper tables, 3 data, the others full L1s. */
static void create(void)
{
	struct xen_memory_reservation r = {.nr_extents = THEIRS};

	domain = DOMID_INVALID;
	check_eq(on_domain(XEN_DOMCTL_createdomain, 0), 0);
	check_eq(on_domain(XEN_DOMCTL_max_mem, THEIRS * 4), 0);
	for (unsigned i = 0; i < THEIRS; i++)
		theirs[i] = i;
	r.domid = domain;
	set_xen_guest_handle(r.extent_start, theirs);
	check_eq(hypercall_memory_op(XENMEM_populate_physmap, &r), THEIRS);
	fill(0, 1, 1, false);
	fill(1, 1, 2, false);
	fill(2, THEIRS - 4, 4, false);
	for (unsigned i = 4; i < THEIRS; i++)
		fill(i, 512, 3, true);
}

static int foreign(unsigned cmd)
{
	struct mmuext_op it = {.cmd = cmd};

	it.arg1.mfn = theirs[0];
	return hypercall_mmuext_op(&it, 1, NULL, domain);
}

static void destroy(struct frame *f)
{
	check_eq(on_domain(XEN_DOMCTL_destroydomain, 0), 0);
}

/* Destroyed while its pin or, after that, its unpin is interrupted. */
static void ended(bool pinned_before)
{
	unsigned n = 0;

	meddle = destroy;
	for (hits = 0; !hits && n < TRIES; n++) {
		create();
		if (pinned_before)
			check_eq(foreign(MMUEXT_PIN_L4_TABLE), 0);
		armed = true;
		tick_arm();
		events_on();
		foreign(pinned_before ? MMUEXT_UNPIN_TABLE : MMUEXT_PIN_L4_TABLE);
		events_off();
		armed = false;
		if (!hits)
			check_eq(on_domain(XEN_DOMCTL_destroydomain, 0), 0);
		check_eq(foreign(MMUEXT_UNPIN_TABLE), -XEN_ESRCH);
	}
	check(hits);
}

/* ---- another vCPU, that does things at the same time ---- */

static void (*volatile task)(void);
static volatile unsigned long rounds;
static volatile bool stopped;

/* All that we do. */
static void meddler(void)
{
	tree_pin();
	page_set_ro(tree_table[TREE_LEVEL], false);
	pte_write((uint64_t)tree_mfn() << 12 | 4088, 0);
	mmuext1(MMUEXT_PIN_L2_TABLE, va_to_mfn(tree_l1[5]), 0);
	pte_write(((uint64_t)va_to_mfn(linear) << 12) + 5 * 8, tree_entry(tree_table[TREE_LEVEL], PTE_P));
	tree_unpin();
	pte_write(((uint64_t)va_to_mfn(linear) << 12) + 5 * 8, 0);
	page_set_ro(tree_table[TREE_LEVEL], true);
}

/* Unpins what is not pinned: an unpin first takes apart what any call has left. */
static void settler(void)
{
	mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(tree_data), 0);
}

static void other_vcpu(void)
{
	for (void (*fn)(void); (fn = task); rounds++)
		fn();
	stopped = true;
	for (;;)
		hypercall_vcpu_op(VCPUOP_down, 1, NULL);
}

/* The tree with @n of its L1s: with two it is just too large to be taken apart at once. */
static void tree_cut(unsigned n)
{
	check_eq(page_set_ro(tree_table[2], false), 0);
	for (unsigned i = 0; i < TREE_L1S; i++)
		tree_table[2][i] = i < n ? tree_entry(tree_l1[i], TREE_RW | PTE_U) : 0;
	table_ready(tree_table[2]);
}

/* Pin and unpin, then @after, while the other vCPU does @what. */
static void beside(void (*what)(void), void (*after)(void))
{
	uint64_t until = system_time() + 20000000000ull; /* the machine's processors may have other work */

	task = what;
	rounds = 0;
	for (unsigned n = 0; (n < 400 || rounds < 20) && system_time() < until; n++) {
		tree_pin();
		tree_unpin();
		if (after)
			after();
	}
	check(rounds);
}

static void raced(void)
{
	task = settler;
	if (hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(other_vcpu)))
		return; /* there is one alone */
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	/* A hypercall that has unpinned a tree returns when it is memory, whichever of the two took it apart. */
	tree_cut(2);
	beside(settler, tree_is_memory);
	tree_cut(TREE_L1S);
	beside(meddler, NULL);
	task = NULL;
	while (!stopped)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	pte_write(((uint64_t)va_to_mfn(linear) << 12) + 5 * 8, 0);
	page_set_ro(tree_table[TREE_LEVEL], true);
	tree_pin();
	tree_unpin();
	tree_is_memory();
}

static void attacks(void)
{
	in_the_middle(tree_pin, writes, 0, tree_unpin);
	in_the_middle(tree_pin, other_levels, 0, tree_unpin);
	in_the_middle(tree_pin, linear_entry, 0, tree_unpin);
	in_the_middle(unpin_alone, not_mapped_writable, 0, NULL);
	in_the_middle(unpin_alone, pin_first, 0, unpin_what_was_pinned);
	in_the_middle(tree_pin, pin_first, -XEN_EINVAL, tree_unpin);
	in_the_middle(tree_pin, pin_and_unpin, 0, tree_unpin);
	in_the_middle(pin_abandoned, abandon, 0, tree_unpin);
	in_the_middle(unpin_abandoned, abandon, 0, NULL);
	in_the_middle(pin_bad, writes, 0, NULL);
}

void test_main(void)
{
	tree_build();
	linear = page_alloc();
	table_ready(linear);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE + TREE_LEVEL - 1, va_to_mfn(linear), 0), 0);
	tick_init(tick);
	attacks();
	raced();
	ended(false);
	ended(true);
	given_away();
}
