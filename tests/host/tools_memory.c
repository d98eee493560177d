/* SPDX-License-Identifier: MIT */
/*
 * Specification: Dom0 is small. Where a tool finds no memory, at whichever of its allocations, it says so and fails; it does not
 * go on with half of something, and what it had is given back. A second attempt then works.
 */
#include "cfg.h"
#include "domconf.h"
#include "err.h"
#include "files.h"
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- allocations, of which one is refused (the linker's --wrap) ---- */

static long until_refused = -1; /* how many are granted first; negative: all */
static bool refused;

static bool refuse(void)
{
	if (until_refused < 0 || until_refused--)
		return false;
	refused = true;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t n)
{
	return refuse() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
	return refuse() ? NULL : __real_realloc(p, n);
}
char *__wrap_strdup(const char *s)
{
	return refuse() ? NULL : __real_strdup(s);
}
char *__wrap_strndup(const char *s, size_t n)
{
	return refuse() ? NULL : __real_strndup(s, n);
}

/* @work, with each of its allocations refused in turn, and then with none. It returns 0, or -1 for lack of memory. */
static void each_refused(int (*work)(void), unsigned least)
{
	unsigned n = 0;

	do {
		int rc;

		until_refused = n++;
		refused = false;
		rc = work();
		until_refused = -1;
		assert_int_equal(rc, refused ? -1 : 0);
	} while (refused);
	assert_true(n > least);
}

/* ---- work ---- */

static char dir[] = "/tmp/ringlet-memory-XXXXXX";

static const char text[] =
    "name = \"a\"\n"
    "memory = 32\n"
    "kernel = '/boot/k'\n"
    "ramdisk = \"/boot/r\"\n"
    "extra = \"quiet\"\n"
    "extra += \" more\"\n"
    "vfb = [ \"one\", 'two', [ 3, 4 ] ]\n"
    "vfb += [ \"three\" ]\n"
    "vif = [ 'bridge=br0,vlan=10p/20,group=g,ip=10.0.0.5,script=s', '' ]\n"
    "disk = [ '/a,raw,xvda,w', 'phy:b,xvdb,r,script=', 'vdev=xvdc,backend=0,target=/c' ]\n";

static int configuration(void)
{
	struct cfg cfg = {0};
	struct domconf conf;
	int rc = cfg_parse(&cfg, "test", text, sizeof(text) - 1);

	if (!rc)
		rc = cfg_override(&cfg, "vcpus=1");
	if (!rc)
		rc = cfg_override(&cfg, "extra+= still more");
	if (!rc)
		rc = cfg_set_text(&cfg, "name", "b");
	if (rc)
		assert_non_null(strstr(fail_last(), "memory"));
	if (!rc) {
		rc = domconf_from(&cfg, &conf);
		if (!rc) {
			assert_string_equal(conf.name, "b");
			assert_string_equal(conf.cmdline, "quiet more still more");
			assert_string_equal(conf.ramdisk, "/boot/r");
			domconf_free(&conf);
		} else {
			assert_non_null(strstr(fail_last(), "out of memory"));
		}
	}
	cfg_free(&cfg);
	return rc;
}

static int whole_file(void)
{
	char path[64];
	size_t len;
	char *got;

	snprintf(path, sizeof(path), "%s/f", dir);
	got = file_read(path, 1 << 20, &len);
	if (!got)
		return -1;
	assert_int_equal(len, 20000);
	free(got);
	return 0;
}

static int made_up_file(void) /* of a size that is not told: it grows */
{
	size_t len;
	char *got = file_read("/proc/self/smaps", 1 << 28, &len);

	free(got);
	return got ? 0 : -1;
}

static void configurations(void **state)
{
	each_refused(configuration, 20);
}

static void files(void **state)
{
	char path[64], content[20001];

	memset(content, 'x', sizeof(content) - 1);
	content[sizeof(content) - 1] = '\0';
	snprintf(path, sizeof(path), "%s/f", dir);
	assert_int_equal(file_write(path, content), 0);
	each_refused(whole_file, 1);
	each_refused(made_up_file, 1);
	unlink(path);
}

/* A list of records without memory is as long as it got; what is there is right. */
static void lists(void **state)
{
	for (unsigned id = 1; id < 4; id++) {
		struct record r = {.id = id};

		assert_int_equal(record_save(&r), 0);
	}
	for (long n = 0; n < 4; n++) {
		unsigned *ids;
		size_t count;

		until_refused = n;
		count = record_list(&ids);
		until_refused = -1;
		assert_int_equal(count, n);
		for (size_t i = 1; i < count; i++)
			assert_true(ids[i - 1] < ids[i]);
		free(ids);
		if (n == 3)
			break;
	}
	for (unsigned id = 1; id < 4; id++)
		record_remove(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configurations),
	    cmocka_unit_test(files),
	    cmocka_unit_test(lists),
	};
	char command[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	run_dir = dir;
	fail_quiet(true);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return failed || system(command);
}
