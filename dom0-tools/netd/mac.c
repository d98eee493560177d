/* SPDX-License-Identifier: MIT */
/*
 * Which address was seen on which port, for each VLAN. The table is open: an entry is within MAC_PROBES places of where its address
 * hashes to. A port has MACS_PORT entries at most, so that a guest that invents addresses takes places only from itself, beyond
 * those.
 */
#include "switch.h"

#include <string.h>

#define MAC_PROBES 16

static unsigned hash(const uint8_t *mac, uint16_t vid)
{
	uint32_t h = 2166136261u ^ vid; /* FNV-1a */

	for (unsigned i = 0; i < ETH_ADDRESS; i++)
		h = (h ^ mac[i]) * 16777619u;
	return (h ^ h >> 15) % MACS_MAX;
}

static bool is_old(const struct mac_entry *e, uint64_t now_ms)
{
	return now_ms - e->seen_ms > MAC_AGE_MS;
}

static void clear(struct mac_entry *e)
{
	if (e->port)
		e->port->macs--;
	e->port = NULL;
}

static struct mac_entry *find(struct lan *lan, const uint8_t *mac, uint16_t vid)
{
	unsigned at = hash(mac, vid);

	for (unsigned i = 0; i < MAC_PROBES; i++) {
		struct mac_entry *e = &lan->macs[(at + i) % MACS_MAX];

		if (e->port && e->vid == vid && !memcmp(e->mac, mac, ETH_ADDRESS))
			return e;
	}
	return NULL;
}

/* One that is free or too old, or else the port's own that was not seen for the longest time; NULL: they are all others'. */
static struct mac_entry *place_for(struct switch_port *p, const uint8_t *mac, uint16_t vid, uint64_t now_ms)
{
	struct mac_entry *own = NULL;
	unsigned at = hash(mac, vid);

	for (unsigned i = 0; i < MAC_PROBES; i++) {
		struct mac_entry *e = &p->lan->macs[(at + i) % MACS_MAX];

		if (e->port && is_old(e, now_ms))
			clear(e);
		if (!e->port && p->macs < MACS_PORT)
			return e;
		if (e->port == p && (!own || e->seen_ms < own->seen_ms))
			own = e;
	}
	return own;
}

void mac_learn(struct switch_port *p, const uint8_t *mac, uint16_t vid, uint64_t now_ms)
{
	struct mac_entry *e = find(p->lan, mac, vid);

	if (e && e->port != p) { /* it has moved */
		if (p->macs >= MACS_PORT)
			return;
		clear(e);
	}
	if (!e)
		e = place_for(p, mac, vid, now_ms);
	if (!e)
		return;
	if (e->port != p || e->vid != vid || memcmp(e->mac, mac, ETH_ADDRESS)) {
		clear(e);
		p->macs++;
	}
	*e = (struct mac_entry){.port = p, .seen_ms = now_ms, .vid = vid};
	memcpy(e->mac, mac, ETH_ADDRESS);
}

struct switch_port *mac_find(struct lan *lan, const uint8_t *mac, uint16_t vid, uint64_t now_ms)
{
	struct mac_entry *e = find(lan, mac, vid);

	return e && !is_old(e, now_ms) ? e->port : NULL;
}

void mac_forget(struct switch_port *p)
{
	for (unsigned i = 0; i < MACS_MAX; i++)
		if (p->lan->macs[i].port == p)
			clear(&p->lan->macs[i]);
}
