/* SPDX-License-Identifier: MIT */
/* See line.h. */
#include "line.h"
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#define SUCCESSOR_MS 5000 /* how long a restart may take */

static int open_line(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios raw;

	if (fd < 0)
		return fail("%s: %s; on the host, `make run CONSOLES=4` gives the machine lines 1 to 4", path,
			    errno == ENOENT ? "there is no such line" : strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return fail("%s: another console is there; leave it there by ^]", path);
	}
	if (!tcgetattr(fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	return fd;
}

/* The domain that has the name now, once the old one is gone, and best with a console already; -1: none. */
static long successor(const char *name, unsigned old)
{
	uint64_t until = now_ms() + SUCCESSOR_MS;
	struct hv *hv = rl_hv();
	long found = -1;

	for (; hv && now_ms() < until; sleep_ms(50)) {
		found = domain_named(hv, name);
		if (found == (long)old)
			found = -1;
		if (found >= 0 && !access(console_path(found, "log"), R_OK))
			break;
	}
	return found;
}

static void stay(int fd, long id, const char *name, int (*attach)(unsigned id))
{
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	while (id >= 0) {
		printf("\r\n(rl) console of %s; ^] frees this line\r\n", name);
		fflush(stdout);
		id = attach(id) == 1 ? successor(name, id) : -1;
	}
}

int line_attach(unsigned id, const char *line, int (*attach)(unsigned id))
{
	char path[64], name[64];
	int fd;

	snprintf(path, sizeof(path), "%s%s", line[0] == '/' ? "" : "/dev/ttyS", line);
	snprintf(name, sizeof(name), "%s", domain_name(id));
	fd = open_line(path);
	if (fd < 0)
		return -1;
	printf("(rl) the console of %s is on %s\n", name, path);
	fflush(stdout);
	switch (fork()) {
	case -1:
		return fail_errno(errno, "cannot start a process for the line");
	case 0:
		stay(fd, id, name, attach);
		_exit(0);
	}
	close(fd);
	return 0;
}
