/* SPDX-License-Identifier: MIT */
/*
 * A model of the frame table for test_model.c, which knows nothing of counts and promotion. It keeps what each
 * frame of a guest has been made (a table of a level, a descriptor table, data), what needs it to be that, and the
 * entries of tables as the guest wrote them. From that it predicts of an operation whether it must succeed, what
 * entries read afterwards, and all counts.
 *
 * Where promotions and demotions stop is up to the real code. The model takes from it which frames are partial and
 * where their borders are, and nothing else: that the entries below are good and hold what they name, that nothing
 * else does, that a doomed table really is refused, follows from the rules again.
 */
#pragma once

#include "mm_host.h"

#include "ghost/rules.h"
#include "mm/pt.h"

#define FRAMES  48 /* of the guest; few, so that they meet */
#define SLOTS   10 /* of a table that are used */
#define FOREIGN 6  /* mappings that another domain has of the guest's frames */

struct model_frame {
	bool there;        /* the guest owns it */
	enum page_type is; /* in use as this; PGT_NONE: free to become anything */
	bool carrier, pinned;
	bool partial, doomed;  /* stopped on its way; only back */
	unsigned checked;      /* entries that count: the others are yet to be checked */
	unsigned writable;     /* writable uses by the test itself */
	unsigned segdesc;      /* uses as descriptor table */
	unsigned roots;        /* vCPUs that run on it */
	uint64_t entry[SLOTS]; /* as memory reads */
};

/* All that is held, by frame. */
struct use {
	enum page_type type[FRAMES];
	unsigned refs[FRAMES], uses[FRAMES];
};

extern const uint16_t slot_of[SLOTS];
extern struct domain *d;
extern struct page_info *frame[FRAMES];
extern struct model_frame m[FRAMES];
extern int foreign[FOREIGN]; /* frame mapped, or -1 */
extern bool foreign_rw[FOREIGN];
extern unsigned model_stops; /* partial tables that came to be */

enum outcome {
	REFUSED,
	DONE,
	STOPPED /* -ERESTART */
};

bool is_table(enum page_type t);
/* The rules (ghost/rules.h) for the guest. */
static inline bool reserved(int level, unsigned slot, bool carrier)
{
	return rule_reserved(d, level, slot, carrier);
}
static inline uint64_t as_read(int level, uint64_t e)
{
	return rule_as_read(d, level, e);
}
static inline bool bits_ok(int level, uint64_t e)
{
	return rule_bits_ok(d, level, e);
}
uint64_t *memory_of(int i);
/* The real frame is partial. */
bool is_partial(int i);

void model_count(struct use *u);
/* Make @i a @t: what must come of it, if the real code was asked for the same just now. */
enum outcome use_as(int i, enum page_type t);
/* The same for entry @e at @slot of the table @i in use. */
enum outcome entry_as(int i, unsigned slot, uint64_t e);
/* Frame @i, which was partial, has been taken apart altogether. */
void model_lowered(int i);
/* Make @i a @t, or its next entries up to @n good ones of its kind: on false some frames are in no use, and found so. */
bool model_make(int i, enum page_type t, bool carrier);
bool model_entries_ok(int i, unsigned n);
/* After an operation: stops are adopted, unused frames free, what the guest may write is read again. */
void model_follow(void);
/* All counts and entries are the real ones. */
void model_compare(void);
