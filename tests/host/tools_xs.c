/* SPDX-License-Identifier: MIT */
/*
 * The client of the store (lib/xs.c) and its command line (lib/storecmd.c), against the store itself and against servers that
 * do what a store may do, or must not: replies in single bytes, events in between, lists that change while they are read.
 *
 * /dev/xen/xenbus is a socket here, whose other end a child process serves.
 */
#include "err.h"
#include "storecmd.h"
#include "tools_store_client.h"
#include "xs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

static void (*server)(int fd); /* of the next client to open it; NULL: there is none */

int open(const char *path, int flags, ...)
{
	int pair[2];

	if (strcmp(path, "/dev/xen/xenbus")) {
		va_list ap;
		int mode;

		va_start(ap, flags);
		mode = flags & O_CREAT ? va_arg(ap, int) : 0;
		va_end(ap);
		return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	}
	if (!server) {
		errno = ENXIO;
		return -1;
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (!fork()) {
		close(pair[0]);
		server(pair[1]);
		_exit(0);
	}
	close(pair[1]);
	fcntl(pair[0], F_SETFL, flags & O_NONBLOCK);
	return pair[0];
}

static struct xs *connect_to(void (*whom)(int fd))
{
	struct xs *xs;

	server = whom;
	xs = xs_open();
	assert_non_null(xs);
	return xs;
}

static void disconnect(struct xs *xs)
{
	int status;

	xs_close(xs);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
}

/* ---- servers ---- */

/* The store, with the client that is connected as Dom0. */
static void the_store(int fd)
{
	struct xenstore_domain_interface *ring = &client[0].ring;
	char bytes[256];
	ssize_t n;

	clients_begin(1);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		put_bytes(0, bytes, n);
		settle();
		while (ring->rsp_cons != ring->rsp_prod) {
			if (write(fd, &ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)], 1) != 1)
				_exit(1);
			ring->rsp_cons++;
			settle();
		}
	}
}

static struct xsd_sockmsg asked; /* the last request */
static char payload[XENSTORE_PAYLOAD_MAX];

static void next_request(int fd)
{
	if (recv(fd, &asked, sizeof(asked), MSG_WAITALL) != sizeof(asked) ||
	    (asked.len && recv(fd, payload, asked.len, MSG_WAITALL) != (ssize_t)asked.len))
		_exit(0);
}

static void say(int fd, uint32_t type, uint32_t id, const void *text, size_t len)
{
	struct xsd_sockmsg head = {.type = type, .req_id = id, .len = len};

	if (write(fd, &head, sizeof(head)) != sizeof(head) || write(fd, text, len) != (ssize_t)len)
		_exit(1);
}

static void answer(int fd, const char *text, size_t len)
{
	say(fd, asked.type, asked.req_id, text, len);
}

static const char *const errors[] = {"EACCES", "EEXIST", "EISDIR", "ENOENT", "ENOMEM",
				     "ENOSPC", "EIO",    "ENOSYS", "EROFS",  "EBUSY",
				     "EAGAIN", "E2BIG",  "EPERM",  "EINVAL", "EOTHER"};
static const int numbers[] = {EACCES, EEXIST, EISDIR, ENOENT, ENOMEM, ENOSPC, EIO,   ENOSYS,
			      EROFS,  EBUSY,  EAGAIN, E2BIG,  EPERM,  EINVAL, EINVAL};

static void only_errors(int fd)
{
	for (unsigned i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		next_request(fd);
		say(fd, XS_ERROR, asked.req_id, errors[i], strlen(errors[i]) + 1);
	}
}

/* A reply of a request that was given up, an event, and then the reply, in pieces; another two events later. */
static void in_pieces(int fd)
{
	struct xsd_sockmsg head;
	const char reply[] = "the value";

	next_request(fd);
	say(fd, asked.type, asked.req_id - 1, "old", 3);
	say(fd, XS_WATCH_EVENT, 0, "one\0token", 10);
	say(fd, XS_WATCH_EVENT, 0, "two\0token", 10);
	head = (struct xsd_sockmsg){.type = asked.type, .req_id = asked.req_id, .len = sizeof(reply) - 1};
	for (size_t i = 0; i < sizeof(head) + sizeof(reply) - 1; i++) {
		usleep(1000);
		if (write(fd, i < sizeof(head) ? (char *)&head + i : reply + i - sizeof(head), 1) != 1)
			_exit(1);
	}
	next_request(fd);
	say(fd, XS_WATCH_EVENT, 0, "three\0token", 12);
	answer(fd, "", 0);
	next_request(fd);
	answer(fd, "OK", 3);
	say(fd, XS_READ, 0, "no event", 9);
	next_request(fd);
	answer(fd, "OK", 3);
}

/* The list changes after its first piece. */
static void changing_list(int fd)
{
	next_request(fd);
	say(fd, XS_ERROR, asked.req_id, "E2BIG", 6);
	next_request(fd);
	answer(fd, "7\0a\0b", 6);
	next_request(fd);
	if (asked.type != XS_DIRECTORY_PART || memcmp(payload, "/l\0004", 5))
		_exit(1);
	answer(fd, "8\0x\0", 5);
	next_request(fd);
	if (memcmp(payload, "/l\0000", 5))
		_exit(1);
	answer(fd, "8\0aa", 5);
	next_request(fd);
	if (memcmp(payload, "/l\0003", 5))
		_exit(1);
	answer(fd, "8\0c\0", 5);
}

static void no_names(int fd)
{
	for (int i = 0; i < 2; i++) {
		next_request(fd);
		say(fd, XS_ERROR, asked.req_id, "E2BIG", 6);
		next_request(fd);
		if (i)
			say(fd, XS_ERROR, asked.req_id, "ENOENT", 7);
		else
			answer(fd, "7", 2);
	}
}

/* The device's end: at once, or within a reply. */
static void ends_at_once(int fd)
{
	next_request(fd);
}

static void ends_in_between(int fd)
{
	struct xsd_sockmsg head = {.type = XS_READ, .len = 10};

	next_request(fd);
	head.req_id = asked.req_id;
	assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
	assert_int_equal(write(fd, "half", 4), 4);
}

/* ---- the client ---- */

static void whole(struct xs *xs, const char *path, const char *want)
{
	size_t len = 77;
	char *value = xs_read(xs, 0, path, &len);

	if (want) {
		assert_non_null(value);
		assert_string_equal(value, want);
		assert_int_equal(len, strlen(want));
	} else {
		assert_null(value);
		assert_int_equal(errno, ENOENT);
	}
	free(value);
}

static void nodes(void **state)
{
	struct xs *xs = connect_to(the_store);
	char *text;
	size_t len;

	assert_int_equal(xs_write(xs, 0, "/a/b", "value", 5), 0);
	whole(xs, "/a/b", "value");
	assert_int_equal(xs_print(xs, 0, "/a/n", "%d-%s", 12, "x"), 0);
	whole(xs, "/a/n", "12-x");
	assert_int_equal(xs_mkdir(xs, 0, "/a/c"), 0);
	text = xs_directory(xs, 0, "/a", &len);
	assert_int_equal(len, 6);
	assert_memory_equal(text, "b\0c\0n", 7);
	free(text);
	assert_int_equal(xs_rm(xs, 0, "/a/b"), 0);
	whole(xs, "/a/b", NULL);
	assert_int_equal(xs_rm(xs, 0, "/x/y"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(xs_set_perms(xs, 0, "/a", "n0\0r1", 6), 0);
	text = xs_get_perms(xs, 0, "/a", &len);
	assert_int_equal(len, 6);
	assert_memory_equal(text, "n0\0r1", 6);
	free(text);
	assert_int_equal(xs_introduce(xs, 3, 1, 1), 0);
	assert_int_equal(xs_introduce(xs, 4, 666, 1), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xs_release(xs, 3), 0);
	assert_int_equal(xs_release(xs, 3), -1);
	assert_int_equal(errno, ENOENT);
	assert_true(xs_fd(xs) >= 0);
	disconnect(xs);
}

static void transactions(void **state)
{
	struct xs *xs = connect_to(the_store);
	uint32_t tx = xs_start(xs), other = xs_start(xs);

	assert_true(tx && other && tx != other);
	assert_int_equal(xs_write(xs, tx, "/t", "1", 1), 0);
	whole(xs, "/t", NULL);
	assert_int_equal(xs_end(xs, tx, 1), 0);
	whole(xs, "/t", "1");
	free(xs_read(xs, other, "/t", NULL));
	assert_int_equal(xs_mkdir(xs, other, "/u"), 0);
	assert_int_equal(xs_end(xs, other, 1), -1);
	assert_int_equal(errno, EAGAIN);
	tx = xs_start(xs);
	assert_int_equal(xs_rm(xs, tx, "/t"), 0);
	assert_int_equal(xs_end(xs, tx, 0), 0);
	whole(xs, "/t", "1");
	disconnect(xs);
}

/* What a message can hold, and a byte more. */
static void long_ones(void **state)
{
	static char value[XENSTORE_PAYLOAD_MAX + 1], path[32];
	struct xs *xs = connect_to(the_store);
	size_t len, most = XENSTORE_PAYLOAD_MAX - sizeof("/v");
	char *text;

	memset(value, 'x', sizeof(value));
	assert_int_equal(xs_write(xs, 0, "/v", value, most + 1), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(xs_write(xs, 0, "/v", value, most), 0);
	text = xs_read(xs, 0, "/v", &len);
	assert_int_equal(len, most);
	free(text);
	value[512] = '\0';
	assert_int_equal(xs_print(xs, 0, "/v", "%s", value), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(xs_print(xs, 0, "/v", "%s", value + 1), 0);
	whole(xs, "/v", value + 1);
	for (int i = 0; i < 600; i++) {
		snprintf(path, sizeof(path), "/many/node-%04d", i);
		assert_int_equal(xs_mkdir(xs, 0, path), 0);
	}
	text = xs_directory(xs, 0, "/many", &len);
	assert_int_equal(len, 600 * sizeof("node-0000"));
	for (int i = 0; i < 600; i++) {
		snprintf(path, sizeof(path), "node-%04d", i);
		assert_string_equal(text + i * sizeof("node-0000"), path);
	}
	free(text);
	disconnect(xs);
}

static void odd_lists(void **state)
{
	struct xs *xs = connect_to(changing_list);
	size_t len;
	char *text = xs_directory(xs, 0, "/l", &len);

	assert_int_equal(len, 5);
	assert_memory_equal(text, "aa\0c", 6);
	free(text);
	disconnect(xs);
	xs = connect_to(no_names);
	assert_null(xs_directory(xs, 0, "/l", &len));
	assert_int_equal(errno, EINVAL);
	assert_null(xs_directory(xs, 0, "/l", &len));
	assert_int_equal(errno, ENOENT);
	disconnect(xs);
}

static void the_end_is_an_error(void **state)
{
	static void (*const servers[])(int fd) = {ends_at_once, ends_in_between};

	for (unsigned i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		struct xs *xs = connect_to(servers[i]);

		assert_null(xs_read(xs, 0, "/a", NULL));
		assert_int_equal(errno, EPIPE);
		assert_null(xs_event(xs, -1));
		assert_int_equal(errno, EPIPE);
		disconnect(xs);
	}
}

static void errors_have_numbers(void **state)
{
	struct xs *xs = connect_to(only_errors);

	for (unsigned i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		errno = 0;
		if (i % 2)
			assert_int_equal(xs_mkdir(xs, 0, "/"), -1);
		else
			assert_int_equal(xs_start(xs), 0);
		assert_int_equal(errno, numbers[i]);
	}
	disconnect(xs);
}

static void expect_event(struct xs *xs, const char *path, const char *token)
{
	char *event = xs_event(xs, 10000);

	assert_non_null(event);
	assert_string_equal(event, path);
	assert_string_equal(event + strlen(event) + 1, token);
	free(event);
}

static void replies_and_events(void **state)
{
	struct xs *xs = connect_to(in_pieces);

	whole(xs, "/x", "the value");
	/* Who waits for the descriptor alone would wait for ever. */
	assert_int_equal(poll(&(struct pollfd){.fd = xs_fd(xs), .events = POLLIN}, 1, 0), 0);
	assert_true(xs_pending(xs));
	expect_event(xs, "one", "token");
	whole(xs, "/y", ""); /* "two" is still there, and "three" comes behind it */
	expect_event(xs, "two", "token");
	expect_event(xs, "three", "token");
	assert_false(xs_pending(xs));
	assert_int_equal(xs_mkdir(xs, 0, "/"), 0);
	assert_null(xs_event(xs, 10000)); /* what comes is none */
	assert_int_equal(xs_mkdir(xs, 0, "/"), 0);
	disconnect(xs);
}

static void watches(void **state)
{
	struct xs *xs = connect_to(the_store);

	assert_int_equal(xs_watch(xs, "/w", "t1"), 0);
	expect_event(xs, "/w", "t1");
	assert_null(xs_event(xs, 0));
	assert_int_equal(errno, ETIMEDOUT);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(xs_mkdir(xs, 0, i ? "/w/b" : "/w/a"), 0);
		assert_int_equal(xs_write(xs, 0, "/w/c", "", 0), 0);
		expect_event(xs, i ? "/w/b" : "/w/a", "t1");
		expect_event(xs, "/w/c", "t1");
	}
	assert_int_equal(xs_unwatch(xs, "/w", "t2"), -1);
	assert_int_equal(xs_unwatch(xs, "/w", "t1"), 0);
	assert_int_equal(xs_mkdir(xs, 0, "/w/d"), 0);
	assert_null(xs_event(xs, 0));
	/* Some are left when it is closed. */
	assert_int_equal(xs_watch(xs, "/w", "t1"), 0);
	assert_int_equal(xs_mkdir(xs, 0, "/w/e"), 0);
	whole(xs, "/w/e", "");
	disconnect(xs);
}

/* ---- the command ---- */

static char *printed;

/* Exit code of `store @words`; what it prints is in printed. */
static int store_says(const char *words)
{
	static char line[4096];
	FILE *screen = stdout;
	char *argv[16], *save;
	int argc = 0, code;
	size_t size;

	snprintf(line, sizeof(line), "%s", words);
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	free(printed);
	stdout = open_memstream(&printed, &size);
	code = store_command(argc, argv);
	fclose(stdout);
	stdout = screen;
	return code;
}

#define says(words, text)                               \
	do {                                            \
		assert_int_equal(store_says(words), 0); \
		assert_string_equal(printed, text);     \
	} while (0)

static void called_wrongly(void **state)
{
	static const char *const wrong[] = {"",
					    "frob",
					    "read",
					    "list",
					    "list a b",
					    "write a",
					    "write",
					    "write a b c",
					    "rm",
					    "ls a b",
					    "ls -p a b",
					    "chmod a",
					    "chmod",
					    "watch",
					    "watch -n",
					    "watch -n 1",
					    "watch -x 1 a",
					    "list-perms",
					    "list-perms a b"};
	char many[512] = "chmod /c";

	fail_quiet(true);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		fail("nothing");
		assert_int_equal(store_says(wrong[i]), 2);
		assert_non_null(strstr(fail_last(), "usage: store COMMAND"));
	}
	/* As many permissions as go into 256 bytes, and one more. */
	says("write /c x", "");
	memset(many, 'n', 300);
	memcpy(many, "chmod /c ", 9);
	many[9 + 255] = '\0';
	assert_int_equal(store_says(many), 1);
	assert_non_null(strstr(fail_last(), "store chmod /c"));
	many[9 + 255] = 'n';
	many[9 + 256] = '\0';
	assert_int_equal(store_says(many), 2);
	fail_quiet(false);
}

static void commands_print(void **state)
{
	says("write /s/a one /s/b/c two", "");
	says("read /s/a /s/b/c", "one\ntwo\n");
	says("write /s/odd a\tb\x7f\x80~", "");
	says("read /s/odd", "a\\09b\\7f\\80~\n");
	says("rm /s/odd", "");
	says("list /s", "a\nb\n");
	says("ls /s", "a = \"one\"\nb = \"\"\n c = \"two\"\n");
	says("chmod /s/a n0 r1", "");
	says("list-perms /s/a", "n0 r1\n");
	says("ls -p /s", "a = \"one\"  (n0 r1)\nb = \"\"  (n0)\n c = \"two\"  (n0)\n");
	assert_int_equal(store_says("ls"), 0);
	assert_non_null(strstr(printed, "s = \"\"\n a = \"one\"\n"));
	assert_int_equal(store_says("ls -p"), 0);
	assert_non_null(strstr(printed, "s = \"\"  (n0)\n a = \"one\"  (n0 r1)\n"));
	says("watch -n 1 /s/a", "/s/a\n");
	says("watch -n 2 -t 10 /s/b /s/c", "/s/b\n/s/c\n");
	says("rm /s", "");
	assert_int_equal(store_says("watch -n 9 -t 1 /none"), 0); /* what came, and then it is over */
}

static void commands_fail(void **state)
{
	static const char *const bad[] = {"read /none",     "write //x y",      "rm /none/below",
					  "list /none",     "ls /none",         "ls -p /none",
					  "chmod /none n0", "list-perms /none", "watch //"};

	fail_quiet(true);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(store_says(bad[i]), 1);
		assert_non_null(strstr(fail_last(), "store "));
	}
	says("write /there 1", "");
	assert_int_equal(store_says("read /there /none"), 1);
	assert_string_equal(printed, "1\n");
	fail_quiet(false);
}

/* It is said once that there is no store; when there is one, it is used. */
static void no_store(void **state)
{
	server = NULL;
	fail_quiet(true);
	assert_null(xs_open());
	assert_int_equal(store_says("read /x"), 1);
	assert_non_null(strstr(fail_last(), "is the store running?"));
	fail("another");
	assert_null(xs_shared());
	assert_string_equal(fail_last(), "another");
	fail_quiet(false);
	server = the_store;
	assert_non_null(xs_shared());
	assert_ptr_equal(xs_shared(), xs_shared());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nodes),
	    cmocka_unit_test(transactions),
	    cmocka_unit_test(long_ones),
	    cmocka_unit_test(odd_lists),
	    cmocka_unit_test(the_end_is_an_error),
	    cmocka_unit_test(errors_have_numbers),
	    cmocka_unit_test(replies_and_events),
	    cmocka_unit_test(watches),
	    cmocka_unit_test(no_store),
	    cmocka_unit_test(called_wrongly),
	    cmocka_unit_test(commands_print),
	    cmocka_unit_test(commands_fail),
	};
	int failed;

	alarm(100); /* a client that waits for ever has failed */
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(printed);
	return failed;
}
