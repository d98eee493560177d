/* SPDX-License-Identifier: MIT */
/* What the parts of the lying guest share: its clock and chance, the store, a device of its, pages that it grants. */
#pragma once

#include "fw.h"

/* The states of either end of a device, as the store has them. */
enum {
	UNKNOWN,
	INITIALISING,
	INIT_WAIT,
	INITIALISED,
	CONNECTED,
	CLOSING,
	CLOSED
};

/* ---- main.c ---- */
uint32_t chance(void);                     /* 32 bits, which follow from seed= on the command line */
void rest(unsigned ms);                    /* sleep */
void storm(unsigned port, unsigned times); /* so many events */

/* ---- store.c ---- */
unsigned text_length(const char *text);
/* @a and @b, one behind the other; it stays until the next call. */
const char *joined(const char *a, const char *b);
void store_init(void);
/* The value at @path, relative to our own place; NULL: there is none. It stays until the next call. */
const char *store_read(const char *path);
/* Whether the store took it. */
bool store_write(const char *path, const char *value);
bool store_write_number(const char *path, unsigned long value);
void store_remove(const char *path);

/* ---- device.c ---- */
struct device {
	char front[64];     /* its place in the store, relative to ours */
	char back[64];      /* the other end's */
	unsigned port;      /* of its event channel; 0: none */
	unsigned first_ref; /* grants from here on are this device's */
};
/* False: there is no such device. */
bool device_init(struct device *d, const char *front, unsigned first_ref);
/* Whether the other end, which gets some seconds, comes to that state. */
bool device_is_at(const struct device *d, unsigned state);
void device_set(const struct device *d, const char *node, const char *value);
void device_set_number(const struct device *d, const char *node, unsigned long value);
/* Each of these nodes has nonsense, while the device's states come in any order; then the nodes are gone. @ready: the state by
 * which a front end of this kind says that it is set up. */
void device_nonsense(const struct device *d, const char *const *nodes, unsigned count, unsigned ready);
void device_new_port(struct device *d);
void device_close(struct device *d); /* in good order, and both ends begin anew */

/* ---- grants, in device.c ---- */
#define REFS 100                                            /* that a device may have */
void grant(unsigned ref, const void *page, unsigned flags); /* GTF_permit_access and so on, to Dom0 */
void grant_of(unsigned ref, unsigned long mfn, domid_t to, unsigned flags);
void revoke(unsigned ref); /* without a look whether it is in use */
/* Give @page's frame back to the hypervisor, whoever uses it, and get another one. */
void page_renew(void *page);

/* ---- the lies ---- */
struct lie {
	const char *name;
	void (*tell)(struct device *d);
};
extern const struct lie blk_lies[], net_lies[]; /* ended by a NULL name */
/* Both ends are connected afterwards, or false. */
bool blk_connect(struct device *d);
bool net_connect(struct device *d);
