/* SPDX-License-Identifier: MIT */
/*
 * What the toolset does with any kind of device in the store: a device is two directories, of which its front end and its back end
 * write their states (block: disk_store.h, network: nic_store.h).
 */
#pragma once

#include "writer.h"
#include "xs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_WHY 400

struct device {
	unsigned id; /* the domain */
	const char *front, *back;
};

/* How long is waited for, in milliseconds; tests shorten it. */
struct device_limits {
	unsigned ready; /* a back end; one that is stuck takes longer */
	unsigned guest; /* a guest that is to let go of its device, as xl */
	unsigned
	    closed; /* a back end whose front end is gone: a daemon that hangs keeps no domain from its end */
};
extern struct device_limits device_limits;

extern const char *device_drivers; /* "/sys/bus/xen-backend": of a Linux Dom0; tests move it */
/* Has Dom0's kernel this driver ("vbd", "vif")? */
bool device_has_driver(const char *name);

/* In a transaction. */
void device_put(struct writer *w, const char *folder, const char *node, const char *value);
void device_put_number(struct writer *w, const char *folder, const char *node, long number);
/* A directory; what is made below it later has the same permissions. */
void device_put_folder(struct writer *w, const char *path, const char *perms);

/* The node @node of the directory @folder: malloc()ed, NULL if it is not there. */
char *device_node(struct xs *xs, uint32_t tx, const char *folder, const char *node);
/* The same as a number, -1: it is none. */
long device_number(struct xs *xs, uint32_t tx, const char *folder, const char *node);

/* Wait for what happens in directory @folder until @done says so or @until_ms has come. What it says then. */
bool device_await(struct xs *xs, const char *folder, uint64_t until_ms,
		  bool (*done)(struct xs *xs, const char *folder, void *arg), void *arg);
/* Wait until the back end is ready for the front end, and has all that hotplug brings. -1 and @why, with what the back end says.
 * @log: where else to look. */
int device_wait(struct xs *xs, const char *back, bool hotplug, const char *log, char why[DEVICE_WHY]);

/* Ask the back end to close it; a front end that still runs is asked by that, too. -1 and errno. */
int device_ask_to_close(struct xs *xs, const struct device *d);
/* The same, and the front end's directory goes: whatever its guest does. */
int device_take_front(struct xs *xs, const struct device *d);
/* Wait until the back end has closed it, or its directory has gone. */
bool device_await_closed(struct xs *xs, const struct device *d, uint64_t until_ms);
/* Both directories go, and the one of the domain's back ends with the last of them. -1 and errno. */
int device_remove(struct xs *xs, const struct device *d);
/* Has xl made it (kind "vbd", "vif")? It ends what it made itself. */
bool device_is_of_xl(struct xs *xs, unsigned id, const char *kind, long number);
