/* SPDX-License-Identifier: MIT */
/* See tracing.h. */
#include "tracing.h"
#include "files.h"
#include "record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CLAIM_MS 500 /* longer than tracing_clear() ever holds the lock */

static int try_claim(void)
{
	int fd = open(run_dir, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return -1;
}

int tracing_claim(void)
{
	uint64_t until = now_ms() + CLAIM_MS;
	int fd;

	make_dirs(run_dir);
	while ((fd = try_claim()) < 0 && now_ms() < until)
		sleep_ms(5);
	return fd;
}

long tracing_op(struct hv *hv, struct ringlet_trace *t)
{
	struct xen_sysctl op = {.cmd = RINGLET_SYSCTL_trace};
	long rc;

	memcpy(op.u.pad, t, sizeof(*t));
	rc = hv_sysctl(hv, &op);
	memcpy(t, op.u.pad, sizeof(*t));
	return rc;
}

void tracing_clear(struct hv *hv)
{
	struct ringlet_trace t = {.command = RINGLET_TRACE_free};
	int fd = try_claim();

	if (fd < 0)
		return;
	tracing_op(hv, &t);
	close(fd);
}
