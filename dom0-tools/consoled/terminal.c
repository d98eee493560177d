/* SPDX-License-Identifier: MIT */
/* See terminal.h. */
#include "terminal.h"
#include "err.h"
#include "files.h"
#include "home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* xl writes the domain's own nodes and those here in one transaction, and removes these before it destroys the domain;
 * guests cannot write here. */
#define CONSOLES "/local/domain/0/backend/console"

/* The daemon keeps the far end open: without any, the near end could not be written to. */
static int open_both(struct guest *g, char name[24])
{
	struct termios raw;
	unsigned number;

	g->terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (g->terminal < 0 || ioctl(g->terminal, TIOCSPTLCK, &(int){0}) ||
	    ioctl(g->terminal, TIOCGPTN, &number))
		return -1;
	snprintf(name, 24, "/dev/pts/%u", number);
	g->far_end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (g->far_end < 0 || tcgetattr(g->far_end, &raw))
		return -1;
	cfmakeraw(&raw);
	return tcsetattr(g->far_end, TCSANOW, &raw);
}

int terminal_open(struct guest *g)
{
	struct xs *xs = xs_shared();
	char name[24];
	int rc;

	if (open_both(g, name))
		return fail_errno(errno, "domain %u: cannot make a terminal", g->id);
	rc = conlog_open(&g->shown, console_path(g->id, "log"));
	if (rc)
		return fail_errno(rc, "domain %u: cannot read its console log", g->id);
	if (!xs || home_write(xs, g->id, "console/tty", name))
		return fail_errno(errno, "domain %u: cannot write its terminal into the store", g->id);
	return 0;
}

void terminal_show(struct guest *g)
{
	char text[CONLOG_CHUNK];
	ssize_t got, put;

	while ((got = conlog_read(&g->shown, text, sizeof(text))) > 0) {
		put = write(g->terminal, text, got);
		if (put == got)
			continue;
		g->shown.at -= got - (put > 0 ? put : 0);
		return;
	}
	g->shown.at = g->log.at; /* also where the log cannot be read: it is not tried without end */
}

bool terminal_behind(const struct guest *g)
{
	return g->terminal >= 0 && g->shown.at < g->log.at;
}

void terminal_close(struct guest *g)
{
	if (g->terminal >= 0)
		close(g->terminal);
	if (g->far_end >= 0)
		close(g->far_end);
	conlog_close(&g->shown);
}

struct xs *xl_watch(void)
{
	struct xs *xs = xs_open();

	if (xs && !xs_watch(xs, CONSOLES, "xl"))
		return xs;
	fail_errno(errno, "cannot watch %s in the store", CONSOLES);
	if (xs)
		xs_close(xs);
	return NULL;
}

long xl_event(struct xs *xs)
{
	char *path = xs_event(xs, 0);
	unsigned id = 0;

	if (!path)
		return -1;
	sscanf(path, CONSOLES "/%u", &id);
	free(path);
	return id;
}

bool xl_has_console(unsigned id)
{
	struct xs *xs = xs_shared();
	char path[64], *node, *type;
	bool has;

	if (!xs)
		return false;
	snprintf(path, sizeof(path), CONSOLES "/%u", id);
	node = xs_read(xs, 0, path, NULL);
	type = node ? home_read(xs, id, "console/type") : NULL;
	has = type && !strcmp(type, "xenconsoled");
	free(node);
	free(type);
	return has;
}

size_t xl_list(unsigned **ids)
{
	struct xs *xs = xs_shared();
	size_t len = 0, n = 0;
	char *names = xs ? xs_directory(xs, 0, CONSOLES, &len) : NULL;

	*ids = names ? calloc(len + 1, sizeof(**ids)) : NULL; /* a name takes two bytes at least */
	for (size_t at = 0; *ids && at < len; at += strlen(names + at) + 1)
		(*ids)[n++] = strtoul(names + at, NULL, 10);
	free(names);
	return n;
}
