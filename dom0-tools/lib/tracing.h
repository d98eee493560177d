/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor traces for one at a time. Who uses it holds a lock on run_dir for so long; tracing that is on while nobody
 * holds it was left by one that was killed.
 */
#pragma once

#include "hv.h"

#include <ringlet/sysctl.h>

/* A descriptor, to be closed when tracing is off again; -1: another has it. */
int tracing_claim(void);
/* Switch it off, and give back its memory, if it is nobody's. */
void tracing_clear(struct hv *hv);
/* RINGLET_SYSCTL_trace. -errno. */
long tracing_op(struct hv *hv, struct ringlet_trace *t);
