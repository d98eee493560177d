/* SPDX-License-Identifier: MIT */
/* A disk's worker, as rl-blkd sees it. */
#pragma once

#include "disk.h"

#define STOP_MS 10000 /* for its last batch, and for what the image holds back */

/* Fork it. It opens the image at once, so that one that is in use, or missing, is seen before its domain starts. */
void worker_start(struct disk *d);
/* Have it end when it has done what it is at; nothing if there is none. disk_hear() sees its end. */
void worker_stop(struct disk *d);
void worker_kill(struct disk *d);
void worker_tell(struct disk *d, const struct command *c, enum phase next);
/* False: it has ended instead; the next one is started later, the later the shorter this one lived. */
bool worker_hear(struct disk *d, struct report *r);
