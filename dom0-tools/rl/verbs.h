/* SPDX-License-Identifier: MIT */
/*
 * The verbs of rl. Each group of verbs has a file of its own, which ends with its table; rl/main.c lists the
 * tables. A verb's exit code is the command's: EXIT_OK, EXIT_FAILED, EXIT_USAGE, or as `rl help VERB` says.
 */
#pragma once

#include "hv.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_TIMEOUT = 8 /* 3 to 7 are those of wait_for_end() */
};

struct verb {
	const char *name;
	const char *args;                  /* "[-l] [DOMAIN...]" */
	const char *summary;               /* one line */
	const char *text;                  /* what `rl help VERB` says below that, or NULL */
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

/* The tables, each ending with a verb without name. */
extern const struct verb verbs_create[], verbs_appliance[], verbs_list[], verbs_console[], verbs_life[],
    verbs_names[], verbs_sched[], verbs_disks[], verbs_nics[], verbs_switch[], verbs_machine[], verbs_why[],
    verbs_store[], verbs_stats[], verbs_top[], verbs_trace[], verbs_help[], verbs_complete[];

/* verbs.c. Call it first: the verbs are those of these tables, in this order; NULL ends them. */
void verbs_are(const struct verb *const *tables);
/* The @i-th of all verbs; NULL: there are no more. */
const struct verb *verb_at(size_t i);
const struct verb *verb_find(const char *name);
/* Report how @verb is to be called. EXIT_USAGE. */
int verb_usage(const char *verb);
/* The next option of @argv, or -1; '?' is reported. As getopt(), but it starts again for each verb. */
int verb_option(const char *verb, int argc, char **argv, const char *options);

/* Open the hypervisor, once per process; NULL and a report. */
struct hv *rl_hv(void);

struct cfg;
/* Read a domain's configuration: @file, or the first of @argv, looked for as `rl help create` says, then the
 * settings behind it; its files get whole paths. @path has room for the file's name, which the configuration keeps. -1 and a
 * report. */
int config_read(struct cfg *cfg, int argc, char **argv, const char *file, bool quiet, char path[256]);

/* appliance.c. Where rl run looks for a name; ends with NULL. */
extern const char *const appliance_folders[];
#define APPLIANCE_SUFFIX ".rla"

/* Shared by create and console. */
struct console_options {
	int escape;   /* the character that leaves the console */
	int log_only; /* print what was kept and return */
	int bare;     /* standard input and output are a raw line already, which says itself whose it is */
};
/* Attach to the console of domain @id until the user leaves (0), the domain ends (1) or -1 and a report. */
int console_attach(unsigned id, const struct console_options *options);
/* Wait until nothing is left of a domain, so that a new one can have its name and its memory. The exit code of
 * `create --wait`. @follow: if it is restarted, wait for its successor's end. @seconds: after so long EXIT_TIMEOUT;
 * 0: never. */
int wait_for_end(unsigned id, bool follow, unsigned seconds);

/* The commit that rl is built from, or that there was none to ask for. */
extern const char rl_built_from[];
