/* SPDX-License-Identifier: MIT */
/*
 * For test programs of the teaching kernel: small checks one after the other, each in a process of its own, one
 * line for each that fails, and a last line "NAME: N passed, N failed".
 */
#ifndef TESTS_PROGRAMS_CHECK_H
#define TESTS_PROGRAMS_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_SECONDS 300 /* so that a hang becomes a failure */

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

static inline int wait_code(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* Runs the checks, of which `only`, if it is not NULL, names the one to run. The exit code of the program. */
static inline int run_checks(const char *program, const struct check *checks, unsigned count,
			     const char *only)
{
	int passed = 0, failed = 0, status;
	pid_t pid;

	for (unsigned i = 0; i < count; i++) {
		if (only && strcmp(only, checks[i].name))
			continue;
		fflush(stdout);
		pid = fork();
		if (!pid) {
			alarm(CHECK_SECONDS);
			checks[i].run();
			fflush(stdout);
			_exit(0);
		}
		if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0) {
			passed++;
		} else {
			failed++;
			printf("%s: %s: FAILED, status %x\n", program, checks[i].name, pid > 0 ? status : -1);
		}
	}
	printf("%s: %d passed, %d failed\n", program, passed, failed);
	return failed || !passed;
}

#define RUN_CHECKS(program, checks, argc, argv) \
	run_checks(program, checks, sizeof(checks) / sizeof((checks)[0]), (argc) > 1 ? (argv)[1] : NULL)

#endif
