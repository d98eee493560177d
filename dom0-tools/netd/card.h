/* SPDX-License-Identifier: MIT */
/*
 * A port that leads out of the switch into this machine's own network: a real card (an uplink, by AF_PACKET on its interface), or an
 * interface of Dom0's that ends here (a TAP). Linux's interfaces of both are used: packet(7), Documentation/networking/tuntap.
 */
#pragma once

#include "switch.h"

enum card_kind {
	CARD_UPLINK,
	CARD_TAP
};

struct card {
	struct switch_port port; /* first: port_card() */
	struct card *next;
	enum card_kind kind;
	int fd;
	bool header; /* each frame has a virtio header, by which it may be unfinished */
	bool wanted; /* it is in the configuration */
};

/* NULL and a report. */
struct card *card_open(enum card_kind kind, const char *name);
/* Take what has come, one turn. */
void card_receive(struct card *c, uint64_t now_ms);
/* The port is in no switch any more. */
void card_close(struct card *c);
