/* SPDX-License-Identifier: MIT */
/*
 * RFLAGS in frames. While a guest runs, the real IF is set and the real IOPL is 0. What a guest sees in IF is
 * the inverse of its upcall mask; IOPL it sees only if it asked for that (VMASST_TYPE_architectural_iopl).
 */
#pragma once

#include "cpu/x86.h"
#include "dom/domain.h"

/* Entering a handler clears TF, NT, RF, VM and AC, as an interrupt gate and a kernel's usual mask would. */
#define FLAGS_KEPT_ON_ENTRY (~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC))

static inline bool iopl_is_architectural(const struct vcpu *v)
{
	return v->entry.special.iopl;
}

/* What a guest may choose: the arithmetic flags, TF, DF, NT, RF, AC, ID (SDM 1 3.4.3, EFLAGS Register). */
#define FLAGS_SETTABLE \
	(RFLAGS_ARITHMETIC | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

/* For a frame: the real flags, in which IF is set, as the guest sees them. */
static inline uint64_t flags_seen(const struct vcpu *v, uint64_t rflags, uint8_t upcall_mask)
{
	/* Two rare cases, one test for both. */
	if (unlikely(upcall_mask | v->entry.special.iopl)) {
		if (upcall_mask)
			rflags &= ~RFLAGS_IF;
		if (iopl_is_architectural(v))
			rflags |= (uint64_t)v->dom.iopl << RFLAGS_IOPL_SHIFT;
	}
	return rflags;
}

/* From a frame: what may go into the real flags. */
static inline uint64_t flags_accepted(struct vcpu *v, uint64_t rflags)
{
	if (unlikely(iopl_is_architectural(v)))
		v->dom.iopl = RFLAGS_IOPL_OF(rflags);
	return (rflags & FLAGS_SETTABLE) | RFLAGS_IF | RFLAGS_MBS;
}
