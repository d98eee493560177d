/* SPDX-License-Identifier: MIT */
/*
 * Interprocessor requests. There is one call slot, guarded by call_lock; `waiting` names the CPUs that have
 * not answered yet. A CPU answers in the CALL interrupt (it runs a guest or idles) or, since interrupts are
 * off in the hypervisor, wherever it waits (cpu_service_requests). Holding call_lock while waiting is safe:
 * a CPU that wants it meanwhile waits in spin_lock, which answers.
 */
#include "cpu/ipi.h"
#include "cpu/cpuset.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "lib/spinlock.h"

cpuset_t cpus_online;

static struct spinlock call_lock;
static struct {
	void (*fn)(void *arg);
	void *arg;
	cpuset_t waiting;
} call;

static void (*device_handler)(uint8_t vector);

static void set_pending(struct percpu *cpu, uint32_t bits)
{
	__atomic_or_fetch(&cpu->pending, bits, __ATOMIC_SEQ_CST);
}

void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	uint32_t before = __atomic_fetch_or(&cpu->pending, bits, __ATOMIC_SEQ_CST);

	/* All set already: the CPU that set them sent the interrupt, or @cpu is on its way to the exit test. */
	if ((!bits || (before & bits) != bits) && cpu != this_cpu->self)
		lapic_send_ipi(cpu->apic_id, VECTOR_KICK);
}

void cpu_service_requests(void)
{
	cpuset_t me = cpuset_self();

	if (likely(!(__atomic_load_n(&call.waiting, __ATOMIC_ACQUIRE) & me)))
		return;
	call.fn(call.arg);
	__atomic_and_fetch(&call.waiting, ~me, __ATOMIC_RELEASE);
}

void cpu_call(cpuset_t cpus, void (*fn)(void *arg), void *arg)
{
	cpuset_t me = cpuset_self(), others = cpus & cpus_online & ~me;

	if (cpus & me)
		fn(arg);
	if (!others)
		return;
	spin_lock(&call_lock);
	call.fn = fn;
	call.arg = arg;
	__atomic_store_n(&call.waiting, others, __ATOMIC_RELEASE);
	for (cpuset_t left = others; left; left = cpuset_rest(left))
		lapic_send_ipi(cpu_table[cpuset_first(left)]->apic_id, VECTOR_CALL);
	while (__atomic_load_n(&call.waiting, __ATOMIC_ACQUIRE))
		cpu_relax();
	spin_unlock(&call_lock);
}

void irq_set_device_handler(void (*fn)(uint8_t vector))
{
	device_handler = fn;
}

void irq_handler(uint8_t vector)
{
	switch (vector) {
	case VECTOR_SPURIOUS:
		return; /* no EOI (SDM 3A 11.9) */
	case VECTOR_TIMER:
		set_pending(this_cpu->self, PENDING_TIMER);
		break;
	case VECTOR_KICK:
		break; /* the sender set the bits; the exit path reads them */
	case VECTOR_CALL:
		cpu_service_requests();
		break;
	default:
		if (vector < VECTOR_IRQ_FIRST || vector > VECTOR_IRQ_LAST)
			return; /* a stray interrupt of the masked PIC */
		if (device_handler)
			device_handler(vector);
	}
	lapic_eoi();
}
