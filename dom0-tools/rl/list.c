/* SPDX-License-Identifier: MIT */
/* rl list, rl vcpu-list, rl uptime. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Call @each for the domains named on the command line, or for all. */
static int for_domains(int argc, char **argv, void (*each)(struct hv *, struct xen_domctl_getdomaininfo *))
{
	struct xen_domctl_getdomaininfo one, *list;
	struct hv *hv = rl_hv();
	int code = EXIT_OK;
	long count;

	if (!hv)
		return EXIT_FAILED;
	for (int i = 0; i < argc; i++) {
		if (domain_find(hv, argv[i], &one))
			code = EXIT_FAILED;
		else
			each(hv, &one);
	}
	if (argc)
		return code;
	count = domains_list(hv, &list);
	if (count < 0) {
		fail_errno(count, "cannot list the domains");
		return EXIT_FAILED;
	}
	for (long i = 0; i < count; i++)
		if (domain_is_shown(&list[i]))
			each(hv, &list[i]);
	free(list);
	return EXIT_OK;
}

static void print_line(struct hv *hv, struct xen_domctl_getdomaininfo *info)
{
	char line[256];

	(void)hv;
	table_domain(line, sizeof(line), domain_name(info->domain), info);
	puts(line);
}

static bool json_first;

static void print_json(struct hv *hv, struct xen_domctl_getdomaininfo *info)
{
	char line[512];

	(void)hv;
	table_domain_json(line, sizeof(line), domain_name(info->domain), info);
	printf("%s  %s", json_first ? "" : ",\n", line);
	json_first = false;
}

static void print_config(unsigned id)
{
	size_t len;
	char *text = file_read_quiet(record_path(id, "config"), 256 * 1024, &len);

	for (char *line = text ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n"))
		printf("    %s\n", line);
	free(text);
}

static void print_long(struct hv *hv, struct xen_domctl_getdomaininfo *info)
{
	const char *reason = shutdown_reason(info);
	uint64_t bytes, limit;
	struct record r;

	print_line(hv, info);
	if (!record_load(info->domain, &r)) {
		printf("    # kind %s\n", r.kind);
		print_config(info->domain);
	}
	printf("    # pages %llu, at most %llu, vcpus up to %u%s%s\n", (unsigned long long)info->tot_pages,
	       (unsigned long long)info->max_pages, info->max_vcpu_id + 1, *reason ? ", shut down: " : "",
	       reason);
	if (!domain_overhead(hv, info->domain, &bytes, &limit))
		printf("    # overhead %llu KiB, at most %llu\n", (unsigned long long)bytes / 1024,
		       (unsigned long long)limit / 1024);
}

static int do_list(int argc, char **argv)
{
	char head[128];
	bool detail = false, json = false;
	int c, code;

	optind = 1;
	if (argc > 1 && !strcmp(argv[1], "--json")) {
		json = true;
		optind = 2;
	}
	while ((c = verb_option("list", argc, argv, "lvj")) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		detail |= c == 'l' || c == 'v';
		json |= c == 'j';
	}
	if (json) {
		json_first = true;
		puts("[");
		code = for_domains(argc - optind, argv + optind, print_json);
		puts("\n]");
		return code;
	}
	table_domain_head(head, sizeof(head));
	puts(head);
	return for_domains(argc - optind, argv + optind, detail ? print_long : print_line);
}

/* Hard affinity of a vCPU; all CPUs where the hypervisor does not say. */
static uint64_t affinity_of(struct hv *hv, unsigned id, unsigned vcpu)
{
	size_t mark = hv->used;
	uint64_t *map = hv_buf(hv, sizeof(*map)), result = ~0ull;
	struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuaffinity, .domain = id};

	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, map);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	if (map && hv_domctl(hv, &op) >= 0)
		result = *map;
	hv_release(hv, mark);
	return result;
}

static unsigned cpus_of_machine(struct hv *hv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

	return hv_sysctl(hv, &op) < 0 ? 64 : op.u.physinfo.nr_cpus;
}

static void print_vcpus(struct hv *hv, struct xen_domctl_getdomaininfo *info)
{
	unsigned nr_cpus = cpus_of_machine(hv);
	char line[256];

	for (unsigned v = 0; info->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID && v <= info->max_vcpu_id; v++) {
		struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuinfo, .domain = info->domain};

		op.u.getvcpuinfo.vcpu = v;
		if (hv_domctl(hv, &op) < 0)
			continue;
		table_vcpu(line, sizeof(line), domain_name(info->domain), info->domain, &op.u.getvcpuinfo,
			   affinity_of(hv, info->domain, v), nr_cpus);
		puts(line);
	}
}

static int do_vcpu_list(int argc, char **argv)
{
	char head[128];

	table_vcpu_head(head, sizeof(head));
	puts(head);
	return for_domains(argc - 1, argv + 1, print_vcpus);
}

static void print_uptime(struct hv *hv, struct xen_domctl_getdomaininfo *info)
{
	struct record r;
	uint64_t seconds = now_ms() / 1000;

	(void)hv;
	if (!record_load(info->domain, &r))
		seconds = (now_ms() - r.started_ms) / 1000;
	printf("%-32s %5u %2u:%02u:%02u\n", domain_name(info->domain), info->domain,
	       (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

static int do_uptime(int argc, char **argv)
{
	printf("%-32s %5s %s\n", "Name", "ID", "Uptime");
	return for_domains(argc - 1, argv + 1, print_uptime);
}

const struct verb verbs_list[] = {
    {.name = "list",
     .args = "[-l] [--json] [DOMAIN...]",
     .summary = "show domains: name, id, memory in MiB, vCPUs, state, CPU time",
     .text =
	 "  -l      also each domain's configuration, and the hypervisor's memory that is held for it\n"
	 "  --json  as JSON\n\n"
	 "State: r running, b blocked (waiting for an event), p paused, s shut down, c crashed, d dying.\n",
     .run = do_list},
    {.name = "vcpu-list",
     .args = "[DOMAIN...]",
     .summary = "show virtual processors: where each runs and for how long",
     .run = do_vcpu_list},
    {.name = "uptime",
     .args = "[DOMAIN...]",
     .summary = "show for how long domains have existed",
     .run = do_uptime},
    {0},
};
