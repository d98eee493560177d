// SPDX-License-Identifier: MIT
/*
 * Specification: the frame table against a model of it. A guest of each kind does millions of random things:
 * takes and gives back memory, stores to what it may map writable, pins, unpins, changes entries at all
 * levels, linear ones among them, loads roots, uses frames as descriptor tables; another domain maps and
 * unmaps its frames meanwhile; domains end and begin anew.
 *
 * The model knows nothing of counts. It keeps what each frame has been made (a table of a level, a descriptor
 * table, data), by whom that is wanted, and the entries of tables as the guest wrote them. From that alone it
 * predicts of each operation whether it must succeed, and what an entry reads afterwards. Every so often all
 * counts are worked out from the model and compared with the frame table's.
 *
 * SEED and STEPS in the environment; a failing run prints its seed.
 */
#include "mm_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "mm/m2p.h"
#include "mm/memory.h"
#include "mm/pt.h"

#define FRAMES  48 /* of the guest; few, so that they meet */
#define OTHERS  4  /* of the other domain */
#define SLOTS   10
#define ROOTS   2
#define FOREIGN 6 /* mappings that the other domain has of the guest's frames */
#define ROLES   5

/* ---- the model ---- */

struct model_frame {
	bool there;        /* the guest owns it */
	enum page_type is; /* in use as this; PGT_NONE: free to become anything */
	bool carrier, pinned;
	unsigned checked;      /* entries that count: the others are yet to be checked */
	unsigned writable;     /* writable uses by the test itself */
	unsigned segdesc;      /* uses as descriptor table */
	unsigned roots;        /* vCPUs that run on it */
	uint64_t entry[SLOTS]; /* as memory reads */
};

static const uint16_t slot_of[SLOTS] = {0, 1, 2, 3, 4, 255, 256, 300, 428, 511};

static struct domain *d, *other;
static struct page_info *frame[FRAMES], *foreign_frame[OTHERS];
static struct model_frame m[FRAMES];
static int foreign[FOREIGN]; /* frame mapped, or -1 */
static bool foreign_rw[FOREIGN];
static int root[ROOTS];
static uint64_t random_state;

static uint32_t rnd(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 20) % n;
}

/* The guest's frame that an entry names; -1: none of its. */
static int named(uint64_t e)
{
	for (unsigned i = 0; i < FRAMES; i++)
		if (m[i].there && page_to_mfn(frame[i]) == pte_mfn(e))
			return i;
	return -1;
}

static bool is_table(enum page_type t)
{
	return t >= PGT_L1 && t <= PGT_L4;
}

/* ---- the rules, as a guest is told them ---- */

static bool reserved(int level, unsigned slot, bool carrier)
{
	if (d->ops->root_level == 4)
		return level == 4 && slot >= 256 && slot <= 271;
	return (level == 3 && slot > 3) || (level == 2 && carrier && slot >= 428);
}

static bool bits_ok(int level, uint64_t e)
{
	const uint64_t soft = 0xe00 | 0x7ffull << 52, frame_bits = 0x000ffffffffff000ull;
	uint64_t ok = frame_bits | 0x67 | soft | 1ull << 63;

	if (level == 1)
		ok |= 0x100;
	if (level == 3 && d->ops->root_level == 3)
		ok = frame_bits | 0x67 | 0xe00;
	return !(e & ~ok);
}

static uint64_t as_read(int level, uint64_t e)
{
	if (!(e & 1))
		return e;
	if (d->ops->root_level == 3)
		return level == 3 ? e | 6 : level == 1 ? e & ~0x100ull : e;
	if (level == 1)
		return (e & 4 ? e : e | 4 | 1ull << 52) & ~0x100ull;
	return e | 4 | (level == 4 ? 0x20 : 0);
}

struct use {
	enum page_type type[FRAMES];
	bool carrier[FRAMES];
	unsigned refs[FRAMES], uses[FRAMES];
};

static void hold(struct use *u, int i, enum page_type t, bool carrier)
{
	u->refs[i]++;
	u->uses[i]++;
	u->type[i] = t;
	u->carrier[i] = carrier;
}

static enum page_type entry_needs(int from, int level, unsigned slot, uint64_t e, bool *carrier)
{
	int to = named(e);

	*carrier = d->ops->root_level == 3 && level == 3 && slot == 3;
	if (level == 1)
		return e & PTE_RW ? PGT_WRITABLE : PGT_NONE;
	if (to == from || (m[to].is == (enum page_type)level && !(e & PTE_RW)))
		return level; /* linear */
	return level - 1;
}

/* All that is held, from the model. */
static void count(struct use *u)
{
	memset(u, 0, sizeof(*u));
	for (int i = 0; i < FRAMES; i++) {
		if (!m[i].there)
			continue;
		u->refs[i]++;
		if (m[i].pinned)
			hold(u, i, m[i].is, m[i].carrier);
		for (unsigned n = 0; n < m[i].roots; n++)
			hold(u, i, d->ops->root_level, false);
		for (unsigned n = 0; n < m[i].writable; n++)
			hold(u, i, PGT_WRITABLE, false);
		for (unsigned n = 0; n < m[i].segdesc; n++)
			hold(u, i, PGT_SEGDESC, false);
		for (unsigned s = 0; s < m[i].checked && is_table(m[i].is); s++) {
			uint64_t e = m[i].entry[s];
			int to = named(e);
			bool carrier;
			enum page_type need;

			if (!(e & PTE_P) || reserved(m[i].is, slot_of[s], m[i].carrier))
				continue;
			assert_true(to >= 0);
			need = entry_needs(i, m[i].is, slot_of[s], e, &carrier);
			if (need == PGT_NONE)
				u->refs[to]++;
			else if (to != i || m[i].is == PGT_L1)
				hold(u, to, need, carrier);
		}
	}
	for (unsigned n = 0; n < FOREIGN; n++)
		if (foreign[n] >= 0) {
			u->refs[foreign[n]]++;
			if (foreign_rw[n]) {
				u->uses[foreign[n]]++;
				u->type[foreign[n]] = PGT_WRITABLE;
			}
		}
}

/* ---- prediction: the model tries the operation on a copy of itself ---- */

static unsigned linear_from(int i) /* entries of @i to other tables of its level */
{
	unsigned n = 0;

	for (unsigned s = 0; s < m[i].checked; s++) {
		uint64_t e = m[i].entry[s];
		int to = (e & PTE_P) ? named(e) : -1;

		if (to >= 0 && to != i && m[i].is > PGT_L1 && m[to].is == m[i].is &&
		    !reserved(m[i].is, slot_of[s], m[i].carrier))
			n++;
	}
	return n;
}

static bool linear_to(int i)
{
	for (int from = 0; from < FRAMES; from++)
		if (from != i && m[from].there && is_table(m[from].is) && m[from].is == m[i].is &&
		    m[i].is > PGT_L1)
			for (unsigned s = 0; s < m[from].checked; s++)
				if ((m[from].entry[s] & PTE_P) && named(m[from].entry[s]) == i &&
				    !reserved(m[from].is, slot_of[s], m[from].carrier))
					return true;
	return false;
}

static bool use_as(int i, enum page_type t, bool carrier);

/* Nobody uses @i any more? Then it holds nothing, and may become something else. */
static void settle(void)
{
	bool again = true;

	while (again) {
		struct use u;

		again = false;
		count(&u);
		for (int i = 0; i < FRAMES; i++)
			if (m[i].there && m[i].is && !u.uses[i]) {
				for (unsigned s = 0; s < SLOTS; s++)
					if (is_table(m[i].is) && reserved(m[i].is, slot_of[s], m[i].carrier))
						m[i].entry[s] = 0;
				m[i].is = PGT_NONE;
				m[i].carrier = false;
				again = true;
				break;
			}
	}
}

/* May entry @e stand at @slot of frame @i, a table of @level or about to be one? Makes what it needs so. */
static bool entry_ok(int i, int level, unsigned slot, uint64_t e, bool carrier)
{
	int to = named(e);
	bool special = d->ops->root_level == 3 && level == 3 && slot == 3;
	bool linear = level > 1 && !special && !(e & PTE_RW) && (level < 3 || d->ops->root_level == 4);
	struct use u;

	if (!bits_ok(level, e) || to < 0)
		return false;
	if (level == 1)
		return e & PTE_RW ? to != i && use_as(to, PGT_WRITABLE, false) : true;
	if (to == i)
		return linear;
	if (m[to].is == PGT_NONE || m[to].is == (enum page_type)level - 1) {
		if (special) {
			count(&u);
			if (u.uses[to])
				return false; /* the hypervisor's share is this root's alone */
		}
		if (use_as(to, level - 1, special))
			return true;
		if (m[to].is != (enum page_type)level)
			return false;
	}
	return linear && m[to].is == (enum page_type)level && !m[to].carrier && !linear_to(i) &&
	       !linear_from(to);
}

static bool table_ok(int i, int level, bool carrier)
{
	if (level > d->ops->root_level)
		return false;
	for (unsigned s = 0; s < SLOTS; s++) {
		uint64_t e = m[i].entry[s];

		m[i].checked = s;
		if (reserved(level, slot_of[s], carrier))
			continue;
		if (!(e & PTE_P)) {
			if (d->ops->root_level == 3 && level == 3 && slot_of[s] == 3)
				return false;
			continue;
		}
		if (!entry_ok(i, level, slot_of[s], e, carrier))
			return false;
		m[i].entry[s] = as_read(level, e);
	}
	m[i].checked = SLOTS;
	return true;
}

static uint64_t hypervisor_entry(int i, int level, unsigned slot)
{
	if (level == 4)
		return slot == SLOT_WINDOW ? 0 : idle_root[slot];
	return level == 2 ? m2p_compat_l2[slot] : 0;
}

/* Make @i a @t, as far as it goes: on false the caller takes back all. */
static bool use_as(int i, enum page_type t, bool carrier)
{
	if (m[i].is != PGT_NONE)
		return m[i].is == t && m[i].carrier == carrier;
	m[i].is = t;
	m[i].carrier = carrier;
	if (!is_table(t))
		return true;
	if (!table_ok(i, t, carrier))
		return false;
	for (unsigned s = 0; s < SLOTS; s++)
		if (reserved(t, slot_of[s], carrier))
			m[i].entry[s] = hypervisor_entry(i, t, slot_of[s]);
	return true;
}

/* ---- trying: the model does what the real code did, or takes it back ---- */

static struct model_frame saved[FRAMES];

static void save(void)
{
	memcpy(saved, m, sizeof(m));
}

static uint64_t *memory_of(int i)
{
	return mfn_to_virt(page_to_mfn(frame[i]));
}

/* What is no table in use is the guest's to read and write: the model takes it as it is. */
static void look(void)
{
	for (int i = 0; i < FRAMES; i++)
		for (unsigned s = 0; m[i].there && !is_table(m[i].is) && s < SLOTS; s++)
			m[i].entry[s] = memory_of(i)[slot_of[s]];
}

static void done(const char *what, bool expected, bool happened)
{
	if (expected != happened)
		fail_msg("%s: the model says %s, the frame table %s", what, expected ? "yes" : "no",
			 happened ? "yes" : "no");
	if (!expected)
		memcpy(m, saved, sizeof(m));
	settle();
	look();
}

/* ---- the operations ---- */

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

static void op_pin(int i)
{
	int level = role(i) && rnd(10) ? role(i) : 1 + (int)rnd(4);
	bool expected;

	save();
	expected = use_as(i, level, false) && !m[i].pinned;
	m[i].pinned = true;
	done("pin", expected, !page_pin(frame[i], level));
}

static void op_unpin(int i)
{
	bool expected = m[i].pinned;

	save();
	m[i].pinned = false;
	done("unpin", expected, !page_unpin(frame[i]));
}

/* Change an entry of a table in use. */
static void op_entry(int i)
{
	unsigned s = rnd(SLOTS);
	uint64_t e = random_entry(i);
	int level = m[i].is;
	bool expected = true, flush, same;
	int rc;

	if (!is_table(m[i].is))
		return;
	save();
	same = level == 1 && (m[i].entry[s] & PTE_P) && (e & PTE_P) &&
	       !((m[i].entry[s] ^ e) & (PTE_ADDR | PTE_RW));
	if (level > 1 && (reserved(level, slot_of[s], m[i].carrier) ||
			  (d->ops->root_level == 3 && level == 3 && slot_of[s] == 3)))
		expected = false;
	else if (e & PTE_P)
		expected = same ? bits_ok(1, e) : entry_ok(i, level, slot_of[s], e, m[i].carrier);
	m[i].entry[s] = as_read(level, e);
	spin_lock(&d->pt_lock);
	rc = level == 1 ? pt_change_l1(memory_of(i) + slot_of[s], e, d, d, false)
			: pt_change_upper(frame[i], slot_of[s] * 8, e, false, &flush);
	spin_unlock(&d->pt_lock);
	done("change an entry", expected, !rc);
}

/* A store through a mapping that could be made for it. */
static void op_store(int i)
{
	bool expected;

	save();
	expected = use_as(i, PGT_WRITABLE, false);
	if (!page_get_and_type(frame[i], d, PGT_WRITABLE)) {
		memory_of(i)[slot_of[rnd(SLOTS)]] = random_entry(i);
		page_put_and_type(frame[i]);
		done("store", expected, true);
	} else {
		done("store", expected, false);
	}
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
	int rc;
	unsigned *held = t == PGT_WRITABLE ? &m[i].writable : &m[i].segdesc;
	bool expected;

	save();
	if (*held) {
		--*held;
		page_put_and_type(frame[i]);
		done("let go", true, true);
	} else if (!rnd(6)) {
		expected = use_as(i, t, false);
		++*held;
		rc = page_get_and_type(frame[i], d, t);
		if (t == PGT_SEGDESC) /* its audit writes; the model sees a few words only */
			clear_others(i);
		done("hold", expected, !rc);
	}
}

static void op_root(int i)
{
	unsigned v = rnd(ROOTS);
	bool expected;

	save();
	if (root[v] >= 0 && rnd(2)) {
		int old = root[v];

		m[old].roots--;
		root[v] = -1;
		spin_lock(&d->pt_lock);
		page_put_and_type(frame[old]);
		spin_unlock(&d->pt_lock);
		done("leave a root", true, true);
	} else if (root[v] < 0) {
		int rc;

		expected = use_as(i, d->ops->root_level, false);
		m[i].roots++;
		spin_lock(&d->pt_lock);
		rc = page_get_and_type(frame[i], d, d->ops->root_level);
		spin_unlock(&d->pt_lock);
		done("load a root", expected, !rc);
		if (!rc)
			root[v] = i;
	}
}

/* The other domain maps a frame of the guest's, or lets it go. */
static void op_foreign(int i)
{
	unsigned n = rnd(FOREIGN);
	bool rw = rnd(2), expected;
	uint64_t e = make_pte(page_to_mfn(frame[i]), PTE_P | (rw ? PTE_RW : 0));

	save();
	spin_lock(&other->pt_lock);
	if (foreign[n] >= 0) {
		uint64_t *l1 = mfn_to_virt(page_to_mfn(foreign_frame[0]));

		assert_int_equal(pt_change_l1(l1 + n, 0, other, other, false), 0);
		foreign[n] = -1;
		expected = true;
	} else {
		uint64_t *l1 = mfn_to_virt(page_to_mfn(foreign_frame[0]));
		int rc;

		expected = !rw || use_as(i, PGT_WRITABLE, false);
		rc = pt_change_l1(l1 + n, e, other, d, false);
		if (!rc) {
			foreign[n] = i;
			foreign_rw[n] = rw;
		}
		spin_unlock(&other->pt_lock);
		done("map from another domain", expected, !rc);
		return;
	}
	spin_unlock(&other->pt_lock);
	done("unmap from another domain", expected, true);
}

/* Give a frame back and take another in its place, if nothing holds it. */
static void op_replace(int i)
{
	struct use u;
	bool expected;
	mfn_t mfn = page_to_mfn(frame[i]);
	struct exchange x = {.in = {mfn}, .n = 1};

	count(&u);
	expected = u.refs[i] == 1;
	save();
	if (memory_exchange(d, &x)) {
		done("trade a frame", expected, false);
		return;
	}
	frame[i] = mfn_to_page(x.out[0]);
	m[i] = (struct model_frame){.there = true};
	done("trade a frame", expected, true);
}

static void step(void)
{
	int i = rnd(FRAMES);

	switch (rnd(14)) {
	case 0:
		op_pin(i);
		break;
	case 1:
		op_unpin(i);
		break;
	case 2:
		op_hold(i, PGT_WRITABLE);
		break;
	case 3:
		if (!rnd(3))
			op_hold(i, PGT_SEGDESC);
		break;
	case 4:
		op_root(i);
		break;
	case 5:
		op_foreign(i);
		break;
	case 6:
		if (!rnd(10))
			op_replace(i);
		break;
	case 7 ... 9:
		op_entry(i);
		break;
	default:
		op_store(i);
	}
}

static void compare(void)
{
	struct use u;

	count(&u);
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(frame[i]->count & PGC_COUNT, u.refs[i]);
		assert_int_equal(frame[i]->type & PGT_COUNT, u.uses[i]);
		if (u.uses[i])
			assert_int_equal(page_type_of(frame[i]), u.type[i]);
		for (unsigned s = 0; is_table(m[i].is) && s < SLOTS; s++)
			if (m[i].entry[s] != memory_of(i)[slot_of[s]])
				fail_msg("frame %d level %d slot %u: %lx, the model has %lx", i, m[i].is,
					 slot_of[s], (unsigned long)memory_of(i)[slot_of[s]],
					 (unsigned long)m[i].entry[s]);
	}
}

static void life(const struct guest_ops *ops, unsigned steps)
{
	uint64_t before = frames_free();

	d = host_domain(ops, FRAMES + 1);
	other = host_domain(ops, OTHERS);
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
	for (unsigned i = 0; i < steps; i++) {
		step();
		if (i % 16 == 0)
			compare();
	}
	compare();
	for (int i = 0; i < FRAMES; i++) {
		for (; m[i].writable || m[i].segdesc; m[i].writable ? m[i].writable-- : m[i].segdesc--)
			page_put_and_type(frame[i]);
		for (; m[i].roots; m[i].roots--)
			page_put_and_type(frame[i]);
	}
	/* In either order: who maps the frames of the dead keeps them. */
	host_domain_free(other);
	host_domain_free(d);
	assert_int_equal(frames_free(), before);
}

static void lives(const struct guest_ops *ops)
{
	const char *seed = getenv("SEED"), *steps = getenv("STEPS");
	unsigned left = steps ? atoi(steps) : 300000;

	random_state = (seed ? strtoull(seed, NULL, 0) : 1) * 0x9e3779b97f4a7c15ull | 1;
	print_message("# SEED=%s STEPS=%u\n", seed ? seed : "1", left);
	while (left) {
		unsigned n = MIN(left, 20000u);

		life(ops, n);
		left -= n;
	}
}

static void model_pv64(void **state)
{
	lives(&host_pv64);
}

static void model_pv32(void **state)
{
	lives(&host_pv32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(model_pv64),
	    cmocka_unit_test(model_pv32),
	};

	host_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
