/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: which there are, whether a long one should stop, how it goes on. Handlers are hc_<name>(args...), declared by the generated hypercalls.h from
 * abi/hypercalls.def; each lives in its subsystem's X_op.c, takes 64-bit arguments and returns a long:
 * a result or -errno.
 */
#pragma once

#include "guest/domain.h"
#include "hypercalls.h"
#include "lib/types.h"

/* First what ordinary domains may call, then the same for the privileged one: the handlers, or what refuses
 * (entry/hypercall.c). */
extern hypercall_fn hypercall_table[2 * NR_HYPERCALLS];
/* struct domain's table, for an ordinary one or the privileged one. */
static inline hypercall_fn *hypercalls_for(bool privileged)
{
	return hypercall_table + (privileged ? NR_HYPERCALLS : 0);
}
/* Bit n: hypercall n has arguments of which pv32 makes two words. Otherwise words are arguments. */
extern const uint64_t hypercall_wide;
long hypercall_unknown(void);
const char *hypercall_name(uint64_t nr); /* "?": there is none */
static inline hypercall_fn hypercall_fn_of(const struct vcpu *v, uint64_t nr)
{
	if (unlikely(nr >= NR_HYPERCALLS))
		return (hypercall_fn)(void (*)(void))hypercall_unknown;
	return v->domain->hypercalls[nr];
}

/* Run hypercall @nr of @v (current), its arguments in guest words as registers or a multicall entry hold
 * them. */
long hypercall_call(struct vcpu *v, uint64_t nr, const uint64_t words[6]);
long hypercall_int82_wide(struct vcpu *v); /* by the registers of INT 0x82 */

/* Should a long hypercall stop now? Opens a short interrupt window, then tests this CPU's pending word and
 * current's upcall bytes. */
bool hypercall_preempt_check(void);

/* current's hypercall takes thousands of instructions: within a multicall, the look at other work that is due
 * every few calls is due after this one. */
static inline void hypercall_was_long(void)
{
#ifndef HOST_TEST
	struct vcpu *v = current;

	if (v->multicall && v->multicall_interrupted == MULTICALL_GOES_ON)
		v->multicall_interrupted = MULTICALL_LOOK;
#endif
}

/* Arrange that the guest executes hypercall @name again with these arguments (continuation): return its value from the
 * handler. Works inside a multicall too. One whose row in abi/hypercalls.def says that it does not restart does not
 * compile. */
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args);
#define HYPERCALL_RESTART(name, ...)                                                        \
	hypercall_restart(HYPERCALL_RESTARTS_##name, sizeof((uint64_t[]){__VA_ARGS__}) / 8, \
			  (uint64_t[]){__VA_ARGS__})
