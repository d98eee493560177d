/* SPDX-License-Identifier: MIT */
/* A domain's console on a serial line of its own, kept there by a process in the background. */
#pragma once

/* Put the console of domain @id on /dev/ttyS@line, or on the terminal with that path. It stays until the user leaves it
 * there or the domain is gone; a domain of the same name that takes its place is followed. -1 and a report. */
int line_attach(unsigned id, const char *line, int (*attach)(unsigned id));
