/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts, sent by VCPUOP_send_nmi. The handler is that of exception 2, by callback_op or by the trap
 * table. It is entered with events masked or not, and masks them; another NMI waits for its IRET; several that wait
 * are one. Without a handler they are lost. With `machine` on the command line the
 * NMI is the machine's own, which is Dom0's (system/nmi.py sends it).
 */
#include "time.h"

const char test_title[] = "pv-nmi";

#define VEC_NMI 2
#define IF      0x200ul

extern const unsigned long trap_stubs[33];

static volatile unsigned nmis, depth, deepest, sends;
static struct frame seen;
static unsigned mask_inside;

static void send(void)
{
	check_eq(hypercall_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
}

static bool on_nmi(struct frame *f)
{
	if (f->vector != VEC_NMI)
		return false;
	seen = *f;
	mask_inside = shared->vcpu_info[0].evtchn_upcall_mask;
	nmis++;
	if (++depth > deepest)
		deepest = depth;
	while (sends) {
		sends--;
		send();
		hypercall_sched_op(SCHEDOP_yield, NULL);
	}
	depth--;
	return true;
}

static void handler(bool on)
{
	struct callback_register reg = {.type = CALLBACKTYPE_nmi};
	struct callback_unregister un = {.type = CALLBACKTYPE_nmi};

#ifdef __x86_64__
	reg.address = trap_stubs[VEC_NMI];
#else
	reg.address.cs = FLAT_KERNEL_CS;
	reg.address.eip = trap_stubs[VEC_NMI];
#endif
	check_eq(on ? hypercall_callback_op(CALLBACKOP_register, &reg)
		    : hypercall_callback_op(CALLBACKOP_unregister, &un),
		 0);
}

static void masks(void)
{
	nmis = 0;
	send();
	check_eq(nmis, 1);
	check(!(seen.flags & IF)); /* as it was */
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 1);
	events_on();
	send();
	check_eq(nmis, 2);
	check(seen.flags & IF);
	check_eq(mask_inside, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	events_off();
	check((seen.cs & 3) != 3);
}

static void one_at_a_time(void)
{
	nmis = deepest = 0;
	sends = 3;
	send();
	check_eq(sends, 0);
	check_eq(deepest, 1);
	check_eq(nmis, 2); /* three that wait are one */
	sends = 1;
	send();
	check_eq(deepest, 1);
	check_eq(nmis, 4);
}

static void refusals(void)
{
	int word;

	check_eq(hypercall_vcpu_op(VCPUOP_send_nmi, 0, &word), -XEN_EINVAL);
	check_eq(hypercall_vcpu_op(VCPUOP_send_nmi, 999, NULL), -XEN_ENOENT);
}

/* Wait for the machine's. */
static void from_machine(void)
{
	nmis = 0;
	handler(true);
	printk("waiting for the machine\n");
	for (;;) {
		struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = system_time() + 1000000000ull};

		hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
		if (nmis)
			return;
		hypercall_sched_op(SCHEDOP_block, NULL);
		events_off();
	}
}

void test_main(void)
{
	trap_hook = on_nmi;
	if (start_info->cmd_line[0] == 'm') {
		bind_timer();
		from_machine();
		return;
	}
	handler(true);
	masks();
	one_at_a_time();
	nmis = 0;
	handler(false);
	send();
	check_eq(nmis, 0);
	trap_init(); /* by the trap table */
	check_eq(nmis, 0);
	send();
	check_eq(nmis, 1);
	refusals();
}
