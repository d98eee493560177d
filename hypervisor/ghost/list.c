/* SPDX-License-Identifier: MIT */
/* Hypercalls on lists (see ghost.h): the state expected after each entry, and the one that the call stopped at. */
#include "ghost/ghost.h"

#include "lib/errno.h"
#include "mm/guest_copy.h"

static uint32_t mark[GHOST_ENTRIES + 1];
static uint32_t predicted; /* entries that are expected to be done */
static bool refused;       /* the next one is not */
static uint32_t uncertain; /* first entry that may be refused or not */

void ghost_list(uint32_t count, enum ghost_outcome (*one)(uint32_t i))
{
	refused = false;
	uncertain = ~0u;
	mark[0] = ghost_mark();
	for (predicted = 0; predicted < count && predicted < GHOST_ENTRIES && !ghost_gave_up();) {
		enum ghost_outcome what = one(predicted);

		if (what == GHOST_REFUSED) {
			refused = true;
			return;
		}
		if (what == GHOST_EITHER && predicted < uncertain)
			uncertain = predicted;
		mark[++predicted] = ghost_mark();
	}
}

void ghost_list_refused(void)
{
	refused = true;
	uncertain = ~0u;
	predicted = 0;
	mark[0] = ghost_mark();
}

uint32_t ghost_list_end(void)
{
	return uncertain != ~0u ? uncertain : refused ? predicted : ~0u;
}

void ghost_list_judge(uint32_t done, bool failed)
{
	if (done > predicted && !refused)
		ghost_give_up(); /* a longer list than is kept */
	if (ghost_gave_up())
		return;
	if (done > predicted)
		ghost_wrong("%u entries are done; the model refuses entry %u", done, predicted);
	else if (failed && done < uncertain && !(refused && done == predicted))
		ghost_wrong("entry %u is refused; the model does not refuse it", done);
	if (done > predicted)
		done = predicted;
	/* A refused entry may leave traces of what it did for a moment, but only those that were predicted. */
	if (done < predicted || !failed)
		ghost_rewind(mark[done]);
	ghost_compare();
}

bool ghost_readable(gva_t at)
{
	uint32_t word;

	return !at || !guest_read(&word, at, sizeof(word));
}

void ghost_list_judge_counted(uint32_t count, gva_t done_at, long rc)
{
	uint64_t left;

	count = GHOST_COUNT(count);
	if (ghost_restarted(1, &left))
		ghost_list_judge(count - GHOST_COUNT(left), false);
	else if (rc == -EFAULT && done_at && ghost_list_end() == ~0u)
		ghost_list_judge(count, false); /* all is done, but it cannot be told */
	else if (rc && predicted && uncertain < predicted - 1)
		ghost_give_up(); /* it ended there, or at a later entry */
	else if (rc)
		ghost_list_judge(MIN(ghost_list_end(), count), true);
	else
		ghost_list_judge(count, false);
}
