/* SPDX-License-Identifier: MIT */
/* See control.h. */
#include "control.h"
#include "answer.h"
#include "capture.h"
#include "ctl.h"
#include "err.h"
#include "files.h"
#include "record.h"
#include "settings.h"
#include "vif.h"

#include <stdlib.h>
#include <string.h>

int control_open(void)
{
	return ctl_listen("rl-netd");
}

static void reply(const char *file, bool done, const char *text)
{
	char path[256], *whole = malloc(strlen(text) + 2);

	/* A name, and no path: it stays in our folder. */
	if (!whole || strchr(file, '/') ||
	    (size_t)snprintf(path, sizeof(path), "%s/netd/%s", run_dir, file) >= sizeof(path)) {
		free(whole);
		return;
	}
	whole[0] = done ? '+' : '-';
	strcpy(whole + 1, text);
	file_write(path, whole);
	free(whole);
}

static void tell(const char *file, const char *question)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool known = out && answer(out, question, now_ms());

	if (out)
		fclose(out);
	reply(file, known, known ? text : "there is no such port; `rl switch show` lists them");
	free(text);
}

static void begin_capture(const char *file, const char *words)
{
	char what[PORT_NAME], path[256], why[320];
	unsigned long long bytes;
	int pid;

	if (sscanf(words, "%d %llu %31s %255[^\n]", &pid, &bytes, what, path) != 4)
		reply(file, false, "this version of rl-netd does not understand that");
	else if (capture_start(pid, bytes, what, path, why, sizeof(why)))
		reply(file, false, why);
	else
		reply(file, true, "");
}

static void end_capture(const char *file, const char *words)
{
	char said[160];
	bool was = capture_stop((pid_t)strtol(words, NULL, 10), said, sizeof(said));

	reply(file, was, was ? said : "rl-netd was started again meanwhile");
}

static void take_line(void *arg, char *text)
{
	bool *captures = arg;
	char verb[16], file[64];
	int used = 0;

	if (sscanf(text, "%15s %63s %n", verb, file, &used) != 2 || !used)
		return;
	if (!strcmp(verb, "tell")) {
		tell(file, text + used);
	} else if (!strcmp(verb, "reload")) {
		bool done = !settings_load();

		world.changed = true;
		reply(file, done, done ? "" : fail_last());
	} else if (!strcmp(verb, "capture")) {
		begin_capture(file, text + used);
		*captures = true;
	} else if (!strcmp(verb, "uncapture")) {
		end_capture(file, text + used);
	}
}

bool control_hear(int fd)
{
	static struct ctl_lines part;
	bool captures = false;

	ctl_receive(fd, &part, take_line, &captures);
	return captures;
}

bool control_tend(void)
{
	return capture_tend();
}
