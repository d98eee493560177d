/* SPDX-License-Identifier: MIT */
/*
 * Data segment registers. The hypervisor has no use for DS, ES, FS and GS, so they keep the guest's values
 * while it runs; only a switch of vCPUs saves and loads them. Loading one can fault, since the guest may have
 * changed its tables: then all four become null and the guest is told by its failsafe callback.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

static inline bool selector_is_null(uint16_t selector)
{
	return selector <= 3;
}

/* The selectors, into v->regs. */
void segments_save(struct vcpu *v);
/* Load those of v->regs for the current @v, and with them the bases of their descriptors. False: one of them could not be
 * loaded, and all four are null. */
bool segments_load(struct vcpu *v);
/* After false, once the vCPU is complete: v->regs says so, too, and the failsafe callback is for those that were
 * @wanted. */
struct segment_selectors;
void segments_forget(struct vcpu *v, struct segment_selectors *wanted);

/* MOV GS for the guest: its base goes to *base, and that of the active GS is kept. False: #GP, #NP or #PF. */
bool segments_load_gs(uint16_t selector, uint64_t *base);
