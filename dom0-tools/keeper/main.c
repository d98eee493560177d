/* SPDX-License-Identifier: MIT */
/*
 * rl-keeper: starts Dom0's daemons, and restarts any that ends; keeps what they report in /var/log, within bounds. It
 * goes into the background when the store answers. With -s it stays in the foreground and waits until no other keeper
 * runs, so that init has one ready (etc/inittab).
 *
 * Each daemon continues where it was killed: rl-stored from its notes (stored/save.h), rl-consoled and rl-domd from
 * <run>/domains, the store and the hypervisor's list. So a keeper that follows a killed one restarts them all.
 */
#include "err.h"
#include "files.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOON_MS     1000 /* a daemon that ends sooner after its start is not restarted at once */
#define WAIT_MIN_MS 50
#define WAIT_MAX_MS 5000
#define ANSWER_MS   15000       /* of rl-stored: it needs some milliseconds */
#define LOG_MAX     (32 * 1024) /* bytes; then NAME.log becomes NAME.log.old */

static struct daemon {
	const char *name;
	pid_t pid; /* 0: it does not run */
	int out;   /* what it reports; -1: none */
	uint64_t started, start_at;
	unsigned wait_ms;
} daemons[] = {
    {.name = "rl-stored", .out = -1}, {.name = "rl-consoled", .out = -1}, {.name = "rl-domd", .out = -1},
    {.name = "rl-blkd", .out = -1},   {.name = "rl-netd", .out = -1},
};

#define DAEMONS (sizeof(daemons) / sizeof(*daemons))

static int ended[2]; /* a byte for each SIGCHLD */

static void on_child(int signal)
{
	int saved = errno;

	(void)signal;
	if (write(ended[1], "", 1) < 0) {
	} /* full: the reader will wake up anyway */
	errno = saved;
}

/* ---- Logs ---- */

static void keep_text(const struct daemon *d, const char *text, size_t len)
{
	char path[128], old[136];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/var/log/%s.log", d->name);
	if (!stat(path, &st) && st.st_size + (off_t)len > LOG_MAX) {
		snprintf(old, sizeof(old), "%s.old", path);
		rename(path, old);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (write(fd, text, len) < 0) {
	} /* there is nowhere to report it */
	close(fd);
}

static void __attribute__((format(printf, 2, 3))) note(const struct daemon *d, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	keep_text(d, line, len);
}

/* False: no more. */
static bool take_text(struct daemon *d)
{
	char text[1024];
	ssize_t got = d->out < 0 ? -1 : read(d->out, text, sizeof(text));

	if (got > 0)
		keep_text(d, text, got);
	return got > 0;
}

/* ---- Daemons ---- */

/* In the child. @ready: rl-stored's, or -1. */
static void become(const struct daemon *d, int out, int ready)
{
	char number[16];

	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	signal(SIGCHLD, SIG_DFL);
	snprintf(number, sizeof(number), "%d", ready);
	execlp(d->name, d->name, ready < 0 ? NULL : number, (char *)NULL);
	fail_errno(errno, "%s: cannot start it", d->name);
	_exit(127);
}

static void start(struct daemon *d, int ready)
{
	int out[2];

	keep_text(d, "", 0); /* an empty log means that there was nothing to report */
	if (d->out >= 0)
		close(d->out); /* children of the last daemon may still have the other end */
	d->out = -1;
	d->started = now_ms();
	d->pid = pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ? -1 : fork();
	if (d->pid == 0)
		become(d, out[1], ready);
	if (d->pid < 0) {
		d->pid = 0;
		d->start_at = now_ms() + WAIT_MAX_MS;
		return;
	}
	close(out[1]);
	d->out = out[0];
}

/* Wait for the byte on @ready, or its end. False: there has been neither in good time. */
static bool answers(int ready)
{
	struct pollfd fd = {.fd = ready, .events = POLLIN};
	uint64_t until = now_ms() + ANSWER_MS, now;

	while ((now = now_ms()) < until)
		if (poll(&fd, 1, (int)(until - now)) > 0)
			return true;
	return false;
}

/* rl-stored says when it answers; the others are of no use before. */
static void start_store(struct daemon *d)
{
	int ready[2];

	if (pipe(ready) < 0)
		return start(d, -1);
	fcntl(ready[0], F_SETFD, FD_CLOEXEC);
	start(d, ready[1]);
	close(ready[1]);
	if (!answers(ready[0]) && d->pid) {
		note(d, "rl-keeper: %s (process %d) has not answered for %d s; it is killed\n", d->name,
		     (int)d->pid, ANSWER_MS / 1000);
		kill(d->pid, SIGKILL); /* watch() sees its end */
	}
	close(ready[0]);
}

static void start_due(void)
{
	for (size_t i = 0; i < DAEMONS; i++) {
		struct daemon *d = &daemons[i];

		if (d->pid || d->start_at > now_ms())
			continue;
		if (i == 0)
			start_store(d);
		else
			start(d, -1);
	}
}

/* Restarted at once, or, if it did not live long, after a time that doubles. */
static void note_end(struct daemon *d, int status)
{
	while (take_text(d))
		;
	if (now_ms() - d->started >= SOON_MS)
		d->wait_ms = 0;
	else
		d->wait_ms = d->wait_ms ? d->wait_ms * 2 : WAIT_MIN_MS;
	d->wait_ms = d->wait_ms < WAIT_MAX_MS ? d->wait_ms : WAIT_MAX_MS;
	d->start_at = now_ms() + d->wait_ms;
	d->pid = 0;
	note(d, "rl-keeper: %s ended (%s %d); it is started again in %u ms\n", d->name,
	     WIFSIGNALED(status) ? "signal" : "exit code",
	     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), d->wait_ms);
}

/* End the daemons of a keeper that was killed: no keeper reads their reports or would see them end. */
static void end_others(void)
{
	for (size_t i = 0; i < DAEMONS; i++) {
		pid_t pid = lock_holder(daemons[i].name);

		if (!pid)
			continue;
		note(&daemons[i], "rl-keeper: %s (process %d) has lost its keeper; it is started again\n",
		     daemons[i].name, (int)pid);
		kill(pid, SIGKILL);
		while (lock_holder(daemons[i].name) == pid)
			sleep_ms(2);
	}
}

static void look_for_ends(void)
{
	char bytes[16];
	pid_t pid;
	int status;

	while (read(ended[0], bytes, sizeof(bytes)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < DAEMONS; i++)
			if (daemons[i].pid == pid)
				note_end(&daemons[i], status);
}

/* Wait until a daemon has ended, or is to be started. */
static int patience(void)
{
	uint64_t now = now_ms(), first = UINT64_MAX;

	for (size_t i = 0; i < DAEMONS; i++)
		if (!daemons[i].pid && daemons[i].start_at < first)
			first = daemons[i].start_at;
	return first == UINT64_MAX ? -1 : first <= now ? 0 : (int)(first - now);
}

static void watch(void)
{
	struct pollfd fds[DAEMONS + 1] = {{.fd = ended[0], .events = POLLIN}};

	for (size_t i = 0; i < DAEMONS; i++)
		fds[i + 1] = (struct pollfd){.fd = daemons[i].out, .events = POLLIN};
	if (poll(fds, DAEMONS + 1, patience()) > 0) {
		for (size_t i = 0; i < DAEMONS; i++) {
			if (fds[i + 1].revents & POLLIN) {
				take_text(&daemons[i]);
			} else if (fds[i + 1].revents) {
				close(daemons[i].out);
				daemons[i].out = -1;
			}
		}
		if (fds[0].revents)
			look_for_ends();
	}
	start_due();
}

/* @ready: where to write a byte when the store answers, or -1. */
static int keep(bool wait, int ready)
{
	dup2(open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO); /* terminal input is not for daemons */
	if (lock_take("rl-keeper", wait))
		return 1;
	if (pipe2(ended, O_CLOEXEC | O_NONBLOCK) < 0) {
		fail_errno(errno, "cannot make a pipe");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, on_child);
	end_others();
	start_due();
	if (ready >= 0 && write(ready, "", 1) != 1)
		return 1;
	close(ready);
	for (;;)
		watch();
}

int main(int argc, char **argv)
{
	bool stay = argc == 2 && !strcmp(argv[1], "-s");
	pid_t child = -1;
	int ready[2];
	char byte;

	fail_program("rl-keeper");
	if (argc > 1 && !stay) {
		fail("usage: rl-keeper [-s]; -s waits until the one that runs has ended");
		return 2;
	}
	if (stay)
		return keep(true, -1);
	if (pipe2(ready, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fail_errno(errno, "cannot go into the background");
		return 1;
	}
	if (child) {
		close(ready[1]);
		return read(ready[0], &byte, 1) == 1 ? 0 : 1;
	}
	close(ready[0]);
	setsid();
	return keep(false, ready[1]);
}
