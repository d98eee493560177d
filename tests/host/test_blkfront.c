/* SPDX-License-Identifier: MIT */
/*
 * What the teaching kernel's disks do in the store: they connect, and end, whatever the back end writes, however the store is busy or short
 * of memory, and at whatever moment it happens (blkfront_host.h).
 */
#include "blkfront_host.h"

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
