/* SPDX-License-Identifier: MIT */
/*
 * The ghost check: a second opinion on every hypercall of mm/ and gnt/, in a build of its own (`make ghost`).
 *
 * Before such a hypercall the abstract state is recorded: of each frame its owner, references, type and uses. A model
 * (model.c, which shares no code with mm/ and gnt/) says from the arguments what it should be afterwards, and which
 * entries of the call succeed. Then the hypercall runs, and each difference is printed: "ghost: wrong: ...".
 *
 * The ordinary hypervisor knows nothing of it. The same objects are linked once more with the linker's --wrap, which
 * puts the functions of calls.def between the dispatch table and the handlers.
 *
 * Only one call is judged at a time. A CPU inside a function of calls.def changes what the model sees. So a call waits
 * for the others, for a time, and is not judged if another one is still inside or begins. Waiting for ever could be a
 * deadlock: domctl waits for vCPUs to stop. A call is not judged either if it leaves a table (mm/partial.c) or an
 * extent unfinished, needs memory that is not there, or has more entries than are recorded one by one. Each audit
 * prints how many calls were judged and how many were not. The option ghost=guests leaves out Dom0's calls.
 * Locking: the holder of `judge` in state.c owns everything here but the counters.
 */
#pragma once

#include "lib/types.h"

struct domain;

enum {
	GF_ALLOCATED = 1, /* the owner's own reference is there */
	GF_HEAP = 2,
	GF_IO = 4,
	GF_VALID = 8,
	GF_PINNED = 16,
	GF_CARRIER = 32,
	GF_PARTIAL = 64,
};

/* A frame. The type is that of the uses: 0 if there are none. */
struct ghost_frame {
	struct domain *owner;
	uint32_t refs, uses;
	int32_t linear;
	uint16_t type, flags;
};

/* ---- state.c: what is recorded, and what is expected ---- */

/* Enter a function of calls.def; true: it is to be judged, the state is recorded. */
bool ghost_enter(const char *name);
/* Leave it. Prints what was found, unless another call may be the cause. */
void ghost_leave(bool judging);
/* The call cannot be judged after all. */
void ghost_give_up(void);
bool ghost_gave_up(void);

/* The expected state: of a frame, to be read, and to be changed; of any word in memory. */
const struct ghost_frame *ghost_frame(mfn_t mfn);
struct ghost_frame *ghost_change(mfn_t mfn);
uint64_t ghost_word(const void *at);
/* Expect @value there; bits outside @mask do not matter. */
void ghost_expect(void *at, uint64_t value, uint64_t mask);
/* Expect @n new frames of @d, as hypervisor pages or (@heap false) as its memory. */
void ghost_expect_fresh(struct domain *d, uint64_t n, bool heap);
/* Mark what is expected now, and go back to it. */
uint32_t ghost_mark(void);
void ghost_rewind(uint32_t mark);

/* Compare all frames and expected words with what is. */
void ghost_compare(void);
void ghost_wrong(const char *fmt, ...) __printf_like(1, 2);
/* The argument @n of the restart that the call asked for; false: it asked for none. */
bool ghost_restarted(unsigned n, uint64_t *arg);

/* ---- lists of entries (list.c) ---- */

#define GHOST_ENTRIES 1024

enum ghost_outcome {
	GHOST_DONE,
	GHOST_REFUSED,
	GHOST_EITHER /* the model cannot say, and it makes no difference to the state */
};

/* Predict up to @count entries by @one, until one is refused. */
void ghost_list(uint32_t count, enum ghost_outcome (*one)(uint32_t i));
/* The call is refused as a whole. */
void ghost_list_refused(void);
/* It ended after @done entries; @failed: the next one was refused. Compares. */
void ghost_list_judge(uint32_t done, bool failed);
/* The same for mmu_update and mmuext_op, by their result: the count is the second argument, its highest bit says that
 * the call was restarted, and how many are done goes to @done_at. */
#define GHOST_IS_RESTARTED(count) ((uint32_t)(count) >> 31)
#define GHOST_COUNT(count)        ((uint32_t)(count) & ~(1u << 31))
void ghost_list_judge_counted(uint32_t count, gva_t done_at, long rc);
/* Can @at be read, where a restarted call finds how many were done before? 0: it does not read. */
bool ghost_readable(gva_t at);
/* How many entries are expected to be done before one is refused; UINT32_MAX: none is expected to be refused. */
uint32_t ghost_list_end(void);

/* ---- model.c: what holds what ---- */

struct domain *ghost_domain(uint32_t id); /* by its number, or NULL */
/* The owner of the frames that an argument of the kind "foreign domain" names; NULL: the caller may not use them. */
struct domain *ghost_owner(uint32_t id);
bool ghost_ref(mfn_t mfn, struct domain *d);
void ghost_unref(mfn_t mfn);
bool ghost_use(mfn_t mfn, unsigned type, bool carrier);
void ghost_unuse(mfn_t mfn);
/* A reference and a use. */
bool ghost_hold(mfn_t mfn, struct domain *d, unsigned type);
void ghost_let_go(mfn_t mfn);
/* Can the frame be written now, by a use that ends at once? */
bool ghost_writable(mfn_t mfn, struct domain *d);
void ghost_l1_out(uint64_t entry);
/* Entry @e to @where in a live table. */
enum ghost_outcome ghost_change_l1(uint64_t *where, uint64_t e, struct domain *d, struct domain *from);
enum ghost_outcome ghost_change_upper(mfn_t table, unsigned slot, uint64_t e);
/* The place of the L1 entry for @va in the current kernel's tables, or NULL; the table may not be an L1. */
uint64_t *ghost_walk(uint64_t va);
/* Is the frame a table of the level, of @d and in force? */
bool ghost_is_table(mfn_t mfn, unsigned level, const struct domain *d);
