/* SPDX-License-Identifier: MIT */
/* See workers.h. */
#define _GNU_SOURCE /* pipe2 */
#include "workers.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON_MS     1000 /* one that ends sooner after its start is not followed by another at once */
#define WAIT_MIN_MS 50
#define WAIT_MAX_MS 5000
#define COMMANDS    3 /* the child's descriptors */
#define REPORTS     4

static void enter(struct disk *d, enum phase phase)
{
	d->phase = phase;
	d->since_ms = now_ms();
}

/* `FORMAT:PATH` as libxl writes it for its own back end; a path alone is raw. */
static const char *split(char *params, const char **format)
{
	static const char *const names[] = {"raw", "qcow2", "aio", "phy"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (strncmp(params, names[i], n) || params[n] != ':')
			continue;
		*format = strcmp(names[i], "qcow2") ? "raw" : "qcow2";
		return params + n + 1;
	}
	*format = "raw";
	return params;
}

/* What the others' pipes tell is no business of this one, and would keep their workers from seeing an end. */
static void close_others(int commands, int reports)
{
	int high[2] = {fcntl(commands, F_DUPFD, REPORTS + 1), fcntl(reports, F_DUPFD, REPORTS + 1)};

	dup2(high[0], COMMANDS);
	dup2(high[1], REPORTS);
	if (syscall(SYS_close_range, REPORTS + 1, ~0u, 0))
		for (int fd = REPORTS + 1; fd < 1024; fd++)
			close(fd);
}

static void become(const struct disk *d, int commands, int reports)
{
	struct worker_config c = {
	    .name = d->name,
	    .dom = d->dom,
	    .readonly = d->readonly,
	    .discards = d->discards,
	    .commands = COMMANDS,
	    .reports = REPORTS,
	};

	close_others(commands, reports);
	c.path = split(d->params, &c.format);
	worker_main(&c);
}

void worker_start(struct disk *d)
{
	int down[2], up[2] = {-1, -1};

	enter(d, NO_WORKER);
	d->start_ms = now_ms() + WAIT_MAX_MS; /* if it cannot be */
	if (pipe2(down, O_CLOEXEC) < 0 || pipe2(up, O_CLOEXEC) < 0 || (d->pid = fork()) < 0) {
		warn("%s: cannot start a process for it: %s", d->name, strerror(errno));
		return;
	}
	if (!d->pid)
		become(d, down[0], up[1]);
	close(down[0]);
	close(up[1]);
	d->commands = down[1];
	d->reports = up[0];
	enter(d, OPENING);
	d->start_ms = now_ms();
}

void worker_stop(struct disk *d)
{
	if (d->phase == NO_WORKER || d->phase == STOPPING)
		return;
	close(d->commands);
	d->commands = -1;
	enter(d, STOPPING);
}

void worker_kill(struct disk *d)
{
	warn("%s: its process (%d) has not ended in %d s; it is killed", d->name, (int)d->pid,
	     STOP_MS / 1000);
	kill(d->pid, SIGKILL);
	d->since_ms = now_ms();
}

void worker_tell(struct disk *d, const struct command *c, enum phase next)
{
	if (write(d->commands, c, sizeof(*c)) != sizeof(*c))
		warn("%s: its process does not listen", d->name); /* worker_hear() sees its end */
	else
		enter(d, next);
}

static void note_end(struct disk *d)
{
	bool wanted = d->phase == STOPPING;
	int status = 0;

	waitpid(d->pid, &status, 0);
	close(d->reports);
	if (d->commands >= 0)
		close(d->commands);
	d->commands = d->reports = -1;
	d->pid = 0;
	if (wanted || now_ms() - d->start_ms >= SOON_MS)
		d->wait_ms = 0;
	else
		d->wait_ms = !d->wait_ms                    ? WAIT_MIN_MS
			     : d->wait_ms < WAIT_MAX_MS / 2 ? d->wait_ms * 2
							    : WAIT_MAX_MS;
	if (WIFSIGNALED(status) && !wanted)
		warn("%s: its process ended by signal %d; it is started again in %u ms", d->name,
		     WTERMSIG(status), d->wait_ms);
	d->start_ms = now_ms() + d->wait_ms;
	enter(d, NO_WORKER);
}

bool worker_hear(struct disk *d, struct report *r)
{
	if (read(d->reports, r, sizeof(*r)) == sizeof(*r))
		return true;
	note_end(d);
	return false;
}
