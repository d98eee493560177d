/* SPDX-License-Identifier: MIT */
/* The console has a lock of its own, as terminals write to it without the kernel's. */
#include "x86/internal.h"
#include "x86/cpu.h"

#define PATIENCE (1u << 24) /* then the holder is considered stuck: a panic must be seen anyway */

void console_write(const char *text, size_t len)
{
	static uint32_t taken;
	unsigned long irq = irq_save();
	uint32_t round = 0;

	while (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE) && ++round < PATIENCE)
		cpu_relax();
	console_put(text, len);
	__atomic_store_n(&taken, 0, __ATOMIC_RELEASE);
	irq_restore(irq);
}
