/* SPDX-License-Identifier: MIT */
/*
 * How a domain stops: at its own request, at Dom0's, or because it cannot go on. Its vCPUs are paused for good,
 * its memory and its console ring stay as they are, and Dom0 learns of it by VIRQ_DOM_EXC. If it is Dom0
 * itself, the machine stops.
 */
#include <stdarg.h>
#include "cpu/percpu.h"
#include "dev/power.h"
#include "dom/domain.h"
#include "dom/report.h"
#include "evt/evtchn.h"
#include "lib/format.h"
#include "lib/loglevel.h"
#include "sched/sched.h"
#include "xen/sched.h"
#include "xen/xen.h"

static const char *reason_name(uint8_t reason)
{
	static const char *const names[] = {"poweroff", "reboot",   "suspend",
					    "crash",    "watchdog", "soft reset"};

	return reason < ARRAY_SIZE(names) ? names[reason] : "?";
}

void (*machine_last)(void);

/* How long the processors had something to do, all together. Under QEMU's -icount a nanosecond is an instruction: then this is
 * what all of it took. */
static uint64_t worked_us(void)
{
	struct vcpu_runstate_info r;
	uint64_t ns = 0;

	for (uint32_t i = 0; i < nr_cpus; i++) {
		vcpu_runstate_get(cpu_table[i]->idle, &r);
		ns += r.time[RUNSTATE_runnable];
	}
	return ns / 1000;
}

static void end_machine(uint8_t reason)
{
	bool in_order = reason <= SHUTDOWN_reboot; /* else this may be the middle of anything */

	if (in_order || reason == SHUTDOWN_watchdog) /* a timer, which holds no lock */
		printk("Dom0 has stopped: %s; %lu us of work\n", reason_name(reason), worked_us());
	else
		printk("Dom0 has stopped: %s\n", reason_name(reason));
	if (machine_last && in_order)
		machine_last();
	switch (reason) {
	case SHUTDOWN_poweroff:
		power_off();
	case SHUTDOWN_reboot:
		power_reboot();
	default:
		power_crash();
	}
}

/* The first one to stop @d gets true. */
static bool enter_shutdown(struct domain *d)
{
	enum domain_state state = __atomic_load_n(&d->state, __ATOMIC_RELAXED);

	do {
		if (state >= DOMAIN_SHUTDOWN)
			return false;
	} while (!__atomic_compare_exchange_n(&d->state, &state, DOMAIN_SHUTDOWN, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
	if (d == dom0)
		end_machine(reason);
	if (!enter_shutdown(d))
		return;
	if (!d->dom.code_latched)
		d->dom.shutdown_code = reason;
	domain_pause_nosync(d);
	__atomic_store_n(&d->dom.shut_down, true, __ATOMIC_SEQ_CST); /* from now on it may be resumed */
	console_flush(d);
	log_fate(LOG_INFO, "%s: %s\n", d->name, reason_name(d->dom.shutdown_code));
	send_global_virq(VIRQ_DOM_EXC);
}

void domain_resume(struct domain *d)
{
	enum domain_state stopped = DOMAIN_SHUTDOWN;

	if (!__atomic_load_n(&d->dom.shut_down, __ATOMIC_SEQ_CST))
		return;
	d->dom.shut_down = d->dom.code_latched = false;
	if (__atomic_compare_exchange_n(&d->state, &stopped, DOMAIN_ALIVE, false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	if (d->state >= DOMAIN_SHUTDOWN) /* one sentence is enough: the rest follows from it */
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	report_crash(d, why);
	domain_shutdown(d, SHUTDOWN_crash);
}
