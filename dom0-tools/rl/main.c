/* SPDX-License-Identifier: MIT */
/* rl: Dom0's one command. Finds the verb and runs it; the verbs are in the files beside this one, what they share is
 * in verbs.c. */
#include "verbs.h"
#include "err.h"
#include "files.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct verb *const tables[] = {
    verbs_create, verbs_appliance, verbs_list,   verbs_console,  verbs_life, verbs_names, verbs_sched,
    verbs_disks,  verbs_nics,      verbs_switch, verbs_machine,  verbs_why,  verbs_store, verbs_stats,
    verbs_top,    verbs_trace,     verbs_help,   verbs_complete, NULL,
};

static int unknown(const char *name)
{
	const char *names[64];
	size_t count = 0;
	const char *near;

	for (const struct verb *v; count < 63 && (v = verb_at(count)); count++)
		names[count] = v->name;
	names[count] = NULL;
	near = nearest(name, names);
	if (near)
		fail("unknown verb \"%s\"; did you mean \"rl %s\"?", name, near);
	else
		fail("unknown verb \"%s\"; `rl help` lists them", name);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	opterr = 0;
	verbs_are(tables);
	if (argc < 2) {
		verb_find("help")->run(1, argv);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	verb = verb_find(argv[1]);
	if (!verb)
		return unknown(argv[1]);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		char *help[] = {"help", argv[1], NULL};

		return verb_find("help")->run(2, help);
	}
	return verb->run(argc - 1, argv + 1);
}
