/* SPDX-License-Identifier: MIT */
/*
 * What is around the teaching kernel's disks (guest-kernel/drivers/xenbus_device.c and blkfront.c): a store that is a table, each of whose
 * answers comes on its own, later; a kernel; a ring that is only counted; and a back end that is the test: it writes its state,
 * and looks at what comes of it.
 */
#pragma once

#include "blk_host.h"
#include "drivers/xenbus_device.c"
#define connect vbd_connect
#define end     vbd_end
#include "drivers/blkfront.c"

#define FRONT "device/vbd/51712"
#define BACK  "/local/domain/3/backend/vbd/7/51712"

/* ---- The store ---- */

#define NODES_MAX 64

static struct node {
	char path[128], value[128];
} table[NODES_MAX], before[NODES_MAX]; /* before: when the transaction began */
static struct {
	char path[128], token[64];
} watches[8];
static struct list answers = LIST_INIT(answers);
static struct xs_client *the_client;
static unsigned conflicts, refused_starts, transactions; /* to come; counted */
static unsigned no_memory;                               /* for the request that is so far away; 0: for all */

static struct node *node(const char *path)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (!strcmp(table[i].path, path))
			return &table[i];
	return NULL;
}

static const char *value(const char *path)
{
	return node(path) ? node(path)->value : "";
}

struct xs_message *xs_message(u32 type, u32 tx_id, const void *payload, size_t len)
{
	struct xs_message *m = calloc(1, sizeof(*m) + len + 1);

	m->head = (struct xsd_sockmsg){.type = type, .tx_id = tx_id, .len = len};
	if (payload)
		memcpy(m->payload, payload, len);
	return m;
}

static void reply(u32 type, u32 number, const char *text, size_t len)
{
	struct xs_message *m = xs_message(type, 0, text, len);

	m->head.req_id = number;
	list_add_tail(&answers, &m->list);
}

static void fire(const char *path)
{
	for (unsigned i = 0; i < ARRAY_SIZE(watches); i++) {
		char text[200];
		size_t len = strlen(watches[i].path);

		if (!len || strncmp(path, watches[i].path, len) || (path[len] && path[len] != '/'))
			continue;
		len = (size_t)snprintf(text, sizeof(text), "%s%c%s", path, 0, watches[i].token) + 1;
		reply(XS_WATCH_EVENT, 0, text, len);
	}
}

static void set(const char *path, const char *text)
{
	struct node *n = node(path) ? node(path) : node("");

	snprintf(n->path, sizeof(n->path), "%s", path);
	snprintf(n->value, sizeof(n->value), "%s", text);
}

/* By the others, who have no part in our transaction. */
static void put(const char *path, const char *text)
{
	set(path, text);
	memcpy(before, table, sizeof(table));
	fire(path);
}

static void list_all(u32 number)
{
	char text[200];
	size_t n = 0, skip = strlen("device/vbd/");

	for (unsigned i = 0; i < NODES_MAX; i++)
		if (!strncmp(table[i].path, "device/vbd/", skip) && !strchr(table[i].path + skip, '/'))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", table[i].path + skip) + 1;
	reply(n ? XS_DIRECTORY : XS_ERROR, number, n ? text : "ENOENT", n ? n : 7);
}

static void watch(const char *path, const char *token, bool on)
{
	for (unsigned i = 0; i < ARRAY_SIZE(watches); i++) {
		bool there = !strcmp(watches[i].path, path) && !strcmp(watches[i].token, token);

		if (there && !on)
			watches[i].path[0] = '\0';
		if (there || (on && !watches[i].path[0])) {
			if (on) {
				snprintf(watches[i].path, sizeof(watches[i].path), "%s", path);
				snprintf(watches[i].token, sizeof(watches[i].token), "%s", token);
				fire(path);
			}
			return;
		}
	}
	fail();
}

static void end_transaction(u32 number, bool commit)
{
	bool lost = commit && conflicts;

	conflicts -= lost;
	if (!commit || lost)
		memcpy(table, before, sizeof(table));
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (strcmp(table[i].path, before[i].path) || strcmp(table[i].value, before[i].value))
			fire(table[i].path);
	reply(lost ? XS_ERROR : XS_TRANSACTION_END, number, lost ? "EAGAIN" : "OK", lost ? 7 : 3);
}

static int ask_store(struct xs_client *c, struct xs_message *m)
{
	const char *path = m->payload, *second = path + strlen(path) + 1;
	u32 number = m->head.req_id;

	the_client = c;
	switch (m->head.type) {
	case XS_TRANSACTION_START:
		memcpy(before, table, sizeof(table));
		transactions++;
		if (refused_starts)
			reply(XS_ERROR, number, "ENOSPC", 7);
		else
			reply(XS_TRANSACTION_START, number, "5", 2);
		refused_starts -= refused_starts != 0;
		break;
	case XS_TRANSACTION_END:
		assert_int_equal(m->head.tx_id, 5);
		end_transaction(number, *path == 'T');
		break;
	case XS_READ:
		assert_int_equal(m->head.tx_id, 5);
		reply(node(path) ? XS_READ : XS_ERROR, number, node(path) ? value(path) : "ENOENT",
		      node(path) ? strlen(value(path)) : 7);
		break;
	case XS_WRITE:
		assert_int_equal(m->head.tx_id, 5);
		assert_non_null(node(FRONT "/state")); /* a device that is gone is not made again */
		set(path, second);                     /* events come at the end */
		reply(XS_WRITE, number, "OK", 3);
		break;
	case XS_DIRECTORY:
		list_all(number);
		break;
	default:
		watch(path, second, m->head.type == XS_WATCH);
	}
	free(m);
	return 0;
}

int xs_send(struct xs_client *c, struct xs_message *m)
{
	assert_true(m->head.req_id);
	if (no_memory && !--no_memory) {
		free(m);
		return -ENOMEM;
	}
	return ask_store(c, m);
}

/* Its answer, the last one, is dropped. Events are not answers. */
int xs_send_quietly(struct xs_client *c, struct xs_message *m)
{
	bool answered = m->head.type == XS_TRANSACTION_END;

	ask_store(c, m);
	if (answered) {
		struct xs_message *last = list_entry(answers.prev, struct xs_message, list);

		list_del(&last->list);
		free(last);
	}
	return 0;
}

void xs_client_add(struct xs_client *c)
{
	the_client = c;
}

/* ---- The kernel ---- */

static unsigned timers_set, objects;
static struct timer *waiting_timer;

void timer_init(struct timer *t, void (*expired)(struct timer *t))
{
	t->expired = expired;
}

void timer_set(struct timer *t, u64 deadline)
{
	timers_set++;
	waiting_timer = t;
}

void timer_cancel(struct timer *t)
{
	if (waiting_timer == t)
		waiting_timer = NULL;
}

u64 clock_monotonic(void)
{
	return 0;
}

void wait_init(struct wait_queue *q)
{
}

void wake_all(struct wait_queue *q)
{
}

/* While boot waits, the store answers. */
static void settle(void);
static unsigned waited;

int wait_on_until(struct wait_queue *q, u64 deadline)
{
	if (!list_empty(&answers)) {
		settle();
		return 0;
	}
	waited++;
	return -ETIMEDOUT;
}

void log_at(int level, const char *fmt, ...)
{
}

void *kzalloc(size_t size)
{
	objects++;
	return calloc(1, size);
}

void kfree(void *p)
{
	objects -= p != NULL;
	free(p);
}

/* ---- The ring and the block layer, counted ---- */

static unsigned opened, closed, failed, disks, removed, forgotten;
static bool idle = true;
static struct block_device *added;

int blk_ring_open(struct blk_ring *r, void (*handler)(void *data), void *data)
{
	static struct blkif_sring shared;

	opened++;
	r->shared = &shared;
	r->ref = 10 + opened;
	r->port = 20 + opened;
	return 0;
}

void blk_ring_close(struct blk_ring *r)
{
	closed += r->shared != NULL;
	r->shared = NULL;
	r->runs = false;
}

void blk_ring_run(struct blk_ring *r)
{
	r->runs = true;
}

void blk_ring_fail(struct blk_ring *r)
{
	assert_null(r->shared);
	failed++;
	r->refuses = true;
}

bool blk_ring_submit(struct blk_ring *r, struct block_request *request)
{
	return true;
}

static const char *wrong;

const char *blk_ring_answers(struct blk_ring *r)
{
	return wrong;
}

bool blk_ring_idle(const struct blk_ring *r)
{
	return idle;
}

int block_add(struct block_device *disk)
{
	disks++;
	added = disk;
	return 0;
}

void block_remove(struct block_device *disk)
{
	removed++;
	disks--;
	disk->release(disk);
	added = NULL;
}

void block_resized(struct block_device *disk, u64 sectors)
{
	disk->sectors = sectors;
}

void buffer_forget(struct block_device *d)
{
	forgotten++;
}

/* ---- The tools and the back end ---- */

/* All answers come, each in an interrupt of its own. */
static void one_answer(void)
{
	struct xs_message *m = list_entry(answers.next, struct xs_message, list);

	list_del(&m->list);
	objects++; /* which receive() frees */
	the_client->receive(the_client, m);
}

static void settle(void)
{
	for (unsigned i = 0; !list_empty(&answers); i++) {
		assert_true(i < 2000); /* it would go on for ever */
		one_answer();
	}
}

static void back(const char *key, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", BACK, key);
	put(path, text);
	if (!strcmp(key, "state"))
		settle();
}

static void make_device(void)
{
	put(FRONT, "");
	put(FRONT "/backend", BACK);
	put(FRONT "/backend-id", "3");
	put(FRONT "/state", "1");
	back("online", "1");
	back("params", "/a");
	back("state", "1");
}

static void connect_disk(void)
{
	back("feature-max-indirect-segments", "256");
	back("state", "2");
	back("sectors", "2048");
	back("sector-size", "512");
	back("feature-flush-cache", "1");
	back("state", "4");
}

static bool state_is(const char *text)
{
	return !strcmp(value(FRONT "/state"), text);
}

static struct vbd *the_vbd(void)
{
	return container_of(device_of(&driver, 51712), struct vbd, xenbus);
}

static int setup(void **state)
{
	memset(table, 0, sizeof(table));
	memset(watches, 0, sizeof(watches));
	memset(kinds, 0, sizeof(kinds));
	conflicts = refused_starts = transactions = timers_set = objects = 0;
	opened = closed = failed = disks = removed = forgotten = waited = 0;
	idle = true;
	wrong = NULL;
	waiting_timer = NULL;
	blkfront_init();
	settle();
	make_device();
	return 0;
}

/* The tools remove both directories: nothing is left. */
static int teardown(void **state)
{
	memset(table, 0, sizeof(table));
	fire(FRONT);
	settle();
	assert_true(list_empty(&devices));
	assert_int_equal(disks, 0);
	assert_int_equal(opened, closed);
	assert_int_equal(objects, 0);
	return 0;
}
