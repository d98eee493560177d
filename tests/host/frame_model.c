/* SPDX-License-Identifier: MIT */
/* See frame_model.h. */
#include "frame_model.h"

#include <string.h>

#include "mm/m2p.h"

const uint16_t slot_of[SLOTS] = {0, 1, 2, 3, 4, 255, 256, 300, 428, 511};

struct domain *d;
struct page_info *frame[FRAMES];
struct model_frame m[FRAMES];
int foreign[FOREIGN];
bool foreign_rw[FOREIGN];

/* The guest's frame that an entry names; -1: it names none of them. */
static int named(uint64_t e)
{
	for (unsigned i = 0; i < FRAMES; i++)
		if (m[i].there && page_to_mfn(frame[i]) == pte_mfn(e))
			return i;
	return -1;
}

uint64_t *memory_of(int i)
{
	return mfn_to_virt(page_to_mfn(frame[i]));
}

bool is_partial(int i)
{
	return frame[i]->type & PGT_PARTIAL;
}

bool is_table(enum page_type t)
{
	return t >= PGT_L1 && t <= PGT_L4;
}

/* ---- what is held ---- */

static void hold(struct use *u, int i, enum page_type t)
{
	u->refs[i]++;
	u->uses[i]++;
	u->type[i] = t;
}

static enum page_type entry_needs(int from, int level, uint64_t e)
{
	int to = named(e);

	if (level == 1)
		return e & PTE_RW ? PGT_WRITABLE : PGT_NONE;
	if (to == from || (m[to].is == (enum page_type)level && !(e & PTE_RW)))
		return level; /* linear */
	return level - 1;
}

static void count_entries(struct use *u, int i)
{
	for (unsigned s = 0; s < m[i].checked; s++) {
		uint64_t e = m[i].entry[s];
		int to = named(e);
		enum page_type need;

		if (!(e & PTE_P) || reserved(m[i].is, slot_of[s], m[i].carrier))
			continue;
		assert_true(to >= 0);
		need = entry_needs(i, m[i].is, e);
		if (need == PGT_NONE)
			u->refs[to]++;
		else if (to != i || m[i].is == PGT_L1)
			hold(u, to, need);
	}
}

void model_count(struct use *u)
{
	memset(u, 0, sizeof(*u));
	for (int i = 0; i < FRAMES; i++) {
		if (!m[i].there)
			continue;
		u->refs[i]++;
		if (m[i].pinned)
			hold(u, i, m[i].is);
		if (m[i].partial)
			hold(u, i, m[i].is);
		for (unsigned n = 0; n < m[i].roots; n++)
			hold(u, i, d->paging->root_level);
		for (unsigned n = 0; n < m[i].writable; n++)
			hold(u, i, PGT_WRITABLE);
		for (unsigned n = 0; n < m[i].segdesc; n++)
			hold(u, i, PGT_SEGDESC);
		if (is_table(m[i].is))
			count_entries(u, i);
	}
	for (unsigned n = 0; n < FOREIGN; n++) {
		if (foreign[n] >= 0 && foreign_rw[n])
			hold(u, foreign[n], PGT_WRITABLE);
		else if (foreign[n] >= 0)
			u->refs[foreign[n]]++;
	}
}

/* ---- prediction ---- */

static bool linear_at(int i, unsigned s)
{
	int to = m[i].entry[s] & PTE_P ? named(m[i].entry[s]) : -1;

	return to >= 0 && to != i && m[i].is > PGT_L1 && m[to].is == m[i].is &&
	       !reserved(m[i].is, slot_of[s], m[i].carrier);
}

static bool linear_from(int i) /* has @i entries to other tables of its level? */
{
	for (unsigned s = 0; s < m[i].checked; s++)
		if (linear_at(i, s))
			return true;
	return false;
}

static bool linear_to(int i)
{
	for (int from = 0; from < FRAMES; from++)
		for (unsigned s = 0; m[from].there && is_table(m[from].is) && s < m[from].checked; s++)
			if (linear_at(from, s) && named(m[from].entry[s]) == i)
				return true;
	return false;
}

/* May entry @e stand at @slot of frame @i, a table of @level or about to be one? Makes what it needs so. */
static bool entry_ok(int i, int level, unsigned slot, uint64_t e, bool carrier)
{
	int to = named(e);
	bool special = rule_wants_carrier(d, level, slot);
	bool linear = !special && !(e & PTE_RW) && rule_linear(d, level);
	struct use u;

	if (!bits_ok(level, e) || to < 0)
		return false;
	if (level == 1)
		return e & PTE_RW ? to != i && model_make(to, PGT_WRITABLE, false) : true;
	if (to == i)
		return linear;
	if (m[to].is == PGT_NONE || m[to].is == (enum page_type)level - 1) {
		if (special) {
			model_count(&u);
			if (u.uses[to] > m[to].partial)
				return false; /* the hypervisor's share is this root's alone */
		}
		if (model_make(to, level - 1, special))
			return true;
	}
	return linear && m[to].is == (enum page_type)level && !m[to].carrier && !m[to].partial &&
	       !linear_to(i) && !linear_from(to);
}

/* The entries of @i from those that are checked up to @n of them. */
bool model_entries_ok(int i, unsigned n)
{
	int level = m[i].is;

	for (unsigned s = m[i].checked; s < n; m[i].checked = ++s) {
		uint64_t e = m[i].entry[s];

		if (reserved(level, slot_of[s], m[i].carrier))
			continue;
		if (!(e & PTE_P) && rule_wants_carrier(d, level, slot_of[s]))
			return false;
		if ((e & PTE_P) && !entry_ok(i, level, slot_of[s], e, m[i].carrier))
			return false;
		m[i].entry[s] = as_read(level, e);
	}
	return true;
}

static uint64_t hypervisor_entry(int level, unsigned slot)
{
	if (level == 4)
		return slot == SLOT_WINDOW ? 0 : idle_root[slot];
	return level == 2 ? m2p_compat_l2[slot] : 0;
}

void model_lowered(int i)
{
	for (unsigned s = 0; s < SLOTS; s++)
		if (is_table(m[i].is) && reserved(m[i].is, slot_of[s], m[i].carrier))
			m[i].entry[s] = 0;
	m[i].is = PGT_NONE;
	m[i].carrier = m[i].partial = m[i].doomed = false;
}

bool model_make(int i, enum page_type t, bool carrier)
{
	if (m[i].is != PGT_NONE && (m[i].is != t || m[i].carrier != carrier))
		return false;
	if (m[i].is != PGT_NONE && !m[i].partial)
		return true;
	if (m[i].is == PGT_NONE) {
		m[i].is = t;
		m[i].carrier = carrier;
		m[i].checked = 0;
	}
	if (!is_table(t))
		return true;
	if (m[i].doomed || (int)t > d->paging->root_level || !model_entries_ok(i, SLOTS)) {
		model_lowered(i);
		return false;
	}
	m[i].partial = false;
	for (unsigned s = 0; s < SLOTS; s++)
		if (reserved(t, slot_of[s], carrier))
			m[i].entry[s] = hypervisor_entry(t, slot_of[s]);
	return true;
}

enum outcome use_as(int i, enum page_type t)
{
	/* It stopped, if it got there at all. */
	if (is_table(t) && is_partial(i) && page_type_of(frame[i]) == t && !m[i].carrier &&
	    (m[i].is == PGT_NONE || m[i].is == t))
		return STOPPED;
	return model_make(i, t, false) ? DONE : REFUSED;
}

enum outcome entry_as(int i, unsigned slot, uint64_t e)
{
	int level = m[i].is, to = named(e);
	bool carrier = rule_wants_carrier(d, level, slot);

	if (level > 1 && to >= 0 && to != i && is_partial(to) && !carrier && bits_ok(level, e) &&
	    page_type_of(frame[to]) == (enum page_type)level - 1 && !(frame[to]->type & PGT_CARRIER))
		return STOPPED;
	return entry_ok(i, level, slot, e, m[i].carrier) ? DONE : REFUSED;
}
