/* SPDX-License-Identifier: MIT */
/*
 * What every tool needs of files: reading whole ones of any size, up to a limit; replacing them, or leaving the old ones as
 * they were; making directories. Lines through FIFOs, whole and in pieces. Words that are close to each other. Queues. Locks.
 */
#include "ctl.h"
#include "err.h"
#include "files.h"
#include "lock.h"
#include "queue.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/ringlet-files-XXXXXX";
static char name[PATH_MAX];

static const char *in_dir(const char *file)
{
	snprintf(name, sizeof(name), "%s/%s", dir, file);
	return name;
}

static unsigned entries(void)
{
	char command[128];
	unsigned n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls %s | wc -l", dir);
	f = popen(command, "r");
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void of_any_size(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 8193, 100000};
	size_t len;
	char *text;

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *want = malloc(sizes[i] + 1);

		memset(want, 'a' + i, sizes[i]);
		want[sizes[i]] = '\0';
		assert_int_equal(file_write(in_dir("f"), want), 0);
		text = file_read(name, sizes[i], &len); /* just what is allowed */
		assert_non_null(text);
		assert_int_equal(len, sizes[i]);
		assert_string_equal(text, want);
		free(text);
		if (sizes[i]) {
			assert_null(file_read(name, sizes[i] - 1, &len));
			assert_non_null(strstr(fail_last(), "larger than"));
			assert_null(file_read_quiet(name, sizes[i] - 1, &len));
		}
		free(want);
	}
	unlink(name);
}

/* Files of unknown size, in many reads. */
static void of_no_size(void **state)
{
	size_t len;
	char *text = file_read("/proc/self/status", 1 << 20, &len);
	int fds[2];
	char path[32];

	assert_non_null(text);
	assert_true(len > 100 && strlen(text) == len);
	free(text);
	assert_int_equal(pipe(fds), 0);
	for (int i = 0; i < 3; i++) {
		char part[5000];

		memset(part, '0' + i, sizeof(part));
		assert_int_equal(write(fds[1], part, sizeof(part)), sizeof(part));
	}
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	text = file_read(path, 15000, &len);
	assert_non_null(text);
	assert_int_equal(len, 15000);
	for (int i = 0; i < 15000; i++)
		assert_int_equal(text[i], '0' + i / 5000);
	free(text);
	close(fds[0]);
}

static void not_to_be_read(void **state)
{
	size_t len;

	assert_null(file_read(in_dir("none"), 10, &len));
	assert_non_null(strstr(fail_last(), "no such file"));
	assert_null(file_read(dir, 10, &len));
	assert_non_null(strstr(fail_last(), "cannot read"));
	assert_null(file_read_quiet(in_dir("none"), 10, &len));
	assert_int_equal(len, 0);
}

/* A replacement that fails leaves nothing behind. */
static void not_to_be_written(void **state)
{
	assert_int_equal(file_write(in_dir("none/f"), "x"), -ENOENT);
	assert_int_equal(make_dirs(in_dir("d/e")), 0);
	assert_int_equal(file_write(in_dir("d"), "x"), -EISDIR);
	assert_int_equal(entries(), 1);
	assert_int_equal(file_write("/dev/full/f", "x"), -ENOTDIR);
	rmdir(in_dir("d/e"));
	rmdir(in_dir("d"));
}

static void directories(void **state)
{
	char path[PATH_MAX + 64];
	struct stat st;

	assert_int_equal(make_dirs(in_dir("a/b/c")), 0);
	assert_int_equal(stat(name, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(make_dirs(name), 0);
	assert_int_equal(file_write(in_dir("a/f"), ""), 0);
	assert_int_equal(make_dirs(in_dir("a/f/g")), -ENOTDIR);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[PATH_MAX] = '\0';
	assert_int_equal(make_dirs(path), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0'; /* it fits; the name in it is too long for a file system */
	assert_int_equal(make_dirs(path), -ENAMETOOLONG);
	unlink(in_dir("a/f"));
	rmdir(in_dir("a/b/c"));
	rmdir(in_dir("a/b"));
	rmdir(in_dir("a"));
}

/* ---- FIFOs ---- */

static char heard[32][512];
static unsigned n_heard;

static void hear(void *arg, char *text)
{
	assert_ptr_equal(arg, heard);
	assert_true(n_heard < 32);
	strcpy(heard[n_heard++], text);
}

static void lines(void **state)
{
	struct ctl_lines part = {.len = 0};
	char big[300];
	int fd, out;

	assert_int_equal(ctl_send("d", "early"), -ENXIO); /* no FIFO */
	assert_int_equal(file_write(in_dir("d.ctl"), "left over"), 0);
	fd = ctl_listen("d");
	assert_true(fd >= 0);
	ctl_receive(fd, &part, hear, heard); /* nothing yet */
	assert_int_equal(n_heard, 0);
	assert_int_equal(ctl_send("d", "gone %u", 7), 0);
	assert_int_equal(ctl_send("d", "%s", ""), 0);
	ctl_receive(fd, &part, hear, heard);
	assert_int_equal(n_heard, 2);
	assert_string_equal(heard[0], "gone 7");
	assert_string_equal(heard[1], "");
	/* The longest line, and one more. */
	memset(big, 'x', sizeof(big));
	big[255] = '\0';
	assert_int_equal(ctl_send("d", "%s", big), -EMSGSIZE);
	big[254] = '\0';
	assert_int_equal(ctl_send("d", "%s", big), 0);
	ctl_receive(fd, &part, hear, heard);
	assert_int_equal(n_heard, 3);
	assert_int_equal(strlen(heard[2]), 254);
	/* In pieces; and one without an end is forgotten, not what follows it. */
	n_heard = 0;
	out = open(in_dir("d.ctl"), O_WRONLY | O_NONBLOCK);
	assert_int_equal(write(out, "ab", 2), 2);
	ctl_receive(fd, &part, hear, heard);
	assert_int_equal(n_heard, 0);
	assert_int_equal(write(out, "c\nde\nf", 6), 6);
	ctl_receive(fd, &part, hear, heard);
	assert_int_equal(n_heard, 2);
	assert_string_equal(heard[0], "abc");
	assert_string_equal(heard[1], "de");
	assert_int_equal(write(out, "g\n", 2), 2);
	ctl_receive(fd, &part, hear, heard);
	assert_string_equal(heard[2], "fg");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(out, big, 254), 254);
		ctl_receive(fd, &part, hear, heard);
	}
	assert_int_equal(write(out, "\nlast\n", 6), 6);
	for (int i = 0; i < 3; i++)
		ctl_receive(fd, &part, hear, heard);
	assert_string_equal(heard[n_heard - 1], "last");
	/* Nothing reads: a line is not cut in two. */
	while (write(out, big, 254) > 0)
		;
	assert_int_equal(ctl_send("d", "%s", big), -EAGAIN);
	close(out);
	close(fd);
	assert_int_equal(ctl_send("d", "late"), -ENXIO);
	unlink(in_dir("d.ctl"));
	run_dir = "/proc/none";
	assert_int_equal(ctl_listen("d"), -1);
	assert_non_null(strstr(fail_last(), "/proc/none"));
	run_dir = dir;
}

/* ---- words ---- */

static void close_words(void **state)
{
	static const char *const words[] = {"on", "off", "network", "memory", NULL};
	static const char *const same[] = {"abcd", "abce", NULL};
	char long_word[100];
	const char *const longest[] = {long_word, NULL};

	assert_string_equal(nearest("onn", words), "on"); /* of three letters one may be wrong */
	assert_null(nearest("xyn", words));
	assert_string_equal(nearest("memroy", words), "memory"); /* of more, two */
	assert_null(nearest("mexxxy", words));
	assert_string_equal(nearest("nework", words), "network");
	assert_string_equal(nearest("abcf", same), "abcd"); /* the first of two */
	memset(long_word, 'x', sizeof(long_word));
	long_word[63] = '\0';
	assert_ptr_equal(nearest(long_word, longest), long_word);
	long_word[63] = 'x';
	long_word[64] = '\0';
	assert_null(nearest(long_word, longest));
}

/* One process at a time; the next one is told which. */
static void locks(void **state)
{
	int status;
	pid_t pid;

	assert_int_equal(lock_holder("it"), 0);
	assert_int_equal(lock_take("it", false), 0);
	assert_int_equal(lock_holder("it"), getpid()); /* and it still has it, as the child sees */
	pid = fork();
	if (!pid) {
		bool told = lock_holder("it") == getppid() && lock_take("it", false) == -1 &&
			    strstr(fail_last(), "it runs already, as process");

		_exit(told && !lock_take("other", false) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(unlink(in_dir("it.lock")) | unlink(in_dir("other.lock")), 0);
}

/* What was queued last is gone: the next one still follows the first. */
static void queues(void **state)
{
	struct queue q = {NULL};
	struct link l[3] = {0};

	assert_null(queue_take(&q));
	assert_true(queue_add(&q, &l[0]));
	assert_true(queue_add(&q, &l[1]));
	assert_false(queue_add(&q, &l[1]));
	queue_remove(&q, &l[1]);
	queue_remove(&q, &l[1]);
	assert_true(queue_add(&q, &l[2]));
	assert_ptr_equal(queue_take(&q), &l[0]);
	assert_true(queue_add(&q, &l[0]));
	assert_ptr_equal(queue_take(&q), &l[2]);
	assert_ptr_equal(queue_take(&q), &l[0]);
	assert_null(queue_take(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_any_size),    cmocka_unit_test(of_no_size),
	    cmocka_unit_test(not_to_be_read), cmocka_unit_test(not_to_be_written),
	    cmocka_unit_test(directories),    cmocka_unit_test(lines),
	    cmocka_unit_test(close_words),    cmocka_unit_test(queues),
	    cmocka_unit_test(locks),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	run_dir = dir;
	fail_quiet(true);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed || rmdir(dir);
}
