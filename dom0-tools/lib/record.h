/* SPDX-License-Identifier: MIT */
/*
 * What Dom0 remembers of each domain, under /run/rl/domains/<id>/:
 *
 *	record   its kind, when it was started, what to do at its end (written by rl create)
 *	config   its whole configuration, for a restart
 *	name     the name that rl rename gave it
 *	crash    how it crashed (why.h)
 *	ending   its name and why it ends, written before the first thing is taken from it
 *	end      the same when nothing is left of it (the directory then stays a while, for rl console and --wait)
 *
 * All but `name` and `crash` are in the syntax of configuration files. The hypervisor says which domains exist; a directory without
 * its domain is history; <run_dir>/ended has an empty file named by the id of each. What else can be asked of a living
 * domain is in the store (home.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_NAME_MAX 64
#define RECORDS_KEPT    16 /* ended domains whose console can still be read */

struct cfg;

extern const char *run_dir; /* "/run/rl"; tests move it */

enum action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_PRESERVE
};

struct record {
	unsigned id;
	char kind[8]; /* "pv64", "pv32" */
	enum action on_poweroff, on_reboot, on_crash, on_watchdog;
	uint64_t started_ms; /* now_ms() when it was unpaused or left paused */
	/* Its pages and ports, for a store that has lost everything; 0 until it is complete. */
	uint64_t console_mfn, store_mfn;
	unsigned console_port, store_port;
	/* From `end`, or `ending`: */
	char name[RECORD_NAME_MAX]; /* "" while it lives: see domain_name() */
	char end[16];   /* "" while it lives; "poweroff" "reboot" "crash" "watchdog" "suspend" "destroyed" */
	long restarted; /* id of its successor, or -1 */
	bool ending;    /* its end has begun; with `end`, it is over */
};

const char *action_name(enum action action);

/* <run_dir>/domains/<id>/<file> and <run_dir>/console/<id>/<file>; static storage of 4 texts in turn. */
const char *record_path(unsigned id, const char *file);
const char *console_path(unsigned id, const char *file);

int record_save(const struct record *r);        /* -1 and a report */
int record_load(unsigned id, struct record *r); /* -1: nothing known, no report */
/* Note what its name is and why the domain ends; the first name, reason and successor (-1: none) stay. */
void record_ending(unsigned id, const char *name, const char *reason, long restarted);
/* It has ended: name, reason and successor are those of record_ending(), or else these. Forgets the oldest ended
 * domains beyond RECORDS_KEPT. */
void record_end(unsigned id, const char *name, const char *reason, long restarted);
/* Forget domain @id altogether. */
void record_remove(unsigned id);
/* Its name is no longer the configuration's. A single write keeps it, so a process killed then leaves nothing half
 * done. */
void record_rename(unsigned id, const char *name);
/* That name, or "". */
void record_name(unsigned id, char name[RECORD_NAME_MAX]);
/* Keep the domain's whole configuration, for a restart. -1 and a report. */
int record_save_config(unsigned id, const struct cfg *cfg);

/* Forget what a killed process had half written; without a record, all of it. */
void record_tidy(unsigned id);

/* All ids with a record, ascending, malloc()ed. */
size_t record_list(unsigned **ids);
/* The record of the domain of this name that ended last. -1: none. */
int record_find_ended(const char *name, struct record *r);
