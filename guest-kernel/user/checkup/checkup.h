/* SPDX-License-Identifier: MIT */
/* What the parts of checkup share. A check runs in a process of its own; CHECK ends it at the first thing that is wrong. */
#ifndef CHECKUP_H
#define CHECKUP_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			printf("  line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			fflush(stdout);                                                    \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

struct check {
	const char *name;
	void (*run)(void);
};

/* Each ends with a check without a name. */
extern const struct check file_checks[], expected_checks[];

int wait_code(pid_t pid); /* the status of a child that has ended, as waitpid() stores it */

#endif
