/* SPDX-License-Identifier: MIT */
/*
 * An Ethernet switch with VLANs, without any input or output: frames come by switch_input(), and leave by each port's send().
 * Time is what the caller says it is. IEEE 802.1Q-2018, clause 8.
 *
 * What a port may not send is dropped before its source is learned: it changes nothing but a counter.
 *
 * A port may be in a group, which has a VLAN of its own. Between two groups pass only what a rule allows, and ARP and neighbour
 * discovery where there is any rule: so guests of one subnet are apart without a router (groups.c).
 */
#pragma once

#include "frame.h"
#include "vlan.h"

#define PORT_NAME   32
#define SWITCH_NAME 32
#define GROUPS_MAX  32
#define RULES_MAX   128

#define MACS_PORT  256 /* learned from one port */
#define MACS_MAX   4096
#define MAC_AGE_MS 300000

#define STORM_RATE  1000 /* frames in a second to more than one port, from one port */
#define STORM_BURST 2000

enum drop {
	DROP_RUNT,
	DROP_LONG,
	DROP_SOURCE,   /* no address of one station */
	DROP_SPOOFED,  /* not the guest's own address */
	DROP_STACKED,  /* two tags, or a provider's */
	DROP_VLAN,     /* the port is not in it */
	DROP_RESERVED, /* for the next bridge only, 01:80:c2:00:00:0x */
	DROP_STORM,
	DROP_OFFLOAD, /* it cannot be finished */
	DROP_QUEUE,   /* the way out is full, or there is no memory */
	DROP_KINDS
};
extern const char *const drop_names[DROP_KINDS];

struct switch_port;

struct port_ops {
	/* @tagged: with frame_tag(). @f stays the caller's. False: dropped. */
	bool (*send)(struct switch_port *p, struct frame *f, bool tagged);
};

struct counters {
	uint64_t in_frames, in_bytes, out_frames, out_bytes, flooded, drops[DROP_KINDS];
};

struct group {
	char name[PORT_NAME];
	uint16_t vid;
};

/* Members of `from` may open to `to`; what answers, passes. */
struct rule {
	uint8_t from, to; /* indexes of groups */
	uint8_t protocol; /* 0: all */
	uint16_t port;    /* 0: all */
};

/* What the owner sets, and the switch reads. */
struct switch_port {
	char name[PORT_NAME];
	char id[PORT_NAME]; /* vifDOM.DEV, whatever its name is; else the same as the name */
	const struct port_ops *ops;
	struct vlans vlans;
	int group; /* -1: none; else the VLAN is the group's */
	uint8_t mac[ETH_ADDRESS];
	bool antispoof; /* only `mac` may be a source */
	bool isolated;  /* from other isolated ports */
	bool down;      /* nothing passes */
	uint32_t mtu;
	uint32_t storm_rate;

	/* The switch's own: */
	struct lan *lan;
	struct switch_port *next;
	struct counters counters;
	unsigned macs; /* learned from it */
	uint8_t ip[4]; /* the last one that it said it has, by ARP; 0.0.0.0: none yet. For show only */
	uint64_t storm_ms;
	uint32_t storm_credit;
};

struct mac_entry {
	struct switch_port *port; /* NULL: free */
	uint64_t seen_ms;
	uint16_t vid;
	uint8_t mac[ETH_ADDRESS];
};

/* One switch. */
struct lan {
	char name[SWITCH_NAME];
	struct lan *next;
	struct switch_port *ports;
	struct group groups[GROUPS_MAX];
	unsigned nr_groups;
	struct rule rules[RULES_MAX];
	unsigned nr_rules;
	/* Sees each frame that comes or goes, for captures. */
	void (*observe)(struct switch_port *p, const struct frame *f, bool tagged, bool out);
	struct mac_entry macs[MACS_MAX];
};

void switch_add(struct lan *lan, struct switch_port *p);
void switch_remove(struct switch_port *p);
/* Take @f over. */
void switch_input(struct switch_port *p, struct frame *f, uint64_t now_ms);
void port_dropped(struct switch_port *p, enum drop why);
/* The VLANs that hold for it: its own, or its group's. */
struct vlans port_vlans(const struct switch_port *p);

/* mac.c */
void mac_learn(struct switch_port *p, const uint8_t *mac, uint16_t vid, uint64_t now_ms);
/* NULL: unknown, or too old. */
struct switch_port *mac_find(struct lan *lan, const uint8_t *mac, uint16_t vid, uint64_t now_ms);
/* All that was learned from @p. */
void mac_forget(struct switch_port *p);

/* groups.c. -1: there is none, or no room. */
int group_find(const struct lan *lan, const char *name);
int group_find_vid(const struct lan *lan, uint16_t vid);
int group_add(struct lan *lan, const char *name, uint16_t vid);
int rule_add(struct lan *lan, const struct rule *rule);
/* May @f go from one group to the other? Two different ones. */
bool group_allows(const struct lan *lan, int from, int to, const struct frame *f);

static inline bool mac_is_group(const uint8_t *mac)
{
	return mac[0] & 1;
}
