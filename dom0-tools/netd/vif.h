/* SPDX-License-Identifier: MIT */
/*
 * What rl-netd knows of one vif: its directory backend/vif/DOM/DEV in the store, its front end's, its port of a switch and its rings.
 * vif_look() compares what the store says with what ought to be and does the next step; how often it is called does not
 * matter. vif_serve() moves frames.
 */
#pragma once

#include "evtchn.h"
#include "netring.h"
#include "switch.h"
#include "xs.h"

#define VIF_BACKEND "backend/vif" /* relative to this domain's directory */

struct vif {
	struct switch_port port; /* first: port_vif() */
	struct vif *next;
	unsigned dom, dev;
	char dir[48];
	char title[128]; /* for the log */
	char *frontend;  /* watched */
	bool changed;    /* to be looked at */
	bool refused;    /* it cannot be served, until its front end goes */
	bool off;        /* `carrier` is 0: its link is down */
	char rate[48];
	char why[160];
	uint64_t retry_ms, retry_until_ms; /* its event channel may still be bound */

	/* Connected, if tx_port is one: */
	int tx_port, rx_port; /* the same, if the front end has one for both */
	void *pages[2];
	uint64_t indexes[2];
	struct netring ring;
	bool busy;        /* there is something to do in its rings */
	bool masked;      /* its ports have fired, and do not until they are unmasked */
	unsigned empty;   /* turns without anything to do, one after the other */
	bool slowed;      /* so it is unmasked by its next turn, and not at once */
	uint64_t wake_ns; /* to be served then; 0: when something happens */
};

/* What all vifs are served with. */
struct vif_world {
	struct xs *xs;
	int evtchn, grants;
	struct port_table ports;
	struct lan *(*lan_of)(const char *name); /* NULL: out of memory */
	bool changed;                            /* what holds for all of them: each is to be looked at */
};
extern struct vif_world world;

struct vif *vif_new(unsigned dom, unsigned dev);
/* False: it is gone, and nothing is left but to free it. */
bool vif_look(struct vif *v);
void vif_free(struct vif *v);
/* Its ports have fired, if it has any. */
void vif_fired(struct vif *v);
/* One turn in both directions. */
void vif_serve(struct vif *v);
/* Nanoseconds of now_ns() when it is to be looked at or served in any case; 0: it is not. */
uint64_t vif_due(const struct vif *v);

static inline struct vif *port_vif(struct switch_port *p)
{
	return (struct vif *)p;
}
extern const struct port_ops vif_ops;
