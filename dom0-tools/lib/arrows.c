/* SPDX-License-Identifier: MIT */
/*
 * See arrows.h. A port that is pending already does not become pending again, so between two records that it became pending
 * lies at most one delivery: the first upcall that tells of it. A guest that polled has cleared it without an
 * upcall; then the next record of that port is another sending, and the first one has no arrow.
 */
#include "arrows.h"

#include <stdlib.h>

int arrows_note(struct arrows *a, const struct ringlet_record *record, unsigned domain)
{
	if (a->count == a->room) {
		size_t room = a->room ? a->room * 2 : 256;
		struct arrow_end *more = realloc(a->list, room * sizeof(*more));

		if (!more)
			return -1;
		a->list = more;
		a->room = room;
	}
	a->list[a->count++] = (struct arrow_end){record, domain, 0};
	return 0;
}

static int by_number(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int by_port(const void *a, const void *b)
{
	const struct ringlet_record *x = ((const struct arrow_end *)a)->record;
	const struct ringlet_record *y = ((const struct arrow_end *)b)->record;
	int order = by_number(x->low, y->low);

	/* Of two at one tick, the event comes first: RINGLET_RECORD_event is the lower number. */
	order = order ? order : by_number(x->tsc, y->tsc);
	return order ? order : by_number(x->what, y->what);
}

static int by_record(const void *a, const void *b)
{
	return by_number((uintptr_t)((const struct arrow_end *)a)->record,
			 (uintptr_t)((const struct arrow_end *)b)->record);
}

static int by_owner(const void *a, const void *b)
{
	const struct ringlet_record *x = ((const struct arrow_end *)a)->record;
	const struct ringlet_record *y = ((const struct arrow_end *)b)->record;
	int order = by_number(x->what != RINGLET_RECORD_copy, y->what != RINGLET_RECORD_copy);

	order = order ? order : by_number(x->low >> 16, y->low >> 16);
	return order ? order : by_number(x->tsc, y->tsc);
}

void arrows_join(struct arrows *a)
{
	struct arrow_end *sent = NULL;
	uint32_t id = 0;

	if (a->count)
		qsort(a->list, a->count, sizeof(*a->list), by_port);
	for (struct arrow_end *e = a->list; e < a->list + a->count; e++) {
		if (e->record->what == RINGLET_RECORD_copy) {
			e->id = ++id;
		} else if (e->record->what == RINGLET_RECORD_event) {
			sent = e;
		} else {
			if (sent && sent->record->low == e->record->low)
				e->id = sent->id = ++id;
			sent = NULL;
		}
	}
	if (a->count)
		qsort(a->list, a->count, sizeof(*a->list), by_record);
}

uint32_t arrows_find(const struct arrows *a, const struct ringlet_record *record)
{
	const struct arrow_end key = {.record = record};
	const struct arrow_end *found =
	    a->count ? bsearch(&key, a->list, a->count, sizeof(*a->list), by_record) : NULL;

	return found ? found->id : 0;
}

size_t arrows_copies(struct arrows *a)
{
	size_t n = 0;

	if (a->count)
		qsort(a->list, a->count, sizeof(*a->list), by_owner);
	while (n < a->count && a->list[n].record->what == RINGLET_RECORD_copy)
		n++;
	return n;
}

void arrows_free(struct arrows *a)
{
	free(a->list);
}
