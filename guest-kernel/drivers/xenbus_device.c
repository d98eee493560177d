/* SPDX-License-Identifier: MIT */
/*
 * See xenbus_device.h. A look at a device is one transaction: its start, all that is read, asked for in one go, what the driver
 * writes, its end. The answers come in any number of interrupts; they are told apart by their numbers, which a look has
 * in a row. What changes meanwhile causes one more look. Two watches cause looks: of all devices of the class, and of the
 * state of each back end.
 *
 * Locking: none, interrupts are off, and only xenbus_wait() sleeps.
 */
#include "drivers/xenbus_device.h"
#include "drivers/xs_ring.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/wait.h"
#include "kern/time/clock.h"

#define KINDS    4u          /* drivers; the requests for their lists have the numbers from 1 on */
#define FIRST    (KINDS + 1) /* number of a look's requests */
#define NUMBERS  64u         /* of a look's requests: more than it can have */
#define RETRY_NS (100ull * NSEC_PER_MSEC)    /* after a look that failed */
#define PATIENCE (10ull * NSEC_PER_SEC)      /* at boot, before a word about it */
#define ROUNDS   30u                         /* of that */
#define TEXT_MAX (2 * XENBUS_VALUE_MAX + 64) /* of a request */

enum {
	FRONT_STATE,
	FRONT_BACKEND,
	FRONT_BACKEND_ID,
	FRONT_NODES,
	BACK_STATE = FRONT_NODES,
	BACK_ONLINE,
	NODES
};

static const char *const nodes[NODES] = {"state", "backend", "backend-id", "state", "online"};

static struct kind {
	const struct xenbus_driver *driver;
	bool listed; /* what was there at boot is known */
} kinds[KINDS];
static struct list devices = LIST_INIT(devices);
static u32 next_number = FIRST;
static struct wait_queue settling;

static void receive(struct xs_client *c, struct xs_message *m);
static void again(struct xs_client *c);
static struct xs_client client = {.receive = receive, .again = again};

/* What a request says has no zero byte at its end if it is a value. */
static bool ask(u32 type, u32 transaction, u32 number, const char *fmt, ...)
{
	char text[TEXT_MAX];
	struct xs_message *m;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap) + (type != XS_WRITE);
	va_end(ap);
	m = len <= sizeof(text) ? xs_message(type, transaction, text, len) : NULL;
	if (m)
		m->head.req_id = number;
	return !(number ? xs_send(&client, m) : xs_send_quietly(&client, m));
}

/* ---- A look ---- */

static void retry(struct timer *t)
{
	xenbus_look(container_of(t, struct xenbus_device, retry));
}

static void retry_later(struct xenbus_device *d)
{
	d->under_way = false;
	timer_set(&d->retry, clock_monotonic() + RETRY_NS);
}

static bool ask_next(struct xenbus_device *d, u32 type, const char *dir, const char *node)
{
	return ask(type, d->transaction, d->first + d->asked++, "%s%s%s", dir, *node ? "/" : "", node);
}

void xenbus_look(struct xenbus_device *d)
{
	d->again = d->under_way;
	if (d->under_way)
		return;
	timer_cancel(&d->retry);
	d->under_way = true;
	d->first = next_number;
	next_number = next_number + 2 * NUMBERS > next_number ? next_number + NUMBERS : FIRST;
	d->asked = d->answered = d->transaction = 0;
	if (!ask_next(d, XS_TRANSACTION_START, "", ""))
		retry_later(d);
}

static u32 nodes_of(const struct xenbus_device *d)
{
	u32 n = NODES;

	if (!*d->back)
		return FRONT_NODES;
	while (d->driver->keys[n - NODES])
		n++;
	return n;
}

static void end_quietly(struct xenbus_device *d)
{
	ask(XS_TRANSACTION_END, d->transaction, 0, "F");
	d->under_way = false;
}

/* No memory for a part of it: nothing of it counts. */
static void give_up(struct xenbus_device *d)
{
	end_quietly(d);
	retry_later(d);
}

static void ask_all(struct xenbus_device *d)
{
	for (u32 i = 0, n = nodes_of(d); i < n; i++) {
		d->values[i][0] = '\0';
		if (!ask_next(d, XS_READ, i < FRONT_NODES ? d->front : d->back,
			      i < NODES ? nodes[i] : d->driver->keys[i - NODES]))
			return give_up(d);
	}
}

static u64 number_in(const char *text)
{
	return parse_number(&text, 10);
}

static void watch_back(struct xenbus_device *d, u32 type)
{
	if (*d->back)
		ask(type, 0, 0, "%s/state%c%s", d->back, 0, d->front);
}

static void device_end(struct xenbus_device *d)
{
	watch_back(d, XS_UNWATCH);
	timer_cancel(&d->retry);
	list_del(&d->list);
	kfree(d->values);
	d->driver->gone(d);
}

/* All has been read. */
static void decide(struct xenbus_device *d)
{
	d->state = number_in(d->values[FRONT_STATE]);
	if (!*d->values[FRONT_STATE]) {
		end_quietly(d);
		return device_end(d);
	}
	if (strcmp(d->back, d->values[FRONT_BACKEND])) {
		end_quietly(d);
		watch_back(d, XS_UNWATCH);
		strlcpy(d->back, d->values[FRONT_BACKEND], sizeof(d->back));
		watch_back(d, XS_WATCH);
		return xenbus_look(d);
	}
	d->settled = !*d->back;
	if (*d->back) {
		d->backend = number_in(d->values[FRONT_BACKEND_ID]);
		d->back_state = number_in(d->values[BACK_STATE]);
		d->online = number_in(d->values[BACK_ONLINE]);
		d->lost = false;
		d->driver->changed(d);
	}
	if (d->lost || !ask_next(d, XS_TRANSACTION_END, "T", ""))
		give_up(d);
}

static void end(struct xenbus_device *d, const struct xs_message *m)
{
	bool failed = m->head.type == XS_ERROR;

	d->under_way = false;
	if (failed && strcmp(m->payload, "EAGAIN"))
		retry_later(d);
	else if (failed || d->again)
		xenbus_look(d);
}

static void answer(struct xenbus_device *d, u32 i, const struct xs_message *m)
{
	u32 read = 1 + nodes_of(d);

	d->answered++;
	if (!i && m->head.type == XS_ERROR)
		return retry_later(d);
	if (!i) {
		d->transaction = number_in(m->payload);
		return ask_all(d);
	}
	if (i < read) {
		if (m->head.type == XS_READ)
			strlcpy(d->values[i - 1], m->payload, XENBUS_VALUE_MAX);
		if (d->answered == read)
			decide(d);
	} else if (i == d->asked - 1) {
		end(d, m);
	} else if (m->head.type == XS_ERROR) {
		log_warn("%s: the store takes no more of it: %s\n", d->front, m->payload);
	}
}

/* ---- Which devices there are ---- */

static struct xenbus_device *device_of(const struct xenbus_driver *driver, unsigned number)
{
	struct xenbus_device *d;

	list_for_each (d, &devices, list) {
		if (d->driver == driver && d->number == number)
			return d;
	}
	return NULL;
}

static struct xenbus_device *device_new(const struct xenbus_driver *driver, unsigned number)
{
	struct xenbus_device *d = driver->make();

	if (!d)
		return NULL;
	d->values = kzalloc((NODES + XENBUS_KEYS_MAX) * sizeof(*d->values));
	d->driver = driver;
	d->number = number;
	snprintf(d->front, sizeof(d->front), "device/%s/%u", driver->class, number);
	timer_init(&d->retry, retry);
	list_add_tail(&devices, &d->list);
	if (d->values)
		return d;
	list_del(&d->list);
	driver->gone(d);
	return NULL;
}

/* The text begins with a device's number. */
static void look_at(const struct xenbus_driver *driver, const char *text)
{
	unsigned number = parse_number(&text, 10);
	struct xenbus_device *d = device_of(driver, number);

	if (*text && *text != '/') /* no number */
		return;
	if (!d)
		d = device_new(driver, number);
	if (d)
		xenbus_look(d);
	else
		log_warn("device/%s/%u: no memory for it\n", driver->class, number);
}

static void look_at_all(const struct xenbus_driver *driver)
{
	struct xenbus_device *d;

	list_for_each (d, &devices, list) {
		if (d->driver == driver)
			xenbus_look(d);
	}
}

/* The names, each with a zero byte; or an error, if there are none. */
static void listed(struct kind *k, const struct xs_message *m)
{
	k->listed = true;
	if (m->head.type == XS_DIRECTORY)
		for (const char *name = m->payload; name < m->payload + m->head.len; name += strlen(name) + 1)
			look_at(k->driver, name);
}

/* Of all devices of a class, whose token is the class; or of a back end, whose token is its device's directory. */
static void event(const struct xs_message *m)
{
	const char *path = m->payload, *token = path + strlen(path) + 1;
	const char *class = strncmp(token, "device/", 7) ? token : token + 7;

	if (token >= m->payload + m->head.len)
		return;
	for (u32 i = 0; i < KINDS && kinds[i].driver; i++) {
		size_t len = strlen(kinds[i].driver->class);

		if (strncmp(class, kinds[i].driver->class, len))
			continue;
		if (class[len] == '/')
			look_at(kinds[i].driver, class + len + 1);
		else if (strlen(path) > 8 + len)
			look_at(kinds[i].driver, path + 8 + len);
		else {
			look_at_all(kinds[i].driver);
			ask(XS_DIRECTORY, 0, 1 + i, "device/%s", kinds[i].driver->class);
		}
	}
}

static void receive(struct xs_client *c, struct xs_message *m)
{
	u32 number = m->head.req_id;
	struct xenbus_device *d;

	if (m->head.type == XS_WATCH_EVENT) {
		event(m);
	} else if (number <= KINDS) {
		listed(&kinds[number - 1], m);
	} else {
		list_for_each (d, &devices, list) {
			if (d->under_way && number - d->first < d->asked) {
				answer(d, number - d->first, m);
				break;
			}
		}
	}
	kfree(m);
	wake_all(&settling);
}

static void watch_class(const struct xenbus_driver *driver)
{
	ask(XS_WATCH, 0, 0, "device/%s%c%s", driver->class, 0, driver->class);
}

/* Each watch causes an event when it is registered, and so a look. */
static void again(struct xs_client *c)
{
	struct xenbus_device *d;

	list_for_each (d, &devices, list) {
		d->under_way = false;
		watch_back(d, XS_WATCH);
	}
	for (u32 i = 0; i < KINDS && kinds[i].driver; i++)
		watch_class(kinds[i].driver);
}

void xenbus_driver_add(const struct xenbus_driver *driver)
{
	u32 i = 0;

	while (kinds[i].driver)
		i++;
	if (!i) {
		wait_init(&settling);
		xs_client_add(&client);
	}
	kinds[i].driver = driver;
	watch_class(driver);
}

/* What boot still waits for; NULL: nothing. */
static const char *unsettled(void)
{
	struct xenbus_device *d;

	for (u32 i = 0; i < KINDS && kinds[i].driver; i++) {
		if (!kinds[i].listed)
			return "the store";
	}
	list_for_each (d, &devices, list) {
		if (!d->settled)
			return d->front;
	}
	return NULL;
}

void xenbus_wait(void)
{
	u64 word = clock_monotonic() + PATIENCE;
	const char *what;

	for (u32 i = 0; i < ROUNDS && (what = unsettled());) {
		int rc = wait_on_until(&settling, word);

		if (rc && rc != -ETIMEDOUT)
			return; /* it is being ended */
		if (!rc)
			continue;
		log_warn("still waiting for %s\n", what);
		word += PATIENCE;
		i++;
	}
}

/* ---- For changed() ---- */

const char *xenbus_value(const struct xenbus_device *d, const char *key)
{
	u32 i = 0;

	while (strcmp(d->driver->keys[i], key))
		i++;
	return d->values[NODES + i];
}

u64 xenbus_number(const struct xenbus_device *d, const char *key, u64 otherwise)
{
	const char *text = xenbus_value(d, key);

	return *text ? parse_number(&text, 10) : otherwise;
}

void xenbus_write(struct xenbus_device *d, const char *key, const char *fmt, ...)
{
	char value[XENBUS_VALUE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	d->lost |=
	    !ask(XS_WRITE, d->transaction, d->first + d->asked++, "%s/%s%c%s", d->front, key, 0, value);
}

void xenbus_set_state(struct xenbus_device *d, enum xenbus_state state)
{
	if (d->state != state)
		xenbus_write(d, "state", "%u", state);
	d->state = state;
}
