/* SPDX-License-Identifier: MIT */
/* Limits of resources: see limits.c. The numbers are Linux's. */
#ifndef KERN_PROC_LIMITS_H
#define KERN_PROC_LIMITS_H

#include "kern/lib/types.h"

#define LIMIT_FSIZE  1
#define LIMIT_STACK  3
#define LIMIT_NPROC  6
#define LIMIT_NOFILE 7
#define LIMIT_AS     9
#define LIMITS       16

struct mm;

/* As prlimit passes it. */
struct limit {
	u64 soft, hard;
};

void limits_init(struct limit limits[LIMITS]); /* of process 1 */
u64 limit(int resource);                       /* the current process's */
bool limit_allows_task(void);                  /* one more task, of whatever process */
bool limit_allows_memory(const struct mm *mm, ulong more);
/* A write of *n bytes at pos: cut short at the limit; beyond it SIGXFSZ and -EFBIG. */
int limit_file_size(u64 pos, size_t *n);

#endif
