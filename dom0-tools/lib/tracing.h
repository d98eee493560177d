/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor traces for one user at a time. A process that traces holds a lock on run_dir; tracing that is on while
 * no process holds the lock was left on by a killed one.
 */
#pragma once

#include "hv.h"

#include <ringlet/sysctl.h>

/* A descriptor, to be closed when tracing is off again; -1: another process has it. */
int tracing_claim(void);
/* Switch it off, and give back its memory, if no process holds the lock. */
void tracing_clear(struct hv *hv);
/* RINGLET_SYSCTL_trace. -errno. */
long tracing_op(struct hv *hv, struct ringlet_trace *t);
