/* SPDX-License-Identifier: MIT */
/*
 * Data segment registers. The hypervisor has no use for DS, ES, FS and GS, so they keep the guest's values
 * while it runs; only a switch of vCPUs saves and loads them. Loading one can fault, since the guest may have
 * changed its tables: then all four become null and the guest is told by its failsafe callback.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* Selectors into v->regs, and the bases into @fs_base, and @gs_base for the active GS. */
void segments_save(struct vcpu *v, uint64_t *fs_base, uint64_t *gs_base);

/* Load the selectors of v->regs for the current @v. Each base is set to what the selector brings if it is
 * not null and @from_tables, otherwise to *fs_base, *gs_base, where the result is stored. False: one of them
 * could not be loaded. */
bool segments_load(struct vcpu *v, bool from_tables, uint64_t *fs_base, uint64_t *gs_base);
/* After false, once the vCPU is complete: the failsafe callback, for the selectors that were wanted. */
struct segment_selectors;
void segments_forget(struct vcpu *v, struct segment_selectors *wanted);

/* MOV GS for the guest: its base goes to *base, and the hypervisor's own is kept. False: #GP, #NP or #PF. */
bool segments_load_gs(uint16_t selector, uint64_t *base);
