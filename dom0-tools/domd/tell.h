/* SPDX-License-Identifier: MIT */
/* What the store should know, told again: it may have started empty (docs/store.md), and then knows no domain. */
#pragma once

#include "hv.h"
#include "xs.h"

/* Dom0's own place. -1 and a report. */
int tell_of_dom0(struct hv *hv, struct xs *xs);
/* The place of domain @id, if the store knows nothing of it, from its record and its configuration. */
void tell_of(struct hv *hv, struct xs *xs, unsigned id);
