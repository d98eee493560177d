/* SPDX-License-Identifier: MIT */
/* The command: choose operations, measure them, print a table or JSON. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include "cost.h"

static const struct operation {
	const char *name, *group, *title, *what, *per;
} operations[] = {
#define OP(name, group, where, title, what, per) {#name, #group, title, what, per},
#include "operations.def"
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const struct workload *const tables[] = {crossings, memory, processes, files, job, domains};

static struct {
	bool json, quick, peer, yielding;
} options;

static const struct workload *find(const char *name)
{
	for (unsigned t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct workload *w = tables[t]; w->name; w++)
			if (!strcmp(w->name, name))
				return w;
	return NULL;
}

static struct figures figures_of(const struct operation *o)
{
	const struct workload *w = find(o->name);
	unsigned samples = options.quick ? 10 : ~0u;

	if ((w == domains && !options.peer) || (!strcmp(o->name, DOMAIN_SWITCH) && !options.yielding))
		return (struct figures){0};
	return w ? measure(w, samples) : measure_kernel(o->name, samples);
}

/* With a decimal below 1000. The last three results are valid: one row. */
static const char *number(double value)
{
	static char text[3][32];
	static unsigned turn;
	char *to = text[turn++ % 3];

	snprintf(to, sizeof(text[0]), "%.*f", value < 1000 ? 1 : 0, value);
	return to;
}

static void print_row(const struct operation *o, struct figures f)
{
	static const char *group = "";

	if (strcmp(group, o->group))
		printf("\n%s\n", o->group);
	group = o->group;
	if (f.n)
		printf("  %-38s %9s %9s %8s  %s\n", o->title, number(f.min), number(f.median),
		       number(f.p90 - f.p10), o->per);
	else
		printf("  %-38s %9s\n", o->title, "-");
	fflush(stdout);
}

/* One line for each operation: other output within a line is then easily seen. */
static void print_json(const struct operation *o, struct figures f)
{
	static bool started;

	if (!f.n)
		return;
	printf("%s\"%s\": {\"min\": %.2f, \"median\": %.2f, \"p10\": %.2f, \"p90\": %.2f, \"n\": %u}",
	       started ? ",\n" : "", o->name, f.min, f.median, f.p10, f.p90, f.n);
	started = true;
	fflush(stdout);
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void run(char **names)
{
	uint64_t ns = clock_ns(), ticks = rdtsc();

	if (options.json)
		printf("{\"figures\": {\n");
	else
		printf("%-40s %9s %9s %8s  per\n", "ticks of the time stamp counter", "minimum", "median",
		       "spread");
	for (unsigned i = 0; i < OPERATIONS; i++) {
		if (!wanted(operations[i].name, names))
			continue;
		(options.json ? print_json : print_row)(&operations[i], figures_of(&operations[i]));
	}
	ticks = rdtsc() - ticks;
	ns = clock_ns() - ns;
	if (options.json)
		printf("},\n\"ticks_per_us\": %.3f}\n", ticks * 1000.0 / ns);
	else
		printf("\nticks in a microsecond: %.1f\n", ticks * 1000.0 / ns);
}

static void help(void)
{
	printf("usage: cost [--json] [--quick] [--peer DOMAIN:PORT] [--yielding] [OPERATION...]\n"
	       "       cost --list | --answer DOMAIN | --yield\n"
	       "Measures what operations cost here, all of them or those named.\n"
	       "  --json     for programs; without it, a table\n"
	       "  --quick    few samples\n"
	       "  --list     name the operations and say what each is\n"
	       "  --answer   serve domain_round_trip to another domain, and print the port to name there\n"
	       "  --peer     the domain that answers, and its port\n"
	       "  --yield    be the other side of domain_switch, for ever\n"
	       "  --yielding another domain is\n");
}

static void list(void)
{
	for (unsigned i = 0; i < OPERATIONS; i++)
		printf("%-24s %s: %s\n", operations[i].name, operations[i].title, operations[i].what);
}

static int usage(const char *word)
{
	fprintf(stderr, "cost: '%s'? `cost --help` lists them\n", word);
	return 2;
}

static bool known(const char *name)
{
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	char **arg = argv + 1;

	for (; *arg && !strncmp(*arg, "--", 2); arg++) {
		if (!strcmp(*arg, "--nothing"))
			return 0;
		if (!strcmp(*arg, "--compile") && arg[1] && arg[2])
			return job_compile(arg[1], arg[2]);
		if (!strcmp(*arg, "--help"))
			return help(), 0;
		if (!strcmp(*arg, "--list"))
			return list(), 0;
		if (!strcmp(*arg, "--answer") && arg[1])
			domains_answer(arg[1]);
		if (!strcmp(*arg, "--yield"))
			kernel_yield_for_ever();
		if (!strcmp(*arg, "--json"))
			options.json = true;
		else if (!strcmp(*arg, "--quick"))
			options.quick = true;
		else if (!strcmp(*arg, "--yielding"))
			options.yielding = true;
		else if (!strcmp(*arg, "--peer") && arg[1])
			domains_set_peer(*++arg), options.peer = true;
		else
			return usage(*arg);
	}
	for (char **name = arg; *name; name++)
		if (!known(*name))
			return usage(*name);
	run(arg);
	return 0;
}
