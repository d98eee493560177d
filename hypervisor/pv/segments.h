/* SPDX-License-Identifier: MIT */
/*
 * Data segment registers. The hypervisor has no use for DS, ES, FS and GS, so they keep the guest's values
 * while it runs; only a switch of vCPUs saves and loads them. Loading one can fault, since the guest may have
 * changed its tables: then all four become null and the guest is told by its failsafe callback.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* The selectors, into v->regs. */
void segments_save(struct vcpu *v);
/* Load those of v->regs for the current @v, and with them the bases of their descriptors. False: one of them could not be
 * loaded, and all four are null. */
bool segments_load(struct vcpu *v);
/* After false, once the vCPU is complete: v->regs says so, too, and the failsafe callback is for those that were
 * @wanted. */
struct segment_selectors;
void segments_forget(struct vcpu *v, struct segment_selectors *wanted);

/* 64-bit code has bases of FS and of the active GS that no descriptor knows. */
void segments_save_bases(uint64_t *fs_base, uint64_t *gs_base);
void segments_load_bases(uint64_t fs_base, uint64_t gs_base);
/* After segments_load(): where a selector is not null, the base that it brought. */
void segments_fresh_bases(const struct vcpu *v, uint64_t *fs_base, uint64_t *gs_base);

/* MOV GS for the guest: its base goes to *base, and that of the active GS is kept. False: #GP, #NP or #PF. */
bool segments_load_gs(uint16_t selector, uint64_t *base);
