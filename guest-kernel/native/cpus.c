/* SPDX-License-Identifier: MIT */
/*
 * Several processors on the bare machine: found in ACPI's MADT, started by INIT and startup interrupts,
 * called by an interrupt through their local APICs. (ACPI 6.4, 5.2.12 Multiple APIC Description Table; SDM
 * 3A 8.4, Multiple-Processor (MP) Initialization)
 *
 * Flushing another processor's TLB needs no answer from an interrupt handler. The flag is set, the processor
 * is called, and it finds the kernel lock taken, by its caller: cpu_spin() flushes. If it is already waiting
 * for the lock, it flushes sooner. Idle processors have the kernel's own root and are never asked.
 */
#include "cpus.h"
#include "acpi.h"
#include "kern/lib/string.h"
#include "lapic.h"
#include "x86/cpu.h"
#include "x86/internal.h"

#define CPUID1_EDX_APIC (1u << 9)

#define MADT_ENTRIES (ACPI_HEADER + 8)
#define MADT_LAPIC   0 /* type; then length, processor's number, APIC id, flags */
#define ENABLED      1u

#define TRAMPOLINE   0x8000u /* trampoline.asm is made for this address */
#define INIT_WAIT    10000000u
#define STARTUP_WAIT 1000000u
#define ANSWER_WAIT  1000000000u

extern const char trampoline[], trampoline_end[];

void *start_stack; /* of the processor being started: boot.asm */

static unsigned count = 1;
static uint8_t apic_ids[CPU_MAX];
static volatile bool started;
static volatile bool flush_wanted[CPU_MAX];

static void add(unsigned apic_id)
{
	if (apic_id != apic_ids[0] && count < CPU_MAX)
		apic_ids[count++] = apic_id;
}

static void read_madt(const uint8_t *madt)
{
	uint32_t len = acpi_read32(madt + 4);

	for (uint32_t at = MADT_ENTRIES; at + 8 <= len && madt[at + 1]; at += madt[at + 1])
		if (madt[at] == MADT_LAPIC && acpi_read32(madt + at + 4) & ENABLED)
			add(madt[at + 3]);
}

void cpus_init(void)
{
	const uint8_t *madt = acpi_table("APIC");
	struct cpuid id = cpuid(1);

	apic_ids[0] = id.ebx >> 24;
	if (madt && id.edx & CPUID1_EDX_APIC)
		read_madt(madt);
	if (count == 1)
		return; /* the 8259 and 8254 are enough */
	lapic_map();
	lapic_enable();
	lapic_calibrate();
}

void cpu_init(void)
{
	lapic_enable();
	started = true;
}

unsigned cpu_count(void)
{
	return count;
}

static bool wait_for_start(uint64_t ns)
{
	uint64_t until = time_ns() + ns;

	while (!started && time_ns() < until)
		cpu_relax();
	return started;
}

/* The second startup interrupt is for processors that lost the first one; others ignore it. */
bool cpu_start(unsigned cpu, void *stack_top)
{
	memcpy(pfn_to_virt(TRAMPOLINE >> PAGE_SHIFT), trampoline, trampoline_end - trampoline);
	paging_identity(true);
	start_stack = stack_top;
	started = false;
	lapic_send_init(apic_ids[cpu]);
	wait_for_start(INIT_WAIT);
	lapic_send_startup(apic_ids[cpu], TRAMPOLINE >> PAGE_SHIFT);
	if (!wait_for_start(STARTUP_WAIT))
		lapic_send_startup(apic_ids[cpu], TRAMPOLINE >> PAGE_SHIFT);
	wait_for_start(ANSWER_WAIT);
	paging_identity(false);
	return started;
}

/* Nothing can be switched off: it halts, and the interrupt that cpu_resume() sends wakes it. */
void cpu_stop(void)
{
	cpu_idle();
}

void cpu_resume(unsigned cpu)
{
	ipi_send(cpu);
}

void ipi_send(unsigned cpu)
{
	lapic_send_ipi(apic_ids[cpu]);
}

void cpu_spin(unsigned round)
{
	unsigned cpu = cpu_id();

	if (flush_wanted[cpu]) {
		tlb_flush_here();
		flush_wanted[cpu] = false;
	}
	cpu_relax();
}

void cpu_spin_end(void)
{
}

void tlb_flush_others(cpuset_t cpus)
{
	for (unsigned cpu = 0; cpu < count; cpu++) {
		if (!(cpus & 1u << cpu))
			continue;
		flush_wanted[cpu] = true;
		ipi_send(cpu);
	}
	for (unsigned cpu = 0; cpu < count; cpu++)
		while (flush_wanted[cpu])
			cpu_relax();
}
