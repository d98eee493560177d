/* SPDX-License-Identifier: MIT */
/* The guest's CR0.TS: real while its vCPU runs, so that the next FPU instruction raises #NM. Between vCPUs,
 * where cpu/fpu.c saves and loads the FPU's registers, it is clear. */
#pragma once

#include "cpu/x86.h"
#include "dom/domain.h"

/* @v just became current, its FPU registers are loaded: the processor's TS is clear. */
static inline void taskswitch_load(const struct vcpu *v)
{
	if (unlikely(v->pv.ts_virtual))
		write_cr0(read_cr0() | CR0_TS);
}

/* @v leaves the CPU: its FPU registers can be saved. */
static inline void taskswitch_unload(const struct vcpu *v)
{
	if (unlikely(v->pv.ts_virtual))
		clts();
}

static inline void taskswitch_set(struct vcpu *v, bool on)
{
	if (v->pv.ts_virtual == on)
		return;
	v->pv.ts_virtual = on;
	if (on)
		write_cr0(read_cr0() | CR0_TS);
	else
		clts();
}
