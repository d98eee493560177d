/* SPDX-License-Identifier: MIT */
/* For programs that test the kernel they run under: a check that fails is told, and remembered in `failed`. */
#ifndef TESTS_SYSTEM_CHECK_H
#define TESTS_SYSTEM_CHECK_H

#include <errno.h>
#include <stdio.h>

static int failed;

#define CHECK(what)                                                                 \
	do {                                                                        \
		if (!(what)) {                                                      \
			printf("line %d: %s (errno %d)\n", __LINE__, #what, errno); \
			failed = 1;                                                 \
		}                                                                   \
	} while (0)
#define FAILS(what, error) CHECK((what) < 0 && errno == (error))

#endif
