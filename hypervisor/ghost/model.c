/* SPDX-License-Identifier: MIT */
/*
 * The ghost's model of frames (see ghost.h): a reference for each name of a frame, a use for each reliance on its
 * type, a type that may change only while there is no use. A table is in force when the rules (rules.h) allow each of
 * its entries and what the entry names can be held. All of it is as the essay in mm/page.c promises to guests, none of
 * it as mm/ does it: no locks, no preemption, no fast paths.
 */
#include "dom/domain.h"
#include "ghost/ghost.h"
#include "ghost/rules.h"
#include "guest/abi.h"
#include "guest/paging.h"
#include "mm/page.h"

#define P          1ull
#define RW         2ull
#define PS         0x80ull
#define ADDRESS    0x000ffffffffff000ull
#define ENTRY_MASK (~0x60ull) /* the processor sets Accessed and Dirty */
#define ENTRIES    512
#define REFS_MAX   0x03fffffdu

static mfn_t named(uint64_t e)
{
	return (e & ADDRESS) >> PAGE_SHIFT;
}

static uint64_t *entry_at(mfn_t table, unsigned slot)
{
	return (uint64_t *)mfn_to_virt(table) + slot;
}

static bool is_io(mfn_t mfn)
{
	return mfn >= max_mfn || (ghost_frame(mfn)->flags & GF_IO);
}

static bool is_level(unsigned type)
{
	return type >= PGT_L1 && type <= PGT_L4;
}

bool ghost_is_table(mfn_t mfn, unsigned level, const struct domain *d)
{
	const struct ghost_frame *f = ghost_frame(mfn);

	return f->uses && f->type == level && (f->flags & GF_VALID) && f->owner == d;
}

/* ---- domains ---- */

struct domain *ghost_domain(uint32_t id)
{
	struct domain *d;

	list_for_each (d, &domain_list, link)
		if (d->id == id)
			return d;
	return NULL;
}

struct domain *ghost_owner(uint32_t id)
{
	struct domain *self = current->domain;

	id &= 0xffff;
	if (id == DOMID_SELF || id == self->id)
		return self;
	if (!self->privileged)
		return NULL;
	return id == DOMID_IO ? dom_io : id == DOMID_XEN ? dom_xen : ghost_domain(id);
}

/* ---- references ---- */

bool ghost_ref(mfn_t mfn, struct domain *d)
{
	const struct ghost_frame *f = ghost_frame(mfn);

	if (!f->refs || f->refs >= REFS_MAX || f->owner != d)
		return false;
	ghost_change(mfn)->refs++;
	return true;
}

void ghost_unref(mfn_t mfn)
{
	struct ghost_frame *f = ghost_change(mfn);

	if (!f->refs) {
		ghost_wrong("frame %lx: one reference too few", (unsigned long)mfn);
		return;
	}
	if (--f->refs)
		return;
	/* That was the last: the frame is free. */
	if (!(f->flags & GF_HEAP))
		ghost_expect(&f->owner->mm.tot_pages, ghost_word(&f->owner->mm.tot_pages) - 1, ~0ull);
	*f = (struct ghost_frame){0};
}

/* ---- entries ---- */

static bool l1_in(uint64_t e, struct domain *d, struct domain *from)
{
	mfn_t to = named(e);

	if (!rule_bits_ok(d, 1, e))
		return false;
	if (is_io(to)) {
		/* The model does not cover device memory. */
		if (d->privileged)
			ghost_give_up();
		return false;
	}
	return e & RW ? ghost_hold(to, from, PGT_WRITABLE) : ghost_ref(to, from);
}

void ghost_l1_out(uint64_t e)
{
	if (!(e & P) || is_io(named(e)))
		return;
	if (e & RW)
		ghost_let_go(named(e));
	else
		ghost_unref(named(e));
}

static bool linear_in(mfn_t table, mfn_t to, unsigned level)
{
	const struct ghost_frame *f = ghost_frame(to);

	if (!ghost_is_table(to, level, f->owner) || (f->flags & GF_CARRIER) ||
	    ghost_frame(table)->linear < 0 || f->linear > 0)
		return false;
	ghost_change(to)->uses++;
	ghost_change(to)->linear--;
	ghost_change(table)->linear++;
	return true;
}

/* The frame becomes what an entry needs; only one root may name a carrier. */
static bool below_in(mfn_t to, unsigned level, bool carrier)
{
	if (!ghost_use(to, level, carrier))
		return false;
	if (!carrier || ghost_frame(to)->uses == 1)
		return true;
	ghost_unuse(to);
	return false;
}

static bool upper_in(mfn_t table, unsigned level, unsigned slot, uint64_t e)
{
	struct domain *d = ghost_frame(table)->owner;
	bool carrier = rule_wants_carrier(d, level, slot);
	bool linear = !carrier && !(e & RW) && rule_linear(d, level);
	mfn_t to = named(e);

	if (!rule_bits_ok(d, level, e))
		return false;
	if (to == table)
		return linear;
	if (!ghost_ref(to, d))
		return false;
	if (below_in(to, level - 1, carrier) || (linear && linear_in(table, to, level)))
		return true;
	ghost_unref(to);
	return false;
}

static void upper_out(mfn_t table, unsigned level, uint64_t e)
{
	mfn_t to = named(e);

	if (!(e & P) || to == table)
		return;
	if (ghost_frame(to)->type == level) {
		ghost_change(table)->linear--;
		ghost_change(to)->linear++;
	}
	ghost_let_go(to);
}

/* ---- tables ---- */

static bool slot_in(mfn_t table, unsigned level, unsigned slot)
{
	struct domain *d = ghost_frame(table)->owner;
	uint64_t *at = entry_at(table, slot), e = ghost_word(at), read = rule_as_read(d, level, e);

	if (!(e & P))
		return !rule_wants_carrier(d, level, slot);
	if (!(level == 1 ? l1_in(e, d, d) : upper_in(table, level, slot, e)))
		return false;
	if (read != e)
		ghost_expect(at, read, ENTRY_MASK);
	return true;
}

static void slots_out(mfn_t table, unsigned level, unsigned n, bool carrier)
{
	struct domain *d = ghost_frame(table)->owner;

	while (n--) {
		uint64_t e;

		if (rule_reserved(d, level, n, carrier))
			continue;
		e = ghost_word(entry_at(table, n));
		if (level == 1)
			ghost_l1_out(e);
		else
			upper_out(table, level, e);
	}
}

static bool table_in(mfn_t table, unsigned level, bool carrier)
{
	struct domain *d = ghost_frame(table)->owner;

	if ((int)level > d->paging->root_level)
		return false;
	for (unsigned s = 0; s < ENTRIES; s++) {
		if (rule_reserved(d, level, s, carrier) || slot_in(table, level, s))
			continue;
		slots_out(table, level, s, carrier);
		return false;
	}
	if (!rule_root_named(d, level, table)) {
		slots_out(table, level, ENTRIES, carrier);
		return false;
	}
	return true;
}

/* ---- uses ---- */

static void use_ends(struct ghost_frame *f)
{
	f->uses = f->type = f->linear = 0;
	f->flags &= ~(GF_VALID | GF_CARRIER);
}

bool ghost_use(mfn_t mfn, unsigned type, bool carrier)
{
	const struct ghost_frame *f = ghost_frame(mfn);
	struct ghost_frame *g;

	if (f->flags & GF_PARTIAL) {
		ghost_give_up();
		return false;
	}
	if (f->uses) {
		if (f->type != type || !!(f->flags & GF_CARRIER) != carrier)
			return false;
		ghost_change(mfn)->uses++;
		return true;
	}
	g = ghost_change(mfn);
	g->uses = 1;
	g->type = type;
	g->linear = 0;
	g->flags |= carrier ? GF_CARRIER : 0;
	if (is_level(type) && !table_in(mfn, type, carrier)) {
		use_ends(ghost_change(mfn));
		return false;
	}
	ghost_change(mfn)->flags |= GF_VALID;
	return true;
}

void ghost_unuse(mfn_t mfn)
{
	struct ghost_frame *f = ghost_change(mfn);

	if (!f->uses) {
		ghost_wrong("frame %lx: one use too few", (unsigned long)mfn);
		return;
	}
	if (f->uses > 1) {
		f->uses--;
		return;
	}
	f->flags &= ~GF_VALID;
	if (is_level(f->type))
		slots_out(mfn, f->type, ENTRIES, f->flags & GF_CARRIER);
	use_ends(ghost_change(mfn));
}

bool ghost_hold(mfn_t mfn, struct domain *d, unsigned type)
{
	if (!ghost_ref(mfn, d))
		return false;
	if (ghost_use(mfn, type, false))
		return true;
	ghost_unref(mfn);
	return false;
}

void ghost_let_go(mfn_t mfn)
{
	ghost_unuse(mfn);
	ghost_unref(mfn);
}

bool ghost_writable(mfn_t mfn, struct domain *d)
{
	if (!ghost_hold(mfn, d, PGT_WRITABLE))
		return false;
	ghost_let_go(mfn);
	return true;
}

/* ---- changes ---- */

enum ghost_outcome ghost_change_l1(uint64_t *where, uint64_t e, struct domain *d, struct domain *from)
{
	uint64_t old = ghost_word(where), read = rule_as_read(d, 1, e);

	if (!(e & P)) {
		ghost_l1_out(old);
	} else if ((old & P) && !((old ^ e) & (ADDRESS | RW))) {
		if (!rule_bits_ok(d, 1, e))
			return GHOST_REFUSED;
	} else {
		if (!l1_in(e, d, from))
			return GHOST_REFUSED;
		ghost_l1_out(old);
	}
	ghost_expect(where, read, ENTRY_MASK);
	return GHOST_DONE;
}

enum ghost_outcome ghost_change_upper(mfn_t table, unsigned slot, uint64_t e)
{
	const struct ghost_frame *f = ghost_frame(table);
	struct domain *d = f->owner;
	unsigned level = f->type;
	uint64_t *where = entry_at(table, slot), old = ghost_word(where);

	if (rule_reserved(d, level, slot, f->flags & GF_CARRIER) || rule_wants_carrier(d, level, slot))
		return GHOST_REFUSED;
	if ((e & P) && !upper_in(table, level, slot, e))
		return GHOST_REFUSED;
	ghost_expect(where, rule_as_read(d, level, e), ENTRY_MASK);
	upper_out(table, level, old);
	return GHOST_DONE;
}

uint64_t *ghost_walk(uint64_t va)
{
	const struct vcpu *v = current;
	const struct guest_abi *abi = v->domain->abi;
	uint64_t entry = v->mm.kernel_cr3;

	if (va >= abi->low_end && va < abi->high_start)
		return NULL;
	for (int level = 4; level > 1; level--) {
		entry = ghost_word(entry_at(named(entry), va >> (3 + 9 * level) & (ENTRIES - 1)));
		if ((entry & (P | PS)) != P)
			return NULL;
	}
	return entry_at(named(entry), va >> 12 & (ENTRIES - 1));
}
