/* SPDX-License-Identifier: MIT */
/*
 * Specification: an image that another disk has, and keeps, is refused at once, with the holder's name; and it is still waited for,
 * as it is where the holder ends, or is not known, or is an earlier process of the same disk: then nothing is said meanwhile.
 */
#include "disk_twin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blkd/worker.c"
#pragma GCC diagnostic ignored "-Wshadow" /* they are two files elsewhere */
#include "blkd/disk.c"

#undef fail
#include <setjmp.h>

#include <cmocka.h>

/* ---- Around the two processes ---- */

static struct report heard;
static char published[256];
static long published_state;

int grants_open(void)
{
	return -1;
}

void *grants_map(int fd, unsigned dom, const uint32_t *refs, unsigned count, uint64_t *index)
{
	return NULL;
}

void grants_unmap(int fd, void *at, unsigned count, uint64_t index)
{
}

enum ring_state ring_serve(struct ring *r, bool *tell)
{
	*tell = false;
	return RING_IDLE;
}

void ring_attach(struct ring *r, void *at, unsigned count, const struct blk_layout *layout)
{
}

const struct blk_layout *blk_layout(const char *name)
{
	return NULL;
}

char *disk_text(struct xs *xs, const struct disk *d, const char *key)
{
	return NULL;
}

long disk_number(struct xs *xs, const struct disk *d, const char *key)
{
	return 1;
}

void worker_start(struct disk *d)
{
}

void worker_stop(struct disk *d)
{
}

void worker_kill(struct disk *d)
{
}

void worker_tell(struct disk *d, const struct command *c, enum phase next)
{
}

bool worker_hear(struct disk *d, struct report *r)
{
	*r = heard;
	return true;
}

void disk_publish(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
		  bool again, const char *error)
{
	published_state = state;
	snprintf(published, sizeof(published), "%s", error ? error : "");
}

/* ---- The process of the disk ---- */

static struct report next_report(int fd)
{
	struct report r;

	assert_int_equal(read(fd, &r, sizeof(r)), sizeof(r));
	return r;
}

/* It says who has the image, once, and only then does it wait. It ends with the pipe of commands. */
static void said_before_it_waits(void **state)
{
	struct image *first;
	int down[2], up[2];
	char why[300];
	struct report r;

	disks_must("truncate -s 1M held.img");
	assert_int_equal(image_open(disks_path("held.img"), "raw", false, "domain 3 (one), disk xvda", &first,
				    why, sizeof(why)),
			 0);
	assert_int_equal(pipe(down) | pipe(up), 0);
	if (!fork()) {
		struct worker_config c = {
		    .path = disks_path("held.img"), .format = "raw", .name = "domain 7 (two), disk xvda"};

		commands = down[0];
		reports = up[1];
		close(down[1]);
		open_image(&c);
		_exit(2);
	}
	close(down[0]);
	r = next_report(up[0]);
	assert_int_equal(r.kind, WORKER_HELD);
	assert_string_equal(r.holder, "domain 3 (one), disk xvda");
	assert_non_null(strstr(r.text, "held.img: domain 3 (one), disk xvda uses it"));
	close(down[1]);
	r = next_report(up[0]);
	assert_int_equal(r.kind, WORKER_FAILED);
	assert_non_null(strstr(r.text, "domain 3 (one), disk xvda uses it"));
	wait(NULL);
	close(up[0]);
	close(up[1]);
	first->ops->close(first);
}

/* ---- The process that talks to the store ---- */

static struct disk one = {.dom = 3, .name = "domain 3 (one), disk xvda", .phase = CONNECTED};
static struct disk two = {.next = &one, .dom = 7, .name = "domain 7 (two), disk xvda"};

static const char *hears(enum report_kind kind, const char *holder)
{
	heard = (struct report){.kind = kind, .sectors = 8};
	snprintf(heard.text, sizeof(heard.text), "x.img: %s uses it", holder);
	snprintf(heard.holder, sizeof(heard.holder), "%s", holder);
	strcpy(published, "nothing");
	two.phase = OPENING;
	disk_hear(NULL, &two, &two);
	return published;
}

static void refused_if_it_is_kept(void **state)
{
	static const char said[] = "x.img: domain 3 (one), disk xvda uses it";

	for (one.phase = OPENING; one.phase <= CLOSING; one.phase++) {
		two.why[0] = '\0';
		assert_string_equal(hears(WORKER_HELD, one.name), said);
		assert_int_equal(published_state, 1);
		assert_int_equal(two.phase, OPENING);
	}
	/* The same is not said again when it gives up, and anew when it was open meanwhile. */
	assert_string_equal(hears(WORKER_FAILED, one.name), "nothing");
	hears(WORKER_OPENED, "");
	assert_int_equal(two.phase, OPEN);
	one.phase = CONNECTED;
	assert_string_equal(hears(WORKER_HELD, one.name), said);
}

static void waited_for(void **state)
{
	two.why[0] = '\0';
	assert_string_equal(hears(WORKER_HELD, ""), "nothing");
	assert_string_equal(hears(WORKER_HELD, "rl-image"), "nothing");
	assert_string_equal(hears(WORKER_HELD, two.name), "nothing");
	one.phase = STOPPING;
	assert_string_equal(hears(WORKER_HELD, one.name), "nothing");
	one.phase = NO_WORKER;
	assert_string_equal(hears(WORKER_HELD, one.name), "nothing");
	assert_string_equal(hears(WORKER_FAILED, one.name), "x.img: domain 3 (one), disk xvda uses it");
}

static int set_up(void **state)
{
	fail_quiet(true);
	disks_make_folder();
	return 0;
}

static int take_down(void **state)
{
	disks_remove_folder();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(said_before_it_waits),
	    cmocka_unit_test(refused_if_it_is_kept),
	    cmocka_unit_test(waited_for),
	};

	return cmocka_run_group_tests(tests, set_up, take_down);
}
