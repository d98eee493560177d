/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes, and the clock that tells which are needed.
 *
 * The clock ticks at each full flush of a CPU, before the flush. A frame notes the clock when its type count
 * falls to zero or when it is freed: by then no page table maps it any more, but TLBs may. A CPU whose last
 * flush is younger than the frame's stamp cannot hold such a leftover. Stamps keep the low half of the
 * clock; reading one back assumes the most recent time with that half, which errs towards a needless flush.
 *
 * The stamp must be read after every CPU can see that the mapping is gone, not while that is just in this CPU's store
 * buffer: another CPU could tick and flush in between, and then walk the old entry again. So entries are
 * changed by locked instructions.
 *
 * Guests' translations are never global (l1_in drops G), so loading CR3 forgets them all, and those of the
 * hypervisor, which never change, survive in every address space (SDM 3A 4.10.2.4, "Global Pages").
 * Locking: none; a CPU writes its own tlb_stamp and tlb_vcpu only.
 */
#include "cpu/cpuset.h"
#include "cpu/ipi.h"
#include "cpu/percpu.h"
#include "cpu/x86.h"
#include "mm/mm.h"

uint64_t tlb_clock = 1;

cpuset_t tlb_stale_cpus(cpuset_t cpus, uint32_t stamp)
{
	uint64_t clock = __atomic_load_n(&tlb_clock, __ATOMIC_ACQUIRE);
	uint64_t then = clock - (uint32_t)(clock - stamp);
	cpuset_t stale = 0;

	for (; cpus; cpus = cpuset_rest(cpus)) {
		struct percpu *cpu = cpu_table[cpuset_first(cpus)];

		if (cpu->tlb_vcpu && cpu->tlb_stamp <= then)
			stale |= cpus & -cpus;
	}
	return stale;
}

void tlb_load_cr3(uint64_t cr3)
{
	uint64_t stamp = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_ACQ_REL);

	write_cr3(cr3);
	this_cpu->cr3 = cr3;
	this_cpu->tlb_stamp = stamp;
}

void tlb_flush_local(void)
{
	tlb_load_cr3(this_cpu->cr3);
}

void tlb_flush_page_local(gva_t va)
{
	invlpg(va);
}

static void flush_all(void *unused)
{
	tlb_flush_local();
}

static void flush_page(void *va)
{
	tlb_flush_page_local((gva_t)va);
}

void tlb_flush_cpus(cpuset_t cpus)
{
	if (cpus == cpuset_self())
		tlb_flush_local();
	else if (cpus)
		cpu_call(cpus, flush_all, NULL);
}

void tlb_flush_page_cpus(cpuset_t cpus, gva_t va)
{
	if (cpus == cpuset_self())
		tlb_flush_page_local(va);
	else if (cpus)
		cpu_call(cpus, flush_page, (void *)va);
}
