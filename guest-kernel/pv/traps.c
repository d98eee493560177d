/* SPDX-License-Identifier: MIT */
/*
 * Telling the hypervisor where traps go: the trap table for exceptions, callbacks for events, for SYSCALL
 * and for returns that failed. All of them mask events on entry, as an interrupt gate does.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "segments.h"
#include "xen/callback.h"

#define EXCEPTIONS 20u /* the hypervisor bounces 0 .. 19 */

#define TI_MASK_EVENTS 4u
#define TI_DPL3        3u

extern void syscall_entry(void), int80_entry(void), failsafe_entry(void);

static struct trap_info traps[EXCEPTIONS + 2];

static void set_gate(unsigned slot, unsigned vector, uintptr_t entry, unsigned flags)
{
	struct trap_info *t = &traps[slot];

	t->vector = vector;
	t->flags = TI_MASK_EVENTS | flags;
	t->cs = KERNEL_CS;
	t->address = entry;
}

/* Breakpoint (3) and overflow (4) may be raised by applications. */
static unsigned gate_flags(unsigned vector)
{
	return vector == 3 || vector == 4 ? TI_DPL3 : 0;
}

static void set_callback(unsigned type, uintptr_t entry)
{
	struct callback_register cb = {.type = type, .flags = CALLBACKF_mask_events};

#ifdef __x86_64__
	cb.address = entry;
#else
	cb.address.cs = KERNEL_CS;
	cb.address.eip = entry;
#endif
	if (hypercall_callback_op(CALLBACKOP_register, &cb))
		panic("the hypervisor refused callback %u", type);
}

static void fill_table(void)
{
	for (unsigned v = 0; v < EXCEPTIONS; v++)
		set_gate(v, v, trap_entries[v], gate_flags(v));
	set_gate(EXCEPTIONS, TRAP_SYSCALL, (uintptr_t)int80_entry, TI_DPL3);
}

/* One table serves all processors; for each the hypervisor is told of it. */
void traps_init(void)
{
	if (cpu_id() == 0)
		fill_table();
	set_callback(CALLBACKTYPE_event, trap_entries[VECTOR_IRQ]);
	set_callback(CALLBACKTYPE_failsafe, (uintptr_t)failsafe_entry);
#ifdef __x86_64__
	set_callback(CALLBACKTYPE_syscall, (uintptr_t)syscall_entry);
#endif
	/* The table ends at an entry without address. */
	if (hypercall_set_trap_table(traps))
		panic("the hypervisor refused the trap table");
}

uintptr_t fault_address(void)
{
	return VCPU->arch.cr2;
}
