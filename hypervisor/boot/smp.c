/* SPDX-License-Identifier: MIT */
/*
 * The boot CPU's own structures, and starting the other processors: INIT, STARTUP (SDM 3A 9.4.4.1, Typical
 * BSP Initialization Sequence), one processor at a time, since one variable hands over what it needs. Each
 * enters its idle loop by itself.
 */
#include "boot/boot.h"
#include "boot/trampoline.h"
#include "cpu/cpuset.h"
#include "cpu/features.h"
#include "cpu/fpu.h"
#include "cpu/gdt.h"
#include "cpu/ipi.h"
#include "cpu/lapic.h"
#include "cpu/panic.h"
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "dev/acpi.h"
#include "dom/domain.h"
#include "entry/entry.h"
#include "lib/image.h"
#include "lib/loglevel.h"
#include "lib/options.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "sched/sched.h"

#define INIT_DELAY_US    200 /* processors of this century need none; 10 ms is for the 486 */
#define STARTUP_RETRY_US 2000
#define STARTUP_LIMIT_US 5000000 /* a virtual processor may wait long for a real one */
#define POLL_US          10

/* The boot CPU's are part of the image, so that it needs no allocator. */
static struct percpu boot_cpu;
static struct cpu_tables boot_tables;
uint8_t boot_stack[CPU_STACK_SIZE] __aligned(PAGE_SIZE); /* multiboot.asm loads it */

static struct percpu *starting; /* the next CPU to enter ap_main */

void percpu_init_boot(void)
{
	/* The window of a vCPU maps the tables by frame number, which needs a direct-map address. */
	percpu_fill(&boot_cpu, paddr_to_virt(image_phys(&boot_tables)), boot_stack, 0, 0);
	percpu_load(&boot_cpu);
	spin_waiting = cpu_service_requests;
}

static struct percpu *alloc_cpu(uint32_t id, uint32_t apic_id)
{
	struct percpu *cpu = heap_alloc(sizeof(*cpu));
	struct cpu_tables *tables = heap_alloc_pages(block_order(sizeof(*tables)));
	void *stack = heap_alloc_pages(block_order(CPU_STACK_SIZE));

	if (!cpu || !tables || !stack)
		panic("no memory for processor %u", id);
	percpu_fill(cpu, tables, stack, id, apic_id);
	return cpu;
}

static bool wait_online(struct percpu *cpu, uint32_t us)
{
	for (uint32_t t = 0; t < us; t += POLL_US) {
		if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE))
			return true;
		delay_us(POLL_US);
	}
	return false;
}

static void start(struct percpu *cpu)
{
	starting = cpu;
	*(struct ap_handover *)paddr_to_virt(image_phys(&ap_handover)) =
	    (struct ap_handover){.cr3 = virt_to_mfn(idle_root) << PAGE_SHIFT, .stack_top = cpu->stack_top};
	lapic_send_init(cpu->apic_id);
	delay_us(INIT_DELAY_US);
	lapic_send_startup(cpu->apic_id, TRAMPOLINE >> PAGE_SHIFT);
	if (wait_online(cpu, STARTUP_RETRY_US))
		return;
	lapic_send_startup(cpu->apic_id, TRAMPOLINE >> PAGE_SHIFT);
	if (!wait_online(cpu, STARTUP_LIMIT_US))
		panic("processor %u (APIC %u) does not start", cpu->id, cpu->apic_id);
}

static void mark_online(void)
{
	__atomic_or_fetch(&cpus_online, cpuset_self(), __ATOMIC_RELEASE);
	__atomic_store_n(&this_cpu->self->online, true, __ATOMIC_RELEASE);
}

void ap_main(void)
{
	percpu_load(starting);
	features_cpu_init(syscall_entry, syscall32_entry);
	lapic_cpu_init();
	fpu_cpu_init();
	sched_cpu_init(vcpu_alloc(&dom_idle, this_cpu->id));
	mark_online();
	idle_loop();
}

/* CPUs that the machine has and the hypervisor does not use are reported as well. */
static void report(uint32_t limit)
{
	log_info("%u CPU%s up\n", nr_cpus, nr_cpus > 1 ? "s" : "");
	if (nr_cpus < acpi.cpu_count)
		log_warning("Warning: %u more CPUs are not used: %s\n", acpi.cpu_count - nr_cpus,
			    nr_cpus < limit     ? "their APIC numbers need x2APIC mode"
			    : limit == MAX_CPUS ? "Ringlet uses no more"
						: "maxcpus= says so");
}

void smp_init(void)
{
	uint32_t limit = options.maxcpus ? MIN(options.maxcpus, (uint32_t)MAX_CPUS) : MAX_CPUS;

	mark_online();
	memcpy(paddr_to_virt(TRAMPOLINE), trampoline_start,
	       (uint64_t)trampoline_end - (uint64_t)trampoline_start);
	for (uint32_t i = 0; i < acpi.cpu_count && nr_cpus < limit; i++)
		if (acpi.cpu[i].apic_id != cpu_table[0]->apic_id && lapic_reaches(acpi.cpu[i].apic_id))
			start(alloc_cpu(nr_cpus, acpi.cpu[i].apic_id));
	report(limit);
}
