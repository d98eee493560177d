/* SPDX-License-Identifier: MIT */
/*
 * Instructions that do not trap although they should (policy.def), made to trap. Kernel pages start without the
 * right to be executed; at the first fetch the page is searched, and if it has such instructions the processor
 * gets a copy to execute in which each begins with HLT, which raises #GP in ring 1. The guest's frame is never
 * changed: the emulator reads the original from it, and so does the guest by any other mapping. Only a read
 * through the executed mapping itself sees the copy (docs/fv.md). A store into the page ends all that: the page
 * is data again until it is next executed.
 *
 * Where does an instruction begin? Code of variable length has no marks, but it synchronises itself: decoding
 * from a wrong place falls into step after a few instructions. So a byte counts as a beginning if nearly every
 * decoding that starts shortly before it arrives there. What only looks like such an instruction inside of
 * another one is passed over by nearly all.
 */
#include "fv/length.h"
#include "cpu/features.h"
#include "fv/fv.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"

#define OPCODE_HLT 0xf4
#define RUN_UP     48 /* bytes before an instruction from where decodings start */
#define QUORUM     4  /* at least QUORUM - 1 of QUORUM must arrive */
#define MARGIN     16 /* bytes of the next page: an instruction may end there */

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

/* The page with what surrounds it. */
struct window {
	uint8_t before[RUN_UP], page[PAGE_SIZE], after[MARGIN];
};

static bool must_be_patched(uint16_t opcode, uint8_t reg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		const struct policy *p = &policies[i];

		if (p->opcode == opcode && (p->regs >> reg & 1))
			return p->action == PATCH || (p->action == UMIP && !features.umip);
	}
	return false;
}

static unsigned length_at(const struct window *w, unsigned at, uint16_t *opcode, uint8_t *reg)
{
	return insn_length((const uint8_t *)w + at, sizeof(*w) - at, opcode, reg);
}

/* @at and the places before it count from the window's start. */
static bool is_beginning(const struct window *w, unsigned at)
{
	unsigned started = 0, arrived = 0;

	for (unsigned from = at - RUN_UP; from < at; from++) {
		unsigned place = from, length = 1;
		uint16_t opcode;
		uint8_t reg;

		while (place < at && (length = length_at(w, place, &opcode, &reg)) != 0)
			place += length;
		if (!length)
			continue; /* was never code */
		started++;
		arrived += place == at;
	}
	return arrived * QUORUM >= started * (QUORUM - 1);
}

static void fill(struct fv *fv, struct window *w, uint32_t pfn)
{
	memcpy(w->page, fv_frame_at(fv, pfn), PAGE_SIZE);
	memcpy(w->before, (uint8_t *)fv_frame_at(fv, pfn ? pfn - 1 : pfn) + PAGE_SIZE - RUN_UP, RUN_UP);
	memcpy(w->after, fv_frame_at(fv, pfn + 1), MARGIN);
}

void fv_code_scan(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];
	struct window *w = heap_alloc(sizeof(*w));
	uint8_t *copy = NULL;

	f->code = FV_CODE_CLEAN;
	if (!w) {
		domain_crash(fv->v->domain, "no memory to look at its code");
		return;
	}
	fill(fv, w, pfn);
	for (unsigned at = RUN_UP; at < RUN_UP + PAGE_SIZE; at++) {
		uint16_t opcode;
		uint8_t reg;

		if (!length_at(w, at, &opcode, &reg) || !must_be_patched(opcode, reg) || !is_beginning(w, at))
			continue;
		if (!copy) {
			copy = heap_alloc_pages(0);
			if (!copy) {
				domain_crash(fv->v->domain, "no memory to patch its code");
				break;
			}
			memcpy(copy, w->page, PAGE_SIZE);
			f->code = FV_CODE_PATCHED;
		}
		copy[at - RUN_UP] = OPCODE_HLT;
	}
	f->copy = copy;
	heap_free(w);
}

void fv_code_forget(struct fv *fv, uint32_t pfn)
{
	struct fv_frame *f = &fv->frames[pfn];

	if (f->copy)
		heap_free_pages(f->copy, 0);
	f->copy = NULL;
	f->code = FV_CODE_UNKNOWN;
}
