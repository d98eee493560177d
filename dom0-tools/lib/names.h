/* SPDX-License-Identifier: MIT */
/*
 * Which domain has which name: /rl/name/NAME in the store holds the id of the domain that claims it. It is changed in
 * transactions only, so when several processes claim a name at once, one gets it. A claim of a domain that is gone, or
 * is being destroyed, or that xl has renamed, counts for nothing. Domains that xl made claim no name; they have it all the same.
 */
#pragma once

#include "hv.h"
#include "xs.h"

#define NAME_NODE_MAX 256

/* The node of @name; what a path of the store cannot hold becomes @ and two digits. */
void name_node(char node[NAME_NODE_MAX], const char *name);
/* The living domain that has @name, in transaction @tx or as it is (0); -1: no domain does. */
long name_holder(struct hv *hv, struct xs *xs, uint32_t tx, const char *name);
/* Within transaction @tx: @name is @id's from now on. 0, or -1 and errno. */
int name_take(struct xs *xs, uint32_t tx, const char *name, unsigned id);
/* Within transaction @tx: @name is free, if it was @id's. */
void name_drop(struct xs *xs, uint32_t tx, const char *name, unsigned id);
