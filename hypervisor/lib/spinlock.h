/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks. The hypervisor runs with interrupts off: interrupts come only in guest mode, in the idle
 * loop and in the explicit window of hypercall_preempt_check(). So no lock needs an irqsave form. What
 * a waiting processor must still do is answer requests of the others (TLB shootdown): every loop that
 * waits calls cpu_service_requests(). Lock order: docs/tricks.md.
 */
#pragma once

#include "lib/rare.h"
#include "lib/types.h"

struct spinlock {
	uint32_t held;
};

/* What a waiting CPU does at each turn: cpu_service_requests() from the first lines of boot on. */
extern void (*spin_waiting)(void);

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

static inline bool spin_trylock(struct spinlock *l)
{
	return !__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE);
}

/* Another CPU has it (lib/spinlock.c). */
void spin_wait(struct spinlock *l) __rare;

static inline void spin_lock(struct spinlock *l)
{
	if (unlikely(!spin_trylock(l)))
		rare_call(spin_wait, l);
}

static inline void spin_unlock(struct spinlock *l)
{
#ifdef HOST_TEST
	if (!l->held)
		__builtin_trap(); /* it was never taken */
#endif
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
