/* SPDX-License-Identifier: MIT */
/*
 * Which records of a trace belong together: an event that was sent and the upcall that tells of it, a copy and the page
 * that its owner granted. Viewers draw an arrow from the one to the other.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <ringlet/sysctl.h>

/* A moment that is in the file. */
struct arrow_end {
	const struct ringlet_record *record;
	unsigned domain; /* during whose run */
	uint32_t id;     /* of its arrow; 0: it has none */
};

struct arrows {
	struct arrow_end *list;
	size_t count, room;
};

/* Note a moment of one of the three kinds. -1: no memory. */
int arrows_note(struct arrows *a, const struct ringlet_record *record, unsigned domain);
/* All are noted: join them. Afterwards the list is in the order of arrows_find(). */
void arrows_join(struct arrows *a);
/* The id of @record's arrow, or 0. */
uint32_t arrows_find(const struct arrows *a, const struct ringlet_record *record);
/* Order the list by the domain whose page was copied, and then by time; returns how many copies there are, which
 * then are the first. arrows_find() may no longer be called. */
size_t arrows_copies(struct arrows *a);
void arrows_free(struct arrows *a);
