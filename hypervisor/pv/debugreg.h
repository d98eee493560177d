/* SPDX-License-Identifier: MIT */
/* A vCPU's debug registers (SDM 3B 17.2, Debug Registers): checked, and in the processor only while it runs.
 * Breakpoints on ports never are: the hypervisor executes every IN and OUT of a guest, and looks for them itself. */
#pragma once

#include "cpu/x86.h"
#include "guest/domain.h"

#define DR6_FIXED   0xffff0ff0ul /* reserved bits, read as one */
#define DR6_BS      0x4000ul     /* single step */
#define DR7_ENABLES 0xfful

/* -EINVAL: no such register, or bits that it does not have; -EPERM: the value would watch the hypervisor, or ports
 * without CR4.DE; -ENODEV: CR4.DE makes 4 and 5 fault. */
int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value);
int debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value);

/* Between vCPUs no breakpoint is enabled. With none enabled the processor's copies do not matter. */
void debugreg_load(struct vcpu *v);
void debugreg_unload(void);
static inline void debugreg_switch_in(struct vcpu *v)
{
	if (unlikely(v->pv.debugreg[7] & DR7_ENABLES))
		debugreg_load(v);
}
static inline void debugreg_switch_out(struct vcpu *v)
{
	if (unlikely(v->pv.debugreg[7] & DR7_ENABLES))
		debugreg_unload();
}
/* The guest's #DB: put what the processor reports into its DR6. */
void debugreg_report(struct vcpu *v);
/* Which breakpoints of @v an access of @size bytes to @port meets, as bits of DR6. */
uint64_t debugreg_port_hits(const struct vcpu *v, uint16_t port, unsigned size);
/* A #DB of the guest after an instruction that the hypervisor executed for it; @dr6 says why. */
void debugreg_bounce(struct vcpu *v, uint64_t dr6);
