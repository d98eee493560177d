/* SPDX-License-Identifier: MIT */
/*
 * Lab 7: the producer, and the judge. A race is not found by luck here: the consumer's code is executed step by
 * step (RFLAGS.TF), and the event is sent between two of its instructions, in one run for each two of them, until
 * all have had their turn. Four scenes:
 *	sleep	the inbox is empty, the consumer wants an item; the first item comes at step n, or, at the
 *		end, when it sleeps already
 *	leave	the inbox has an item, the consumer takes it; another comes at step n
 *	upcall	the consumer is called for an item; another comes at step n
 *	other	the inbox is empty, the consumer wants an item; at step n an event comes that brings none, and when the
 *		consumer sleeps again, the item
 * After each run every item must have been delivered in order without any help. The watchdog is a timer: when it
 * rings, the consumer has slept although something was there (it is lost), or does not sleep at all.
 *
 * What is found is told by marks: 2 * scene when it begins, one more when it has held at every place, and INJECTED.
 */
#include "lab.h"
#include "mark.h"
#include "time.h"

const char test_title[] = "lab 7: the lost wake-up";

#define MS         1000000ull
#define FIRST      100u /* number of the first item of a run */
#define INBOX_SIZE 8
#define STEPS_MAX  500u /* a kernel that takes more instructions than this will never end */
#define RFLAGS_TF  0x100ul

struct ring ring;
evtchn_port_t port;

static volatile unsigned inbox[INBOX_SIZE], inbox_in, inbox_out;
static unsigned timer_port, other_port, next_item;

#define INJECTED 64

/* The run: an item is to come at step @at. */
static struct run {
	unsigned at, step;
	bool stepping, step_upcall;
	bool other;                  /* the first event brings no item: it has come when `distracted` */
	bool distracted, sent, late; /* late: to a consumer that slept */
	unsigned long where;         /* the instruction before which it was sent */
	unsigned taken;
	uint64_t asleep; /* before the run */
	const char *trouble;
	struct recovery out; /* leads out of a consumer that does not come back */
} run;

void recovery_resume(struct recovery *r) __attribute__((noreturn));

bool inbox_empty(void)
{
	return inbox_in == inbox_out;
}

void inbox_put(unsigned item)
{
	inbox[inbox_in % INBOX_SIZE] = item;
	inbox_in++;
}

unsigned inbox_get(void)
{
	unsigned item = inbox[inbox_out % INBOX_SIZE];

	inbox_out++;
	return item;
}

void port_clear(void)
{
	event_test_and_clear(port);
}

static void send_to(evtchn_port_t to)
{
	struct evtchn_send send = {to};

	if (hypercall_event_channel_op(EVTCHNOP_send, &send))
		error("cannot send");
}

static void produce(void)
{
	ring.item[ring.produced % RING_SIZE] = next_item++;
	barrier();
	ring.produced++;
	send_to(port);
}

/* The run's event, at its place. */
static void inject(void)
{
	mark(INJECTED);
	if (run.other && !run.distracted) {
		run.distracted = true;
		send_to(other_port);
	} else {
		run.sent = true;
		produce();
	}
}

static void trace_flag(bool on)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	flags = on ? flags | RFLAGS_TF : flags & ~RFLAGS_TF;
	__asm__ volatile("push %0; popf" ::"r"(flags) : "cc", "memory");
}

static bool port_pending(void)
{
	unsigned bits = sizeof(long) * 8;

	return shared->evtchn_pending[port / bits] >> port % bits & 1;
}

static uint64_t time_asleep(void)
{
	struct vcpu_runstate_info state;

	if (hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &state))
		error("get_runstate_info");
	return state.time[RUNSTATE_blocked];
}

static void set_watchdog(void)
{
	struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = system_time() + MS};

	if (hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer))
		error("set_singleshot_timer");
}

/* After each instruction. When the item has been sent the steps end: each is a visit to the hypervisor, which looks for
 * pending events then, and so would hide that the consumer does not. */
static bool step(struct frame *f)
{
	if (f->vector != VEC_DB)
		return false;
	if (run.stepping && run.step == STEPS_MAX)
		error("%u instructions, and the consumer neither sleeps nor returns", STEPS_MAX);
	if (run.stepping && run.step++ < run.at)
		return true;
	f->flags &= ~RFLAGS_TF;
	if (run.stepping && !run.sent && !run.distracted) {
		run.where = f->ip;
		inject();
	}
	return true;
}

static void stepped(void (*consumer)(void))
{
	run.stepping = true;
	trace_flag(true);
	consumer();
	run.stepping = false;
	trace_flag(false);
}

/* The timer rings: the consumer has done nothing for long. It may, if nothing has been sent yet. */
static void watchdog(void)
{
	bool slept = time_asleep() > run.asleep;

	if (!run.sent && slept) {
		run.late |= !run.distracted;
		inject();
		run.asleep = time_asleep();
		set_watchdog();
		return;
	}
	run.trouble = slept ? "it sleeps although there is an item" : "it neither sleeps nor returns";
	recovery_resume(&run.out);
}

static void upcall(struct frame *f)
{
	event_test_and_clear(other_port);
	if (event_test_and_clear(timer_port))
		watchdog();
	if (!port_pending())
		return;
	if (run.step_upcall) {
		run.step_upcall = false;
		stepped(consumer_upcall);
	} else {
		consumer_upcall();
	}
}

/* ---- the scenes: each begins with everything empty and unmasked ---- */

static void take(void)
{
	run.taken = consumer_take();
}

static void scene_sleep(void)
{
	stepped(take);
	if (run.taken != FIRST)
		run.trouble = "it returns without the item";
}

static void scene_leave(void)
{
	produce();
	stepped(take);
	if (run.sent && inbox_empty())
		run.trouble = "an item came while it was masked, and nobody was called for it";
	else if (run.taken != FIRST)
		run.trouble = "it returns another item than the first";
}

static void scene_upcall(void)
{
	run.step_upcall = true;
	produce();
	run.step_upcall = false;
	if (inbox_in != next_item - FIRST)
		run.trouble = "an item stays in the ring, and nobody is called for it";
}

/* Whoever sleeps may be woken for many reasons. */
static void scene_other(void)
{
	run.other = true;
	stepped(take);
	if (!run.sent)
		run.trouble = "it returns although no item has come: something else woke it";
	else if (run.taken != FIRST)
		run.trouble = "it returns without the item";
}

/* All that was sent lies in the inbox, in order, or was taken out of it. */
static void check_inbox(void)
{
	for (unsigned i = 0; i < next_item - FIRST; i++)
		if (i >= inbox_in || inbox[i] != FIRST + i)
			run.trouble = "the inbox does not hold what was sent";
	if (!run.trouble && UPCALL_MASK)
		run.trouble = "it leaves events masked";
}

static void begin(unsigned at)
{
	UPCALL_MASK = 1;
	port_clear();
	UPCALL_PENDING = 0;
	ring.produced = ring.consumed = inbox_in = inbox_out = 0;
	next_item = FIRST;
	run = (struct run){.at = at, .asleep = time_asleep()};
	events_on();
	set_watchdog();
}

/* One run; false when every place has had its turn, or one was bad. */
static bool run_at(const char *name, void (*scene)(void), unsigned at)
{
	begin(at);
	if (recovery_set(&run.out) == 0)
		scene();
	run.stepping = false;
	trace_flag(false);
	hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
	if (!run.trouble)
		check_inbox();
	if (run.trouble && run.late)
		failure("%s: the event comes when it sleeps: %s", name, run.trouble);
	else if (run.trouble && (run.sent || run.distracted))
		failure("%s: the event comes before %lx: %s", name, run.where, run.trouble);
	else if (run.trouble)
		failure("%s: no event comes: %s", name, run.trouble);
	return !run.trouble && run.sent && !run.late;
}

static const struct {
	const char *name;
	void (*run)(void);
} scenes[] = {
    {"upcall", scene_upcall}, {"sleep", scene_sleep}, {"leave", scene_leave}, {"other", scene_other}};

static void every_place(unsigned scene)
{
	unsigned at = 0;

	mark(2 * scene);
	while (run_at(scenes[scene].name, scenes[scene].run, at))
		at++;
	if (run.trouble)
		return;
	mark(2 * scene + 1);
	printk("SCENE %s held at %u places\n", scenes[scene].name, at);
}

static evtchn_port_t bind_ipi(void)
{
	struct evtchn_bind_ipi bind = {.vcpu = 0};

	if (hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind))
		error("bind_ipi");
	return bind.port;
}

void test_main(void)
{
	judge_begins();
	timer_port = bind_timer();
	port = bind_ipi();
	other_port = bind_ipi();
	trap_hook = step;
	event_hook = upcall;
	for (unsigned scene = 0; scene < ARRAY_SIZE(scenes); scene++)
		every_place(scene);
	events_off();
}
