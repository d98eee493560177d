/* SPDX-License-Identifier: MIT */
/*
 * The store in Dom0's files, <run_dir>/store/: `state`, which is replaced as a whole, and `log.0` or
 * `log.1`, the notes since then (the state says which). Both outlive the daemon, not the machine: they are in memory, as all of /run.
 */
#pragma once

#include "store.h"

/* Continue where the last daemon was killed: 1 (all clients are attached again), or 0: there was none. -1 and a
 * report: no directory. */
int save_open(struct store *s);
/* From now on everything is kept. */
void save_begin(struct store *s);
/* store_ops.keep. */
void save_keep(struct store *s);
