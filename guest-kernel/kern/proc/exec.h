/* SPDX-License-Identifier: MIT */
/* Starting programs. */
#ifndef KERN_PROC_EXEC_H
#define KERN_PROC_EXEC_H

#include "kern/lib/types.h"

struct inode;

/* Argument strings, then environment strings, each with its terminating zero. */
struct exec_args {
	char *text;
	size_t len, room;
	u32 argc, envc;
};

int exec_args_add(struct exec_args *args, const char *text); /* the caller counts argc and envc */
void exec_args_free(struct exec_args *args);
/* Replaces the current process's program. Returns only -errno before the point of no return, or 0. */
int exec_program(struct inode *at, const char *path, struct exec_args *args);

#endif
