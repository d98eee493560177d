/* SPDX-License-Identifier: MIT */
/* See table.h. The widths are xl's, so that scripts written for xl read rl. */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include <xen/sched.h>

void table_state(const struct xen_domctl_getdomaininfo *info, char state[7])
{
	static const struct {
		unsigned flag;
		char letter;
	} flags[] = {
	    {XEN_DOMINF_running, 'r'},
	    {XEN_DOMINF_blocked, 'b'},
	    {XEN_DOMINF_paused, 'p'},
	    {XEN_DOMINF_shutdown, 's'},
	    {0, 'c'},
	    {XEN_DOMINF_dying, 'd'},
	};
	unsigned code = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

	for (int i = 0; i < 6; i++)
		state[i] = info->flags & flags[i].flag ? flags[i].letter : '-';
	if ((info->flags & XEN_DOMINF_shutdown) && code == SHUTDOWN_crash)
		state[4] = 'c';
	state[6] = '\0';
}

void table_domain_head(char *line, size_t size)
{
	snprintf(line, size, "%-40s %5s %5s %5s\tState\tTime(s)", "Name", "ID", "Mem", "VCPUs");
}

/* Whole MiB: what the domain has and what it was promised. */
static unsigned long mib(const struct xen_domctl_getdomaininfo *info)
{
	return (unsigned long)((info->tot_pages + info->outstanding_pages) / 256);
}

void table_domain(char *line, size_t size, const char *name, const struct xen_domctl_getdomaininfo *info)
{
	char state[7];

	table_state(info, state);
	snprintf(line, size, "%-40s %5u %5lu %5u     %s  %8.1f", name, info->domain, mib(info),
		 info->nr_online_vcpus, state, (double)info->cpu_time / 1e9);
}

void table_domain_json(char *line, size_t size, const char *name, const struct xen_domctl_getdomaininfo *info)
{
	char state[7];

	table_state(info, state);
	snprintf(line, size,
		 "{ \"name\": \"%s\", \"domid\": %u, \"memory_mib\": %lu, \"vcpus\": %u, \"state\": \"%s\", "
		 "\"cpu_time_ns\": %llu }",
		 name, info->domain, mib(info), info->nr_online_vcpus, state,
		 (unsigned long long)info->cpu_time);
}

void table_vcpu_head(char *line, size_t size)
{
	snprintf(line, size, "%-32s %5s %5s %5s %5s %9s %s", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
		 "Affinity (Hard / Soft)");
}

/* "all", or ranges: "0-1,3". */
static void affinity_text(char *text, size_t size, uint64_t map, unsigned nr_cpus)
{
	uint64_t all = nr_cpus >= 64 ? ~0ull : (1ull << nr_cpus) - 1;
	size_t len = 0;

	map &= all;
	snprintf(text, size, "%s", map == all ? "all" : "none");
	if (map == all || !map)
		return;
	for (unsigned cpu = 0; cpu < nr_cpus && len < size; cpu++) {
		unsigned last = cpu;

		if (!(map >> cpu & 1))
			continue;
		while (last + 1 < nr_cpus && map >> (last + 1) & 1)
			last++;
		if (last > cpu)
			len += snprintf(text + len, size - len, "%s%u-%u", len ? "," : "", cpu, last);
		else
			len += snprintf(text + len, size - len, "%s%u", len ? "," : "", cpu);
		cpu = last;
	}
}

void table_vcpu(char *line, size_t size, const char *name, unsigned id,
		const struct xen_domctl_getvcpuinfo *info, uint64_t affinity, unsigned nr_cpus)
{
	char cpu[8] = "-", state[4] = "--p", hard[128];

	if (info->online) {
		snprintf(cpu, sizeof(cpu), "%u", info->cpu);
		state[0] = info->running ? 'r' : '-';
		state[1] = info->blocked ? 'b' : '-';
		state[2] = '-';
	}
	affinity_text(hard, sizeof(hard), affinity, nr_cpus);
	snprintf(line, size, "%-32s %5u %5u %5s   %s %9.1f  %s / all", name, id, info->vcpu, cpu, state,
		 (double)info->cpu_time / 1e9, hard);
}
