/* SPDX-License-Identifier: MIT */
/* rl stats: why each vCPU of a domain was in the hypervisor, how often and for how long. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "reason.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	bool json, watch, per_vcpu;
	long command; /* RINGLET_ACCOUNTING_* */
	unsigned seconds, rounds;
	const char *domain;
};

struct sheet {
	struct counters vcpu[XEN_LEGACY_MAX_VCPUS];
	unsigned count;
};

static long read_sheet(struct hv *hv, unsigned domain, struct sheet *s)
{
	long rc = 0;

	for (s->count = 0; s->count < XEN_LEGACY_MAX_VCPUS; s->count++) {
		rc = counters_read(hv, domain, s->count, &s->vcpu[s->count]);
		if (rc < 0)
			break;
	}
	return s->count ? 0 : rc;
}

static void print_counters(const struct counters *c)
{
	uint64_t sum = 0, calls = 0;
	char name[64];

	for (uint32_t i = 0; i < RINGLET_REASONS; i++)
		sum += c->reason[i].ticks;
	printf("%-36s %12s %14s %9s %6s\n", "Reason", "Count", "Ticks", "Each", "Share");
	for (uint32_t i = 0; i < RINGLET_REASONS; i++) {
		const struct counter *n = &c->reason[i];

		if (!n->count)
			continue;
		reason_name(i, name, sizeof(name));
		calls += n->count;
		printf("%-36s %12llu %14llu %9llu %5.1f%%\n", name, (unsigned long long)n->count,
		       (unsigned long long)n->ticks, (unsigned long long)(n->ticks / n->count),
		       sum ? 100.0 * n->ticks / sum : 0.0);
	}
	printf("%-36s %12llu %14llu\n", "all", (unsigned long long)calls, (unsigned long long)sum);
}

static void print_text(const struct sheet *s, bool per_vcpu)
{
	struct counters sum = {0};

	for (unsigned v = 0; v < s->count; v++) {
		if (per_vcpu) {
			printf("vCPU %u\n", v);
			print_counters(&s->vcpu[v]);
		}
		counters_add(&sum, &s->vcpu[v]);
	}
	if (!per_vcpu)
		print_counters(&sum);
}

static void print_json(const struct sheet *s, unsigned domain, bool on, long khz)
{
	char name[64];

	printf("{\"domain\":%u,\"name\":\"%s\",\"accounting\":%s,\"tsc_khz\":%ld,\"vcpus\":[", domain,
	       domain_name(domain), on ? "true" : "false", khz);
	for (unsigned v = 0; v < s->count; v++) {
		const char *comma = "";

		printf("%s\n {\"vcpu\":%u,\"tsc\":%llu,\"reasons\":[", v ? "," : "", v,
		       (unsigned long long)s->vcpu[v].now);
		for (uint32_t i = 0; i < RINGLET_REASONS; i++) {
			if (!s->vcpu[v].reason[i].count)
				continue;
			reason_name(i, name, sizeof(name));
			printf("%s\n  {\"reason\":\"%s\",\"count\":%llu,\"ticks\":%llu}", comma, name,
			       (unsigned long long)s->vcpu[v].reason[i].count,
			       (unsigned long long)s->vcpu[v].reason[i].ticks);
			comma = ",";
		}
		printf("]}");
	}
	puts("]}");
	fflush(stdout);
}

static int watch(struct hv *hv, const struct request *r, unsigned domain, long khz)
{
	static struct sheet now, before;
	long rc = read_sheet(hv, domain, &before);

	for (unsigned round = 0; rc >= 0 && (!r->rounds || round < r->rounds); round++) {
		struct sheet since;

		sleep(r->seconds);
		rc = read_sheet(hv, domain, &now);
		if (rc < 0)
			break;
		since = now;
		for (unsigned v = 0; v < now.count; v++)
			counters_since(&since.vcpu[v], &before.vcpu[v]);
		before = now;
		if (r->json) {
			print_json(&since, domain, true, khz);
			continue;
		}
		if (isatty(1))
			fputs("\033[H\033[J", stdout);
		printf("%s, the last %u s\n", domain_name(domain), r->seconds);
		print_text(&since, r->per_vcpu);
		fflush(stdout);
	}
	return rc < 0 ? (fail_errno(rc, "%s: its counters cannot be read any more", r->domain), EXIT_FAILED)
		      : EXIT_OK;
}

static int show(struct hv *hv, const struct request *r, long on)
{
	static struct sheet s;
	struct xen_domctl_getdomaininfo info;
	long khz = tsc_khz(hv), rc;

	if (domain_find(hv, r->domain, &info))
		return EXIT_FAILED;
	if (r->watch)
		return watch(hv, r, info.domain, khz);
	rc = read_sheet(hv, info.domain, &s);
	if (rc < 0) {
		fail_errno(rc, "%s: cannot read its counters", r->domain);
		return EXIT_FAILED;
	}
	if (r->json) {
		print_json(&s, info.domain, on, khz);
		return EXIT_OK;
	}
	print_text(&s, r->per_vcpu);
	if (!on)
		puts("Accounting is off; `rl stats --on` begins it.");
	return EXIT_OK;
}

static bool parse(int argc, char **argv, struct request *r)
{
	for (int i = 1; i < argc; i++) {
		bool number = i + 1 < argc && argv[i + 1][0] >= '1' && argv[i + 1][0] <= '9';

		if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			r->json = true;
		else if (!strcmp(argv[i], "--on"))
			r->command = RINGLET_ACCOUNTING_on;
		else if (!strcmp(argv[i], "--off"))
			r->command = RINGLET_ACCOUNTING_off;
		else if (!strcmp(argv[i], "--reset"))
			r->command = RINGLET_ACCOUNTING_reset;
		else if (!strcmp(argv[i], "-v"))
			r->per_vcpu = true;
		else if (!strcmp(argv[i], "--watch") || !strcmp(argv[i], "-w"))
			r->watch = true;
		else if (!strcmp(argv[i], "-d") && number)
			r->seconds = atoi(argv[++i]);
		else if (!strcmp(argv[i], "-n") && number)
			r->rounds = atoi(argv[++i]);
		else if (argv[i][0] == '-' || r->domain)
			return false;
		else
			r->domain = argv[i];
	}
	return r->domain || r->command;
}

static int do_stats(int argc, char **argv)
{
	struct request r = {.command = RINGLET_ACCOUNTING_ask, .seconds = 1};
	struct hv *hv;
	long on;

	if (!parse(argc, argv, &r))
		return verb_usage("stats");
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	if (r.watch && !r.command)
		r.command = RINGLET_ACCOUNTING_on;
	on = accounting_command(hv, r.command);
	if (on < 0) {
		fail_errno(on, "exit accounting: this hypervisor has none");
		return EXIT_FAILED;
	}
	return r.domain ? show(hv, &r, on) : EXIT_OK;
}

const struct verb verbs_stats[] = {
    {.name = "stats",
     .args = "[--on|--off|--reset] [--watch [-d SECONDS] [-n ROUNDS]] [-v] [--json] [DOMAIN]",
     .summary = "count why a domain enters the hypervisor, and for how long",
     .text =
	 "  --on, --off  switch accounting, for all domains (off at boot, when it costs nothing)\n"
	 "  --reset      all counters to 0\n"
	 "  --watch      every second (-d), for ever (-n), what is new since the last time; switches it "
	 "on\n"
	 "  -v           each vCPU by itself\n"
	 "  --json       as JSON, always each vCPU\n\n"
	 "Ticks are the time-stamp counter's, spent in the hypervisor; under QEMU's -icount, instructions.\n",
     .run = do_stats},
    {0},
};
