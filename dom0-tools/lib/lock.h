/* SPDX-License-Identifier: MIT */
/* One process of a name at a time: it holds a lock on <run_dir>/NAME.lock, which ends with the process in any case. A process
 * has one at most. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Take the lock, for the life of this process; @wait: as soon as it is free. -1 and a report: another process has it. */
int lock_take(const char *name, bool wait);
/* The process that has it, this one included; 0: none. */
pid_t lock_holder(const char *name);
