/* SPDX-License-Identifier: MIT */
/* Captures of what comes and goes at the switches' ports, each into a pcapng file, for a process that asked for it and as long
 * as that lives. */
#pragma once

#include "switch.h"

#include <sys/types.h>

#define CAPTURES_MAX 8

/* What is wanted: "all", "vlanN", "domN", or a port's name. The file ends before it has more than @bytes. -1 and @why. */
int capture_start(pid_t pid, uint64_t bytes, const char *what, const char *path, char *why, size_t size);
/* @said: how much there is in the file. False: there is no such capture. */
bool capture_stop(pid_t pid, char *said, size_t size);
/* For the switch. */
void capture_observe(struct switch_port *p, const struct frame *f, bool tagged, bool out);
/* Write out what was seen, and end captures whose process is gone. True: there are some. */
bool capture_tend(void);
