/* SPDX-License-Identifier: MIT */
/* See switch.h. */
#include "switch.h"

#include <string.h>

const char *const drop_names[DROP_KINDS] = {
    [DROP_RUNT] = "runt",         [DROP_LONG] = "long",       [DROP_SOURCE] = "source",
    [DROP_SPOOFED] = "spoofed",   [DROP_STACKED] = "stacked", [DROP_VLAN] = "vlan",
    [DROP_RESERVED] = "reserved", [DROP_STORM] = "storm",     [DROP_OFFLOAD] = "offload",
    [DROP_QUEUE] = "queue",
};

void switch_add(struct lan *lan, struct switch_port *p)
{
	struct switch_port **end = &lan->ports;

	while (*end)
		end = &(*end)->next;
	*end = p;
	p->next = NULL;
	p->lan = lan;
	p->storm_credit = STORM_BURST;
	if (!p->storm_rate)
		p->storm_rate = STORM_RATE;
}

void switch_remove(struct switch_port *p)
{
	struct switch_port **at = &p->lan->ports;

	mac_forget(p);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->lan = NULL;
}

void port_dropped(struct switch_port *p, enum drop why)
{
	p->counters.drops[why]++;
}

struct vlans port_vlans(const struct switch_port *p)
{
	if (p->group < 0)
		return p->vlans;
	return (struct vlans){.native = p->lan->groups[p->group].vid};
}

/* ---- Coming in ---- */

static bool is_reserved(const uint8_t *mac)
{
	return !memcmp(mac, (const uint8_t[]){0x01, 0x80, 0xc2, 0, 0}, 5) && mac[5] < 0x10;
}

/* Give the frame its VLAN. False: the port is in none that it could be meant for. */
static bool classify(const struct vlans *v, struct frame *f)
{
	uint16_t tag = f->tagged ? f->vid : 0; /* 0 says a priority, and no VLAN */

	f->vid = tag ? tag : v->native;
	if (!f->vid)
		return false;
	return !tag || tag == v->native || vlans_has_tagged(v, tag);
}

/* DROP_KINDS: it may pass. */
static enum drop refuse(struct switch_port *p, struct frame *f, bool in_vlan)
{
	const uint8_t *source = f->data + ETH_ADDRESS;
	static const uint8_t none[ETH_ADDRESS];

	if (!in_vlan)
		return DROP_VLAN;
	if (!f->gso && f->len > p->mtu + ETH_HEAD)
		return DROP_LONG;
	if (mac_is_group(source) || !memcmp(source, none, ETH_ADDRESS))
		return DROP_SOURCE;
	if (p->antispoof && memcmp(source, p->mac, ETH_ADDRESS))
		return DROP_SPOOFED;
	if (is_reserved(f->data))
		return DROP_RESERVED;
	if (!frame_offload_ok(f))
		return DROP_OFFLOAD;
	return DROP_KINDS;
}

/* ---- Going out ---- */

static bool may_leave(const struct switch_port *from, const struct switch_port *to, const struct vlans *v,
		      uint16_t vid)
{
	return to != from && !to->down && !(from->isolated && to->isolated) && vlans_has(v, vid);
}

static void leave(struct switch_port *to, struct frame *f, const struct vlans *v)
{
	bool tagged = f->vid != v->native;

	if (!f->gso && f->len > to->mtu + ETH_HEAD) {
		port_dropped(to, DROP_LONG);
		return;
	}
	if (to->lan->observe)
		to->lan->observe(to, f, tagged, true);
	if (!to->ops->send(to, f, tagged)) {
		port_dropped(to, DROP_QUEUE);
		return;
	}
	to->counters.out_frames++;
	to->counters.out_bytes += f->len;
}

/* May it pass from @from to @to, which is in another VLAN, as one group's to another's? */
static bool crosses(const struct switch_port *from, const struct switch_port *to, const struct frame *f)
{
	int source = group_find_vid(from->lan, f->vid);

	return source >= 0 && to != from && to->group >= 0 && to->group != source && !to->down &&
	       !(from->isolated && to->isolated) && group_allows(from->lan, source, to->group, f);
}

static void leave_across(struct switch_port *to, struct frame *f)
{
	uint16_t vid = f->vid;
	struct vlans v = port_vlans(to);

	f->vid = v.native; /* leaves untagged; a capture shows where it has come to */
	leave(to, f, &v);
	f->vid = vid;
}

/* Not more to many than the port's share. */
static bool storm(struct switch_port *p, uint64_t now_ms)
{
	uint64_t more = (now_ms - p->storm_ms) * p->storm_rate / 1000;

	if (more) {
		p->storm_credit =
		    more < STORM_BURST - p->storm_credit ? p->storm_credit + (uint32_t)more : STORM_BURST;
		p->storm_ms = now_ms;
	}
	if (!p->storm_credit)
		return true;
	p->storm_credit--;
	return false;
}

static void flood(struct switch_port *from, struct frame *f, uint64_t now_ms)
{
	if (storm(from, now_ms)) {
		port_dropped(from, DROP_STORM);
		return;
	}
	from->counters.flooded++;
	for (struct switch_port *to = from->lan->ports; to; to = to->next) {
		struct vlans v = port_vlans(to);

		if (may_leave(from, to, &v, f->vid))
			leave(to, f, &v);
		else if (mac_is_group(f->data) && crosses(from, to, f))
			leave_across(to, f);
	}
}

/* The group's port that has this address; NULL. */
static struct switch_port *find_across(struct switch_port *from, const struct frame *f, uint64_t now_ms)
{
	const struct lan *lan = from->lan;

	for (unsigned i = 0; i < lan->nr_groups; i++) {
		struct switch_port *to = mac_find(from->lan, f->data, lan->groups[i].vid, now_ms);

		if (to && to->group == (int)i)
			return to;
	}
	return NULL;
}

/* The port to whose card the toolstack gave this address, in this VLAN; NULL. */
static struct switch_port *owner(const struct switch_port *from, const struct frame *f)
{
	static const uint8_t none[ETH_ADDRESS];
	struct vlans v;

	for (struct switch_port *p = from->lan->ports; p; p = p->next) {
		v = port_vlans(p);
		if (!memcmp(p->mac, f->data, ETH_ADDRESS) && memcmp(p->mac, none, ETH_ADDRESS) &&
		    vlans_has(&v, f->vid))
			return p;
	}
	return NULL;
}

static void forward(struct switch_port *from, struct frame *f, uint64_t now_ms)
{
	struct switch_port *to;
	struct vlans v;

	if (mac_is_group(f->data)) {
		flood(from, f, now_ms);
		return;
	}
	to = mac_find(from->lan, f->data, f->vid, now_ms);
	/* A card that has not spoken yet, to this process or for long: nobody else gets what is for it. */
	if (!to)
		to = owner(from, f);
	if (to) {
		v = port_vlans(to);
		if (may_leave(from, to, &v, f->vid))
			leave(to, f, &v);
		return;
	}
	to = find_across(from, f, now_ms);
	if (!to)
		flood(from, f, now_ms);
	else if (crosses(from, to, f))
		leave_across(to, f);
	else
		port_dropped(from, DROP_VLAN);
}

/* ARP, RFC 826: who has which address, said by itself. It is believed by nobody but those who read it. */
static void note_address(struct switch_port *p, const struct frame *f)
{
	static const uint8_t ip_over_ethernet[] = {0, 1, 8, 0, ETH_ADDRESS, sizeof(p->ip)};
	const uint8_t *arp = f->data + ETH_HEAD, *sender = arp + 8;
	static const uint8_t none[sizeof(p->ip)];

	if (frame_type(f) == ETH_ARP && f->len >= ETH_HEAD + 28 &&
	    !memcmp(arp, ip_over_ethernet, sizeof(ip_over_ethernet)) &&
	    !memcmp(sender, p->mac, ETH_ADDRESS) && memcmp(sender + ETH_ADDRESS, none, sizeof(none)))
		memcpy(p->ip, sender + ETH_ADDRESS, sizeof(p->ip));
}

void switch_input(struct switch_port *p, struct frame *f, uint64_t now_ms)
{
	enum tag_fault tag = f->len < ETH_HEAD ? TAG_RUNT : frame_untag(f);
	struct vlans v = port_vlans(p);
	enum drop why = tag == TAG_RUNT ? DROP_RUNT : DROP_STACKED;

	p->counters.in_frames++;
	p->counters.in_bytes += f->len;
	if (tag == TAG_OKAY) {
		bool in_vlan = classify(&v, f);

		why = refuse(p, f, in_vlan);
		if (p->lan->observe)
			p->lan->observe(p, f, f->tagged, false);
	}
	if (p->down) {
	} else if (why != DROP_KINDS) {
		port_dropped(p, why);
	} else {
		mac_learn(p, f->data + ETH_ADDRESS, f->vid, now_ms);
		note_address(p, f);
		forward(p, f, now_ms);
	}
	frame_drop(f);
}
