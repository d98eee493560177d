/* SPDX-License-Identifier: MIT */
/*
 * Segments of a PV guest: the hypervisor's flat ones are enough, so the kernel needs its own GDT only where
 * applications find their TLS through one, in 32 bit. A GDT page may not be writable: the hypervisor checks
 * each descriptor that the kernel writes, so that none leads into ring 0. Each vCPU has its own GDT, as the TLS
 * segment is the running thread's.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "segments.h"
#include "x86/descriptor.h"

#ifdef __x86_64__

void segments_init(void)
{
}

#else

#define FLAT_DATA_RING3 0x00cff2000000ffffull

static uint64_t gdt[CPU_MAX][TABLE_ENTRIES] __attribute__((aligned(PAGE_SIZE)));

void segments_init(void)
{
	pfn_t pfn = virt_to_pfn(gdt[cpu_id()]);
	unsigned long frame = pfn_to_mfn(pfn);

	table_enter(pfn);
	if (hypercall_set_gdt(&frame, TABLE_ENTRIES))
		panic("the hypervisor refused our GDT");
}

#endif

void kernel_stack_set(void *stack_top)
{
	hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)stack_top);
}

void tls_load(uintptr_t base)
{
#ifdef __x86_64__
	hypercall_set_segment_base(SEGBASE_FS, base);
#else
	hypercall_update_descriptor(machine_address(&gdt[cpu_id()][TLS_GDT_ENTRY]),
				    descriptor(base, 0xfffff, FLAT_DATA_RING3 & ~0x000f00000000ffffull));
#endif
}
