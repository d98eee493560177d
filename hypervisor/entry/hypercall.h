/* SPDX-License-Identifier: MIT */
/*
 * Dispatch and restart. Handlers are hc_<name>(args...), declared by the generated hypercalls.h from
 * abi/hypercalls.def; each lives in its subsystem's X_op.c, takes 64-bit arguments and returns a long:
 * a result or -errno.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* Run hypercall @nr of @v (current), its arguments in guest words as registers or a multicall entry hold
 * them. */
long hypercall_call(struct vcpu *v, uint64_t nr, const uint64_t words[6]);

/* Should a long hypercall stop now? Opens a short interrupt window, then tests this CPU's pending word and
 * current's upcall bytes. */
bool hypercall_preempt_check(void);

/* Arrange that the guest executes the same hypercall again with these arguments (continuation): return its
 * value from the handler. Works inside a multicall too. */
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args);
#define HYPERCALL_RESTART(nr, ...) \
	hypercall_restart(nr, sizeof((uint64_t[]){__VA_ARGS__}) / 8, (uint64_t[]){__VA_ARGS__})
