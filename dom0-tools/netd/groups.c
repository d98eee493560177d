/* SPDX-License-Identifier: MIT */
/*
 * Groups of guests and what may pass between them. A rule says who may open to whom; without a memory of connections, what answers
 * is known by its source port, and of TCP by its ACK, which the first segment of a connection has not (RFC 793, 3.4).
 */
#include "switch.h"

#include <stdio.h>
#include <string.h>

#define TCP_FLAGS         13
#define TCP_ACK           0x10
#define NEIGHBOUR_SOLICIT 135
#define NEIGHBOUR_ADVERT  136

int group_find(const struct lan *lan, const char *name)
{
	for (unsigned i = 0; i < lan->nr_groups; i++)
		if (!strcmp(lan->groups[i].name, name))
			return (int)i;
	return -1;
}

int group_find_vid(const struct lan *lan, uint16_t vid)
{
	for (unsigned i = 0; i < lan->nr_groups; i++)
		if (lan->groups[i].vid == vid)
			return (int)i;
	return -1;
}

int group_add(struct lan *lan, const char *name, uint16_t vid)
{
	struct group *g = &lan->groups[lan->nr_groups];

	if (lan->nr_groups == GROUPS_MAX || !*name || strlen(name) >= sizeof(g->name) ||
	    group_find(lan, name) >= 0 || !vid || vid > VLAN_MAX || group_find_vid(lan, vid) >= 0)
		return -1;
	snprintf(g->name, sizeof(g->name), "%s", name);
	g->vid = vid;
	return (int)lan->nr_groups++;
}

int rule_add(struct lan *lan, const struct rule *rule)
{
	if (lan->nr_rules == RULES_MAX)
		return -1;
	lan->rules[lan->nr_rules] = *rule;
	return (int)lan->nr_rules++;
}

static bool is_discovery(const struct frame *f, const struct layers *l, bool ip)
{
	if (frame_type(f) == ETH_ARP)
		return true;
	return ip && l->family == 6 && l->protocol == PROTOCOL_ICMPV6 && !l->fragment &&
	       l->end > l->transport &&
	       (f->data[l->transport] == NEIGHBOUR_SOLICIT || f->data[l->transport] == NEIGHBOUR_ADVERT);
}

static bool opens(const struct rule *r, const struct layers *l)
{
	if (!r->protocol)
		return true;
	return l->protocol == r->protocol && (!r->port || (!l->fragment && l->target == r->port));
}

static bool answers(const struct rule *r, const struct frame *f, const struct layers *l)
{
	if (!r->protocol)
		return true;
	if (l->protocol != r->protocol)
		return false;
	if (r->protocol == PROTOCOL_TCP && (l->fragment || !(f->data[l->transport + TCP_FLAGS] & TCP_ACK)))
		return false;
	return !r->port || (!l->fragment && l->source == r->port);
}

bool group_allows(const struct lan *lan, int from, int to, const struct frame *f)
{
	struct layers l;
	bool ip = frame_layers(f, &l), discovery = is_discovery(f, &l, ip);

	for (unsigned i = 0; i < lan->nr_rules; i++) {
		const struct rule *r = &lan->rules[i];
		bool opening = r->from == from && r->to == to, answering = r->from == to && r->to == from;

		if (!opening && !answering)
			continue;
		if (discovery || !r->protocol)
			return true;
		if (ip && ((opening && opens(r, &l)) || (answering && answers(r, f, &l))))
			return true;
	}
	return false;
}
