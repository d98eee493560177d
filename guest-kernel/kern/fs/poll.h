/* SPDX-License-Identifier: MIT */
/* Waiting for several files at once. */
#ifndef KERN_FS_POLL_H
#define KERN_FS_POLL_H

#include "kern/proc/wait.h"

#define POLLIN   0x001
#define POLLPRI  0x002
#define POLLOUT  0x004
#define POLLERR  0x008
#define POLLHUP  0x010
#define POLLNVAL 0x020

struct poll_set;

/*
 * A file_ops.poll calls this for each queue that is woken when its answer may change, then returns what is
 * true now. set is NULL when no task is going to sleep.
 */
void poll_wait(struct poll_set *set, struct wait_queue *q);

#endif
