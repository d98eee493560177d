/* SPDX-License-Identifier: MIT */
/*
 * What Dom0 remembers of each domain, under /run/rl/domains/<id>/:
 *
 *	record   how it was built: name, kind, console and store (written by rl create, rename)
 *	config   its whole configuration, for a restart
 *	end      why it ended (written once; the directory then stays a while, for rl console and --wait)
 *
 * All three are in the syntax of configuration files. Which domains exist is the hypervisor's word; a
 * directory without its domain is history.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_NAME_MAX 64
#define RECORDS_KEPT    16 /* ended domains whose console can still be read */

extern const char *run_dir; /* "/run/rl"; tests move it */

enum action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_PRESERVE
};

struct record {
	unsigned id;
	char name[RECORD_NAME_MAX];
	char kind[8]; /* "pv64", "pv32" */
	unsigned vcpus;
	uint64_t console_mfn, store_mfn;
	unsigned console_port, store_port; /* the domain's ports */
	enum action on_poweroff, on_reboot, on_crash;
	uint64_t started_ms; /* now_ms() when it was unpaused or left paused */
	/* From `end`: */
	char end[16];   /* "" while it lives; "poweroff" "reboot" "crash" "watchdog" "suspend" "destroyed" */
	long restarted; /* id of the domain that goes on in its place, or -1 */
};

/* Names of enum action; action_parse gives -1 and a report naming @key. */
const char *action_name(enum action action);
int action_parse(const char *key, const char *text, enum action *out);

/* <run_dir>/domains/<id>/<file> and <run_dir>/console/<id>/<file>; static storage of 4 texts in turn. */
const char *record_path(unsigned id, const char *file);
const char *console_path(unsigned id, const char *file);

int record_save(const struct record *r);        /* -1 and a report */
int record_load(unsigned id, struct record *r); /* -1: nothing known, no report */
/* Note why the domain ended; the first reason stays. Forgets the oldest ended domains beyond RECORDS_KEPT. */
void record_end(unsigned id, const char *reason, long restarted);
/* Forget domain @id altogether. */
void record_remove(unsigned id);

/* All ids with a record, ascending, malloc()ed. */
size_t record_list(unsigned **ids);
/* The record of this name: living ones first, then the one that ended last. -1: none. */
int record_find(const char *name, bool ended_too, struct record *r);
