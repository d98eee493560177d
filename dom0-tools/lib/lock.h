/* SPDX-License-Identifier: MIT */
/* One process of a name at a time: it holds a lock on <run_dir>/NAME.lock, which ends with it, however it ends. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Be it, for as long as this process lives; @wait: as soon as it can be. -1 and a report: another one is. */
int lock_take(const char *name, bool wait);
/* Who is it? 0: nobody. */
pid_t lock_holder(const char *name);
