/* SPDX-License-Identifier: MIT */
/*
 * How rl talks to the daemons: lines written into the daemon's FIFO <run_dir>/<daemon>.ctl. There are no replies; files
 * show what a daemon has done (see the first comments of rl-consoled and rl-domd).
 */
#pragma once

#include <stddef.h>

/* Send one line (a newline is added). -ENXIO: the daemon is not running. */
int ctl_send(const char *daemon, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The daemon's side: make the FIFO and open it for poll(). -1 and a report. */
int ctl_listen(const char *daemon);

/* Take the complete lines that came, calling @line for each. @part keeps an incomplete one. */
struct ctl_lines {
	char text[512];
	size_t len;
};
void ctl_receive(int fd, struct ctl_lines *part, void (*line)(void *arg, char *text), void *arg);
