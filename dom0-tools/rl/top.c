/* SPDX-License-Identifier: MIT */
/* rl top: all domains side by side, every few seconds: CPU time, and entries to the hypervisor by kind. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "reason.h"
#include "screen.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOMAINS_MAX 256

struct options {
	bool batch, json;
	unsigned seconds, rounds;
};

struct sample {
	unsigned id, vcpus;
	uint64_t cpu_ns, tsc;
	struct counter class[CLASSES];
	char state;
};

struct samples {
	struct sample list[DOMAINS_MAX];
	unsigned count;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void sample(struct hv *hv, const struct xen_domctl_getdomaininfo *info, struct sample *s)
{
	struct counters c;

	*s = (struct sample){.id = info->domain, .vcpus = info->nr_online_vcpus, .cpu_ns = info->cpu_time};
	for (unsigned v = 0; v < XEN_LEGACY_MAX_VCPUS && counters_read(hv, info->domain, v, &c) >= 0; v++) {
		s->tsc = c.now;
		for (uint32_t i = 0; i < RINGLET_REASONS; i++) {
			s->class[reason_class(i)].count += c.reason[i].count;
			s->class[reason_class(i)].ticks += c.reason[i].ticks;
		}
	}
}

static long take(struct hv *hv, struct samples *all)
{
	struct xen_domctl_getdomaininfo *list;
	long count = domains_list(hv, &list);

	all->count = 0;
	for (long i = 0; i < count && i < DOMAINS_MAX; i++)
		sample(hv, &list[i], &all->list[all->count++]);
	if (count >= 0)
		free(list);
	return count;
}

static const struct sample *earlier(const struct samples *all, unsigned id)
{
	static const struct sample none;

	for (unsigned i = 0; i < all->count; i++)
		if (all->list[i].id == id)
			return &all->list[i];
	return &none;
}

/* What a line shows, from two samples. */
struct line {
	double cpu, hypervisor;      /* percent of one CPU */
	unsigned long rate[CLASSES]; /* per second */
};

static struct line compare(const struct sample *now, const struct sample *before, long khz)
{
	double seconds = before->tsc ? (now->tsc - before->tsc) / (khz * 1000.0) : 1.0;
	struct line l = {.cpu = (now->cpu_ns - before->cpu_ns) / seconds / 1e7};

	for (int c = 0; c < CLASSES; c++) {
		bool fresh = now->class[c].count < before->class[c].count; /* reset meanwhile */
		uint64_t count = now->class[c].count - (fresh ? 0 : before->class[c].count);
		uint64_t ticks = now->class[c].ticks - (fresh ? 0 : before->class[c].ticks);

		l.rate[c] = count / seconds;
		l.hypervisor += ticks / (khz * 10.0) / seconds;
	}
	return l;
}

#define NAME_MIN 15 /* so that a line fits 80 columns */
#define NAME_MAX 40
#define NUMBERS  64      /* columns of all but the name */
#define RATE_MAX 9999999 /* in seven columns */

/* A rate, in seven columns at most. */
static const char *rate(unsigned long n, char text[24])
{
	snprintf(text, 24, n > RATE_MAX ? "%luk" : "%lu", n > RATE_MAX ? n / 1000 : n);
	return text;
}

static void line_text(char *text, size_t size, int name, const struct sample *s, const struct line *l)
{
	char number[CLASSES][24];

	for (int c = 0; c < CLASSES; c++)
		rate(l->rate[c], number[c]);
	snprintf(text, size, "%-*s %4u %5u %5.1f %5.1f %7s %7s %7s %7s %8s", name, domain_name(s->id), s->id,
		 s->vcpus, l->cpu, l->hypervisor, number[CLASS_HYPERCALL], number[CLASS_TRAP],
		 number[CLASS_EMULATED], number[CLASS_INTERRUPT], number[CLASS_UPCALL]);
}

/* @screen: as much as fits there; NULL: all. */
static void print_text(const struct samples *now, const struct samples *before, long khz,
		       const struct screen *screen)
{
	int width = screen ? (int)screen->columns - NUMBERS : NAME_MIN;
	int name = width < NAME_MIN ? NAME_MIN : width > NAME_MAX ? NAME_MAX : width;
	unsigned rows = screen && now->count + 2 > screen->rows ? screen->rows - 2 : now->count;
	int columns = screen ? (int)screen->columns : -1;
	char text[256];

	if (screen && screen->rows < 3)
		return;
	snprintf(text, sizeof(text), "%-*s %4s %5s %5s %5s %7s %7s %7s %7s %8s", name, "Name", "ID", "VCPUs",
		 "CPU%", "HV%", "hcall/s", "trap/s", "emul/s", "irq/s", "upcall/s");
	printf("%.*s\n", columns, text);
	for (unsigned i = 0; i < rows; i++) {
		const struct sample *s = &now->list[i];
		struct line l = compare(s, earlier(before, s->id), khz);

		line_text(text, sizeof(text), name, s, &l);
		printf("%.*s\n", columns, text);
	}
	if (rows < now->count)
		printf("(%u more domains; q ends)", now->count - rows);
	fflush(stdout);
}

static void print_json(const struct samples *now, const struct samples *before, long khz)
{
	printf("{\"domains\":[");
	for (unsigned i = 0; i < now->count; i++) {
		const struct sample *s = &now->list[i];
		struct line l = compare(s, earlier(before, s->id), khz);

		printf("%s\n {\"name\":\"%s\",\"id\":%u,\"vcpus\":%u,\"cpu_percent\":%.1f,"
		       "\"hypervisor_percent\":%.1f,\"hypercalls\":%lu,\"traps\":%lu,\"emulated\":%lu,"
		       "\"interrupts\":%lu,\"upcalls\":%lu}",
		       i ? "," : "", domain_name(s->id), s->id, s->vcpus, l.cpu, l.hypervisor,
		       l.rate[CLASS_HYPERCALL], l.rate[CLASS_TRAP], l.rate[CLASS_EMULATED],
		       l.rate[CLASS_INTERRUPT], l.rate[CLASS_UPCALL]);
	}
	puts("]}");
	fflush(stdout);
}

/* @screen: NULL for output that is no screen. */
static long rounds(struct hv *hv, const struct options *o, long khz, struct screen *screen)
{
	static struct samples samples[2];
	struct samples *now = &samples[0], *before = &samples[1], *swap;
	long rc = take(hv, before);

	for (unsigned round = 0; rc >= 0 && !stopped && (!o->rounds || round < o->rounds); round++) {
		if (screen)
			stopped |= screen_wait(screen, o->seconds * 1000);
		else
			sleep(o->seconds);
		rc = stopped ? 0 : take(hv, now);
		if (rc <= 0)
			break;
		if (o->json) {
			print_json(now, before, khz);
		} else {
			if (screen)
				screen_clear(screen);
			print_text(now, before, khz, screen);
		}
		swap = now;
		now = before;
		before = swap;
	}
	return rc;
}

static int do_top(int argc, char **argv)
{
	struct options o = {.seconds = 2};
	struct screen screen;
	struct hv *hv;
	long rc, was_on, khz;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-b"))
			o.batch = true;
		else if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "-j"))
			o.json = true;
		else if (!strcmp(argv[i], "-d") && i + 1 < argc && atoi(argv[i + 1]) > 0)
			o.seconds = atoi(argv[++i]);
		else if (!strcmp(argv[i], "-n") && i + 1 < argc && atoi(argv[i + 1]) > 0)
			o.rounds = atoi(argv[++i]);
		else
			return verb_usage("top");
	}
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	was_on = accounting_command(hv, RINGLET_ACCOUNTING_ask);
	khz = tsc_khz(hv);
	if (was_on < 0 || khz <= 0) {
		fail_errno(was_on, "exit accounting: this hypervisor has none");
		return EXIT_FAILED;
	}
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	accounting_command(hv, RINGLET_ACCOUNTING_on);
	if (o.batch || o.json) {
		rc = rounds(hv, &o, khz, NULL);
	} else {
		screen_begin(&screen);
		rc = rounds(hv, &o, khz, &screen);
		screen_end(&screen);
	}
	if (!was_on)
		accounting_command(hv, RINGLET_ACCOUNTING_off);
	if (rc < 0)
		fail_errno(rc, "cannot list the domains");
	return rc < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct verb verbs_top[] = {
    {.name = "top",
     .args = "[-b] [-d SECONDS] [-n ROUNDS] [--json]",
     .summary = "watch all domains: CPU time, hypercalls, traps, interrupts",
     .text = "  -b      one table below the other, for files\n"
	     "  -d      seconds between tables (2)\n"
	     "  -n      end after this many; otherwise q or ^C ends it\n"
	     "  --json  one object per round\n\n"
	     "HV% is the part of CPU% that went by in the hypervisor. Exit accounting is switched on "
	     "meanwhile.\n",
     .run = do_top},
    {0},
};
