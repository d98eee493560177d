/* SPDX-License-Identifier: MIT */
/*
 * A domain's place in the store: /local/domain/<id> and /vm/<uuid>, laid out as xl does. What stands there
 * (name, console, store, memory, vCPUs) stands nowhere else.
 */
#pragma once

#include "builder.h"
#include "domconf.h"
#include "xs.h"

#include <stdbool.h>

/* Write it, and introduce the domain to the store. -1 and a report. */
int home_create(struct xs *xs, const struct domconf *conf, const struct build_result *built);
/* Dom0's own: its name, so that it is found like the others. */
int home_create_dom0(struct xs *xs);
/* Have the store let go of the domain's page, and forget what it knew. */
void home_remove(struct xs *xs, unsigned id);

/* A node below the domain's home, as in "console/port": malloc()ed, NULL if it is not there. */
char *home_read(struct xs *xs, unsigned id, const char *node);
/* The same as a number; -1: it is not there, or not one. */
long long home_number(struct xs *xs, unsigned id, const char *node);
int home_write(struct xs *xs, unsigned id, const char *node, const char *value);
