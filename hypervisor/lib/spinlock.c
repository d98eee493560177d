/* SPDX-License-Identifier: MIT */
/* Waiting for a lock. See spinlock.h. */
#include "lib/spinlock.h"

#ifdef HOST_TEST /* there is no other CPU to release it */
#define is_hopeless(waited) ((waited) == 100000u)
#else
#define is_hopeless(waited) ((void)(waited), false)
#endif

static void nothing(void)
{
}

void (*spin_waiting)(void) = nothing;

void spin_wait(struct spinlock *l)
{
	unsigned waited = 0;

	do {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED)) {
			if (is_hopeless(waited++))
				__builtin_trap();
			spin_waiting();
			cpu_relax();
		}
	} while (!spin_trylock(l));
}
