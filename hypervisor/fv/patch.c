/* SPDX-License-Identifier: MIT */
/*
 * Instructions that do not trap although they should (policy.def), made to trap. Kernel pages start without the
 * right to be executed; at the first fetch the page is searched, and if it has such instructions the processor
 * gets a copy to execute in which each begins with HLT, which raises #GP in ring 1. The guest's frame is never
 * changed: the emulator reads the original from it, and so does the guest by any other mapping. Only a read
 * through the executed mapping itself sees the copy (docs/fv.md). A store into the page ends all that: the page
 * is data again until it is next executed. Copies are the hypervisor's memory, so their number is limited; when they
 * are used up, some pages are forgotten, and searched again when they are next executed.
 *
 * Where does an instruction begin? Code of variable length has no marks, but it synchronises itself: decoding
 * from a wrong place falls into step after a few instructions. So a byte counts as a beginning if nearly every
 * decoding that starts shortly before it arrives there. Nearly every decoding passes over bytes that only look
 * like such an instruction inside another one.
 */
#include "fv/fv.h"
#include "cpu/features.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

#define OPCODE_HLT 0xf4
#define RUN_UP     48 /* bytes before an instruction from where decodings start */
#define QUORUM     4  /* at least QUORUM - 1 of QUORUM must arrive */
#define MARGIN     16 /* bytes of the next page: an instruction may end there */
#define FORGOTTEN  32 /* copies given up at a time */

enum policy_action {
	UMIP,
	PATCH,
	VIRTUAL,
	HARMLESS,
};

#define ANY    0xff
#define REG(n) (1u << (n))

static const struct policy {
	uint16_t opcode;
	uint8_t regs; /* bit n: ModRM.reg n */
	uint8_t action;
} policies[] = {
#define POLICY(name, opcode, regs, action, why) {opcode, regs, action},
#include "fv/policy.def"
#undef POLICY
};

/* The page with the bytes around it. */
struct window {
	uint8_t before[RUN_UP], page[PAGE_SIZE], after[MARGIN];
};

/*
 * A search, in steps of about ALLOWANCE hypervisor instructions: between them the guest faults again, and other work
 * that is due comes first. The costs were measured. Whether a byte is a beginning depends on the lengths of the
 * instructions before it, which are found once.
 */
#define ALLOWANCE      40000
#define COST_LENGTH    200
#define COST_BEGINNING 900

struct fv_scan {
	uint32_t pfn; /* NOTHING: none is under way */
	unsigned at;  /* place in the window that comes next */
	uint8_t *copy;
	struct window w;
	uint8_t length[RUN_UP + PAGE_SIZE]; /* of the instruction at each place before; 0: none */
};
#define NOTHING 0xffffffffu

static bool must_be_patched(uint16_t opcode, uint8_t reg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		const struct policy *p = &policies[i];

		if (p->opcode == opcode && (p->regs >> reg & 1))
			return p->action == PATCH || (p->action == UMIP && !features.umip);
	}
	return false;
}

/* @at counts from the window's start. From the back to the front: does decoding arrive there, or step over it? */
static bool is_beginning(const struct fv_scan *scan, unsigned at)
{
	enum {
		NEVER_CODE,
		PASSED,
		ARRIVED
	} comes[RUN_UP + 1];
	unsigned started = 0, arrived = 0;

	comes[RUN_UP] = ARRIVED;
	for (unsigned back = 1; back <= RUN_UP; back++) {
		unsigned length = scan->length[at - back], to = RUN_UP - back + length;

		comes[RUN_UP - back] = !length ? NEVER_CODE : length > back ? PASSED : comes[to];
		started += comes[RUN_UP - back] != NEVER_CODE;
		arrived += comes[RUN_UP - back] == ARRIVED;
	}
	return arrived * QUORUM >= started * (QUORUM - 1);
}

static void fill(struct fv *fv, struct window *w, uint32_t pfn)
{
	memcpy(w->page, fv_frame_at(fv, pfn), PAGE_SIZE);
	memcpy(w->before, (uint8_t *)fv_frame_at(fv, pfn ? pfn - 1 : pfn) + PAGE_SIZE - RUN_UP, RUN_UP);
	memcpy(w->after, fv_frame_at(fv, pfn + 1), MARGIN);
}

/* What was found so far is no longer of use. */
static void give_up(struct fv *fv)
{
	struct fv_scan *scan = fv->scan;

	if (!scan || scan->pfn == NOTHING)
		return;
	fv->frames[scan->pfn].code = FV_CODE_UNKNOWN;
	if (scan->copy)
		heap_free_pages(scan->copy, 0);
	scan->copy = NULL;
	scan->pfn = NOTHING;
}

static bool begin(struct fv *fv, uint32_t pfn)
{
	give_up(fv);
	if (!fv->scan)
		fv->scan = heap_alloc_for(fv->v->domain, sizeof(*fv->scan));
	if (!fv->copied)
		fv->copied = heap_alloc_for(fv->v->domain, fv->copies_max * sizeof(*fv->copied));
	if (!fv->scan || !fv->copied)
		return false;
	fill(fv, &fv->scan->w, pfn);
	fv->scan->pfn = pfn;
	fv->scan->at = 0;
	fv->frames[pfn].code = FV_CODE_SEARCH;
	return true;
}

static bool patch(struct domain *d, struct fv_scan *scan, unsigned at)
{
	if (!scan->copy) {
		scan->copy = heap_alloc_pages_for(d, 0);
		if (!scan->copy)
			return false;
		memcpy(scan->copy, scan->w.page, PAGE_SIZE);
	}
	scan->copy[at - RUN_UP] = OPCODE_HLT;
	return true;
}

/* One step. False: out of memory. */
static bool go_on(struct domain *d, struct fv_scan *scan)
{
	int left = ALLOWANCE;

	for (; scan->at < RUN_UP + PAGE_SIZE && left > 0; scan->at++) {
		unsigned at = scan->at;
		uint16_t opcode;
		uint8_t reg;

		left -= COST_LENGTH;
		scan->length[at] =
		    insn_length((const uint8_t *)&scan->w + at, sizeof(scan->w) - at, &opcode, &reg);
		if (at < RUN_UP || !scan->length[at] || !must_be_patched(opcode, reg))
			continue;
		left -= COST_BEGINNING;
		if (is_beginning(scan, at) && !patch(d, scan, at))
			return false;
	}
	return true;
}

bool fv_code_scan(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if ((f->code != FV_CODE_SEARCH && !begin(fv, pfn)) || !go_on(fv->v->domain, fv->scan)) {
		domain_crash(fv->v->domain, "no memory to look at its code, and patch it");
		return false;
	}
	if (fv->scan->at < RUN_UP + PAGE_SIZE)
		return false;
	f->copy = fv->scan->copy;
	if (f->copy)
		fv->copied[fv->copies++] = pfn;
	f->code = f->copy ? FV_CODE_PATCHED : FV_CODE_CLEAN;
	fv->scan->copy = NULL;
	fv->scan->pfn = NOTHING;
	return true;
}

/* Its copy goes: take it from the list, which is ordered by age. */
static void strike(struct fv *fv, uint32_t pfn)
{
	uint32_t i = 0;

	while (fv->copied[i] != pfn)
		i++;
	fv->copies--;
	memmove(&fv->copied[i], &fv->copied[i + 1], (fv->copies - i) * sizeof(*fv->copied));
}

/* It is data, and may be code again. */
static void forget(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if (f->copy)
		heap_free_pages(f->copy, 0);
	f->copy = NULL;
	f->code = FV_CODE_UNKNOWN;
}

void fv_code_forget(struct fv *fv, uint32_t pfn)
{
	const struct fv_frame *f = &fv->frames[pfn];

	if (f->code == FV_CODE_SEARCH)
		give_up(fv);
	if (f->copy)
		strike(fv, pfn);
	forget(fv, pfn);
}

void fv_code_free(struct fv *fv)
{
	give_up(fv);
	heap_free(fv->scan);
	fv->scan = NULL;
	heap_free(fv->copied);
	fv->copied = NULL;
}

void fv_code_make_room(struct fv *fv)
{
	if (fv->copies < fv->copies_max)
		return;
	fv_shadow_drop_all(fv);
	fv_shadow_sync(fv); /* before the copies are freed */
	for (unsigned i = 0; i < FORGOTTEN; i++)
		forget(fv, fv->copied[i]);
	fv->copies -= FORGOTTEN;
	memmove(fv->copied, fv->copied + FORGOTTEN, fv->copies * sizeof(*fv->copied));
}
