/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs: the hypervisor says which exist, starts them with the registers and page tables that the kernel names,
 * and carries interrupts between them over event channels. There is no code for flushing another's TLB here: that
 * is a hypercall (paging.c).
 *
 * A vCPU that waits for the lock uses up time that the one with the lock may need, on the same processor. So
 * after some rounds it sleeps, on a port of its own which stays masked: no upcall, only the end of the poll. It
 * first says so and clears the port, then looks at the lock again, then polls; the vCPU that gives the lock
 * back looks for sleepers afterwards. So either the first sees the lock free, or the second sees the sleeper.
 */
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "segments.h"
#include "x86/cpu.h"
#include "x86/internal.h"

#define SPINS 64u /* rounds before going to sleep; a power of two */

static unsigned count = 1;
static evtchn_port_t ipi_ports[CPU_MAX], lock_ports[CPU_MAX];
static cpuset_t sleepers; /* in cpu_spin(), or about to */

static void ipi_irq(void *data)
{
	ipi_interrupt();
}

static bool bind_ipi(unsigned cpu)
{
	int port = evtchn_bind_ipi(cpu), lock_port = evtchn_bind_ipi(cpu);

	if (port < 0 || lock_port < 0)
		return false;
	evtchn_mask(lock_port);
	lock_ports[cpu] = lock_port;
	ipi_ports[cpu] = port;
	irq_register(port, ipi_irq, NULL);
	return true;
}

void cpus_init(void)
{
	while (count < CPU_MAX && hypercall_vcpu_op(VCPUOP_is_up, count, NULL) >= 0)
		count++;
	if (count > 1 && !bind_ipi(0))
		count = 1;
	cpu_init();
}

/* Dom0's kernel may use ports, on every vCPU; its applications, which count as ring 3, may not. */
void cpu_init(void)
{
	struct physdev_set_iopl kernel = {.iopl = 1};

	if (boot_info.privileged)
		hypercall_physdev_op(PHYSDEVOP_set_iopl, &kernel);
}

unsigned cpu_count(void)
{
	return count;
}

/* machine_start_cpu() sets what is zero here. The stack is as after a call. */
static int initialise(unsigned cpu, void *stack_top)
{
	static struct vcpu_guest_context c;
	uintptr_t sp = (uintptr_t)stack_top - 16;

	memset(&c, 0, sizeof(c));
	c.flags = VGCF_in_kernel;
#ifdef __x86_64__
	c.user_regs.rip = (uintptr_t)machine_start_cpu;
	c.user_regs.rsp = sp - sizeof(sp);
#else
	c.user_regs.eip = (uintptr_t)machine_start_cpu;
	c.user_regs.esp = sp - sizeof(sp);
	c.user_regs.ds = c.user_regs.es = KERNEL_DS;
#endif
	c.user_regs.cs = KERNEL_CS;
	c.user_regs.ss = c.kernel_ss = FLAT_KERNEL_SS;
	c.kernel_sp = sp;
	c.ctrlreg[3] = xen_pfn_to_cr3(pfn_to_mfn(kernel_root));
	return hypercall_vcpu_op(VCPUOP_initialise, cpu, &c);
}

bool cpu_start(unsigned cpu, void *stack_top)
{
	time_bind(cpu);
	if (!bind_ipi(cpu) || initialise(cpu, stack_top))
		return false;
	shared_info.vcpu_info[cpu].evtchn_upcall_mask = 1;
	return !hypercall_vcpu_op(VCPUOP_up, cpu, NULL);
}

void cpu_stop(void)
{
	hypercall_vcpu_op(VCPUOP_down, cpu_id(), NULL);
}

/* It may still be on its way down: a request to come up before that would be lost. */
void cpu_resume(unsigned cpu)
{
	while (hypercall_vcpu_op(VCPUOP_is_up, cpu, NULL) == 1)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	hypercall_vcpu_op(VCPUOP_up, cpu, NULL);
}

void ipi_send(unsigned cpu)
{
	evtchn_notify(ipi_ports[cpu]);
}

static void sleep_on(evtchn_port_t port)
{
	struct sched_poll poll = {.nr_ports = 1};

	set_xen_guest_handle(poll.ports, &port);
	hypercall_sched_op(SCHEDOP_poll, &poll);
}

void cpu_spin(unsigned round)
{
	unsigned cpu = cpu_id();

	cpu_relax();
	if (round % SPINS == SPINS - 2) {
		evtchn_clear(lock_ports[cpu]);
		__atomic_or_fetch(&sleepers, 1u << cpu, __ATOMIC_SEQ_CST);
	} else if (round % SPINS == SPINS - 1) {
		sleep_on(lock_ports[cpu]);
	}
}

/* One is enough: it will give the lock back in its turn. This vCPU may be in the set itself, if it found the lock
 * free just in time. The next higher number comes first, so that all have their turn. */
void cpu_spin_end(void)
{
	unsigned cpu = cpu_id(), next;
	cpuset_t set = __atomic_and_fetch(&sleepers, ~(1u << cpu), __ATOMIC_SEQ_CST);
	cpuset_t higher = set & ~((1u << cpu) - 1);

	if (!set)
		return;
	next = __builtin_ctz(higher ? higher : set);
	__atomic_and_fetch(&sleepers, ~(1u << next), __ATOMIC_SEQ_CST);
	evtchn_notify(lock_ports[next]);
}
