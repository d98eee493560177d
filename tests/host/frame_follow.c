/* SPDX-License-Identifier: MIT */
/* The model (frame_model.h) after an operation: it follows the real code where that stopped, and compares. */
#include "frame_model.h"

#include <string.h>

unsigned model_stops;

/* How many of the model's slots lie below the real border. */
static unsigned slots_held(int i)
{
	unsigned held = (frame[i]->type & PGT_HELD_MASK) >> PGT_HELD_SHIFT, n = 0;

	while (n < SLOTS && slot_of[n] < held)
		n++;
	return n;
}

/* A table that must be refused is so even if nothing makes it stop. */
static void check_doom(int i)
{
	static struct model_frame saved[FRAMES];
	enum page_type t = page_type_of(frame[i]);
	bool carrier = frame[i]->type & PGT_CARRIER;

	memcpy(saved, m, sizeof(m));
	if (model_make(i, t, carrier))
		fail_msg("frame %d, level %d, is doomed without a bad entry", i, t);
	memcpy(m, saved, sizeof(m));
}

/* @i is partial. Entries below the border must be good; if the border fell, those above hold nothing any more. */
static void adopt(int i)
{
	unsigned held = slots_held(i);
	bool doomed = frame[i]->type & PGT_DOOMED, carrier = frame[i]->type & PGT_CARRIER;

	assert_true(frame[i]->type & PGT_COUNT);
	/* It went down and began again. */
	if (m[i].partial && (m[i].is != page_type_of(frame[i]) || m[i].carrier != carrier))
		model_lowered(i);
	if (doomed && !m[i].doomed)
		check_doom(i);
	if (m[i].is == PGT_NONE) {
		m[i].is = page_type_of(frame[i]);
		m[i].carrier = carrier;
		m[i].checked = 0;
	}
	model_stops += !m[i].partial;
	m[i].partial = true;
	m[i].doomed = doomed;
	if (!model_entries_ok(i, held))
		fail_msg("frame %d is partial, and a bad entry lies below its border", i);
	m[i].checked = held;
}

static void look(void)
{
	for (int i = 0; i < FRAMES; i++)
		for (unsigned s = 0; m[i].there && s < SLOTS; s++)
			if (!is_table(m[i].is) || (m[i].partial && s >= m[i].checked))
				m[i].entry[s] = memory_of(i)[slot_of[s]];
}

/* Nothing uses @i any more: then it holds nothing, or was stopped before that. True if that changes anything. */
static bool settle(int i, const struct use *u)
{
	if (!m[i].there || m[i].is == PGT_NONE)
		return false;
	if (m[i].partial && !is_partial(i)) {
		model_lowered(i);
		return true;
	}
	if (u->uses[i])
		return false;
	if (is_table(m[i].is) && is_partial(i))
		adopt(i);
	else
		model_lowered(i);
	return true;
}

void model_follow(void)
{
	bool again;

	/* From above: of the tables that stopped together, the upper one had its earlier entries first. */
	for (int level = PGT_L4; level > PGT_L1; level--)
		for (int i = 0; i < FRAMES; i++)
			if (is_partial(i) && (int)page_type_of(frame[i]) == level &&
			    (m[i].is == PGT_NONE || m[i].partial))
				adopt(i);
	do {
		struct use u;

		again = false;
		model_count(&u);
		for (int i = 0; i < FRAMES && !again; i++)
			again = settle(i, &u);
	} while (again);
	look();
}

static void compare_entries(int i)
{
	unsigned n = is_table(m[i].is) ? m[i].checked : 0;

	for (unsigned s = 0; s < n; s++) {
		uint64_t now = memory_of(i)[slot_of[s]];

		if (m[i].partial && reserved(m[i].is, slot_of[s], m[i].carrier))
			continue;
		if (m[i].entry[s] != now)
			fail_msg("frame %d level %d slot %u: %lx, the model has %lx", i, m[i].is, slot_of[s],
				 (unsigned long)now, (unsigned long)m[i].entry[s]);
	}
}

void model_compare(void)
{
	struct use u;
	unsigned partial = 0;

	model_count(&u);
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(frame[i]->count & PGC_COUNT, u.refs[i]);
		assert_int_equal(frame[i]->type & PGT_COUNT, u.uses[i]);
		assert_int_equal(is_partial(i), m[i].partial);
		if (u.uses[i])
			assert_int_equal(page_type_of(frame[i]), u.type[i]);
		if (is_table(page_type_of(frame[i])))
			assert_int_equal(!!(frame[i]->type & PGT_VALIDATED), u.uses[i] && !m[i].partial);
		compare_entries(i);
		partial += m[i].partial;
	}
	assert_int_equal(d->mm.partial_tables, partial);
	assert_true(!d->mm.pt_left || (mfn_to_page(d->mm.pt_left)->type & PGT_PARTIAL));
}
