/* SPDX-License-Identifier: MIT */
/* Command lines through FIFOs: see ctl.h. A line is shorter than PIPE_BUF, so lines of several writers never
 * mix (POSIX, write()). */
#include "ctl.h"
#include "err.h"
#include "files.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fifo_path(char path[256], const char *daemon)
{
	snprintf(path, 256, "%s/%s.ctl", run_dir, daemon);
}

int ctl_send(const char *daemon, const char *fmt, ...)
{
	char path[256], line[256];
	va_list ap;
	int fd, len, rc = 0;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (len < 0 || len >= (int)sizeof(line) - 1)
		return -EMSGSIZE;
	line[len++] = '\n';
	fifo_path(path, daemon);
	/* Without a reader this fails with ENXIO; a FIFO not there yet means the same. */
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENXIO : -errno;
	if (write(fd, line, len) != len)
		rc = -EAGAIN;
	close(fd);
	return rc;
}

int ctl_listen(const char *daemon)
{
	char path[256];
	int fd;

	if (make_dirs(run_dir))
		return fail("%s: cannot make this directory; is /run writable?", run_dir);
	fifo_path(path, daemon);
	unlink(path);
	if (mkfifo(path, 0600) < 0)
		return fail_errno(errno, "%s: cannot make this FIFO", path);
	/* Open for writing too: then the last writer's close is no end of file. */
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? fail_errno(errno, "%s: cannot open", path) : fd;
}

void ctl_receive(int fd, struct ctl_lines *part, void (*line)(void *arg, char *text), void *arg)
{
	ssize_t got = read(fd, part->text + part->len, sizeof(part->text) - 1 - part->len);
	char *stop;

	if (got <= 0)
		return;
	part->len += got;
	part->text[part->len] = '\0';
	while ((stop = strchr(part->text, '\n'))) {
		*stop = '\0';
		line(arg, part->text);
		part->len -= stop + 1 - part->text;
		memmove(part->text, stop + 1, part->len + 1);
	}
	if (part->len == sizeof(part->text) - 1)
		part->len = 0; /* no valid line is that long */
}
