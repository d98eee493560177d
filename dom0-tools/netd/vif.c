/* SPDX-License-Identifier: MIT */
/*
 * See vif.h. The states are those of Xen's io/xenbus.h, as network front ends walk them: from 1 to 4 without 3, and again from 1 after they
 * have been at 6 (GRUB, Mini-OS). What stands in our own directory is the toolstack's and believed; the front end's is not.
 */
#include "vif.h"
#include "back.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BRIDGE "xenbr0"
#define DEFAULT_MTU    1500
#define BOUND_MS       5000 /* so long may a process before this one still hold an event channel */
#define AGAIN_MS       50

struct vif *vif_new(unsigned dom, unsigned dev)
{
	struct vif *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->dom = dom;
	v->dev = dev;
	v->changed = true;
	v->tx_port = v->rx_port = -1;
	v->port.ops = &vif_ops;
	v->port.group = -1;
	v->port.down = true; /* until it is connected */
	snprintf(v->dir, sizeof(v->dir), VIF_BACKEND "/%u/%u", dom, dev);
	return v;
}

static void disconnect(struct vif *v)
{
	for (int *port = &v->tx_port; port; port = port == &v->tx_port ? &v->rx_port : NULL) {
		if (*port < 0)
			continue;
		if (port == &v->tx_port || v->rx_port != v->tx_port) {
			port_note(&world.ports, (uint32_t)*port, NULL);
			evtchn_unbind(world.evtchn, (unsigned)*port);
		}
	}
	v->tx_port = v->rx_port = -1;
	netring_detach(&v->ring);
	for (unsigned i = 0; i < 2; i++)
		if (v->pages[i])
			grants_unmap(world.grants, v->pages[i], 1, v->indexes[i]);
	v->pages[0] = v->pages[1] = NULL;
	v->busy = v->masked = false;
	v->wake_ns = 0;
	v->port.down = true;
	if (v->port.lan)
		mac_forget(&v->port);
}

void vif_free(struct vif *v)
{
	char path[512];

	disconnect(v);
	if (v->port.lan)
		switch_remove(&v->port);
	if (v->frontend) {
		snprintf(path, sizeof(path), "%s/state", v->frontend);
		xs_unwatch(world.xs, path, "front");
	}
	free(v->frontend);
	free(v);
}

static void set_state(struct vif *v, long state, const char *error)
{
	back_publish(world.xs, v->dir, v->title, &(struct publication){.state = state, .error = error});
}

/* ---- What the toolstack wrote ---- */

static void read_text(const struct vif *v, const char *key, const char *without, char *out, size_t size)
{
	char *text = back_text(world.xs, v->dir, key);

	snprintf(out, size, "%s", text && *text ? text : without);
	free(text);
}

static bool parse_mac(const char *text, uint8_t mac[ETH_ADDRESS])
{
	unsigned b[ETH_ADDRESS];
	char end;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6)
		return false;
	for (unsigned i = 0; i < ETH_ADDRESS; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

/* What it is and to which switch it goes: once. NULL, or what is wrong. */
static const char *place(struct vif *v)
{
	char bridge[SWITCH_NAME], mac[32];
	struct lan *lan;

	snprintf(v->port.id, sizeof(v->port.id), "vif%u.%u", v->dom, v->dev);
	read_text(v, "vifname", v->port.id, v->port.name, sizeof(v->port.name));
	snprintf(v->title, sizeof(v->title), "domain %u (%s), %s", v->dom, domain_name(v->dom), v->port.name);
	read_text(v, "bridge", DEFAULT_BRIDGE, bridge, sizeof(bridge));
	read_text(v, "mac", "", mac, sizeof(mac));
	if (!parse_mac(mac, v->port.mac))
		return "its `mac` in the store is no address";
	lan = world.lan_of(bridge);
	if (!lan)
		return "there is no memory for its switch";
	v->ring.name = v->title;
	v->ring.dom = v->dom;
	v->ring.grants = world.grants;
	switch_add(lan, &v->port);
	return NULL;
}

/* What may be changed at any time. NULL, or what is wrong; then it stays as it was. */
static const char *read_settings(struct vif *v)
{
	char vlan[128], group[PORT_NAME], rate[48];
	long mtu = back_number(world.xs, v->dir, "mtu");
	struct vlans vlans;
	const char *wrong;
	int in = -1;

	read_text(v, "vlan", "", vlan, sizeof(vlan));
	wrong = vlans_parse(vlan, &vlans);
	if (wrong)
		return wrong;
	read_text(v, "group", "", group, sizeof(group));
	if (*group && (in = group_find(v->port.lan, group)) < 0)
		return "its `group` is not in /etc/rl/switch.cfg";
	if (memcmp(&vlans, &v->port.vlans, sizeof(vlans)) || in != v->port.group)
		mac_forget(&v->port);
	v->port.vlans = vlans;
	v->port.group = in;
	v->port.mtu = mtu > 0 && mtu <= FRAME_MAX - ETH_HEAD ? (uint32_t)mtu : DEFAULT_MTU;
	v->port.isolated = back_number(world.xs, v->dir, "isolated") > 0;
	v->port.antispoof = back_number(world.xs, v->dir, "antispoof") > 0;
	read_text(v, "rate", "", rate, sizeof(rate));
	if (strcmp(rate, v->rate)) {
		snprintf(v->rate, sizeof(v->rate), "%s", rate);
		rate_set(&v->ring.rate, rate);
	}
	return NULL;
}

static void complain(struct vif *v, const char *why)
{
	if (!strcmp(v->why, why))
		return;
	snprintf(v->why, sizeof(v->why), "%s", why);
	warn("%s: %s", v->title, why);
	set_state(v, back_number(world.xs, v->dir, "state"), why);
}

/* False: not yet, or not at all. */
static bool read_config(struct vif *v)
{
	char path[512];
	const char *wrong = NULL;

	if (!v->frontend) {
		v->frontend = back_text(world.xs, v->dir, "frontend");
		if (!v->frontend)
			return false;
		snprintf(path, sizeof(path), "%s/state", v->frontend);
		xs_watch(world.xs, path, "front");
	}
	if (!v->port.lan)
		wrong = place(v);
	if (!wrong)
		wrong = read_settings(v);
	if (wrong)
		complain(v, wrong);
	else
		v->why[0] = '\0';
	return v->port.lan && (!wrong || v->port.mtu);
}

/* ---- The walk ---- */

static void offer(struct vif *v)
{
	static const struct key keys[] = {
	    {"feature-rx-copy", 1},
	    {"feature-rx-flip", 0},
	    {"feature-sg", 1},
	    {"feature-gso-tcpv4", 1},
	    {"feature-gso-tcpv6", 1},
	    {"feature-ipv6-csum-offload", 1},
	    {"feature-split-event-channels", 1},
	};

	back_publish(world.xs, v->dir, v->title,
		     &(struct publication){
			 .keys = keys, .count = sizeof(keys) / sizeof(*keys), .state = STATE_INIT_WAIT});
}

static void refuse(struct vif *v, const char *why)
{
	warn("%s: the front end cannot be served: %s", v->title, why);
	v->refused = true;
	disconnect(v);
	set_state(v, STATE_CLOSING, why);
}

static bool front_is(const struct vif *v, const char *key)
{
	return back_number(world.xs, v->frontend, key) > 0;
}

static struct net_features read_features(const struct vif *v)
{
	return (struct net_features){
	    .sg = front_is(v, "feature-sg"),
	    .gso4 = front_is(v, "feature-gso-tcpv4"),
	    .gso6 = front_is(v, "feature-gso-tcpv6"),
	    .no_csum4 = front_is(v, "feature-no-csum-offload"),
	    .csum6 = front_is(v, "feature-ipv6-csum-offload"),
	    .notifies = front_is(v, "feature-rx-notify"),
	};
}

/* 0, or -errno. */
static int bind_ports(struct vif *v, long tx, long rx)
{
	int rc = evtchn_bind_interdomain(world.evtchn, v->dom, (unsigned)tx);

	if (rc < 0)
		return rc;
	v->tx_port = v->rx_port = rc;
	if (rx != tx) {
		rc = evtchn_bind_interdomain(world.evtchn, v->dom, (unsigned)rx);
		v->rx_port = rc < 0 ? -1 : rc;
	}
	if (rc >= 0)
		rc = port_note(&world.ports, (uint32_t)v->tx_port, v);
	return rc < 0 ? rc : port_note(&world.ports, (uint32_t)v->rx_port, v);
}

static bool map_rings(struct vif *v, long tx, long rx)
{
	const uint32_t refs[2] = {(uint32_t)tx, (uint32_t)rx};

	for (unsigned i = 0; i < 2; i++) {
		v->pages[i] = grants_map(world.grants, v->dom, &refs[i], 1, &v->indexes[i]);
		if (!v->pages[i])
			return false;
	}
	return true;
}

/* The process before this one may not be gone from the hypervisor's view. True: it is too late for that. */
static bool give_up(struct vif *v, int rc)
{
	uint64_t now = now_ms();

	if (!v->retry_until_ms)
		v->retry_until_ms = now + BOUND_MS;
	v->retry_ms = now + AGAIN_MS;
	return rc == -ESRCH || rc == -EINVAL || now >= v->retry_until_ms;
}

static void connect_rings(struct vif *v, long tx, long rx, long tx_ref, long rx_ref)
{
	char why[128];
	int rc = bind_ports(v, tx, rx);

	if (rc < 0) {
		disconnect(v);
		snprintf(why, sizeof(why), "cannot bind its event channel: %s", strerror(-rc));
		if (give_up(v, rc))
			refuse(v, why);
		return;
	}
	v->retry_ms = v->retry_until_ms = 0;
	if (!map_rings(v, tx_ref, rx_ref)) {
		snprintf(why, sizeof(why), "cannot map its rings (grants %ld and %ld): %s", tx_ref, rx_ref,
			 strerror(errno));
		refuse(v, why);
		return;
	}
	v->ring.can = read_features(v);
	netring_attach(&v->ring, v->pages[0], v->pages[1]);
	v->port.down = v->off;
	v->busy = v->masked = true;
	evtchn_notify(world.evtchn, (unsigned)v->tx_port); /* a process before us may not have */
	if (v->rx_port != v->tx_port)
		evtchn_notify(world.evtchn, (unsigned)v->rx_port);
	set_state(v, STATE_CONNECTED, NULL);
}

static void connect(struct vif *v, long back)
{
	long both = back_number(world.xs, v->frontend, "event-channel");
	long tx = both, rx = both, tx_ref, rx_ref;

	if (v->tx_port >= 0 || v->refused || v->retry_ms > now_ms())
		return;
	if (back < STATE_INIT_WAIT || back == STATE_INITIALISED || back == STATE_CLOSED)
		offer(v);
	if (both < 0) {
		tx = back_number(world.xs, v->frontend, "event-channel-tx");
		rx = back_number(world.xs, v->frontend, "event-channel-rx");
	}
	tx_ref = back_number(world.xs, v->frontend, "tx-ring-ref");
	rx_ref = back_number(world.xs, v->frontend, "rx-ring-ref");
	if (tx < 0 || rx < 0)
		refuse(v, "it does not say which event channels it has");
	else if (tx_ref < 0 || rx_ref < 0)
		refuse(v, "it does not say which pages its rings are");
	else if (!front_is(v, "request-rx-copy"))
		refuse(v, "it does not take copies (request-rx-copy)");
	else
		connect_rings(v, tx, rx, tx_ref, rx_ref);
}

static void let_go(struct vif *v)
{
	v->refused = false;
	v->retry_ms = v->retry_until_ms = 0;
	disconnect(v);
}

static void step(struct vif *v, long back)
{
	long front = back_number(world.xs, v->frontend, "state");
	long online = back_number(world.xs, v->dir, "online");

	switch (front) {
	case STATE_INITIALISED:
	case STATE_CONNECTED:
		connect(v, back);
		break;
	case STATE_CLOSING:
		set_state(v, STATE_CLOSING, NULL);
		break;
	case STATE_INITIALISING:
	case STATE_INIT_WAIT:
		let_go(v);
		if (back != STATE_INIT_WAIT && online)
			offer(v);
		else if (!online)
			set_state(v, STATE_CLOSED, NULL);
		break;
	default: /* closed, or its directory is gone */
		let_go(v);
		set_state(v, STATE_CLOSED, NULL);
	}
}

bool vif_look(struct vif *v)
{
	long back = back_number(world.xs, v->dir, "state");

	v->changed = false;
	if (back < 0)
		return false;
	if (!read_config(v))
		return true;
	v->off = back_number(world.xs, v->dir, "carrier") == 0;
	if (v->tx_port >= 0 && v->port.down != v->off) {
		v->port.down = v->off;
		mac_forget(&v->port);
	}
	step(v, back);
	return true;
}
