/* SPDX-License-Identifier: MIT */
/*
 * Time. System time is nanoseconds since boot, made from the TSC by a rate that is corrected once a second
 * against the ACPI PM timer, the machine's own clock: a first calibration over some milliseconds may be off
 * by far more than the millisecond per second that guests may expect. A correction changes the slope, never
 * the value, so time neither jumps nor goes back.
 *
 * Guests get the parameters of the clock (cpu/clock.h) in vcpu_time_info under the same protocol; its generation tells
 * which vCPUs lag behind.
 */
#include "cpu/clock.h"
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "dev/acpi.h"
#include "dev/rtc.h"
#include "guest/abi.h"
#include "lib/loglevel.h"
#include "lib/muldiv.h"
#include "mm/guest_copy.h"
#include "sched/sched.h"
#include "xen/xen.h"

#define PM_TIMER_HZ   3579545
#define PM_TIMER_BITS 24 /* every implementation has these; some have 32 */
#define RECALIBRATE   NS_PER_SEC
#define WALLCLOCK_END \
	(1ull << 32)    /* seconds since 1970, in 2106: what guests are told has no room for more */
#define MAX_SLEW 500000 /* ns: how much error one second may take back (500 ppm) */

/* The reference: PM timer ticks and TSC since the first sample, and the last sample. */
static struct {
	uint64_t tsc_start, tsc_last, ticks;
	uint32_t pm_last;
	struct timer timer;
} reference;

/* Time since 1970 at system time 0. The lock also makes writers of one guest's copy wait for one another. */
static struct {
	struct spinlock lock;
	uint64_t seconds;
	uint32_t ns;
} boot_wallclock;

/* Both clocks at one moment: of several tries, the one that took least time. */
static uint64_t sample(uint32_t *pm)
{
	uint64_t best = ~0ull, tsc = 0;

	for (int i = 0; i < 5; i++) {
		uint64_t before = rdtsc();
		uint32_t value = inl(acpi.pm_timer);
		uint64_t after = rdtsc();

		if (after - before < best) {
			best = after - before;
			tsc = before + best / 2;
			*pm = value & ((1u << PM_TIMER_BITS) - 1);
		}
	}
	return tsc;
}

/* Once a second on the boot CPU: measure the TSC over all the time so far, and steer out the error. */
static void recalibrate(void *arg)
{
	uint32_t pm;
	uint64_t tsc = sample(&pm), hz, expected;
	ns_t ref, ours;
	int64_t error;

	expected = mul_div(tsc - reference.tsc_last, PM_TIMER_HZ, tsc_hz);
	reference.ticks += clock_unwrap(reference.pm_last, pm, PM_TIMER_BITS, expected);
	reference.pm_last = pm;
	reference.tsc_last = tsc;
	hz = mul_div(tsc - reference.tsc_start, PM_TIMER_HZ, reference.ticks);
	ref = mul_div(reference.ticks, NS_PER_SEC, PM_TIMER_HZ);
	ours = system_clock.ns_base + clock_scale(tsc - system_clock.tsc_base, system_clock.rate);
	error = ours - ref; /* positive: the clock is fast, so the next second has more ticks */
	error = MAX(MIN(error, MAX_SLEW), -MAX_SLEW);
	tsc_hz = hz;
	if (error < 0)
		clock_set(tsc, hz - mul_div(hz, -error, NS_PER_SEC));
	else
		clock_set(tsc, hz + mul_div(hz, error, NS_PER_SEC));
	/* Running vCPUs learn of it when their CPU next passes through schedule(). */
	for (uint32_t i = 0; i < nr_cpus; i++)
		if (cpu_table[i]->vcpu && !vcpu_is_idle(cpu_table[i]->vcpu))
			cpu_raise(cpu_table[i], PENDING_SCHEDULE);
	timer_set(&reference.timer, now() + RECALIBRATE);
}

void time_init(void)
{
	clock_set(rdtsc(), tsc_hz);
	log_set_clock(now);
	boot_wallclock.seconds = rtc_read();
	log_info("Wallclock: %lu seconds since 1970\n", boot_wallclock.seconds);
	if (!acpi.pm_timer) {
		log_warning("no PM timer: the TSC's rate stays as calibrated\n");
		return;
	}
	reference.tsc_start = reference.tsc_last = sample(&reference.pm_last);
	/* System time 0 is the reference's zero too. */
	system_clock.ns_base = 0;
	system_clock.tsc_base = reference.tsc_start;
	timer_init(&reference.timer, recalibrate, NULL);
	timer_set(&reference.timer, RECALIBRATE);
}

uint64_t wallclock_seconds(void)
{
	uint64_t seconds;

	spin_lock(&boot_wallclock.lock);
	seconds = boot_wallclock.seconds + (boot_wallclock.ns + now()) / NS_PER_SEC;
	spin_unlock(&boot_wallclock.lock);
	return seconds;
}

bool wallclock_set(uint64_t seconds, uint32_t ns, ns_t at)
{
	uint64_t base = seconds * NS_PER_SEC + ns;

	if (seconds >= WALLCLOCK_END || at > base)
		return false;
	base -= at;
	spin_lock(&boot_wallclock.lock);
	boot_wallclock.seconds = base / NS_PER_SEC;
	boot_wallclock.ns = base % NS_PER_SEC;
	spin_unlock(&boot_wallclock.lock);
	return true;
}

/* Fill @info, all but its version. */
static void time_info(struct vcpu_time_info *info)
{
	info->tsc_timestamp = system_clock.tsc_base;
	info->system_time = system_clock.ns_base;
	info->tsc_to_system_mul = system_clock.rate.mul;
	info->tsc_shift = system_clock.rate.shift;
}

void time_update_vcpu(struct vcpu *v)
{
	volatile struct vcpu_time_info *info = &v->info->time;
	struct vcpu_time_info fresh = {0};
	uint32_t version;

	do { /* the boot CPU may change the clock meanwhile: its version is odd, or moves on */
		version = __atomic_load_n(&system_clock.version, __ATOMIC_ACQUIRE);
		v->sched.time_stamp = system_clock.generation;
		time_info(&fresh);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((version & 1) || version != system_clock.version);

	fresh.version = (info->version & ~1u) + 1;
	info->version = fresh.version;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	info->tsc_timestamp = fresh.tsc_timestamp;
	info->system_time = fresh.system_time;
	info->tsc_to_system_mul = fresh.tsc_to_system_mul;
	info->tsc_shift = fresh.tsc_shift;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	info->version = ++fresh.version;
	vcpu_time_publish(v, &fresh);
}

void time_update_wallclock(struct domain *d)
{
	volatile struct shared_wallclock *wc = shared_wallclock(d->shared_info, d->abi->max_ports);

	spin_lock(&boot_wallclock.lock);
	wc->version = (wc->version & ~1u) + 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wc->sec = boot_wallclock.seconds + d->sched.time_offset;
	wc->nsec = boot_wallclock.ns;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wc->version++;
	spin_unlock(&boot_wallclock.lock);
}

void time_restart_vcpu(struct vcpu *v)
{
	time_update_vcpu(v);
	v->sched.time_stamp--; /* its registered copy is written when it runs */
	if (v->id == 0)
		time_update_wallclock(v->domain);
}
