/* SPDX-License-Identifier: MIT */
/* Event channels of this process, through Linux's /dev/xen/evtchn. A port that fired stays masked until
 * evtchn_unmask(), so a busy guest cannot flood its daemon. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The device, non-blocking, for poll(). -1 and a report. */
int evtchn_open(void);
/* The local port, or -errno. */
int evtchn_bind_interdomain(int fd, unsigned dom, unsigned remote_port);
int evtchn_bind_virq(int fd, unsigned virq);
int evtchn_unbind(int fd, unsigned port);
int evtchn_notify(int fd, unsigned port);
/* Ports that fired, up to @max; 0 if none. */
size_t evtchn_fired(int fd, uint32_t *ports, size_t max);
void evtchn_unmask(int fd, const uint32_t *ports, size_t n);

/* What belongs to each local port. */
struct port_table {
	void **owner;
	size_t end;
};

/* @port belongs to @owner; NULL: to nothing. -ENOMEM, never for NULL. */
int port_note(struct port_table *table, uint32_t port, void *owner);
void *port_owner(const struct port_table *table, uint32_t port); /* NULL: nothing's */
