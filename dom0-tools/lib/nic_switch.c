/* SPDX-License-Identifier: MIT */
/* VLANs in the name of a bridge, as Open vSwitch's script of Xen 4.17 reads them: see nic_spec.h. */
#include "nic_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ".10", ".5:10:20" or ":10:20" as `vlan=` has it. Without a native VLAN Open vSwitch takes frames without a tag, too. */
static void print_vlans(const char *at, FILE *out)
{
	if (*at == '.') {
		fprintf(out, "%.*s", (int)strcspn(at + 1, ":"), at + 1);
		at += strcspn(at, ":");
		fputs(*at ? "p" : "", out);
	} else if (*at) {
		fprintf(out, "%dp", VLAN_DEFAULT);
	}
	while (*at == ':') {
		size_t len = strcspn(at + 1, ":");

		fprintf(out, "/%.*s", (int)len, at + 1);
		at += 1 + len;
	}
}

/* -1: out of memory. */
static int split(const char *bridge, char **name, char **vlan)
{
	size_t len = strcspn(bridge, ".:"), size;
	FILE *out = open_memstream(vlan, &size);

	*name = strndup(bridge, len);
	if (out)
		print_vlans(bridge + len, out);
	return !out || fclose(out) || !*name || !*vlan ? -1 : 0;
}

int nic_switch(const struct nic *n, char **name, char **vlan, char why[NIC_WHY])
{
	const char *bridge = n->bridge && *n->bridge ? n->bridge : NIC_BRIDGE;
	struct vlans vlans;
	char *said;

	*name = *vlan = NULL;
	if (split(bridge, name, vlan))
		return nic_refuse(why, "out of memory");
	if (!nic_is_name(*name))
		return nic_refuse(
		    why,
		    "bridge=%s cannot be a bridge's name; needed: 1 to 15 characters before the "
		    "VLANs, no blank and no '/'",
		    bridge);
	if (bridge[strlen(*name)] && (!**vlan || vlans_parse(*vlan, &vlans)))
		return nic_refuse(why,
				  "bridge=%s has no VLANs from 1 to 4094 behind its name; needed: as br0, "
				  "ovs0.10 or ovs0:10:20",
				  bridge);
	if (!n->vlan)
		return 0;
	if (**vlan)
		return nic_refuse(why, "its VLANs are said twice, in bridge=%s and in vlan=%s; leave one out",
				  bridge, n->vlan);
	said = strdup(n->vlan);
	free(*vlan);
	*vlan = said;
	return said ? 0 : nic_refuse(why, "out of memory");
}
