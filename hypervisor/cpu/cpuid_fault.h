/* SPDX-License-Identifier: MIT */
/*
 * CPUID faulting: CPUID above ring 0 raises #GP(0), so that guests and their applications see what the hypervisor tells
 * them (emul/cpuid.c), not what the processor says. No guest runs in ring 0, so it stays on: a switch of vCPUs costs
 * nothing. QEMU's translator has neither form; there only those see a policy that ask by the forced-emulation prefix.
 */
#pragma once

#include "lib/types.h"

/* Switch it on, on this CPU. False: the processor does not have it. */
bool cpuid_fault_enable(void);
