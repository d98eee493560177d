/* SPDX-License-Identifier: MIT */
/* rl trace: every crossing into and out of the hypervisor, into a file that Perfetto's viewer opens. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "reason.h"
#include "timeline.h"
#include "tracing.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RING_MAX 65536
#define PIECE    2048 /* records fetched at a time */
#define PAUSE_MS 20

struct options {
	const char *file, *domain;
	unsigned ms;    /* how long */
	size_t records; /* at most */
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Rings that hold little more than the records asked for. */
static uint32_t ring_size(size_t records)
{
	uint32_t size = 256;

	while (size < RING_MAX && size < records / 2)
		size *= 2;
	return size;
}

static long trace_simple(struct hv *hv, uint32_t command, unsigned domain, uint32_t size)
{
	struct ringlet_trace t = {.command = command, .domain = domain, .size = size};
	long rc = tracing_op(hv, &t);

	return rc < 0 ? rc : (long)t.cpus;
}

/* Fetch what the ring of @cpu holds. -errno. */
static long drain(struct hv *hv, unsigned cpu, struct timeline_cpu *c)
{
	size_t mark = hv->used;
	struct ringlet_record *piece = hv_buf(hv, PIECE * sizeof(*piece));
	struct ringlet_trace t;
	long rc;

	do {
		struct ringlet_record *more = realloc(c->records, (c->count + PIECE) * sizeof(*more));

		if (!more) {
			rc = -ENOMEM;
			break;
		}
		c->records = more;
		t = (struct ringlet_trace){.command = RINGLET_TRACE_read, .cpu = cpu, .count = PIECE};
		set_xen_guest_handle(t.buffer, piece);
		rc = tracing_op(hv, &t);
		if (rc < 0)
			break;
		memcpy(c->records + c->count, piece, t.count * sizeof(*piece));
		c->count += t.count;
		c->lost = t.lost;
	} while (t.count == PIECE);
	hv_release(hv, mark);
	return rc;
}

static long drain_all(struct hv *hv, struct timeline *t, size_t *total)
{
	long rc = 0;

	*total = 0;
	for (unsigned cpu = 0; cpu < t->nr_cpus && rc >= 0; cpu++) {
		rc = drain(hv, cpu, &t->cpus[cpu]);
		*total += t->cpus[cpu].count;
	}
	return rc;
}

/* Let it run for the time asked for, or until there is enough. */
static long collect(struct hv *hv, struct timeline *t, const struct options *o)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	uint64_t end = now_ms() + o->ms;
	size_t total = 0;
	long rc = 0;

	while (rc >= 0 && !stopped && now_ms() < end && total < o->records) {
		nanosleep(&pause, NULL);
		rc = drain_all(hv, t, &total);
	}
	trace_simple(hv, RINGLET_TRACE_stop, 0, 0);
	return rc < 0 ? rc : drain_all(hv, t, &total);
}

static int write_file(const struct timeline *t, const struct options *o)
{
	FILE *out = fopen(o->file, "w");
	char on_host[2 * PATH_MAX];
	size_t total = 0;
	uint64_t lost = 0;
	bool bad;

	if (!out)
		return fail_errno(errno, "%s: cannot write this file", o->file);
	bad = timeline_write(t, out) || ferror(out);
	if (fclose(out) || bad)
		return fail("%s: no room for the trace; take a smaller -n", o->file);
	for (unsigned cpu = 0; cpu < t->nr_cpus; cpu++) {
		total += t->cpus[cpu].count;
		lost += t->cpus[cpu].lost;
	}
	printf("%s: %zu records, %llu lost\n", o->file, total, (unsigned long long)lost);
	if (host_path(o->file, on_host, sizeof(on_host)))
		printf("on the host: %s\n", on_host);
	return 0;
}

static int trace(struct hv *hv, const struct options *o, unsigned domain)
{
	struct timeline t = {.domain = domain, .domain_name = domain_name, .khz = tsc_khz(hv)};
	long rc;

	trace_simple(hv, RINGLET_TRACE_free, 0, 0); /* left by an rl that was killed */
	rc = trace_simple(hv, RINGLET_TRACE_start, domain, ring_size(o->records));
	if (rc < 0)
		return fail_errno(rc, "cannot start tracing");
	t.nr_cpus = rc;
	t.cpus = calloc(t.nr_cpus, sizeof(*t.cpus));
	rc = t.cpus ? collect(hv, &t, o) : -ENOMEM;
	trace_simple(hv, RINGLET_TRACE_free, 0, 0);
	if (rc < 0)
		fail_errno(rc, "cannot read the trace");
	else
		rc = write_file(&t, o);
	for (unsigned cpu = 0; t.cpus && cpu < t.nr_cpus; cpu++)
		free(t.cpus[cpu].records);
	free(t.cpus);
	return rc;
}

static int do_trace(int argc, char **argv)
{
	struct options o = {.ms = 1000, .records = 20000};
	struct xen_domctl_getdomaininfo info = {.domain = RINGLET_TRACE_ALL};
	struct hv *hv;
	int claim, rc;

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "-o") && more)
			o.file = argv[++i];
		else if (!strcmp(argv[i], "-t") && more && atof(argv[i + 1]) > 0)
			o.ms = atof(argv[++i]) * 1000;
		else if (!strcmp(argv[i], "-n") && more && atol(argv[i + 1]) > 0)
			o.records = atol(argv[++i]);
		else if (argv[i][0] == '-' || o.domain)
			return verb_usage("trace");
		else
			o.domain = argv[i];
	}
	if (!o.file)
		return verb_usage("trace");
	hv = rl_hv();
	if (!hv || (o.domain && domain_find(hv, o.domain, &info)))
		return EXIT_FAILED;
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	claim = tracing_claim();
	rc = claim < 0 ? fail("cannot start tracing: another rl trace runs") : trace(hv, &o, info.domain);
	if (claim >= 0)
		close(claim);
	return rc ? EXIT_FAILED : EXIT_OK;
}

const struct verb verbs_trace[] = {
    {.name = "trace",
     .args = "-o FILE [-t SECONDS] [-n RECORDS] [DOMAIN]",
     .summary = "record every crossing of rings, for Perfetto's viewer",
     .text = "  -o  the file: Chrome's JSON; open it at https://ui.perfetto.dev or chrome://tracing\n"
	     "  -t  for how long (1); ^C ends it too\n"
	     "  -n  until there are about this many records (20000, which make about 6 MB)\n\n"
	     "A file below /host is in the folder that the host shares; its path there is printed too.\n\n"
	     "One track for each vCPU: on which CPU, in which ring, and in ring 0, why. Arrows from\n"
	     "an event to the upcall that tells of it, and from a copy to the granted page.\n",
     .run = do_trace},
    {0},
};
