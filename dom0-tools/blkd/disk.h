/* SPDX-License-Identifier: MIT */
/*
 * What rl-blkd knows of one disk: its directory backend/qdisk/DOM/DEV in the store, its front end's, and its worker. disk_look()
 * compares what is there with what ought to be, and does the next step; it is called when anything may have changed, and how
 * often does not matter. So a front end that writes its state without end costs no more than one look for a round.
 */
#pragma once

#include "worker.h"
#include "xs.h"

#include <sys/types.h>

#define BACKEND "backend/qdisk" /* relative to this domain's directory */

enum phase {
	NO_WORKER,
	OPENING,
	OPEN, /* the image is open, no ring is served */
	CONNECTING,
	CONNECTED,
	CLOSING, /* lets go of the ring */
	STOPPING /* lets go of all, and ends */
};

struct disk {
	struct disk *next;
	unsigned dom, dev;
	bool changed;   /* to be looked at */
	char *frontend; /* directory; watched */
	char *params, *name;
	enum phase phase;
	pid_t pid;
	int commands, reports;
	uint64_t since_ms; /* of the phase */
	uint64_t start_ms; /* no worker is started before */
	unsigned wait_ms;
	uint64_t sectors;
	bool readonly, cdrom, removable, discards;
	bool changing; /* its medium, and nobody was told yet */
	bool refused;  /* its ring cannot be served; until the front end goes */
	char why[256];
};

struct disk *disk_new(unsigned dom, unsigned dev);
/* False: it is gone, and nothing is left but to free it. */
bool disk_look(struct xs *xs, struct disk *d);
/* Something came from the worker, or it has ended. @all: the first of all disks. */
void disk_hear(struct xs *xs, struct disk *d, const struct disk *all);
/* Milliseconds until it is to be looked at in any case; -1: it is not. */
int disk_patience(const struct disk *d);
void disk_free(struct xs *xs, struct disk *d);
