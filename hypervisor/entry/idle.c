/* SPDX-License-Identifier: MIT */
/* What a CPU does without a guest: sleep until an interrupt leaves something in its pending word, then take
 * the same exit path as after a hypercall, which comes back here if there still is no vCPU to run. */
#include "entry/entry.h"
#include "sched/sched.h"

void idle_loop(void)
{
	for (;;) {
		/* Interrupts are off here, and STI takes effect after HLT began: none can come in between
		 * (SDM 2B, STI). */
		if (this_cpu->pending)
			exit_to_guest();
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
}
