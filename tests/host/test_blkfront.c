/* SPDX-License-Identifier: MIT */
/*
 * What the teaching kernel's disks do in the store (guest-kernel/drivers/xenbus_device.c and blkfront.c), beside a store that is a
 * table here, and a back end that is the test: it writes its state, and looks at what comes of it. Each answer of the store comes
 * on its own, later. The ring is only counted.
 */
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

/* ---- Tests ---- */

static void test_handshake(void **state)
{
	assert_true(state_is("1") && !opened);
	back("state", "2");
	assert_true(state_is("3") && opened == 1);
	assert_string_equal(value(FRONT "/ring-ref"), "11");
	assert_string_equal(value(FRONT "/event-channel"), "21");
	assert_string_equal(value(FRONT "/protocol"), "x86_64-abi");
	connect_disk();
	assert_true(state_is("4") && disks == 1 && opened == 1 && !closed);
	assert_string_equal(added->name, "xvda");
	assert_true(added->rdev == 202 << 8 && added->sectors == 2048 && added->flushes && !added->readonly);
	assert_int_equal(added->max_pieces, 32);
	assert_true(the_vbd()->ring.runs && the_vbd()->ring.backend == 3);
}

/* Whoever else writes meanwhile: the same again, with the ring that is there. */
static void test_conflicts(void **state)
{
	conflicts = 3;
	back("state", "2");
	assert_true(state_is("3") && opened == 1 && !closed);
	assert_string_equal(value(FRONT "/ring-ref"), "11");
	conflicts = 3;
	connect_disk();
	assert_true(state_is("4") && disks == 1);
}

/* The back end goes on at any moment of a look. */
static void test_meanwhile(void **state)
{
	connect_disk();
	for (unsigned moment = 0; moment < 40; moment++) {
		char text[8];

		put(BACK "/state", "4");
		for (unsigned i = 0; i < moment && !list_empty(&answers); i++)
			one_answer();
		snprintf(text, sizeof(text), "%u", 100 + moment);
		put(BACK "/sectors", text);
		back("state", "4");
		assert_int_equal(added->sectors, 100 + moment);
	}
}

/* A store that begins no transaction now is asked later. */
static void test_refused(void **state)
{
	refused_starts = 1;
	back("state", "2");
	assert_true(state_is("1") || timers_set);
	if (waiting_timer)
		waiting_timer->expired(waiting_timer);
	settle();
	assert_true(state_is("3"));
}

/* No memory for one request of a look, whichever it is: later all of it, and never a part. */
static void test_no_memory(void **state)
{
	for (unsigned i = 1; i < 40; i++) {
		no_memory = i;
		back("state", "2");
		assert_true(state_is("1") || !strcmp(value(FRONT "/protocol"), "x86_64-abi"));
		no_memory = 0;
		if (waiting_timer)
			waiting_timer->expired(waiting_timer);
		settle();
		assert_true(state_is("3") && *value(FRONT "/ring-ref"));
		put(FRONT "/protocol", "");
		settle();
		put(FRONT "/state", "1");
	}
}

static void test_restarted(void **state)
{
	connect_disk();
	back("state", "2");
	assert_true(state_is("3") && opened == 2 && closed == 1 && disks == 1 && !failed);
	assert_string_equal(value(FRONT "/ring-ref"), "12");
	back("state", "4");
	assert_true(state_is("4") && disks == 1 && !removed && the_vbd()->ring.runs);
}

/* It closes, while the tools want the disk; it may come again. */
static void test_goes_and_comes(void **state)
{
	connect_disk();
	back("state", "5");
	assert_true(state_is("6") && closed == 1 && disks == 1 && !failed);
	back("state", "6");
	assert_true(state_is("1"));
	back("state", "2");
	assert_true(state_is("3") && opened == 2);
	back("state", "4");
	assert_true(state_is("4") && disks == 1 && !removed && !failed && the_vbd()->ring.runs);
}

static void test_detached(void **state)
{
	connect_disk();
	back("online", "0");
	back("state", "5");
	assert_true(state_is("6") && removed == 1 && closed == 1);
	back("state", "6");
	assert_true(state_is("6") && opened == 1);
}

/* What is under way ends first, and nothing new begins. */
static void test_detached_while_busy(void **state)
{
	connect_disk();
	idle = false;
	back("online", "0");
	back("state", "5");
	assert_true(state_is("4") && !removed && !closed && the_vbd()->ring.refuses);
	idle = true;
	interrupt(the_vbd());
	settle();
	assert_true(state_is("6") && removed == 1 && closed == 1);
}

static void test_forced(void **state)
{
	connect_disk();
	idle = false;
	back("online", "0");
	back("state", "6");
	assert_true(state_is("6") && removed == 1 && closed == 1);
}

/* Taken away and made again by the tools: another disk, even if the first one's end was never seen. */
static void test_made_again(void **state)
{
	connect_disk();
	idle = false;
	back("online", "1");
	back("state", "1");
	put(FRONT "/state", "1");
	settle();
	idle = true;
	assert_true(removed == 1 && failed == 1);
	connect_disk();
	assert_true(state_is("4") && disks == 1 && opened == 2 && !the_vbd()->ended);
}

static void test_resized(void **state)
{
	connect_disk();
	back("sectors", "4096");
	back("state", "4");
	assert_true(added->sectors == 4096 && state_is("4") && opened == 1 && !forgotten);
	back("params", "/b");
	back("state", "4");
	assert_int_equal(forgotten, 1);
	back("state", "4");
	assert_int_equal(forgotten, 1);
}

static void test_read_only(void **state)
{
	back("info", "5");
	connect_disk();
	assert_true(added->readonly);
}

static void test_no_size(void **state)
{
	back("state", "2");
	back("state", "4");
	assert_true(state_is("6") && !disks && closed == 1);
}

static void test_bad_sector_size(void **state)
{
	static const char *const bad[] = {"0", "256", "513", "8192", "4294967808", "x"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		back("state", "2");
		back("sectors", "2048");
		back("sector-size", bad[i]);
		back("state", "4");
		assert_true(state_is("6") && !disks);
		back("state", "1");
		put(FRONT "/state", "1");
		settle();
	}
}

/* The answers are nonsense: the disk ends, and stays ended, whatever the back end says. */
static void test_lies(void **state)
{
	connect_disk();
	wrong = "is made up";
	interrupt(the_vbd());
	settle();
	wrong = NULL;
	assert_true(state_is("6") && removed == 1 && closed == 1);
	for (unsigned i = 0; i < 10; i++) {
		char text[4] = {(char)('0' + i)};

		back("state", text);
	}
	assert_true(state_is("6") && opened == 1);
}

/* States in any order, and values that are none: no ring is left open, and nothing goes on for ever. */
static void test_any_states(void **state)
{
	static const char *const states[] = {
	    "1", "2", "3", "4", "5", "6", "7", "8", "0", "", "99999999999999999999", "-1", "four"};
	u32 chance = 1;

	for (unsigned i = 0; i < 3000; i++) {
		chance = chance * 1103515245 + 12345;
		if (chance >> 28 == 0)
			back("online", chance >> 27 & 1 ? "1" : "0");
		if (chance >> 28 == 1)
			put(FRONT "/state", "1");
		if (chance >> 28 == 2)
			back("sectors", chance >> 27 & 1 ? "10" : "");
		idle = chance >> 26 & 1;
		back("state", states[(chance >> 16) % ARRAY_SIZE(states)]);
		assert_true(opened - closed <= 1 && disks <= 1);
	}
}

/* The store has forgotten its watches, and what was under way. */
static void test_store_starts_again(void **state)
{
	back("state", "2");
	put(BACK "/sectors", "2048");
	put(BACK "/state", "4");
	one_answer();                   /* a look begins */
	while (!list_empty(&answers)) { /* and is lost */
		struct xs_message *m = list_entry(answers.next, struct xs_message, list);

		list_del(&m->list);
		free(m);
	}
	memset(watches, 0, sizeof(watches));
	the_client->again(the_client);
	settle();
	assert_true(state_is("4") && disks == 1);
	back("sectors", "4096");
	back("state", "4");
	assert_int_equal(added->sectors, 4096);
}

/* Boot waits for the disk, but not for one that will not come. */
static void test_boot(void **state)
{
	put(BACK "/state", "2");
	put(BACK "/sectors", "2048");
	xenbus_wait();
	assert_int_equal(waited, ROUNDS); /* the back end never uses the ring */
	put(BACK "/state", "4");
	xenbus_wait();
	assert_true(waited == ROUNDS && disks == 1);
}

static void test_names(void **state)
{
	static const struct {
		unsigned number;
		const char *name;
		u32 minor;
	} disk[] = {
	    {51712, "xvda", 0},
	    {51713, "xvda1", 1},
	    {51728, "xvdb", 16},
	    {202 * 256 + 255, "xvdp15", 255},
	    {768, "xvda", 0},
	    {832, "xvdb", 16},
	    {5632, "xvdc", 32},
	    {5633, "xvdc1", 33},
	    {8 * 256, "xvda", 0},
	    {8 * 256 + 17, "xvdb1", 17},
	    {(1 << 28) + 26 * 256, "xvdaa", 416},
	    {(1 << 28) + 701 * 256 + 1, "xvdzz1", 11217},
	    {(1 << 28) + 702 * 256, "xvdaaa", 11232},
	};
	char name[BLOCK_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(disk); i++) {
		assert_int_equal(name_disk(disk[i].number, name), (202 << 8) + disk[i].minor);
		assert_string_equal(name, disk[i].name);
	}
	name_disk(~0u, name);
	assert_true(strlen(name) < sizeof(name));
}

/* Names of directories that are no numbers are nobody's. */
static void test_odd_names(void **state)
{
	put("device/vbd/x", "");
	put("device/vbd/12a", "");
	settle();
	assert_int_equal(list_empty(&devices), false);
	assert_null(device_of(&driver, 12));
	assert_null(device_of(&driver, 0));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    T(test_handshake),      T(test_conflicts),  T(test_refused),
	    T(test_meanwhile),      T(test_no_memory),  T(test_restarted),
	    T(test_goes_and_comes), T(test_detached),   T(test_detached_while_busy),
	    T(test_forced),         T(test_made_again), T(test_resized),
	    T(test_read_only),      T(test_no_size),    T(test_bad_sector_size),
	    T(test_lies),           T(test_any_states), T(test_store_starts_again),
	    T(test_boot),           T(test_names),      T(test_odd_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
