/* SPDX-License-Identifier: MIT */
/* A vCPU's debug registers (SDM 3B 17.2, Debug Registers): checked, and in the processor only while it runs. */
#pragma once

#include "lib/types.h"

struct vcpu;

/* -EINVAL: no such register; -EPERM: the value would watch the hypervisor; -ENODEV: CR4.DE makes 4 and 5 fault. */
int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value);
int debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value);

void debugreg_switch_in(struct vcpu *v);
void debugreg_switch_out(struct vcpu *v);
/* The guest's #DB: put what the processor reports into its DR6. */
void debugreg_report(struct vcpu *v);
