/* SPDX-License-Identifier: MIT */
/*
 * Events: a sent event makes an upcall before the hypercall returns, unless the port or the vCPU is masked;
 * then the bits are there and the upcall comes when the mask goes. One upcall may stand for several ports. An
 * upcall masks further ones until its iret. An application is interrupted by events too, and does not notice.
 */
#include "fw.h"

const char test_title[] = "pv-events";

static evtchn_port_t new_ipi(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};

	if (hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind))
		error("bind_ipi");
	return bind.port;
}

static void send_to(evtchn_port_t port)
{
	struct evtchn_send send = {port};

	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
}

static bool pending(evtchn_port_t port)
{
	unsigned bits = sizeof(long) * 8;

	return shared->evtchn_pending[port / bits] >> port % bits & 1;
}

static evtchn_port_t first, second;
static unsigned long mask_inside, upcalls_inside;

/* In the upcall: events are masked; another send makes no nested upcall. */
static void resend(struct frame *f)
{
	struct evtchn_send send = {second};

	mask_inside = shared->vcpu_info[0].evtchn_upcall_mask;
	event_hook = NULL;
	hypercall_event_channel_op(EVTCHNOP_send, &send);
	upcalls_inside = upcalls;
}

static void masks(void)
{
	struct vcpu_info *v = &shared->vcpu_info[0];

	/* Masked vCPU: bits only. */
	upcalls = 0;
	v->evtchn_pending_sel = 0;
	send_to(first);
	check_eq(upcalls, 0);
	check(pending(first));
	check_eq(v->evtchn_upcall_pending, 1);
	check(v->evtchn_pending_sel & 1);
	events_on();
	check_eq(upcalls, 1);
	check(event_test_and_clear(first));

	/* Unmasked: at once; two ports, two sends. */
	send_to(first);
	check_eq(upcalls, 2);
	send_to(second);
	check_eq(upcalls, 3);
	/* Still pending: no second edge. */
	send_to(second);
	check_eq(upcalls, 3);
	check(event_test_and_clear(first) && event_test_and_clear(second));

	/* Masked port: bit without upcall; unmask by hypercall raises it. */
	event_mask(first, true);
	send_to(first);
	check_eq(upcalls, 3);
	check(pending(first));
	struct evtchn_unmask unmask = {first};
	check_eq(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), 0);
	check_eq(upcalls, 4);
	check(event_test_and_clear(first));
	events_off();

	/* Two while the vCPU is masked: one upcall. */
	send_to(first);
	send_to(second);
	events_on();
	check_eq(upcalls, 5);
	check(event_test_and_clear(first) && event_test_and_clear(second));
}

static void nesting(void)
{
	upcalls = 0;
	event_hook = resend;
	send_to(first);
	check_eq(mask_inside, 1);
	check_eq(upcalls_inside, 1);
	check_eq(upcalls, 2);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	check(event_test_and_clear(first) && event_test_and_clear(second));
}

/* A guest may set the pending byte itself. */
static void own_pending(void)
{
	upcalls = 0;
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	hypercall_xen_version(XENVER_version, NULL);
	check_eq(upcalls, 1);
}

static void blocking(void)
{
	/* block with an event already pending returns at once, and unmasks. */
	events_off();
	send_to(first);
	upcalls = 0;
	check_eq(hypercall_sched_op(SCHEDOP_block, NULL), 0);
	check_eq(upcalls, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	check(event_test_and_clear(first));
}

/* Ring 3: a sum over many rounds, long enough to be interrupted. */
#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code:\n"
	"xor %eax, %eax; mov $3000000, %ecx\n1: add %ecx, %eax; dec %ecx; jnz 1b; "
	"syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code:\n"
	"xor %eax, %eax; mov $3000000, %ecx\n1: add %ecx, %eax; dec %ecx; jnz 1b; int "
	"$0x80\nuser_end:\n.popsection");
#endif
#define MAX_ROUNDS 500

extern const char user_code[], user_end[];
static unsigned long from_user;

static void note_origin(struct frame *f)
{
	from_user += (f->cs & 3) == 3;
}

static void application(void)
{
	struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 0};
	struct vcpu_set_periodic_timer period = {1000000};
	uint32_t sum = 0;

	for (uint32_t i = 3000000; i; i--)
		sum += i;
	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &period), 0);
	user_map(user_code, user_end - user_code);
	event_hook = note_origin;
	/* As many times as it takes a fast machine to be interrupted at all. */
	for (int round = 0; round < 5 || (!from_user && round < MAX_ROUNDS); round++) {
		event_test_and_clear(bind.port);
		struct user_exit x = user_run(0);
		check(x.syscall);
		check_eq((uint32_t)x.ax, sum);
	}
	check(from_user > 0);
	printk("%lu upcalls out of ring 3\n", from_user);
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	events_off();
}

void test_main(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	first = new_ipi();
	second = new_ipi();
	masks();
	nesting();
	own_pending();
	blocking();
	application();
}
