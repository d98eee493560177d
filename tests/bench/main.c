/* SPDX-License-Identifier: MIT */
/* The bench guest: calls, exceptions, system calls, events, trapped instructions. See README.md. */
#include "bench.h"
#include "xen/physdev.h"

const char test_title[] = "bench";

extern char bench_skip2[], bench_skip2_error[], bench_syscall[], bench_syscall_fast[], bench_event[];
extern const char bench_user[], bench_user_end[];

static void set_handler(unsigned vector, unsigned dpl, const char *handler)
{
	struct trap_info traps[2] = {
	    {.vector = vector, .flags = dpl, .cs = FLAT_KERNEL_CS, .address = (unsigned long)handler}};

	if (hypercall_set_trap_table(traps))
		error("set_trap_table");
}

static void set_callback(unsigned type, const char *handler)
{
	struct callback_register reg = {.type = type};

#ifdef __x86_64__
	reg.address = (unsigned long)handler;
#else
	reg.address.cs = FLAT_KERNEL_CS;
	reg.address.eip = (unsigned long)handler;
#endif
	if (hypercall_callback_op(CALLBACKOP_register, &reg))
		error("callback_op");
}

static void bench_calls(void)
{
	static struct multicall_entry calls[32];

	BENCH("null-hypercall", 256, hypercall_xen_version(XENVER_version, NULL));
	for (unsigned i = 0; i < 32; i++)
		calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
	uint64_t best = ~0ull;
	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t t = rdtsc();
		for (int i = 0; i < 16; i++)
			hypercall_multicall(calls, 32);
		t = rdtsc() - t;
		best = t < best ? t : best;
	}
	bench_report("multicall-32-per-call", best, 16 * 32, 0);
}

/* The application makes the calls and measures; its UD2 brings the difference back. */
static void user_syscalls(const char *name, const char *handler)
{
	unsigned long best = ~0ul;

#ifdef __x86_64__
	set_callback(CALLBACKTYPE_syscall, handler);
#else
	set_handler(0x80, 3, handler);
#endif
	for (int batch = 0; batch < BATCHES; batch++) {
		struct user_exit x = user_run(256);
		if (x.vector != VEC_UD)
			error("%s: exception %u", name, x.vector);
		best = (uint32_t)x.ax < best ? (uint32_t)x.ax : best;
	}
	bench_report(name, best, 256, 2);
}

static void bench_exceptions(void)
{
	set_handler(VEC_UD, 0, bench_skip2);
	BENCH("bounce-ud", 256, __asm__ volatile("ud2"));
	set_handler(VEC_GP, 0, bench_skip2_error);
	/* A selector beyond the table's limit. */
	BENCH("bounce-gp", 256, __asm__ volatile("mov %%ax, %%fs" ::"a"(0xf003)));
	set_handler(VEC_PF, 0, bench_skip2_error);
	BENCH("bounce-pf", 256, __asm__ volatile("movb (%0), %%al" ::"b"(16ul) : "eax"));
	trap_init();
}

static void bench_events(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};
	struct evtchn_send send;

	if (hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind))
		error("bind_ipi");
	send.port = bind.port;
	set_callback(CALLBACKTYPE_event, bench_event);
	events_on();
	BENCH("event-send-upcall-iret", 256, hypercall_event_channel_op(EVTCHNOP_send, &send));
	events_off();
	event_mask(bind.port, true);
	BENCH("event-send-masked", 256, {
		hypercall_event_channel_op(EVTCHNOP_send, &send);
		*(volatile unsigned long *)&shared->evtchn_pending[0] = 0;
	});
}

static void bench_trapped(void)
{
	struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = 1ull << 60};
	struct physdev_set_iopl iopl = {1};
	unsigned long cr0;

	if (hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl))
		error("set_iopl");
#ifdef __x86_64__
	BENCH("set-segment-base", 256, hypercall_set_segment_base(SEGBASE_FS, 0x1000));
	BENCH("wrmsr-fs-base", 256, __asm__ volatile("wrmsr" ::"c"(0xc0000100), "a"(0x1000), "d"(0)));
#endif
	BENCH("clts", 256, __asm__ volatile("clts"));
	BENCH("mov-from-cr0", 256, __asm__ volatile("mov %%cr0, %0" : "=r"(cr0)));
	BENCH("rdmsr", 256, __asm__ volatile("rdmsr" ::"c"(0xc0000080) : "eax", "edx"));
	BENCH("in", 256, __asm__ volatile("inb $0x80, %%al" ::: "eax"));
	BENCH("cpuid-forced", 256, __asm__ volatile(XEN_CPUID ::"a"(0), "c"(0) : "ebx", "edx"));
	BENCH("set-singleshot-timer", 256, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer));
	hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
}

void test_main(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	printk("BENCH-START\n");
	BENCH("empty-loop", 256, barrier());
	bench_calls();
	user_map(bench_user, bench_user_end - bench_user);
	user_syscalls("app-syscall", bench_syscall);
	user_syscalls("app-syscall-fast", bench_syscall_fast);
	bench_exceptions();
	bench_trapped();
	bench_paging();
	bench_grants();
	bench_events();
	printk("BENCH-END\n");
}
