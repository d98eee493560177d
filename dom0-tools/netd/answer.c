/* SPDX-License-Identifier: MIT */
/* See answer.h. */
#include "answer.h"
#include "settings.h"

#include <inttypes.h>
#include <string.h>

static const char *group_of(const struct switch_port *p)
{
	return p->group < 0 ? "-" : p->lan->groups[p->group].name;
}

static void print_vlans(FILE *out, const struct switch_port *p)
{
	struct vlans v = port_vlans(p);
	char text[256];

	vlans_print(&v, text, sizeof(text));
	fputs(text, out);
}

/* Of a guest that has said it; @text has room for 16. */
static const char *address_of(const struct switch_port *p, char *text)
{
	if (!*p->ip)
		return "-";
	snprintf(text, 16, "%u.%u.%u.%u", p->ip[0], p->ip[1], p->ip[2], p->ip[3]);
	return text;
}

static void show(FILE *out)
{
	char address[16];

	for (const struct lan *lan = lans; lan; lan = lan->next) {
		fprintf(out, "%s\n  %-16s %-5s %-15s %-12s %s\n", lan->name, "Port", "Link", "Address",
			"Group", "VLANs");
		for (const struct switch_port *p = lan->ports; p; p = p->next) {
			fprintf(out, "  %-16s %-5s %-15s %-12s ", p->name, p->down ? "down" : "up",
				address_of(p, address), group_of(p));
			print_vlans(out, p);
			fprintf(out, "%s%s\n", p->isolated ? ", isolated" : "",
				p->antispoof ? ", antispoof" : "");
		}
	}
}

/* Each VLAN of a switch, with the ports that are in it; a port that has all of them is in none by name. */
static void show_vlans(FILE *out)
{
	for (const struct lan *lan = lans; lan; lan = lan->next) {
		fprintf(out, "%s\n  %-5s %-12s %s\n", lan->name, "VLAN", "Group", "Ports (t: with a tag)");
		for (uint16_t vid = 1; vid <= VLAN_MAX; vid++) {
			int group = group_find_vid(lan, vid);
			bool native = group >= 0;

			for (const struct switch_port *p = lan->ports; p; p = p->next)
				native |= port_vlans(p).native == vid;
			if (!native)
				continue;
			fprintf(out, "  %-5u %-12s", vid, group < 0 ? "-" : lan->groups[group].name);
			for (const struct switch_port *p = lan->ports; p; p = p->next) {
				struct vlans v = port_vlans(p);

				if (vlans_has(&v, vid))
					fprintf(out, " %s%s", p->name, v.native == vid ? "" : "(t)");
			}
			fputc('\n', out);
		}
		for (unsigned i = 0; i < lan->nr_rules; i++) {
			const struct rule *r = &lan->rules[i];

			fprintf(out, "  allow %s %s", lan->groups[r->from].name, lan->groups[r->to].name);
			if (r->protocol)
				fprintf(out, " protocol %u", r->protocol);
			if (r->port)
				fprintf(out, " port %u", r->port);
			fputc('\n', out);
		}
	}
}

static void show_macs(FILE *out, uint64_t now_ms)
{
	for (const struct lan *lan = lans; lan; lan = lan->next) {
		fprintf(out, "%s\n  %-18s %-5s %-16s %s\n", lan->name, "Address", "VLAN", "Port", "Age (s)");
		for (unsigned i = 0; i < MACS_MAX; i++) {
			const struct mac_entry *e = &lan->macs[i];

			if (!e->port || now_ms - e->seen_ms > MAC_AGE_MS)
				continue;
			fprintf(out, "  %02x:%02x:%02x:%02x:%02x:%02x  %-5u %-16s %" PRIu64 "\n", e->mac[0],
				e->mac[1], e->mac[2], e->mac[3], e->mac[4], e->mac[5], e->vid, e->port->name,
				(now_ms - e->seen_ms) / 1000);
		}
	}
}

static uint64_t drops_of(const struct switch_port *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_KINDS; i++)
		sum += p->counters.drops[i];
	return sum;
}

static void stats(FILE *out)
{
	for (const struct lan *lan = lans; lan; lan = lan->next) {
		fprintf(out, "%s\n  %-16s %10s %12s %10s %12s %8s\n", lan->name, "Port", "In", "bytes", "Out",
			"bytes", "Dropped");
		for (const struct switch_port *p = lan->ports; p; p = p->next)
			fprintf(out,
				"  %-16s %10" PRIu64 " %12" PRIu64 " %10" PRIu64 " %12" PRIu64 " %8" PRIu64
				"\n",
				p->name, p->counters.in_frames, p->counters.in_bytes, p->counters.out_frames,
				p->counters.out_bytes, drops_of(p));
	}
}

static void describe(FILE *out, const struct switch_port *p)
{
	const uint8_t *m = p->mac;

	fprintf(out, "%s (%s) of %s: %s, address %02x:%02x:%02x:%02x:%02x:%02x, MTU %u\nVLANs: ", p->name,
		p->id, p->lan->name, p->down ? "down" : "up", m[0], m[1], m[2], m[3], m[4], m[5], p->mtu);
	print_vlans(out, p);
	fprintf(out, "\ngroup: %s\nisolated: %s\nantispoof: %s\nlearned addresses: %u\n", group_of(p),
		p->isolated ? "yes" : "no", p->antispoof ? "yes" : "no", p->macs);
	fprintf(out,
		"in: %" PRIu64 " frames, %" PRIu64 " bytes, %" PRIu64 " to many\nout: %" PRIu64
		" frames, %" PRIu64 " bytes\n",
		p->counters.in_frames, p->counters.in_bytes, p->counters.flooded, p->counters.out_frames,
		p->counters.out_bytes);
	for (unsigned i = 0; i < DROP_KINDS; i++)
		if (p->counters.drops[i])
			fprintf(out, "dropped, %s: %" PRIu64 "\n", drop_names[i], p->counters.drops[i]);
}

static bool show_port(FILE *out, const char *name)
{
	bool found = false;

	for (const struct lan *lan = lans; lan; lan = lan->next)
		for (const struct switch_port *p = lan->ports; p; p = p->next) {
			if (strcmp(p->name, name) && strcmp(p->id, name))
				continue;
			describe(out, p);
			found = true;
		}
	return found;
}

bool answer(FILE *out, const char *question, uint64_t now_ms)
{
	if (!strcmp(question, "show"))
		show(out);
	else if (!strcmp(question, "vlan"))
		show_vlans(out);
	else if (!strcmp(question, "mac"))
		show_macs(out, now_ms);
	else if (!strcmp(question, "stats"))
		stats(out);
	else
		return !strncmp(question, "port ", 5) && show_port(out, question + 5);
	return true;
}
