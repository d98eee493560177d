/* SPDX-License-Identifier: MIT */
/*
 * Terminals for the domains that xl makes. xl waits until the store names a terminal (console/tty), and `xl console` opens
 * that. The terminal is shown what the log has, and its keys go to the domain; a terminal that nobody reads fills up and
 * is behind from then on, at most as far as the log reaches.
 */
#pragma once

#include "guest.h"

/* For @g, whose log is open; its name goes into the store. -1 and a report. */
int terminal_open(struct guest *g);
/* As much as it takes of what it has not been shown yet. */
void terminal_show(struct guest *g);
/* Is there more to show? False for a guest without a terminal. */
bool terminal_behind(const struct guest *g);
void terminal_close(struct guest *g);

/* What xl's consoles are known by: a watch of the store, on a connection of its own. NULL and a report. */
struct xs *xl_watch(void);
/* Take one event: the domain that it is about; 0: any may be; -1: there was none. */
long xl_event(struct xs *xs);
/* Does the store say that there is a domain of xl's whose console a daemon is to serve? */
bool xl_has_console(unsigned id);
/* All domains of which xl_has_console() may be true; the list is the caller's to free. */
size_t xl_list(unsigned **ids);
