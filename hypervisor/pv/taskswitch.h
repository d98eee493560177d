/* SPDX-License-Identifier: MIT */
/* The guest's CR0.TS: real while its vCPU runs, so that the next FPU instruction raises #NM. The hypervisor
 * touches FPU registers only in cpu/fpu.c, which allows for it. */
#pragma once

#include "cpu/x86.h"
#include "dom/domain.h"

/* @v just became current: the processor's TS is the previous one's. */
static inline void taskswitch_load(const struct vcpu *v)
{
	uint64_t cr0 = read_cr0();

	if (v->ts_virtual != !!(cr0 & CR0_TS))
		write_cr0(cr0 ^ CR0_TS);
}

static inline void taskswitch_set(struct vcpu *v, bool on)
{
	if (v->ts_virtual == on)
		return;
	v->ts_virtual = on;
	if (on)
		write_cr0(read_cr0() | CR0_TS);
	else
		clts();
}
