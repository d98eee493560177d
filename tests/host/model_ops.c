/* SPDX-License-Identifier: MIT */
/* See model_ops.h. */
#include "model_ops.h"

#include <string.h>

#include "lib/errno.h"
#include "mm/memory.h"

#define ROLES   5
#define RETRIES 10000 /* of an operation that stops, at least: each time it must get on */

struct domain *other;
struct page_info *foreign_frame[OTHERS];
int root[ROOTS];
uint64_t random_state;

static uint32_t sequence(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % n;
}

uint32_t (*model_random)(uint32_t n) = sequence;

static uint32_t rnd(uint32_t n)
{
	return model_random(n);
}

/* ---- one step, and what the model has to say ---- */

static enum outcome happened(int rc)
{
	return rc >= 0 ? DONE : rc == -ERESTART ? STOPPED : REFUSED;
}

static void done(const char *what, enum outcome expected, int rc)
{
	static const char *const words[] = {"refused", "done", "stopped"};

	if (expected != happened(rc))
		fail_msg("%s: the model says %s, the frame table %s", what, words[expected],
			 words[happened(rc)]);
	model_follow();
}

/* The operation settles first what is left of another one. True: it stopped at that. */
static bool stopped_settling(uint32_t left, int rc)
{
	if (!left)
		return false;
	if (d->mm.pt_left == left) {
		done("settle", STOPPED, rc);
		return true;
	}
	for (int i = 0; i < FRAMES; i++)
		if (page_to_mfn(frame[i]) == left)
			model_lowered(i);
	model_follow();
	return false;
}

/* ---- the operations: 0 or -errno ---- */

/* What a frame is mostly used as, so that whole trees come about: 1..4 a table of that level, 0 data. */
static int role(int i)
{
	return i % ROLES;
}

static uint64_t random_entry(int t)
{
	int want = role(t) ? role(t) - 1 : (int)rnd(5), to;
	uint64_t flags = (rnd(8) ? PTE_P : 0) | (rnd(2) ? PTE_U : 0);

	if (role(t) > 1 && !rnd(10))
		want = role(t); /* a linear entry */
	else
		flags |= rnd(3) ? PTE_RW : 0;
	do
		to = rnd(FRAMES);
	while (role(to) != want && rnd(200));
	if (!rnd(300))
		flags |= PTE_PS;
	if (!rnd(300))
		return make_pte(rnd(HOST_FRAMES + 100), flags);
	return m[to].there ? make_pte(page_to_mfn(frame[to]), flags) : 0;
}

static int op_pin(int i)
{
	int level = role(i) && rnd(10) ? role(i) : 1 + (int)rnd(4), rc = page_pin(frame[i], level);
	bool pinned = m[i].pinned;
	enum outcome expected = use_as(i, level);

	if (expected == DONE && pinned)
		expected = REFUSED;
	m[i].pinned |= expected == DONE;
	done("pin", expected, rc);
	return rc;
}

static int op_unpin(int i)
{
	uint32_t left = d->mm.pt_left;
	int rc = page_unpin(frame[i]);
	bool pinned = m[i].pinned;

	if (stopped_settling(left, rc))
		return rc;
	m[i].pinned = false;
	done("unpin", pinned ? DONE : REFUSED, rc);
	return rc;
}

static int op_settle(int i)
{
	int rc = pt_settle(d);

	done("settle", d->mm.pt_left ? STOPPED : DONE, rc);
	return rc;
}

/* Entry @s of L1 table @i. */
static int change_l1(int i, unsigned s, uint64_t e)
{
	uint64_t old = m[i].entry[s];
	enum outcome expected = DONE;
	int rc;

	spin_lock(&d->mm.pt_lock);
	rc = pt_change_l1(memory_of(i) + slot_of[s], e, d, d, false);
	spin_unlock(&d->mm.pt_lock);
	if ((e & PTE_P) && (old & PTE_P) && !((old ^ e) & (PTE_ADDR | PTE_RW)))
		expected = bits_ok(1, e) ? DONE : REFUSED;
	else if (e & PTE_P)
		expected = entry_as(i, slot_of[s], e);
	if (expected == DONE)
		m[i].entry[s] = as_read(1, e);
	done("change an L1 entry", expected, rc);
	return rc;
}

static bool guests_slot(int i, unsigned slot)
{
	return !reserved(m[i].is, slot, m[i].carrier) &&
	       (d->paging->root_level == 4 || m[i].is != PGT_L3 || slot != 3);
}

static bool table_live(int i)
{
	return is_table(page_type_of(frame[i])) && (frame[i]->type & PGT_VALIDATED);
}

static int change_upper(int i, unsigned s, uint64_t e)
{
	enum outcome expected = DONE;
	uint32_t left = d->mm.pt_left;
	bool flush;
	int rc;

	pt_begin(d);
	rc = table_settle(d);
	if (!rc)
		rc = table_live(i) ? pt_change_upper(frame[i], slot_of[s] * 8, e, false, &flush) : -EINVAL;
	spin_unlock(&d->mm.pt_lock);
	if (stopped_settling(left, rc))
		return rc;
	if (!is_table(m[i].is) || m[i].partial || !guests_slot(i, slot_of[s]))
		expected = REFUSED;
	else if (e & PTE_P)
		expected = entry_as(i, slot_of[s], e);
	if (expected == DONE)
		m[i].entry[s] = as_read(m[i].is, e);
	done("change an entry", expected, rc);
	return rc;
}

static void op_entry(int i)
{
	unsigned s = rnd(SLOTS);
	uint64_t e = random_entry(i);
	int rc;

	if (!is_table(m[i].is) || m[i].partial)
		return;
	do
		rc = m[i].is == PGT_L1 ? change_l1(i, s, e) : change_upper(i, s, e);
	while (rc == -ERESTART && rnd(4) && is_table(m[i].is) && !m[i].partial);
}

/* A store through a mapping that could be made for it. */
static void op_store(int i)
{
	int rc = page_get_and_type(frame[i], d, PGT_WRITABLE);

	if (!rc) {
		memory_of(i)[slot_of[rnd(SLOTS)]] = random_entry(i);
		page_put_and_type(frame[i]);
	}
	done("store", use_as(i, PGT_WRITABLE), rc);
}

static void clear_others(int i)
{
	for (unsigned w = 0, s = 0; w < PTES_PER_TABLE; w++) {
		if (s < SLOTS && slot_of[s] == w)
			s++;
		else
			memory_of(i)[w] = 0;
	}
}

static void op_hold(int i, enum page_type t)
{
	unsigned *held = t == PGT_WRITABLE ? &m[i].writable : &m[i].segdesc;
	enum outcome expected;
	int rc;

	if (*held) {
		--*held;
		page_put_and_type(frame[i]);
		done("let go", DONE, 0);
	} else if (!rnd(6)) {
		rc = page_get_and_type(frame[i], d, t);
		if (t == PGT_SEGDESC && !rc) /* its audit writes; the model sees a few words only */
			clear_others(i);
		expected = use_as(i, t);
		*held += expected == DONE;
		done("hold", expected, rc);
	}
}

static int leave_root(unsigned v)
{
	uint32_t left = d->mm.pt_left;
	int rc;

	pt_begin(d);
	rc = table_settle(d);
	if (!rc)
		rc = table_put(frame[root[v]]);
	spin_unlock(&d->mm.pt_lock);
	if (stopped_settling(left, rc))
		return rc;
	m[root[v]].roots--;
	root[v] = -1;
	done("leave a root", DONE, rc);
	return rc;
}

static int op_root(int i)
{
	unsigned v = rnd(ROOTS);
	enum outcome expected;
	int rc;

	if (root[v] >= 0)
		return rnd(2) ? leave_root(v) : 0;
	pt_begin(d);
	rc = page_get_and_type(frame[i], d, d->paging->root_level);
	spin_unlock(&d->mm.pt_lock);
	expected = use_as(i, d->paging->root_level);
	m[i].roots += expected == DONE;
	done("load a root", expected, rc);
	if (!rc)
		root[v] = i;
	return rc;
}

/* The other domain maps a frame of the guest's, or lets it go. */
static void op_foreign(int i)
{
	unsigned n = rnd(FOREIGN);
	bool rw = rnd(2), unmap = foreign[n] >= 0;
	uint64_t *where = (uint64_t *)mfn_to_virt(page_to_mfn(foreign_frame[0])) + n;
	uint64_t e = unmap ? 0 : make_pte(page_to_mfn(frame[i]), PTE_P | (rw ? PTE_RW : 0));
	int rc;

	spin_lock(&other->mm.pt_lock);
	rc = pt_change_l1(where, e, other, d, false);
	spin_unlock(&other->mm.pt_lock);
	if (!rc) {
		foreign[n] = unmap ? -1 : i;
		foreign_rw[n] = rw;
	}
	done("map from another domain", unmap || !rw ? DONE : use_as(i, PGT_WRITABLE), rc);
}

/* Give a frame back and take another in its place, if nothing holds it. */
static void op_replace(int i)
{
	struct exchange x = {.in = {page_to_mfn(frame[i])}, .n = 1};
	struct use u;
	int rc;

	model_count(&u);
	do {
		rc = memory_exchange(d, &x);
	} while (rc == -ERESTART);
	if (!rc) {
		frame[i] = mfn_to_page(x.out[0]);
		m[i] = (struct model_frame){.there = true};
	}
	done("trade a frame", u.refs[i] == 1 ? DONE : REFUSED, rc);
}

/* Some stopped operations come back until they are through. */
static void persist(int (*op)(int i), int i)
{
	bool persistent = rnd(3);
	unsigned tries = 0;

	while (op(i) == -ERESTART && persistent)
		if (tries++ == RETRIES)
			fail_msg("stopped %u times", tries);
}

void model_step(void)
{
	int i = rnd(FRAMES);

	host_allowance = rnd(8) ? 8 + rnd(1200) : 1 << 20;
	switch (rnd(15)) {
	case 0:
		persist(op_pin, i);
		break;
	case 1:
		persist(op_unpin, i);
		break;
	case 2:
		op_hold(i, PGT_WRITABLE);
		break;
	case 3:
		if (!rnd(3))
			op_hold(i, PGT_SEGDESC);
		break;
	case 4:
		persist(op_root, i);
		break;
	case 5:
		op_foreign(i);
		break;
	case 6:
		if (!rnd(10))
			op_replace(i);
		break;
	case 7:
		persist(op_settle, i);
		break;
	case 8 ... 10:
		op_entry(i);
		break;
	default:
		op_store(i);
	}
}

void model_begin(const struct guest_kind *kind)
{
	host_allowance = 1 << 20;
	d = host_domain(kind, FRAMES + 1);
	other = host_domain(kind, OTHERS);
	other->privileged = true;
	memset(m, 0, sizeof(m));
	for (int i = 0; i < FRAMES; i++) {
		frame[i] = domain_alloc_pages(d, 0, 0);
		m[i].there = true;
	}
	for (int i = 0; i < OTHERS; i++)
		foreign_frame[i] = domain_alloc_pages(other, 0, 0);
	assert_int_equal(page_pin(foreign_frame[0], PGT_L1), 0);
	for (unsigned n = 0; n < FOREIGN; n++)
		foreign[n] = -1;
	for (unsigned n = 0; n < ROOTS; n++)
		root[n] = -1;
}

void model_end(void)
{
	model_compare();
	for (int i = 0; i < FRAMES; i++) {
		for (; m[i].writable || m[i].segdesc; m[i].writable ? m[i].writable-- : m[i].segdesc--)
			page_put_and_type(frame[i]);
		for (; m[i].roots; m[i].roots--) {
			pt_begin(d);
			page_put_and_type(frame[i]);
			spin_unlock(&d->mm.pt_lock);
		}
	}
	/* In either order: a domain that maps frames of the dead one keeps them. */
	host_domain_free(other);
	host_domain_free(d);
}
