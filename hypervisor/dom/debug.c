/* SPDX-License-Identifier: MIT */
/* The debug keys that show domains: `rl debug-keys q`, or ^A three times and the key on the serial line. What
 * they read may change under them; they are for looking, not for deciding. */
#include "dev/console.h"
#include "dom/domain.h"
#include "dom/domctl.h"
#include "evt/evtchn.h"
#include "gnt/grant.h"
#include "guest/kind.h"
#include "lib/printk.h"
#include "mm/page.h"
#include "sched/sched.h"

static const char *state_name(const struct domain *d)
{
	static const char *const names[] = {"building", "alive", "shut down", "dying", "dead"};

	return names[d->state];
}

static void for_each_domain(void (*fn)(struct domain *))
{
	struct domain *d;

	for (uint32_t next = 0; (d = domain_next(next)) != NULL; domain_put(d)) {
		next = d->id + 1;
		fn(d);
	}
}

static void dump_domain(struct domain *d)
{
	static const char *const states[] = {"offline", "runnable", "blocked"};
	struct vcpu *v;

	printk("%s: %s, %s, %u vCPUs, %lu of %lu pages, %u references, %u pauses\n", d->name, d->kind->name,
	       state_name(d), d->max_vcpus, d->mm.tot_pages, d->mm.max_pages, d->refs, d->sched.pause_count);
	if (d->state == DOMAIN_DEAD) /* what vCPUs point at is gone */
		return;
	for_each_vcpu (d, v)
		printk("  vCPU %u: %s%s on CPU %u, RIP %016lx RSP %016lx, upcall %s%s, %lu hypercalls\n",
		       v->id, states[v->state], v->running ? ", running" : "", v->cpu->id, v->regs.rip,
		       v->regs.rsp, v->info->upcall_pending ? "pending" : "none",
		       v->info->upcall_mask ? " masked" : "", v->entry.hypercalls);
}

static void dump_domains(void)
{
	for_each_domain(dump_domain);
}

static void dump_domain_memory(struct domain *d)
{
	printk("  %s: %lu pages, %lu claimed, limit %lu; %lu KiB of the hypervisor's, limit %lu\n", d->name,
	       d->mm.tot_pages, d->mm.claimed_pages, d->mm.max_pages, d->mm.heap_bytes >> 10,
	       d->mm.heap_quota >> 10);
}

static void dump_memory(void)
{
	printk("%lu of %lu pages free\n", frames_free(), frames_total());
	for_each_domain(dump_domain_memory);
}

static void dump_events(void)
{
	for_each_domain(evtchn_dump);
}

static void dump_grants(void)
{
	for_each_domain(grant_dump);
}

void debug_keys_init(void)
{
	debug_key_register('q', "domains and their vCPUs", dump_domains);
	debug_key_register('m', "memory", dump_memory);
	debug_key_register('e', "event channels", dump_events);
	debug_key_register('g', "grants in use", dump_grants);
	debug_key_register('r', "run queues", sched_dump);
}
