/* SPDX-License-Identifier: MIT */
/*
 * A memory_op of many frames stops for other work, and what it has begun waits with the vCPU. In the middle of it, from
 * the upcall that it stopped for, the guest does what it should not: changes the call's arguments, gives frames away that
 * are being traded, maps them, makes another call of the kind, forgets the first one altogether. No frame is lost or
 * given twice, none beyond the limit, and a call that completes has got what it asked for.
 */
#include "big_tree.h"

const char test_title[] = "attack-memory-work";

#define N              512u
#define ROUNDS         48
#define TELLING_ROUNDS 2000 /* until a tick falls into the short time in which it is told; most need few */
#define ROOM           12
#define UNTOLD         8 /* a trick that has its own time */
#define UNTOLD_FRAMES  16

static unsigned long frames[N], out[N], more[N];
static struct xen_memory_exchange e;
static unsigned trick, tricks;  /* which one it will be, whether it was played, */
static unsigned ticks, play_at; /* and at which tick */
static bool inside;
static unsigned given; /* frames in more[] that it gave away */

static long reservation(unsigned cmd)
{
	struct xen_memory_domain q = {.domid = DOMID_SELF};

	return hypercall_memory_op(cmd, &q);
}

static long change(unsigned cmd, unsigned long *list, unsigned n, unsigned order)
{
	struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, list);
	return hypercall_memory_op(cmd, &r);
}

/* What the guest does while its call is stopped. */
static void play(void)
{
	unsigned long one = e.nr_exchanged < N ? frames[e.nr_exchanged + 100 % N] : frames[0];

	switch (trick) {
	case 0:
		e.out.mem_flags ^= XENMEMF_address_bits(30);
		break;
	case 1:
		change(XENMEM_decrease_reservation, &one, 1, 0);
		break;
	case 2:
		for (unsigned i = 0; i < N; i++)
			more[i] = i;
		if (change(XENMEM_populate_physmap, more, 1, 3) == 1)
			check_eq(change(XENMEM_decrease_reservation, more, 1, 3), 1);
		break;
	case 3:
		e.in.extent_order = 1;
		break;
	case 4:
		e.nr_exchanged++;
		break;
	case 5:
		e.in.nr_extents = 0;
		break;
	case 6:
		hypercall_update_va_mapping((unsigned long)tree_data, (pte_t)one << 12 | PTE_P | PTE_A,
					    UVMF_INVLPG);
		break;
	}
}

static struct xen_machphys_mapping m2p;

/* What the M2P says of a frame. */
static unsigned long m2p_says(unsigned long mfn)
{
	return mfn > m2p.max_mfn ? ~0ul : ((unsigned long *)m2p.v_start)[mfn];
}

static bool is_told(unsigned long mfn)
{
	for (unsigned i = 0; i < N && out[i] != 0x3000ul + i; i++)
		if (out[i] == mfn)
			return true;
	return false;
}

/* Give away some new frames that it was not told of yet. They may lie anywhere. */
static void give_untold(void)
{
	for (unsigned long mfn = 1; mfn <= m2p.max_mfn && given < UNTOLD_FRAMES; mfn++) {
		unsigned long one = mfn;

		if (m2p_says(mfn) == ~0ul && !is_told(mfn) &&
		    change(XENMEM_decrease_reservation, &one, 1, 0) == 1)
			more[given++] = mfn;
	}
}

/* Some of the new frames were told, not all. */
static bool is_telling(void)
{
	return out[0] != 0x3000 && out[N - 1] == 0x3000 + N - 1;
}

static void tick(struct frame *f)
{
	if (!event_test_and_clear(tick_port))
		return;
	if (!inside)
		return;
	if (trick == UNTOLD && !given && is_telling())
		give_untold();
	if (ticks++ == play_at) {
		tricks++;
		play();
	}
	tick_arm();
}

/* As many frames as there are, by whichever numbers; the list is new. */
static bool fill(void)
{
	for (unsigned i = 0; i < N; i++)
		frames[i] = 0x3000 + i;
	return change(XENMEM_populate_physmap, frames, N, 0) == N;
}

static long attempt(unsigned in_order, unsigned out_order)
{
	long rc;

	e = (struct xen_memory_exchange){
	    .in = {.nr_extents = N >> in_order, .extent_order = in_order, .domid = DOMID_SELF},
	    .out = {.nr_extents = N >> out_order, .extent_order = out_order, .domid = DOMID_SELF},
	};
	set_xen_guest_handle(e.in.extent_start, frames);
	set_xen_guest_handle(e.out.extent_start, out);
	for (unsigned i = 0; i < N; i++)
		out[i] = 0x3000 + i;
	tricks = ticks = 0;
	inside = true;
	tick_arm();
	events_on();
	rc = hypercall_memory_op(XENMEM_exchange, &e);
	events_off();
	inside = false;
	return rc;
}

/* Whatever of the two lists is still there goes. */
static void empty(unsigned out_order)
{
	hypercall_update_va_mapping((unsigned long)tree_data, tree_entry(tree_data, TREE_RW), UVMF_INVLPG);
	for (unsigned i = 0; i < N; i++)
		change(XENMEM_decrease_reservation, &frames[i], 1, 0);
	for (unsigned i = 0; i < (unsigned)N >> out_order; i++)
		for (unsigned k = 0; k < (1u << out_order); k++) {
			unsigned long one = out[i] + k;

			if (out[i] != 0x3000ul + i)
				change(XENMEM_decrease_reservation, &one, 1, 0);
		}
}

/* Another call: what the last one had begun is cancelled. */
static void forget(void)
{
	more[0] = 0x3000;
	check_eq(change(XENMEM_populate_physmap, more, 1, 1), 1);
	check_eq(change(XENMEM_decrease_reservation, more, 1, 1), 1);
}

void test_main(void)
{
	unsigned played = 0, done = 0;

	/* Room below its limit, also for what it loses: frames that nothing maps, from the end of its memory. */
	const unsigned long *p2m = (const unsigned long *)start_info->mfn_list;

	check_eq(hypercall_memory_op(XENMEM_machphys_mapping, &m2p), 0);
	tick_init(tick);
	for (unsigned i = 0; i < ROOM * N; i++)
		check_eq(change(XENMEM_decrease_reservation,
				(unsigned long *)&p2m[start_info->nr_pages - 1 - i], 1, 0),
			 1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		long before = reservation(XENMEM_current_reservation), after;
		unsigned order = n % 2 ? 9 : 0;

		trick = n / 2 % 8;
		play_at = 1 + n % 5;
		check(fill());
		done += attempt(0, order) == 0;
		played += tricks > 0;
		empty(order);
		forget();
		after = reservation(XENMEM_current_reservation);
		/* A guest that spoils its call after frames were swapped, before it is told, has them unknowingly. */
		if (after < before || after > before + (tricks ? 1 << order : 0))
			failure("round %u, trick %u: %ld frames before, %ld after", n, trick, before, after);
		check(after <= reservation(XENMEM_maximum_reservation));
	}
	/* What it gave away is another's, whose M2P it does not change by being told late. */
	trick = UNTOLD;
	for (unsigned n = 0; n < TELLING_ROUNDS && !given; n++) {
		tick_ns = TICK_NS / 2 + n * 977 % TICK_NS; /* at the same time always, it may always miss */
		frames[0] = 0x3000;
		check_eq(change(XENMEM_populate_physmap, frames, 1, 9), 1);
		check_eq(attempt(9, 0), 0);
		for (unsigned i = 0; i < given; i++)
			check_eq(m2p_says(more[i]), ~0ul);
		empty(0);
	}
	check(given > 0);
	tick_ns = TICK_NS;
	trick = 7; /* none */
	check(fill());
	check_eq(attempt(0, 9), 0);
	printk("# %u tricks played, %u calls went through\n", played, done);
	check(played > ROUNDS / 4);
	check(done > 0);
}
