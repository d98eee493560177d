/* SPDX-License-Identifier: MIT */
/* See netd.h. */
#include "netd.h"
#include "ctl.h"
#include "err.h"
#include "files.h"
#include "record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX (4u << 20)
#define ANSWER_MS  10000 /* it answers between two turns of its guests */
#define LOOK_MS    5

static char *await(const char *path)
{
	uint64_t until = now_ms() + ANSWER_MS;
	char *text;
	size_t len;

	while (!(text = file_read_quiet(path, ANSWER_MAX, &len)) && now_ms() < until)
		sleep_ms(LOOK_MS);
	unlink(path);
	if (!text)
		fail("rl-netd has not answered for %d s; /var/log/rl-netd.log may say why", ANSWER_MS / 1000);
	return text;
}

char *netd_ask(const char *verb, const char *fmt, ...)
{
	static unsigned number;
	char name[48], path[256], rest[256], *text;
	va_list ap;
	int rc;

	snprintf(name, sizeof(name), "answer-%d-%u", (int)getpid(), number++);
	snprintf(path, sizeof(path), "%s/netd/%s", run_dir, name);
	va_start(ap, fmt);
	rc = vsnprintf(rest, sizeof(rest), fmt, ap);
	va_end(ap);
	rc =
	    rc < 0 || rc >= (int)sizeof(rest) ? -EMSGSIZE : ctl_send("rl-netd", "%s %s %s", verb, name, rest);
	if (rc == -ENXIO)
		fail("rl-netd does not run; needed: rl-keeper, which starts it, or rl-netd itself");
	else if (rc)
		fail_errno(rc, "cannot ask rl-netd");
	text = rc ? NULL : await(path);
	if (text && *text == '+') {
		memmove(text, text + 1, strlen(text));
		return text;
	}
	if (text)
		fail("%s", text + 1);
	free(text);
	return NULL;
}
