/* SPDX-License-Identifier: MIT */
/* Waiting for a lock. See spinlock.h. */
#include "lib/spinlock.h"

void spin_wait(struct spinlock *l)
{
	do {
		while (__atomic_load_n(&l->held, __ATOMIC_RELAXED)) {
			cpu_service_requests();
			cpu_relax();
		}
	} while (!spin_trylock(l));
}
