/* SPDX-License-Identifier: MIT */
/*
 * One domain as rl-consoled sees it: its console ring, a page shared with the guest, and an event channel. Anything
 * in that page may change at any moment: indices are read once, checked, and never lead outside the ring.
 */
#pragma once

#include "conlog.h"
#include "hv.h"
#include "queue.h"
#include "record.h"

#include <stdbool.h>

#include <xen/io/console.h>

struct guest {
	struct guest *next;
	struct link ready; /* in the queue of guests to be looked at; its port is masked */
	bool typing;       /* a client may have the FIFO open */
	unsigned id;
	int port; /* the daemon's; -1: none */
	struct xencons_interface *ring;
	struct conlog log;
	int in; /* FIFO with what clients type */
	bool ring_broken;
	int terminal, far_end; /* of a domain that xl made (terminal.h); -1: none */
	struct conlog shown;   /* how much of the log went there */
};

/* Begin where the log ends: an earlier rl-consoled may have been killed before it told the guest. */
void console_resume(struct guest *g);
/* Move what the guest wrote into the log, a ring's worth at most: how many bytes that was. *@tell: something was taken, and
 * the guest is to have an event. It may wait for room, or for all that it wrote to be gone: only it knows. */
size_t console_drain(struct guest *g, bool *tell);
/* May keys be taken, i.e. is there room in the guest's ring? */
size_t console_room(const struct guest *g);
/* Move keys from @fd, the FIFO or the terminal, into the ring. True if the guest should be told. *@more becomes false when
 * no client types any more. */
bool console_feed(struct guest *g, int fd, bool *more);
