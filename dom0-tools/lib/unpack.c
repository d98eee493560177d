/* SPDX-License-Identifier: MIT */
/* See unpack.h. */
#include "unpack.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_RUN 127

const char *unpack_program = "rl-unpack";

static void run(const char *path, int out)
{
	dup2(out, STDOUT_FILENO);
	execlp(unpack_program, unpack_program, path, (char *)NULL);
	_exit(CANNOT_RUN);
}

/* All that @child writes into the pipe; it is waited for whatever happens. */
static uint8_t *collect(const char *path, int in, pid_t child, size_t max, size_t *size)
{
	int rc, status;
	char *data = fd_read(in, max, size, &rc);

	close(in);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (data && WIFEXITED(status) && !WEXITSTATUS(status))
		return (uint8_t *)data;
	free(data);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_RUN)
		fail("%s: cannot run %s, which is needed to unpack it; or pack it by gzip", path,
		     unpack_program);
	else if (!data && rc == EFBIG)
		fail("%s: unpacks to more than %zu MiB", path, max >> 20);
	else if (!data || !WIFEXITED(status))
		fail("%s: there is not enough memory in Dom0 to unpack it", path);
	return NULL;
}

uint8_t *unpack_file(const char *path, size_t max, size_t *size)
{
	int ends[2];
	pid_t child;

	if (pipe(ends)) {
		fail_errno(errno, "%s: cannot unpack", path);
		return NULL;
	}
	fflush(NULL);
	child = fork();
	if (!child) {
		close(ends[0]);
		run(path, ends[1]);
	}
	close(ends[1]);
	if (child > 0)
		return collect(path, ends[0], child, max, size);
	fail_errno(errno, "%s: cannot run %s", path, unpack_program);
	close(ends[0]);
	return NULL;
}
