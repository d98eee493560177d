/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercalls sched_op and vcpu_op (hypervisor/dom/sched_op.c, vcpu_op.c), and the copies of runstate
 * and time in a guest's memory (sched/runstate.c), with the mechanism written down.
 *   poll      waits first and looks then; a bad list wakes it and is an error, and so does a port that is pending
 *   ends      another domain's end is Dom0's to call; a code that was latched stays; the last vCPU that goes down ends all
 *   own       a vCPU is one of the caller's that is there; what concerns the present only, the vCPU's own
 *   context   is set once, is held for the time of the call, and may come in parts
 *   timers    a period is neither too short nor too long; a time in the past is refused where asked
 *   areas     are kept only if they can be written; written by the kernel's tables, twice if the guest wants to see that
 */
#include "guest_host.h"
#include "stepping.h"
#include "sched/runstate.c"
#include "dom/sched_op.c"
#undef poll
#include "sched/timer_op.c"
#include "dom/vcpu_op.c"

static struct domain doms[2];
static struct vcpu vcpus[3];
static int result;
static ns_t clock_ns;
static union vcpu_view info;

struct domain *domain_by_id(domid_t id)
{
	if (id > 1)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}
void domain_put(struct domain *d)
{
	d->refs--;
}
void domain_shutdown(struct domain *d, uint8_t reason)
{
	note("d%u ends %u", d->id, reason);
}
void cpu_service_requests(void)
{
}
static uint32_t pending_port;
bool evtchn_port_pending(struct domain *d, uint32_t port)
{
	assert_true(port <= d->evt.max_port);
	return port == pending_port;
}
ns_t now(void)
{
	return clock_ns;
}
void vcpu_yield(void)
{
	note("yield");
}
void vcpu_block(struct vcpu *v)
{
	note("block v%u", v->id);
}
static bool due; /* an upcall: it does not sleep */
void vcpu_poll_begin(struct vcpu *v, uint32_t port)
{
	note("poll %u", port);
	v->evt.polling = !due;
}
void vcpu_wake(struct vcpu *v)
{
	note("wake v%u", v->id);
	v->evt.polling = false;
}
void vcpu_online(struct vcpu *v)
{
	note("online v%u", v->id);
}
void vcpu_offline(struct vcpu *v)
{
	v->state = VCPU_OFFLINE;
}
void timer_stop(struct timer *t)
{
	note("stop");
}
void timer_set(struct timer *t, ns_t expires)
{
	assert_ptr_equal(t, &current->sched.poll_timer);
	note("until %lu", expires);
}
int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
	note("watchdog %u %u", id, seconds);
	assert_true(d->dom.lock.held);
	return result;
}
void vcpu_set_periodic(struct vcpu *v, ns_t period)
{
	note("period %lu of v%u", period, v->id);
}
void vcpu_set_singleshot(struct vcpu *v, ns_t expires)
{
	note("shot %lu", expires);
}
int vcpu_map_info(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
	note("info %lu %u of v%u", mfn, offset, v->id);
	assert_true(v->domain->dom.lock.held);
	return result;
}
static unsigned held, parts;
static int settles;
int vcpu_set_context(struct vcpu *v, const void *ctx)
{
	note("context %u of v%u", *(const uint8_t *)ctx, v->id);
	assert_true(v->domain->dom.lock.held);
	return parts && parts-- ? -ERESTART : result;
}
int pt_settle_left(struct domain *d)
{
	note("settle");
	return settles;
}
static bool no_memory;
void *heap_alloc_for(struct domain *d, size_t n)
{
	if (no_memory)
		return NULL;
	held++;
	return malloc(n);
}
void heap_free(void *p)
{
	held--;
	free(p);
}
void cpu_raise(struct percpu *cpu, uint32_t bits)
{
	note("raise %x", bits);
}
struct sched_queue *queue_lock_vcpu(struct vcpu *v)
{
	static struct sched_queue q;

	spin_lock(&q.lock);
	return &q;
}
void vcpu_load_cr3(struct vcpu *v)
{
	note(v->entry.user_mode ? "user tables" : "kernel tables");
}

static const struct guest_doors doors = {.context_size = 5168};
static void *arg;

static int setup(void **state)
{
	memset(doms, 0, sizeof(doms));
	for (int i = 0; i < 2; i++)
		doms[i] = (struct domain){
		    .id = i, .abi = &guest_pv64, .doors = &doors, .max_vcpus = 2, .evt.max_port = 100};
	for (int i = 0; i < 3; i++)
		vcpus[i] = (struct vcpu){.id = i, .domain = &doms[1], .info = &info};
	doms[1].vcpu[0] = &vcpus[0];
	doms[1].vcpu[1] = &vcpus[1];
	doms[1].vcpu[2] = &vcpus[2]; /* beyond its limit */
	host_percpu.vcpu = &vcpus[0];
	arg = (void *)guest_memory();
	memset(arg, 0, GUEST_BYTES);
	result = settles = 0;
	parts = looks = work_after = 0;
	pending_port = ~0u;
	due = no_memory = false;
	clock_ns = 1000;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	return held || doms[0].refs || doms[1].refs || doms[1].dom.lock.held;
}

static long asks(unsigned cmd)
{
	return hc_sched_op(cmd, (uint64_t)arg);
}

static void polls(void **state)
{
	struct sched_poll *p = arg;
	evtchn_port_t *ports = (void *)(p + 1);

	*p = (struct sched_poll){.ports = (uint64_t)ports, .nr_ports = 1, .timeout = 5000};
	ports[0] = 7;
	ports[1] = 8;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 7;until 5000;");
	p->nr_ports = 2;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 0;until 5000;");
	pending_port = 8;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 0;wake v0;");
	pending_port = 9;
	p->timeout = 0;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 0;");
	p->timeout = 5000;
	due = true; /* it goes on at once, and no timer is left behind */
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 0;");
	due = false;
	ports[1] = 101;
	assert_int_equal(asks(SCHEDOP_poll), -EINVAL);
	assert_done("stop;poll 0;wake v0;");
	ports[1] = 100;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	assert_done("stop;poll 0;until 5000;");
	p->nr_ports = 128;
	assert_int_equal(asks(SCHEDOP_poll), 0);
	p->nr_ports = 129;
	deeds[0] = '\0';
	assert_int_equal(asks(SCHEDOP_poll), -EINVAL);
	assert_done("");
	p->ports = NOWHERE - 4;
	p->nr_ports = 2;
	assert_int_equal(asks(SCHEDOP_poll), -EFAULT);
	assert_done("stop;poll 0;wake v0;");
	p->ports = NOWHERE;
	p->nr_ports = 1;
	assert_int_equal(asks(SCHEDOP_poll), -EFAULT);
	assert_int_equal(hc_sched_op(SCHEDOP_poll, NOWHERE), -EFAULT);
	assert_done("");
}

static void ends(void **state)
{
	struct sched_shutdown *s = arg;
	struct sched_remote_shutdown *r = arg;

	s->reason = 1;
	assert_int_equal(asks(SCHEDOP_shutdown), 0);
	assert_done("d1 ends 1;");
	assert_int_equal(asks(SCHEDOP_shutdown_code), 0);
	s->reason = 2;
	assert_int_equal(asks(SCHEDOP_shutdown_code), 0);
	assert_int_equal(doms[1].dom.shutdown_code, 1);
	assert_true(doms[1].dom.code_latched);
	*r = (struct sched_remote_shutdown){.domain_id = 0, .reason = 3};
	assert_int_equal(asks(SCHEDOP_remote_shutdown), -EPERM);
	assert_done("");
	doms[1].privileged = true;
	assert_int_equal(asks(SCHEDOP_remote_shutdown), 0);
	assert_done("d0 ends 3;");
	r->domain_id = 9;
	assert_int_equal(asks(SCHEDOP_remote_shutdown), -ESRCH);
	for (unsigned cmd = 0; cmd < 8; cmd++)
		if (cmd == SCHEDOP_shutdown || (cmd >= SCHEDOP_poll && cmd <= SCHEDOP_watchdog))
			assert_int_equal(hc_sched_op(cmd, NOWHERE), -EFAULT);
	assert_int_equal(hc_sched_op(99, 0), -ENOSYS);
	result = 2;
	*(struct sched_watchdog *)arg = (struct sched_watchdog){.id = 1, .timeout = 30};
	assert_int_equal(asks(SCHEDOP_watchdog), 2);
	assert_done("watchdog 1 30;");
}

static void simple(void **state)
{
	assert_int_equal(hc_sched_op(SCHEDOP_yield, 0), 0);
	assert_int_equal(hc_sched_op(SCHEDOP_block, 0), 0);
	assert_int_equal(hc_sched_op_compat(SCHEDOP_yield, 0), 0);
	assert_int_equal(hc_sched_op_compat(SCHEDOP_block, 0), 0);
	assert_int_equal(hc_sched_op_compat(SCHEDOP_shutdown, 3), 0);
	assert_int_equal(hc_sched_op_compat(SCHEDOP_poll, 3), -ENOSYS);
	assert_int_equal(hc_set_timer_op(0), 0);
	assert_int_equal(hc_set_timer_op(5), 0);
	assert_done("yield;block v0;yield;block v0;d1 ends 3;stop;shot 5;");
}

/* ---- vcpu_op ---- */

#define vcpu_op(cmd, id) hc_vcpu_op(VCPUOP_##cmd, id, (uint64_t)arg)

static void own_vcpus(void **state)
{
	assert_int_equal(hc_vcpu_op(VCPUOP_is_up, 2, 0), -ENOENT);
	assert_int_equal(hc_vcpu_op(VCPUOP_is_up, ~0u, 0), -ENOENT);
	doms[1].vcpu[1] = NULL;
	assert_int_equal(hc_vcpu_op(VCPUOP_is_up, 1, 0), -ENOENT);
	doms[1].vcpu[1] = &vcpus[1];
	assert_int_equal(hc_vcpu_op(VCPUOP_is_up, 1, 0), 0);
	vcpus[1].state = VCPU_BLOCKED;
	assert_int_equal(hc_vcpu_op(VCPUOP_is_up, 1, 0), 1);
	assert_int_equal(hc_vcpu_op(99, 1, 0), -ENOSYS);
	assert_int_equal(vcpu_op(get_physid, 0), -EINVAL);
	assert_int_equal(vcpu_op(up, 1), -EINVAL);
	vcpus[1].dom.initialised = true;
	assert_int_equal(vcpu_op(up, 1), 0);
	assert_done("online v1;");
	vcpus[0].state = VCPU_RUNNABLE;
	assert_int_equal(vcpu_op(down, 1), 0);
	assert_done("");
	assert_int_equal(vcpu_op(down, 0), 0);
	assert_done("d1 ends 0;");
}

static void contexts(void **state)
{
	*(uint8_t *)arg = 9;
	assert_int_equal(vcpu_op(initialise, 1), 0);
	assert_done("context 9 of v1;");
	vcpus[1].dom.initialised = true;
	assert_int_equal(vcpu_op(initialise, 1), -EEXIST);
	assert_int_equal(hc_vcpu_op(VCPUOP_initialise, 1, NOWHERE - 5167), -EFAULT);
	vcpus[1].dom.initialised = false;
	assert_done("");
	parts = 2;
	assert_int_equal(vcpu_op(initialise, 1), 0);
	assert_done("context 9 of v1;context 9 of v1;context 9 of v1;");
	parts = 3;
	work_after = looks + 2;
	assert_int_equal(vcpu_op(initialise, 1), RESTARTED);
	assert_int_equal(restart_nr, __HYPERVISOR_vcpu_op);
	assert_int_equal(restart_args[0], VCPUOP_initialise);
	assert_int_equal(restart_args[1], 1);
	assert_int_equal(restart_args[2], (uint64_t)arg);
	assert_done("context 9 of v1;context 9 of v1;");
	doms[1].mm.pt_left = 4;
	settles = -ERESTART; /* tables are left to take apart, and other work waits */
	assert_int_equal(vcpu_op(initialise, 1), RESTARTED);
	assert_done("context 9 of v1;settle;");
	doms[1].mm.pt_left = parts = 0;
	result = -EINVAL;
	assert_int_equal(vcpu_op(initialise, 1), -EINVAL);
	no_memory = true;
	assert_int_equal(vcpu_op(initialise, 1), -ENOMEM);
}

static void timers(void **state)
{
	struct vcpu_set_periodic_timer *p = arg;
	struct vcpu_set_singleshot_timer *s = arg;
	static const struct {
		uint64_t period;
		long result;
	} periods[] = {{MIN_PERIOD, 0}, {MIN_PERIOD - 1, -EINVAL},          {0, -EINVAL},
		       {INT64_MAX, 0},  {(uint64_t)INT64_MAX + 1, -EINVAL}, {~0ull, -EINVAL}};

	for (unsigned i = 0; i < ARRAY_SIZE(periods); i++) {
		p->period_ns = periods[i].period;
		assert_int_equal(vcpu_op(set_periodic_timer, 1), periods[i].result);
	}
	assert_done("period 1000000 of v1;period 9223372036854775807 of v1;");
	assert_int_equal(vcpu_op(stop_periodic_timer, 1), 0);
	assert_int_equal(hc_vcpu_op(VCPUOP_set_periodic_timer, 1, NOWHERE), -EFAULT);
	assert_done("period 0 of v1;");
	*s = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = 999};
	assert_int_equal(vcpu_op(set_singleshot_timer, 1), -EINVAL);
	assert_int_equal(vcpu_op(stop_singleshot_timer, 1), -EINVAL);
	assert_int_equal(vcpu_op(set_singleshot_timer, 0), 0);
	assert_int_equal(vcpu_op(stop_singleshot_timer, 0), 0);
	assert_done("shot 999;stop;");
	s->flags = VCPU_SSHOTTMR_future;
	assert_int_equal(vcpu_op(set_singleshot_timer, 0), -ETIME);
	s->timeout_abs_ns = 1000;
	assert_int_equal(vcpu_op(set_singleshot_timer, 0), 0);
	assert_int_equal(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, NOWHERE), -EFAULT);
	assert_done("shot 1000;");
}

static void others(void **state)
{
	struct vcpu_register_vcpu_info *r = arg;

	*r = (struct vcpu_register_vcpu_info){.mfn = 5, .offset = 64};
	assert_int_equal(vcpu_op(register_vcpu_info, 1), 0);
	result = -EINVAL;
	assert_int_equal(vcpu_op(register_vcpu_info, 1), -EINVAL);
	assert_int_equal(hc_vcpu_op(VCPUOP_register_vcpu_info, 1, NOWHERE), -EFAULT);
	assert_done("info 5 64 of v1;info 5 64 of v1;");
	assert_int_equal(hc_vcpu_op(VCPUOP_send_nmi, 1, 0), 0);
	assert_true(vcpus[1].entry.nmi_pending);
	vcpus[1].running = true;
	assert_int_equal(hc_vcpu_op(VCPUOP_send_nmi, 1, 0), 0);
	assert_int_equal(hc_vcpu_op(VCPUOP_send_nmi, 1, 1), -EINVAL);
	assert_done("wake v1;wake v1;raise 1;");
}

/* ---- Areas ---- */

static void runstates(void **state)
{
	static struct sched_queue q;
	struct vcpu *v = &vcpus[1];

	v->state = VCPU_RUNNABLE;
	v->sched.runstate.state = RUNSTATE_offline;
	v->sched.runstate.state_entry_time = 100;
	runstate_update(&q, v, 300);
	assert_int_equal(v->sched.runstate.state, RUNSTATE_runnable);
	assert_int_equal(v->sched.runstate.time[RUNSTATE_offline], 200);
	runstate_update(&q, v, 400); /* nothing new */
	assert_int_equal(v->sched.runstate.state_entry_time, 300);
	q.running = v;
	runstate_update(&q, v, 500);
	assert_int_equal(v->sched.runstate.state, RUNSTATE_running);
	assert_int_equal(v->sched.runstate.time[RUNSTATE_runnable], 200);
	v->sched.pause_count = 1;
	runstate_update(&q, v, 600);
	assert_int_equal(v->sched.runstate.state, RUNSTATE_offline);
	v->state = VCPU_BLOCKED; /* paused or not */
	runstate_update(&q, v, 650);
	assert_int_equal(v->sched.runstate.state, RUNSTATE_blocked);
	assert_int_equal(vcpu_op(get_runstate_info, 1), 0);
	assert_int_equal(((struct vcpu_runstate_info *)arg)->time[RUNSTATE_blocked], 350);
	assert_int_equal(v->sched.runstate.time[RUNSTATE_blocked], 0); /* its own is closed when it changes */
	assert_int_equal(hc_vcpu_op(VCPUOP_get_runstate_info, 1, NOWHERE), -EFAULT);
}

static volatile uint64_t *watched_area;
static bool update_shown;
static void look(int sig)
{
	update_shown |= *watched_area >> 63;
}
static void publish(void)
{
	vcpu_runstate_publish(&vcpus[0]);
}

static void areas(void **state)
{
	struct vcpu_register_runstate_memory_area *r = arg;
	struct vcpu_runstate_info *area = (void *)((char *)arg + 4096);
	struct vcpu *v = &vcpus[0];

	v->sched.runstate.state_entry_time = 77;
	r->addr.p = NOWHERE - 8;
	assert_int_equal(vcpu_op(register_runstate_memory_area, 0), -EFAULT);
	assert_int_equal(v->sched.runstate_area, 0);
	assert_int_equal(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, NOWHERE), -EFAULT);
	r->addr.p = (uint64_t)area;
	assert_int_equal(vcpu_op(register_runstate_memory_area, 0), 0);
	assert_int_equal(area->state_entry_time, 77);
	v->sched.runstate.state_entry_time = 88;
	watched_area = &area->state_entry_time;
	in_steps(publish, look);
	assert_false(update_shown);
	assert_int_equal(area->state_entry_time, 88);
	v->entry.user_mode = true;
	doms[1].vm_assist = 1u << VMASST_TYPE_runstate_update_flag;
	in_steps(publish, look);
	assert_true(update_shown); /* while it is written */
	assert_true(v->entry.user_mode);
	assert_int_equal(area->state_entry_time, 88); /* the flag has gone again */
	assert_done("kernel tables;user tables;");
}

static void times(void **state)
{
	struct vcpu_register_time_memory_area *r = arg;
	struct vcpu_time_info *area = (void *)((char *)arg + 4096), fresh = {.version = 6, .system_time = 5};
	struct vcpu *v = &vcpus[0];

	info.time.system_time = 44;
	r->addr.p = NOWHERE - 8;
	assert_int_equal(vcpu_op(register_vcpu_time_memory_area, 0), -EFAULT);
	assert_int_equal(v->sched.time_area, 0);
	assert_int_equal(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, NOWHERE), -EFAULT);
	vcpu_time_publish(v, &fresh);
	r->addr.p = (uint64_t)area;
	assert_int_equal(vcpu_op(register_vcpu_time_memory_area, 0), 0);
	assert_int_equal(area->system_time, 44);
	v->entry.user_mode = true;
	vcpu_time_publish(v, &fresh);
	assert_int_equal(area->system_time, 5);
	assert_int_equal(area->version, 6);
	assert_done("kernel tables;user tables;");
	host_percpu.vcpu = &vcpus[1]; /* its tables are not there */
	fresh.system_time = 7;
	vcpu_time_publish(v, &fresh);
	assert_int_equal(area->system_time, 5);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(polls),  TEST(ends),   TEST(simple),    TEST(own_vcpus), TEST(contexts),
	    TEST(timers), TEST(others), TEST(runstates), TEST(areas),     TEST(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
