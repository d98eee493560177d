/* SPDX-License-Identifier: MIT */
/* rl network-attach, network-list, network-detach. */
#include "verbs.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "nic_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A verb's domain, which can have network devices. -1 and a report. */
static int guest(const char *verb, const char *arg, struct xen_domctl_getdomaininfo *info)
{
	struct hv *hv = rl_hv();
	struct record r;

	if (!hv || domain_find(hv, arg, info) || !xs_shared())
		return -1;
	if (info->domain == 0)
		return fail("%s: Domain-0 has no virtual network devices: it drives the machine's own", verb);
	if (!record_load(info->domain, &r) && !strcmp(r.kind, "fv"))
		return fail("%s: domain %u is of type \"fv\": an unmodified kernel has no driver for virtual "
			    "networks",
			    verb, info->domain);
	return 0;
}

/* What a restart will find: the domain's devices as they are now. One that xl made has no record. */
static void keep_for_restart(unsigned id, long removed, const char *added)
{
	const char *path = record_path(id, "config");
	struct cfg cfg = {0};
	struct record r;

	if (record_load(id, &r))
		return;
	if (!cfg_load(&cfg, path)) {
		domconf_remove_nic(&cfg, removed);
		if (!added || !domconf_add_nic(&cfg, added))
			record_save_config(id, &cfg);
	}
	cfg_free(&cfg);
}

/* ---- network-attach ---- */

static int attach(unsigned id, struct nic *nic, char why[NIC_WHY])
{
	struct nic_seen seen;
	char ignored[NIC_WHY];
	unsigned failed;

	if (nic_has_server(nic, why) || nics_attach(xs_shared(), id, nic, 1, &failed, why))
		return -1;
	if (!nic_wait(xs_shared(), id, nic, why))
		return 0;
	if (nic_find(xs_shared(), 0, id, nic->devid, NULL, &seen))
		nic_detach(xs_shared(), &seen, ignored);
	return -1;
}

/* The words with commas between them, and room for what the device is given. NULL and a report. */
static char *joined(int count, char **words, size_t room)
{
	size_t size = room;
	char *text;

	for (int i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	text = malloc(size);
	if (!text) {
		fail("out of memory");
		return NULL;
	}
	*text = '\0';
	for (int i = 0; i < count; i++) {
		strcat(text, i ? "," : "");
		strcat(text, words[i]);
	}
	return text;
}

static int attach_as(unsigned id, char *spec, size_t room)
{
	char why[NIC_WHY], mac[NIC_MAC_TEXT];
	size_t used = strlen(spec);
	struct nic nic;
	int rc = 0;

	if (nic_parse(spec, &nic, why))
		rc = fail("vif \"%.100s\": %s", spec, why);
	else if (attach(id, &nic, why))
		rc = fail("vif \"%.100s\" of domain %u: %s", spec, id, why);
	if (!rc) {
		nic_mac_print(nic.mac, mac);
		snprintf(spec + used, room, "%smac=%s,devid=%ld", used ? "," : "", mac, nic.devid);
		keep_for_restart(id, -1, spec);
	}
	nic_clear(&nic);
	return rc;
}

static int do_network_attach(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	const size_t room = 64;
	char *spec;
	int rc;

	if (argc < 2)
		return verb_usage("network-attach");
	if (guest(argv[0], argv[1], &info))
		return EXIT_FAILED;
	spec = joined(argc - 2, argv + 2, room);
	rc = spec ? attach_as(info.domain, spec, room) : -1;
	free(spec);
	return rc ? EXIT_FAILED : EXIT_OK;
}

/* ---- network-list ---- */

/* The port by which the guest tells of what it sends, or the only one. */
static long port_of(const struct nic_seen *n)
{
	long port = device_number(xs_shared(), 0, n->front, "event-channel");

	return port >= 0 ? port : device_number(xs_shared(), 0, n->front, "event-channel-tx");
}

/* In xl's columns. What is the guest's to say may be missing: -1, as there. */
static void print_nic(const struct nic_seen *n)
{
	struct xs *xs = xs_shared();
	char mac[NIC_MAC_TEXT];

	nic_mac_print(n->mac, mac);
	printf("%-3ld %-2d %s %6ld %5ld %6ld %5ld/%-11ld %-30s\n", n->number, 0, mac, n->number,
	       device_number(xs, 0, n->front, "state"), port_of(n),
	       device_number(xs, 0, n->front, "tx-ring-ref"), device_number(xs, 0, n->front, "rx-ring-ref"),
	       n->back);
}

static int do_network_list(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct nic_seen *list;
	struct hv *hv = rl_hv();
	int code = EXIT_OK;
	size_t n;

	if (argc < 2)
		return verb_usage("network-list");
	printf("%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.", "handle", "state",
	       "evt-ch", "tx-", "rx-ring-ref", "BE-path");
	for (int i = 1; i < argc; i++) {
		if (!hv || domain_find(hv, argv[i], &info) || !xs_shared()) {
			code = EXIT_FAILED;
			continue;
		}
		n = nics_of(xs_shared(), 0, info.domain, &list);
		for (size_t d = 0; d < n; d++)
			print_nic(&list[d]);
		free(list);
	}
	return code;
}

/* ---- network-detach ---- */

/* -1 and a report, which begins as xl's does. */
static int find(const struct xen_domctl_getdomaininfo *info, const char *which, struct nic_seen *seen)
{
	uint8_t mac[NIC_MAC_LEN];
	char *end;
	long id = strtol(which, &end, 10);
	bool is_id = *which >= '0' && *which <= '9' && !*end;

	if ((is_id || nic_mac_read(which, mac)) &&
	    nic_find(xs_shared(), 0, info->domain, is_id ? id : -1, mac, seen))
		return 0;
	return fail("Unknown device %s; `rl network-list %u` shows what there is", which, info->domain);
}

static int do_network_detach(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct nic_seen seen;
	char why[NIC_WHY];

	if (argc != 3)
		return verb_usage("network-detach");
	if (guest(argv[0], argv[1], &info) || find(&info, argv[2], &seen))
		return EXIT_FAILED;
	if (nic_detach(xs_shared(), &seen, why)) {
		fail("network device %ld of domain %u: %s", seen.number, info.domain, why);
		return EXIT_FAILED;
	}
	keep_for_restart(info.domain, seen.number, NULL);
	return EXIT_OK;
}

const struct verb verbs_nics[] = {
    {.name = "network-attach",
     .args = "DOMAIN [vif-key=value...]",
     .summary = "give a running domain another network device",
     .text =
	 "What can be said of it, as in an entry of `vif` in a configuration:\n"
	 "  mac=00:16:3e:11:22:33  its address; without it, it gets one\n"
	 "  bridge=NAME            the switch or bridge that it is at (xenbr0); ovs0.10, ovs0:10:20: and its "
	 "VLANs\n"
	 "  vlan=10, 10p/20        its VLANs, with rl-netd: p is the one without a tag; 10p/100+10x4\n"
	 "  rate=10Mb/s@50ms       how much it may send: G, M, K; b bits, B bytes\n"
	 "  mtu=1500, ip=ADDRESS, vifname=NAME, script=NAME, gatewaydev=NAME, devid=N, trusted, untrusted\n"
	 "  isolated, antispoof, group=NAME   with rl-netd only\n"
	 "It returns when the device is at its switch. A restart of the domain keeps it.\n",
     .run = do_network_attach},
    {.name = "network-list",
     .args = "DOMAIN...",
     .summary = "show the network devices of domains",
     .text = "Idx is the device's id, state its front end's (4: in use; 1: the guest has not looked at it), "
	     "evt-ch\n"
	     "and the ring-refs what it has told the back end, or -1; BE-path is the back end's directory in "
	     "the\n"
	     "store, where `rl store ls` shows more.\n",
     .run = do_network_list},
    {.name = "network-detach",
     .args = "DOMAIN DEVID|MAC",
     .summary = "take a network device away from a running domain",
     .text = "Its guest is asked to let go of it; after 10 seconds it goes all the same.\n",
     .run = do_network_detach},
    {0},
};
