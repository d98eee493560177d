/* SPDX-License-Identifier: MIT */
/* The ghost's state (see ghost.h): recording, expectations with their journal, and the comparison. */
#include "ghost/ghost.h"

#include <stdarg.h>

#include "cpu/percpu.h"
#include "dom/domain.h"
#include "ghost/wrapped.h"
#include "guest/abi.h"
#include "guest/hypercall.h"
#include "lib/format.h"
#include "lib/options.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

#define PATIENCE  200000 /* rounds that a call waits for others */
#define WORDS     16384  /* a power of two */
#define JOURNAL   65536
#define LINES     6
#define LINES_ALL 40

struct word {
	uint64_t *at; /* NULL: free */
	uint64_t value, mask;
};

/* What was before: of a frame, or of a word (which was none, if its place is NULL). */
struct undo {
	bool is_word;
	uint32_t index;
	union {
		struct ghost_frame frame;
		struct word word;
	};
};

/* By machine frame number: the words as recorded; what is expected, of those frames that the model has looked at. */
static struct page_info *before;
static struct ghost_frame *frames;
static uint32_t *looked_at; /* in which call */
static uint32_t calls;
static struct word *words;
static struct undo *journal;
static uint32_t journal_used, words_used;

static struct spinlock judge;
static uint32_t inside, arrivals;

static struct {
	const char *name;
	struct percpu *cpu;
	uint32_t arrivals;
	bool gave_up, restarted;
	uint64_t args[6];
	struct domain *fresh_owner;
	uint64_t fresh;
	bool fresh_heap;
	char line[LINES][160];
	unsigned lines;
} call;

static bool dom0_passes;
static uint64_t judged, not_judged, differences;

/* ---- recording ---- */

static bool is_table_in_use(uint64_t type)
{
	uint64_t t = (type & PGT_TYPE_MASK) >> PGT_SHIFT;

	return (type & PGT_COUNT) && t >= PGT_L1 && t <= PGT_L4;
}

static struct ghost_frame abstract(const struct page_info *pg)
{
	uint32_t count = __atomic_load_n(&pg->count, __ATOMIC_RELAXED);
	uint64_t type = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);
	struct ghost_frame f = {.refs = count & PGC_COUNT, .flags = count & PGC_IO ? GF_IO : 0};

	if (!f.refs)
		return f;
	f.owner = pg->owner;
	f.flags |= (count & PGC_ALLOCATED ? GF_ALLOCATED : 0) | (count & PGC_HEAP ? GF_HEAP : 0);
	f.uses = type & PGT_COUNT;
	if (!f.uses)
		return f;
	f.type = (type & PGT_TYPE_MASK) >> PGT_SHIFT;
	f.flags |= (type & PGT_VALIDATED ? GF_VALID : 0) | (type & PGT_PINNED ? GF_PINNED : 0) |
		   (type & PGT_CARRIER ? GF_CARRIER : 0) | (type & PGT_PARTIAL ? GF_PARTIAL : 0);
	if (is_table_in_use(type))
		f.linear = pg->linear;
	return f;
}

static void *pages(uint64_t bytes)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return heap_alloc_pages(order);
}

/* The option ghost=guests: Dom0's own hypercalls, which may be very many, are not judged. */
static bool only_guests(void)
{
	static const char option[] = "ghost=guests";

	for (const char *at = options.line; *at; at++)
		if (!memcmp(at, option, MIN(strlen(at), sizeof(option) - 1)) &&
		    strlen(at) >= sizeof(option) - 1)
			return true;
	return false;
}

static bool ready(void)
{
	static bool tried;

	if (!tried) {
		tried = true;
		dom0_passes = only_guests();
		before = pages(max_mfn * sizeof(*before));
		frames = pages(max_mfn * sizeof(*frames));
		looked_at = pages(max_mfn * sizeof(*looked_at));
		words = pages(WORDS * sizeof(*words));
		journal = pages(JOURNAL * sizeof(*journal));
		if (!before || !frames || !looked_at || !words || !journal)
			printk("ghost: no memory, nothing will be judged\n");
	}
	return before && frames && looked_at && words && journal;
}

static void record(void)
{
	ghost_rewind(0); /* what the last call left in the tables */
	calls++;
	for (mfn_t mfn = 0; mfn < max_mfn; mfn++)
		before[mfn] = *mfn_to_page(mfn);
}

static void begin(const char *name)
{
	memset(&call, 0, sizeof(call));
	call.name = name;
	call.cpu = this_cpu->self;
	call.arrivals = __atomic_load_n(&arrivals, __ATOMIC_SEQ_CST);
}

static bool alone(void)
{
	return call.arrivals == __atomic_load_n(&arrivals, __ATOMIC_SEQ_CST);
}

bool ghost_enter(const char *name)
{
	for (unsigned i = 0; i < PATIENCE && __atomic_load_n(&inside, __ATOMIC_ACQUIRE); i++) {
		cpu_service_requests();
		cpu_relax();
	}
	__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&arrivals, 1, __ATOMIC_SEQ_CST);
	if (!name)
		return false;
	if (ready() && dom0_passes && current->domain->privileged)
		return false;
	if (ready() && spin_trylock(&judge)) {
		begin(name);
		/* A CPU that is not inside now arrives later, and its arrival is seen before its changes. */
		if (__atomic_load_n(&inside, __ATOMIC_SEQ_CST) == 1) {
			record();
			return true;
		}
		call.cpu = NULL;
		spin_unlock(&judge);
	}
	__atomic_add_fetch(&not_judged, 1, __ATOMIC_RELAXED);
	return false;
}

static void print_lines(void)
{
	for (unsigned i = 0; i < MIN(call.lines, (unsigned)LINES) && differences < LINES_ALL; i++)
		printk("ghost: wrong: d%u, %s: %s\n", current->domain->id, call.name, call.line[i]);
	differences += !!call.lines;
}

void ghost_leave(bool judging)
{
	if (judging) {
		bool sure = alone() && !call.gave_up;

		if (sure)
			print_lines();
		*(sure ? &judged : &not_judged) += 1;
		call.cpu = NULL;
		spin_unlock(&judge);
	}
	__atomic_sub_fetch(&inside, 1, __ATOMIC_ACQ_REL);
}

void ghost_give_up(void)
{
	call.gave_up = true;
}

bool ghost_gave_up(void)
{
	return call.gave_up || !alone();
}

void ghost_wrong(const char *fmt, ...)
{
	va_list ap;

	if (call.lines < LINES) {
		va_start(ap, fmt);
		vsnprintf(call.line[call.lines], sizeof(call.line[0]), fmt, ap);
		va_end(ap);
	}
	call.lines++;
}

/* ---- expectations ---- */

static struct undo *note(bool is_word, uint32_t index)
{
	struct undo *u = &journal[journal_used];

	/* The last place is overwritten: it no longer matters, since the call is not judged. */
	if (journal_used == JOURNAL - 1)
		ghost_give_up();
	else
		journal_used++;
	u->is_word = is_word;
	u->index = index;
	return u;
}

const struct ghost_frame *ghost_frame(mfn_t mfn)
{
	static const struct ghost_frame none;

	if (mfn >= max_mfn)
		return &none;
	if (looked_at[mfn] != calls) {
		looked_at[mfn] = calls;
		frames[mfn] = abstract(&before[mfn]);
	}
	return &frames[mfn];
}

struct ghost_frame *ghost_change(mfn_t mfn)
{
	note(false, mfn)->frame = *ghost_frame(mfn);
	return &frames[mfn];
}

static struct word *find(const void *at)
{
	uint32_t i = ((uint64_t)at >> 3) * 2654435761u & (WORDS - 1);

	while (words[i].at && words[i].at != at)
		i = (i + 1) & (WORDS - 1);
	return &words[i];
}

uint64_t ghost_word(const void *at)
{
	const struct word *w = words_used ? find(at) : NULL;

	return w && w->at ? w->value : *(const uint64_t *)at;
}

void ghost_expect(void *at, uint64_t value, uint64_t mask)
{
	struct word *w = find(at);

	if (!w->at && words_used == WORDS / 2) {
		ghost_give_up();
		return;
	}
	note(true, w - words)->word = *w;
	words_used += !w->at;
	*w = (struct word){.at = at, .value = value, .mask = mask};
}

void ghost_expect_fresh(struct domain *d, uint64_t n, bool heap)
{
	call.fresh_owner = d;
	call.fresh = n;
	call.fresh_heap = heap;
}

uint32_t ghost_mark(void)
{
	return journal_used;
}

/* Backwards, so that each hash chain is taken apart from its end. */
void ghost_rewind(uint32_t mark)
{
	while (journal_used > mark) {
		const struct undo *u = &journal[--journal_used];

		if (!u->is_word) {
			frames[u->index] = u->frame;
			continue;
		}
		words_used -= !u->word.at;
		words[u->index] = u->word;
	}
}

/* ---- comparison ---- */

static bool same(const struct ghost_frame *a, const struct ghost_frame *b)
{
	return a->owner == b->owner && a->refs == b->refs && a->uses == b->uses && a->linear == b->linear &&
	       a->type == b->type && a->flags == b->flags;
}

/* A frame that came to the expected owner in this call. */
static bool is_fresh(const struct ghost_frame *was, const struct ghost_frame *now)
{
	unsigned flags = GF_ALLOCATED | (call.fresh_heap ? GF_HEAP | GF_VALID : 0);

	return call.fresh_owner && !was->refs && now->refs == 1 && now->owner == call.fresh_owner &&
	       now->flags == flags && now->uses == call.fresh_heap;
}

static const char *name_of(const struct ghost_frame *f)
{
	return f->owner ? f->owner->name : "nobody";
}

/* What a kind without hypercalls holds changes at any time, by its faults (fv/). Guests see the M2P's pages from the
 * first request for them on. */
static bool is_out_of_scope(const struct ghost_frame *was, const struct ghost_frame *now)
{
	const struct domain *d = was->owner ? was->owner : now->owner;

	return d && (d->kind ? !d->calls : d == dom_xen && !was->refs);
}

/* Nothing but the stamp of the flush clock may have changed. */
static bool untouched(const struct page_info *was, const struct page_info *is)
{
	return was->count == is->count && was->type == is->type && was->owner == is->owner &&
	       (was->linear == is->linear || !is_table_in_use(is->type));
}

static void compare_frame(mfn_t mfn, uint64_t *fresh)
{
	const struct ghost_frame now = abstract(mfn_to_page(mfn)), *want = ghost_frame(mfn);

	if (likely(same(&now, want)) || is_out_of_scope(want, &now))
		return;
	if (is_fresh(want, &now))
		++*fresh;
	else
		ghost_wrong(
		    "frame %lx: %s, %u refs, type %u x %u, linear %d, flags %x; expected %s, %u, %u x "
		    "%u, %d, %x",
		    (unsigned long)mfn, name_of(&now), now.refs, now.type, now.uses, now.linear, now.flags,
		    name_of(want), want->refs, want->type, want->uses, want->linear, want->flags);
}

static void compare_words(void)
{
	for (uint32_t i = 0; i < journal_used; i++) {
		const struct word *w = &words[journal[i].index];

		if (!journal[i].is_word || !((*w->at ^ w->value) & w->mask))
			continue;
		ghost_wrong("word %lx: %016lx, expected %016lx", (unsigned long)w->at, (unsigned long)*w->at,
			    (unsigned long)w->value);
		break;
	}
}

void ghost_compare(void)
{
	uint64_t fresh = 0;

	if (ghost_gave_up())
		return;
	for (mfn_t mfn = 0; mfn < max_mfn; mfn++)
		if (looked_at[mfn] == calls || !untouched(&before[mfn], mfn_to_page(mfn)))
			compare_frame(mfn, &fresh);
	if (fresh != call.fresh)
		ghost_wrong("%lu new frames, expected %lu", (unsigned long)fresh, (unsigned long)call.fresh);
	compare_words();
}

/* ---- restarts, and the sum ---- */

bool ghost_restarted(unsigned n, uint64_t *arg)
{
	*arg = call.args[n];
	return call.restarted;
}

long __wrap_hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	if (call.cpu == this_cpu->self) {
		call.restarted = true;
		memcpy(call.args, args, nargs * sizeof(*args));
	}
	return __real_hypercall_restart(nr, nargs, args);
}

bool __wrap_audit_run(void)
{
	bool ok = __real_audit_run();

	printk("ghost: %lu hypercalls judged, %lu not, %lu wrong\n", (unsigned long)judged,
	       (unsigned long)not_judged, (unsigned long)differences);
	return ok;
}
