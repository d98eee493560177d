/* SPDX-License-Identifier: MIT */
/* Making network devices: see nic_store.h. */
#include "nic_store.h"
#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Which back end ---- */

static bool by_driver(void)
{
	return device_has_driver("vif");
}

static int driver_serves(const struct nic *n, char why[NIC_WHY])
{
	char script[256];

	if (n->vlan)
		return nic_refuse(why,
				  "vlan= is not known to the scripts of Xen 4.17; needed: the VLAN in the "
				  "bridge's name, as bridge=ovs0.%s,script=vif-openvswitch",
				  n->vlan);
	if (n->isolated || n->antispoof || n->group)
		return nic_refuse(
		    why,
		    "isolated, antispoof and group= are rl-netd's, and here Linux's netback serves; leave "
		    "them out, or unload xen-netback");
	nic_script_path(n->script, script);
	return access(script, X_OK)
		   ? nic_refuse(why,
				"its script %s is not there; Debian's package xen-utils-common has Xen's",
				script)
		   : 0;
}

/* Its switches do what these two scripts do; others make other networks. */
static int netd_serves(const struct nic *n, char why[NIC_WHY])
{
	const char *script = n->script && strrchr(n->script, '/') ? strrchr(n->script, '/') + 1 : n->script;
	char *name, *vlan;
	int rc = nic_switch(n, &name, &vlan, why);

	free(name);
	free(vlan);
	if (rc)
		return rc;
	if (script && *script && strcmp(script, "vif-bridge") && strcmp(script, "vif-openvswitch"))
		return nic_refuse(why,
				  "script %s needs Linux's netback; needed: no script, and the device is at "
				  "rl-netd's switch",
				  n->script);
	if (lock_holder("rl-netd") || lock_holder("rl-keeper"))
		return 0;
	return nic_refuse(
	    why, "rl-netd, which serves networks, is not running; start it with `rl-keeper`, or on a "
		 "Linux Dom0 load its driver: `modprobe xen-netback`");
}

int nic_has_server(const struct nic *n, char why[NIC_WHY])
{
	return by_driver() ? driver_serves(n, why) : netd_serves(n, why);
}

/* ---- Writing ---- */

struct attach {
	struct nic *nics;
	unsigned count;
	unsigned *failed;
	char *why; /* "" unless a sentence says it */
};

static void put_if(struct writer *w, const char *folder, const char *node, const char *value)
{
	if (value && *value)
		device_put(w, folder, node, value);
}

static void put_flag(struct writer *w, const char *folder, const char *node, bool is)
{
	if (is)
		device_put(w, folder, node, "1");
}

/* What both directories have. */
static void put_common(struct writer *w, const struct nic *n, const char *folder)
{
	char mac[NIC_MAC_TEXT];

	nic_mac_print(n->mac, mac);
	device_put_number(w, folder, "handle", n->devid);
	device_put(w, folder, "mac", mac);
	if (n->mtu)
		device_put_number(w, folder, "mtu", n->mtu);
	device_put_number(w, folder, "state", 1);
}

static void put_front(struct writer *w, const struct nic *n, const char *front, const char *back)
{
	device_put_folder(w, front, "n%u r0");
	device_put(w, front, "backend", back);
	device_put_number(w, front, "backend-id", 0);
	device_put_number(w, front, "trusted", !n->untrusted);
	put_common(w, n, front);
}

/* Where the port belongs. */
static void put_place(struct writer *w, const struct nic *n, const char *back)
{
	char script[256], ignored[NIC_WHY], *name, *vlan;

	nic_script_path(n->script, script);
	device_put(w, back, "script", script);
	if (by_driver()) {
		device_put(w, back, "bridge", n->bridge && *n->bridge ? n->bridge : NIC_BRIDGE);
		return;
	}
	if (nic_switch(n, &name, &vlan, ignored))
		writer_stop(w, ENOMEM); /* it was checked */
	else {
		device_put(w, back, "bridge", name);
		put_if(w, back, "vlan", vlan);
	}
	free(name);
	free(vlan);
	put_flag(w, back, "isolated", n->isolated);
	put_flag(w, back, "antispoof", n->antispoof);
	put_if(w, back, "group", n->group);
}

static void put_back(struct writer *w, const struct nic *n, const char *front, const char *back)
{
	char rate[40];

	device_put_folder(w, back, "n0 r%u");
	device_put(w, back, "frontend", front);
	device_put_number(w, back, "frontend-id", w->id);
	device_put_number(w, back, "online", 1);
	device_put(w, back, "type", "vif");
	put_place(w, n, back);
	put_if(w, back, "vifname", n->vifname);
	put_if(w, back, "ip", n->ip);
	put_if(w, back, "gatewaydev", n->gatewaydev);
	if (n->rate_us) {
		snprintf(rate, sizeof(rate), "%llu,%u", (unsigned long long)n->rate, n->rate_us);
		device_put(w, back, "rate", rate);
	}
	if (by_driver())
		device_put(w, back, "hotplug-status", "");
	put_common(w, n, back);
}

static void attach_one(struct writer *w, const struct attach *a, const struct nic *n)
{
	char front[80], back[80];
	struct nic_seen seen;

	if (nic_find(w->xs, w->tx, w->id, n->devid, NULL, &seen)) {
		nic_refuse(a->why,
			   "domain %u has a network device %ld already; needed: another devid, or first "
			   "`rl network-detach %u %ld`",
			   w->id, n->devid, w->id, n->devid);
		writer_stop(w, EEXIST);
		return;
	}
	snprintf(front, sizeof(front), "/local/domain/%u/device/vif/%ld", w->id, n->devid);
	snprintf(back, sizeof(back), "/local/domain/0/backend/vif/%u/%ld", w->id, n->devid);
	put_front(w, n, front, back);
	put_back(w, n, front, back);
}

static long next_id(struct writer *w)
{
	struct nic_seen *list;
	size_t n = nics_of(w->xs, w->tx, w->id, &list);
	long next = n ? list[n - 1].number + 1 : 0;

	free(list);
	return next;
}

static void attach_all(struct writer *w, const void *arg)
{
	const struct attach *a = arg;

	*a->why = '\0';
	for (unsigned i = 0; i < a->count && !w->failed; i++) {
		struct nic n = a->nics[i];

		*a->failed = i;
		if (n.devid < 0)
			n.devid = next_id(w);
		attach_one(w, a, &n);
		a->nics[i].devid = n.devid;
	}
}

int nics_attach(struct xs *xs, unsigned id, struct nic *nics, unsigned count, unsigned *failed,
		char why[NIC_WHY])
{
	struct attach a = {nics, count, failed, why};
	struct writer w = {.xs = xs, .id = id};

	*failed = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!nics[i].has_mac)
			nic_mac_make(nics[i].mac);
		nics[i].has_mac = true;
	}
	if (!writer_run(&w, attach_all, &a))
		return 0;
	return *why ? -1 : nic_refuse(why, "cannot write it into the store: %s", strerror(errno));
}

/* ---- Waiting ---- */

int nic_wait(struct xs *xs, unsigned id, const struct nic *n, char why[NIC_WHY])
{
	struct nic_seen seen;

	if (!nic_find(xs, 0, id, n->devid, NULL, &seen))
		return nic_refuse(why, "it was taken away meanwhile");
	if (!by_driver())
		return device_wait(xs, seen.back, true, "/var/log/rl-netd.log", why);
	/* The driver makes the port before it is in state 2. */
	return device_wait(xs, seen.back, false, "dmesg", why) || nic_script_run(xs, &seen, "online", why) ||
		       device_wait(xs, seen.back, true, nic_script_log, why)
		   ? -1
		   : 0;
}
