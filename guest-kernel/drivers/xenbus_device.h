/* SPDX-License-Identifier: MIT */
/*
 * Devices that another domain serves, as their front end sees them: device/CLASS/NUMBER in the store, which names a
 * directory of the back end's. Both ends write their states there (xen/io/xenbus.h), and what the other must know.
 *
 * A driver does not follow single changes. Whenever one of the two states may have changed, everything is read in one
 * transaction, and the driver is asked what follows from all of it. What it writes belongs to the same transaction.
 */
#ifndef DRIVERS_XENBUS_DEVICE_H
#define DRIVERS_XENBUS_DEVICE_H

#include "kern/lib/list.h"
#include "kern/time/timer.h"
#include "xen/io/xenbus.h"
#include "xen/xen.h"

#define XENBUS_VALUE_MAX 128 /* with a zero byte; what is longer is cut */

struct xenbus_device;

struct xenbus_driver {
	const char *class;       /* "vbd" */
	const char *const *keys; /* of the back end's directory, for xenbus_value(); NULL ends the list */
	/* Memory for a device, all zero but for what the driver needs; NULL: none. */
	struct xenbus_device *(*make)(void);
	/* Something may have changed. Called again if the transaction has failed: what it does may be done already. */
	void (*changed)(struct xenbus_device *d);
	/* The device's directory is no more: end what is under way, and free the memory. */
	void (*gone)(struct xenbus_device *d);
};

struct xenbus_device {
	/* For the driver */
	unsigned number;
	domid_t backend;
	enum xenbus_state state, back_state; /* ours and theirs, in the store */
	bool online;  /* the tools want the device; false: the back end closes since they take it away */
	bool settled; /* the driver: nothing more to wait for at boot */

	/* xenbus_device.c's own */
	struct list list;
	const struct xenbus_driver *driver;
	char front[40], back[XENBUS_VALUE_MAX];
	char (*values)[XENBUS_VALUE_MAX];
	u32 transaction, first, asked, answered; /* numbers of the requests under way */
	bool under_way, again;
	bool lost; /* something that the driver has written */
	struct timer retry;
};

/* Called for each kind, once: its devices are looked for as soon as the store answers, and from then on. The list is at most
 * XENBUS_KEYS_MAX long. */
#define XENBUS_KEYS_MAX 24
void xenbus_driver_add(const struct xenbus_driver *driver);
/* Ask changed() soon: something happened outside of the store. */
void xenbus_look(struct xenbus_device *d);
/* Sleeps until all devices that were there at boot are settled, at most for some time: a process calls it. */
void xenbus_wait(void);

/* For changed(): what the back end has written, or "" if nothing; as a number, or `otherwise`. */
const char *xenbus_value(const struct xenbus_device *d, const char *key);
u64 xenbus_number(const struct xenbus_device *d, const char *key, u64 otherwise);
/* For changed(): write into the front directory, at once with all else. A state that is there already is not written. */
void xenbus_write(struct xenbus_device *d, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void xenbus_set_state(struct xenbus_device *d, enum xenbus_state state);

#endif
