/* SPDX-License-Identifier: MIT */
/* See lock.h. The locks are POSIX's: children do not inherit them, and a process that asks learns the holder's id. */
#include "lock.h"
#include "err.h"
#include "files.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What this process has. To look into the file would drop it: POSIX's locks go with any descriptor that is closed. */
static char own[64];
static pid_t own_pid;

static int open_lock(const char *name, int flags)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s.lock", run_dir, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

int lock_take(const char *name, bool wait)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = make_dirs(run_dir) ? -1 : open_lock(name, O_RDWR | O_CREAT), rc;

	if (fd < 0)
		return fail_errno(errno, "%s/%s.lock: cannot make it; is /run writable?", run_dir, name);
	do {
		rc = fcntl(fd, wait ? F_SETLKW : F_SETLK, &lock) < 0 ? errno : 0;
	} while (rc == EINTR);
	if (!rc) { /* the file stays open */
		snprintf(own, sizeof(own), "%s", name);
		own_pid = getpid();
		return 0;
	}
	close(fd);
	if (rc == EAGAIN || rc == EACCES)
		return fail("it runs already, as process %d", (int)lock_holder(name));
	return fail_errno(rc, "%s/%s.lock: cannot lock it", run_dir, name);
}

pid_t lock_holder(const char *name)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	bool held;
	int fd;

	if (own_pid == getpid() && !strcmp(own, name))
		return own_pid;
	fd = open_lock(name, O_RDWR);
	held = fd >= 0 && !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return held ? lock.l_pid : 0;
}
