/* SPDX-License-Identifier: MIT */
/* Threads that do several pieces of work at a time; they are made when there is such work for the first time. */
#pragma once

#define POOL_THREADS 4 /* the caller is one of them */

/* Call @work for 0 to @count - 1, in any order and by several threads at a time, and return when all is done. */
void pool_run(void (*work)(void *arg, unsigned i), void *arg, unsigned count);
