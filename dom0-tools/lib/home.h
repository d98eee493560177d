/* SPDX-License-Identifier: MIT */
/*
 * A domain's place in the store: /local/domain/<id> and /vm/<uuid>, laid out as xl does. What is there (name, console,
 * store, memory, vCPUs) is nowhere else.
 */
#pragma once

#include "builder.h"
#include "domconf.h"
#include "xs.h"

#include <stdbool.h>

/* Take @name for the new domain @id, which has it from now on. @from: the domain that has the name and gives it up,
 * or -1. -1 and a report: another domain has it. */
int home_claim(struct hv *hv, struct xs *xs, unsigned id, const char *name, const char *uuid, long from);
/* Say that @name is @other's. -1. */
int name_is_taken(const char *name, long other);
/* Another name, if no domain has it. -1 and a report. */
int home_rename(struct hv *hv, struct xs *xs, unsigned id, const char *name);
/* Write all the rest, and introduce the domain to the store. -1 and a report. */
int home_create(struct xs *xs, const struct domconf *conf, const struct build_result *built);
/* Dom0's own: its name, so that it is found like the others. */
int home_create_dom0(struct hv *hv, struct xs *xs);
/* Have the store let go of the domain's page and forget the domain: its name is free. */
void home_remove(struct xs *xs, unsigned id);

/* Is there a daemon that serves consoles, or one that will start it: ours, or Xen's xenconsoled in this Linux? */
bool console_daemon(void);
/* How long a daemon that is there may take for a new domain's console: seconds, on a busy machine. */
#define CONSOLE_MS 20000

/* A node below the domain's home, as in "console/port": malloc()ed, NULL if it is not there. */
char *home_read(struct xs *xs, unsigned id, const char *node);
/* The same as a number; -1: it is not there, or not one. */
long long home_number(struct xs *xs, unsigned id, const char *node);
int home_write(struct xs *xs, unsigned id, const char *node, const char *value);
