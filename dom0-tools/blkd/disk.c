/* SPDX-License-Identifier: MIT */
/*
 * See disk.h. The states, numbers and their order are those of Xen's public io/xenbus.h and io/blkif.h. Front ends differ: GRUB goes
 * straight to 6, Mini-OS by 5, and both come again with 1; Mini-OS connects by 4, the others by 3.
 */
#include "disk.h"
#include "domains.h"
#include "err.h"
#include "files.h"
#include "keys.h"
#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk *disk_new(unsigned dom, unsigned dev)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (d)
		*d = (struct disk){.dom = dom, .dev = dev, .changed = true, .commands = -1, .reports = -1};
	return d;
}

void disk_free(struct xs *xs, struct disk *d)
{
	char path[512];

	if (d->frontend) {
		snprintf(path, sizeof(path), "%s/state", d->frontend);
		xs_unwatch(xs, path, "front");
	}
	free(d->frontend);
	free(d->params);
	free(d->name);
	free(d);
}

static bool key_is(struct xs *xs, const struct disk *d, const char *key, const char *value)
{
	char *text = disk_text(xs, d, key);
	bool is = text && !strcmp(text, value);

	free(text);
	return is;
}

static char *name_of(struct xs *xs, const struct disk *d)
{
	char *dev = disk_text(xs, d, "dev"), name[128];

	snprintf(name, sizeof(name), "domain %u (%s), disk %s", d->dom, domain_name(d->dom),
		 dev ? dev : "without a name");
	free(dev);
	return strdup(name);
}

/* What the toolstack wrote. False: not yet. */
static bool read_config(struct xs *xs, struct disk *d)
{
	char path[512], *mode;

	if (d->frontend)
		return true;
	d->frontend = disk_text(xs, d, "frontend");
	if (!d->frontend)
		return false;
	free(d->name);
	d->name = name_of(xs, d);
	mode = disk_text(xs, d, "mode");
	d->cdrom = key_is(xs, d, "device-type", "cdrom");
	d->removable = disk_number(xs, d, "removable") > 0;
	d->readonly = d->cdrom || !mode || !strchr(mode, 'w');
	d->discards = !key_is(xs, d, "discard-enable", "0");
	free(mode);
	snprintf(path, sizeof(path), "%s/state", d->frontend);
	xs_watch(xs, path, "front");
	return d->name != NULL;
}

/* The medium may be changed at any time. False: there is none to be told of yet. */
static bool read_params(struct xs *xs, struct disk *d)
{
	char *params = disk_text(xs, d, "params");

	if (!params)
		params = d->removable ? strdup("") : NULL;
	if (!params)
		return false;
	if (d->params && strcmp(d->params, params)) {
		worker_stop(d); /* the next one opens the other image */
		d->changing = true;
		d->start_ms = d->wait_ms = 0;
	}
	free(d->params);
	d->params = params;
	return true;
}

static void offer(struct xs *xs, struct disk *d)
{
	static const struct key keys[] = {
	    {"feature-max-indirect-segments", BLK_INDIRECT_MAX},
	    {"max-ring-page-order", RING_ORDER_MAX},
	    {"multi-queue-max-queues", 1},
	};

	disk_publish(xs, d, keys, sizeof(keys) / sizeof(*keys), STATE_INIT_WAIT, false, NULL);
}

/* Sizes and what can be done, and that it is connected; the front end sees a state that is written again as a new size. */
static void announce(struct xs *xs, struct disk *d, bool again)
{
	unsigned info = (d->cdrom ? BLK_INFO_CDROM : 0) | (d->removable ? BLK_INFO_REMOVABLE : 0) |
			(d->readonly ? BLK_INFO_READONLY : 0);
	const struct key keys[] = {
	    {"sectors", d->sectors},          {"sector-size", SECTOR_SIZE},  {"info", info},
	    {"feature-flush-cache", 1},       {"feature-barrier", 1},        {"feature-persistent", 0},
	    {"feature-discard", d->discards}, {"discard-granularity", 4096}, {"discard-alignment", 0},
	};

	disk_publish(xs, d, keys, sizeof(keys) / sizeof(*keys), STATE_CONNECTED, again, NULL);
}

static void set_state(struct xs *xs, struct disk *d, long state)
{
	disk_publish(xs, d, NULL, 0, state, false, NULL);
}

/* Where the ring is, as the front end says. NULL, or what is wrong with that. */
static const char *read_ring(struct xs *xs, const struct disk *d, struct command *c)
{
	char *protocol = back_text(xs, d->frontend, "protocol"), key[16];
	long order = back_number(xs, d->frontend, "ring-page-order"),
	     port = back_number(xs, d->frontend, "event-channel");
	const char *wrong = NULL;

	*c = (struct command){.kind = WORKER_CONNECT, .port = (uint32_t)port, .pages = 1};
	c->layout = blk_layout(protocol && *protocol ? protocol : NULL);
	free(protocol);
	if (!c->layout)
		return "its protocol is neither x86_64-abi nor x86_32-abi";
	if (port < 0)
		return "it does not say which event channel it has";
	if (order > RING_ORDER_MAX)
		return "its ring has more pages than were offered";
	if (order >= 0)
		c->pages = 1u << order;
	for (unsigned i = 0; i < c->pages && !wrong; i++) {
		long ref;

		snprintf(key, sizeof(key), order < 0 ? "ring-ref" : "ring-ref%u", i);
		ref = back_number(xs, d->frontend, key);
		c->refs[i] = (uint32_t)ref;
		wrong = ref < 0 ? "it does not say which pages its ring has" : NULL;
	}
	return wrong;
}

static void refuse(struct xs *xs, struct disk *d, const char *why)
{
	warn("%s: the front end cannot be served: %s", d->name, why);
	d->refused = true;
	disk_publish(xs, d, NULL, 0, STATE_CLOSING, false, why);
}

static void connect(struct xs *xs, struct disk *d, long back)
{
	struct command c;
	const char *wrong;

	if (d->phase != OPEN || d->refused)
		return;
	if (back < STATE_INIT_WAIT || back == STATE_INITIALISED || back == STATE_CLOSED)
		offer(xs, d);
	wrong = read_ring(xs, d, &c);
	if (wrong)
		refuse(xs, d, wrong);
	else
		worker_tell(d, &c, CONNECTING);
}

/* True: nothing of the front end's is held. */
static bool let_go(struct disk *d)
{
	struct command c = {.kind = WORKER_DISCONNECT};

	d->refused = false;
	if (d->phase == CONNECTING || d->phase == CONNECTED)
		worker_tell(d, &c, CLOSING);
	return d->phase == OPEN;
}

static void step(struct xs *xs, struct disk *d, long back)
{
	long front = back_number(xs, d->frontend, "state"), online = disk_number(xs, d, "online");

	switch (front) {
	case STATE_INITIALISED:
	case STATE_CONNECTED:
		connect(xs, d, back);
		break;
	case STATE_CLOSING:
		set_state(xs, d, STATE_CLOSING);
		break;
	case STATE_INITIALISING:
	case STATE_INIT_WAIT:
		if (let_go(d) && back != STATE_INIT_WAIT)
			online ? offer(xs, d) : set_state(xs, d, STATE_CLOSED);
		break;
	default: /* closed, or its directory is gone */
		if (let_go(d))
			set_state(xs, d, STATE_CLOSED);
	}
}

/* Does the toolstack take it away, and has the front end let go of it? Then the closed state says that its image is free. */
static bool is_over(struct xs *xs, const struct disk *d)
{
	long front = back_number(xs, d->frontend, "state");

	return !disk_number(xs, d, "online") && (front < STATE_INITIALISED || front >= STATE_CLOSED);
}

bool disk_look(struct xs *xs, struct disk *d)
{
	long back = disk_number(xs, d, "state");

	d->changed = false;
	if (back < 0) {
		worker_stop(d);
		return d->phase != NO_WORKER;
	}
	if (!read_config(xs, d) || !read_params(xs, d))
		return true;
	if (d->phase == STOPPING && now_ms() - d->since_ms > STOP_MS)
		worker_kill(d);
	if (is_over(xs, d)) {
		worker_stop(d);
		if (d->phase == NO_WORKER)
			set_state(xs, d, STATE_CLOSED);
		return true;
	}
	if (d->phase == NO_WORKER && d->start_ms <= now_ms())
		worker_start(d);
	if (d->phase >= OPEN && d->phase <= CONNECTED)
		step(xs, d, back);
	return true;
}

static void hear_connected(struct xs *xs, struct disk *d)
{
	long back = disk_number(xs, d, "state"), sectors = disk_number(xs, d, "sectors");
	bool again = back == STATE_CONNECTED && sectors != (long)d->sectors;

	d->phase = CONNECTED;
	if (back == STATE_INIT_WAIT || again)
		announce(xs, d, again);
}

/* Who changed the medium waits for this, and a front end sees it, too, if the size is the same. */
static void hear_changed(struct xs *xs, struct disk *d)
{
	const struct key keys[] = {{"sectors", d->sectors}};
	long back = disk_number(xs, d, "state");

	if (d->changing)
		disk_publish(xs, d, keys, 1, back, back == STATE_CONNECTED, NULL);
	d->changing = false;
}

static void hear_failed(struct xs *xs, struct disk *d, const char *why)
{
	if (!strcmp(d->why, why))
		return;
	snprintf(d->why, sizeof(d->why), "%s", why);
	warn("%s: %s", d->name, why);
	disk_publish(xs, d, NULL, 0, disk_number(xs, d, "state"), false, why);
}

/* Does another disk have the image, to keep it? One that ends gives it up, and a worker before this one was of this disk. */
static bool is_kept(const struct disk *d, const struct disk *all, const char *holder)
{
	while (all && (all == d || !all->name || strcmp(all->name, holder)))
		all = all->next;
	return all && all->phase != NO_WORKER && all->phase != STOPPING;
}

void disk_hear(struct xs *xs, struct disk *d, const struct disk *all)
{
	struct report r;

	d->changed = true;
	if (!worker_hear(d, &r))
		return;
	if (r.kind == WORKER_OPENED || r.kind == WORKER_RESIZED) {
		d->sectors = r.sectors;
		d->discards = r.discards;
	}
	if (d->phase == STOPPING)
		return;
	switch (r.kind) {
	case WORKER_OPENED:
		d->phase = OPEN;
		d->why[0] = '\0';
		hear_changed(xs, d);
		break;
	case WORKER_HELD:
		if (is_kept(d, all, r.holder))
			hear_failed(xs, d, r.text);
		break;
	case WORKER_FAILED:
		hear_failed(xs, d, r.text);
		break;
	case WORKER_CONNECTED:
		hear_connected(xs, d);
		break;
	case WORKER_LOST:
		d->phase = OPEN;
		refuse(xs, d, r.text);
		break;
	case WORKER_DISCONNECTED:
		d->phase = OPEN;
		break;
	case WORKER_RESIZED:
		if (d->phase == CONNECTED && disk_number(xs, d, "state") == STATE_CONNECTED)
			announce(xs, d, true);
	}
}

int disk_patience(const struct disk *d)
{
	uint64_t now = now_ms(), at = d->phase == STOPPING ? d->since_ms + STOP_MS + 1 : d->start_ms;

	if (d->changed)
		return 0;
	if (!d->params || (d->phase != STOPPING && d->phase != NO_WORKER))
		return -1;
	return at <= now ? 0 : (int)(at - now);
}
