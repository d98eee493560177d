/* SPDX-License-Identifier: MIT */
/*
 * Specification: the store daemon and its machine (dom0-tools/stored/main.c), with event channels, foreign pages and the list of
 * domains that are the test's own.
 *   begins    it says that it answers when it does; without its devices, or beside another, it ends with 1 and says nothing
 *   serves    whoever sent an event, and tells it; it sleeps when nothing is left; a port fires again after it was unmasked
 *   attaches  a domain's page and port, both or neither; gives up both when the domain is gone
 *   ends      a domain that shut down is told of once, one that is dying or gone loses its connection; Dom0 never does
 *   goes on   after a kill with the clients it had, but those that ended meanwhile
 */
#include "domains.h"
#include "err.h"
#include "evtchn.h"
#include "lock.h"
#include "save.h"
#include "store.h"
#include "deeds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/sys/xenbus_dev.h>

#include <cmocka.h>
#undef fail /* the tools have one of their own */

#define END_PORT 5
#define DOMAINS  8

static struct {
	bool no_backend, no_fork, no_port, no_page, no_virq, locked, no_list, no_evtchn, no_hv;
	uint64_t bad_mfn;
	unsigned bad_port;
	uint32_t fired[4];
	size_t n_fired, unmasked;
	struct ringlet_domain_state list[DOMAINS];
	size_t n_list;
	unsigned notified[DOMAINS]; /* events sent to each */
	int ready;
} fake;
static struct xenstore_domain_interface ring[DOMAINS];
static char reply[256], event[256]; /* of the last request; the last event */
static unsigned events;
static jmp_buf out;
static void (*const *script)(void); /* what happens at each sleep; NULL: the daemon is killed */

static int fake_open(const char *path, int flags)
{
	assert_string_equal(path, "/dev/xen/xenbus_backend");
	return fake.no_backend ? -1 : 0;
}
static void *fake_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return fake.no_page ? MAP_FAILED : &ring[0];
}
#define hv_open(hv)                            ((void)(hv), fake.no_hv)
#define evtchn_open()                          (fake.no_evtchn ? -1 : 40)
#define evtchn_bind_virq(fd, virq)             (assert_int_equal(virq, VIRQ_DOM_EXC), fake.no_virq ? -EEXIST : END_PORT)
#define evtchn_unbind(fd, port)                note("unbind %d", port)
#define evtchn_notify(fd, port)                (fake.notified[(port)-10]++)
#define evtchn_bind_interdomain(fd, dom, port) fake_bind(dom, port)
#define evtchn_fired(fd, ports, max)           fake_fired(ports, max)
#define evtchn_unmask(fd, ports, n)            (fake.unmasked += (n))
#define hv_map_one(hv, dom, mfn)               fake_map(dom, mfn)
#define hv_unmap(hv, at, n)                    note("unmap %ld", (long)((struct xenstore_domain_interface *)(at)-ring))
#define domain_states(hv, list)                fake_list(list)
#define lock_take(name, wait)                  (fake.locked ? -1 : 0)
static int fake_bind(unsigned dom, unsigned port)
{
	note("bind %u:%u", dom, port);
	return port == fake.bad_port ? -EINVAL : 10 + (int)dom;
}
static size_t fake_fired(uint32_t *ports, size_t max)
{
	size_t n = fake.n_fired;

	memcpy(ports, fake.fired, n * sizeof(*ports));
	fake.n_fired = 0;
	return n;
}
static void *fake_map(unsigned dom, uint64_t mfn)
{
	note("map %u:%lx", dom, (long)mfn);
	errno = EINVAL;
	return mfn == fake.bad_mfn ? NULL : &ring[dom];
}
static long fake_list(const struct ringlet_domain_state **list)
{
	*list = fake.list;
	return fake.no_list ? -EPERM : (long)fake.n_list;
}

static int fake_poll(struct pollfd *fd, unsigned n, int timeout)
{
	assert_int_equal(fd->fd, 40);
	assert_int_equal(fd->events, POLLIN);
	if (!timeout) /* it does not want to sleep */
		return 0;
	assert_int_equal(timeout, -1);
	if (!*script)
		longjmp(out, 1);
	(*script++)();
	return fake.n_fired ? 1 : -1; /* or a signal came */
}
#define open(path, flags)       fake_open(path, flags)
#define mmap(a, s, p, f, fd, o) fake_mmap(a, s, p, f, fd, o)
#define ioctl(fd, what)         (assert_int_equal(what, IOCTL_XENBUS_BACKEND_EVTCHN), fake.no_port ? -1 : 9)
#define fork()                  (fake.no_fork ? -1 : fork())
#define poll(fds, n, timeout)   fake_poll(fds, n, timeout)
int stored_main(int argc, char **argv);
#define main stored_main
#pragma GCC diagnostic ignored "-Wreturn-type" /* it does not return without a failure */
#include "stored/main.c"
#undef main
#undef open
#undef mmap
#undef poll
#undef fork
#undef ioctl

/* ---- Clients ---- */

static void fire(uint32_t port)
{
	fake.fired[fake.n_fired++] = port;
}

static void put(struct xenstore_domain_interface *r, const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		r->req[r->req_prod++ % XENSTORE_RING_SIZE] = ((const char *)data)[i];
}
static void ask_store(unsigned id, uint32_t type, const void *payload, size_t len)
{
	struct xsd_sockmsg head = {.type = type, .len = len};

	put(&ring[id], &head, sizeof(head));
	put(&ring[id], payload, len);
	fire(10 + id);
}
static void get(struct xenstore_domain_interface *r, void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((char *)data)[i] = r->rsp[r->rsp_cons++ % XENSTORE_RING_SIZE];
}
/* What has come: the last reply, the last event and how many of those. */
static void look(unsigned id)
{
	struct xenstore_domain_interface *r = &ring[id];

	*reply = *event = '\0';
	events = 0;
	while (r->rsp_cons != r->rsp_prod) {
		struct xsd_sockmsg head;
		char *to;

		get(r, &head, sizeof(head));
		to = head.type == XS_WATCH_EVENT ? event : reply;
		events += to == event;
		assert_true(head.len < sizeof(reply));
		get(r, to, head.len);
		to[head.len] = '\0';
	}
}
#define ASK(id, type, payload) ask_store(id, type, payload, sizeof(payload))

static char dir[] = "/tmp/stored-XXXXXX";

/* What a daemon that was killed had in memory. */
static void forget(void)
{
	if (store.tree.root)
		store_free(&store);
}

/* The daemon, until it is killed at the end of the script: 0, or what it ended with. */
static int runs(void (*const *steps)(void))
{
	char byte = 'x', arg[16], *argv[] = {"rl-stored", arg, NULL};
	volatile int code = 0;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	snprintf(arg, sizeof(arg), "%d", fake.ready = fd[1]);
	script = steps;
	forget();
	if (conns.owner)
		memset(conns.owner, 0, conns.end * sizeof(*conns.owner));
	if (!setjmp(out))
		code = stored_main(2, argv);
	if (code) {
		close(fd[1]);
		assert_int_equal(read(fd[0], &byte, 1), 0); /* nothing was said */
	} else {
		assert_int_equal(fcntl(fd[1], F_GETFD), -1);
		assert_int_equal(read(fd[0], &byte, 1), 1);
	}
	close(fd[0]);
	return code;
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(ring, 0, sizeof(ring));
	fake.list[0].domain = 0;
	fake.list[1].domain = 3;
	fake.list[2].domain = 4;
	fake.n_list = 3;
	fake.bad_mfn = fake.bad_port = 666;
	deeds[0] = '\0';
	strcpy(dir, "/tmp/stored-XXXXXX");
	assert_non_null(mkdtemp(dir));
	run_dir = dir;
	return 0;
}
static int teardown(void **state)
{
	char command[64];

	forget();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* ---- Steps: what has come of the one before, and what happens next ---- */

static void introduces(void)
{
	assert_done("bind 0:9;");
	ASK(0, XS_WATCH, "@releaseDomain\0t");
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "48\0"
	    "9");
	ASK(0, XS_INTRODUCE,
	    "4\0"
	    "49\0"
	    "8");
	fake.n_fired = 1;
	fake.unmasked = 0;
}
static void guest_asks(void)
{
	look(0);
	assert_string_equal(reply, "OK");
	assert_done("map 3:30;bind 3:9;map 4:31;bind 4:8;");
	assert_int_equal(events, 1); /* of the watch itself */
	assert_int_equal(fake.unmasked, 1);
	assert_true(fake.notified[0] > 0);
	fake.notified[0] = 0;
	ASK(3, XS_GET_DOMAIN_PATH, "3");
}
static void nobody_asks(void)
{
	look(3);
	assert_string_equal(reply, "/local/domain/3");
	assert_int_equal(fake.notified[3], 1);
	assert_int_equal(fake.notified[0] + fake.notified[4], 0);
}
static void unknown_port(void)
{
	assert_int_equal(fake.notified[3], 1);
	fire(17);
	fire(30);
}
static void shuts_down(void)
{
	fake.list[1].flags = XEN_DOMINF_shutdown;
	fire(END_PORT);
}
static void another_ends(void)
{
	look(0);
	assert_int_equal(events, 1);
	assert_string_equal(event, "@releaseDomain");
	assert_done("");
	assert_true(conn_find(&store, 3)->seen_shutdown);
	assert_false(conn_find(&store, 4)->seen_shutdown);
	fire(END_PORT); /* somebody else's */
}
static void a_third_ends(void)
{
	look(0);
	assert_int_equal(events, 0);
	fake.list[2].flags = XEN_DOMINF_dying;
	fire(11); /* and others */
	fire(END_PORT);
}
static void ends(void)
{
	look(0);
	assert_int_equal(events, 1);
	assert_done("unbind 14;unmap 4;");
	fake.n_list = 1; /* 3 is gone altogether */
	fire(END_PORT);
}
static void not_without_a_list(void)
{
	look(0);
	assert_int_equal(events, 1);
	assert_done("unbind 13;unmap 3;");
	fake.n_list = 0; /* Dom0 stays, whatever the list says */
	ASK(3, XS_GET_DOMAIN_PATH, "3");
	fire(END_PORT);
}
static void once_more(void)
{
	look(0);
	assert_int_equal(events, 0);
	look(3);
	assert_string_equal(reply, ""); /* no domain has its port */
	fake.n_list = 3;
	fake.list[1].flags = fake.list[2].flags = 0;
	ring[3] = (struct xenstore_domain_interface){0};
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "48\0"
	    "9");
}
static void no_list(void)
{
	look(0);
	assert_done("map 3:30;bind 3:9;");
	fake.no_list = true;
	fake.list[1].flags = XEN_DOMINF_dying;
	fire(END_PORT);
}
static void remains(void)
{
	assert_done("");
	fake.no_list = false;
	fake.list[1].flags = 0;
	ASK(3, XS_GET_DOMAIN_PATH, "3");
}
static void answered(void)
{
	look(3);
	assert_string_equal(reply, "/local/domain/3");
}

static void serves(void **state)
{
	static void (*const steps[])(void) = {
	    introduces, guest_asks,         nobody_asks, unknown_port, shuts_down, another_ends, a_third_ends,
	    ends,       not_without_a_list, once_more,   no_list,      remains,    answered,     NULL};

	assert_int_equal(runs(steps), 0);
	assert_int_equal(*script == NULL, 1);
}

/* A page or a port that is not available. */
static void bad_page(void)
{
	assert_done("bind 0:9;");
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "666\0"
	    "9");
}
static void bad_port(void)
{
	look(0);
	assert_string_equal(reply, "EINVAL");
	assert_done("map 3:29a;");
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "48\0"
	    "666");
}
static void port_taken(void)
{
	look(0);
	assert_string_equal(reply, "EINVAL");
	assert_done("map 3:30;bind 3:666;unmap 3;");
	assert_null(conn_find(&store, 3));
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "48\0"
	    "9");
}
static void moved(void)
{
	look(0);
	assert_string_equal(reply, "OK");
	assert_done("map 3:30;bind 3:9;");
	ASK(0, XS_INTRODUCE,
	    "3\0"
	    "50\0"
	    "9"); /* another page */
}
static void released(void)
{
	look(0);
	assert_done("unbind 13;unmap 3;map 3:32;bind 3:9;");
	ASK(0, XS_RELEASE, "3");
}
static void is_released(void)
{
	look(0);
	assert_done("unbind 13;unmap 3;");
}

static void attaches(void **state)
{
	static void (*const steps[])(void) = {bad_page, bad_port,    port_taken, moved,
					      released, is_released, NULL};

	assert_int_equal(runs(steps), 0);
}

static void begins(void **state)
{
	static void (*const none[])(void) = {NULL};
	bool *const trouble[] = {&fake.no_backend, &fake.no_port, &fake.no_page,  &fake.no_virq,
				 &fake.locked,     &fake.no_hv,   &fake.no_evtchn};

	for (unsigned i = 0; i < ARRAY_SIZE(trouble); i++) {
		*trouble[i] = true;
		assert_int_equal(runs(none), 1);
		assert_done("");
		*trouble[i] = false;
	}
	run_dir = "/dev/null"; /* nothing can be kept there */
	assert_int_equal(runs(none), 1);
	run_dir = dir;
	fake.no_fork = true;
	assert_int_equal(stored_main(1, (char *[]){"rl-stored", NULL}), 1);
	assert_done("");
	fake.no_fork = false;
	fake.bad_port = 9; /* Dom0's own */
	assert_int_equal(runs(none), 1);
	fake.bad_port = 666;
	deeds[0] = '\0';
	assert_int_equal(runs(none), 0);
	assert_done("bind 0:9;");
	assert_int_not_equal(store.seed, 0);
}

/* ---- After a kill ---- */

static void both_are_there(void)
{
	look(0);
	assert_done("map 3:30;bind 3:9;map 4:31;bind 4:8;");
	ASK(3, XS_WRITE, "/local/domain/3\0x"); /* not its own: refused, and kept waiting for nobody */
}
static void nothing(void)
{
}
static void one_is_left(void)
{
	assert_non_null(conn_find(&store, 0));
	assert_non_null(conn_find(&store, 3));
	assert_null(conn_find(&store, 4));
	assert_non_null(strstr(deeds, "unbind 14;unmap 4;"));
	look(0);
	assert_string_equal(event, "@releaseDomain");
	look(3);
	ASK(3, XS_GET_DOMAIN_PATH, "3");
}

static void goes_on(void **state)
{
	static void (*const first[])(void) = {introduces, both_are_there, nothing, NULL};
	static void (*const second[])(void) = {one_is_left, answered, NULL};

	assert_int_equal(runs(first), 0);
	forget();
	deeds[0] = '\0';
	fake.list[2].flags = XEN_DOMINF_dying; /* while there was no daemon */
	look(0);
	look(3);
	assert_int_equal(runs(second), 0);
}

/* ---- Into the background ---- */

/* What the daemon says of itself. */
static struct {
	pid_t pid;
	bool leads, holds; /* a session of its own; the end of the pipe that is its parent's */
} itself;
static int to_us, parents_end;
static void in_the_background(void)
{
	struct stat st;

	itself.pid = getpid();
	itself.leads = getsid(0) == getpid();
	itself.holds = !fstat(parents_end, &st) && S_ISFIFO(st.st_mode); /* not another file of that number */
	_exit(write(to_us, &itself, sizeof(itself)) != sizeof(itself));
}

static void background(void **state)
{
	static void (*const steps[])(void) = {in_the_background, NULL};
	static char *argv[] = {"rl-stored", NULL};

	for (int good = 1; good >= 0; good--) {
		int fd[2], status;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		fake.no_backend = !good;
		pid = fork();
		if (!pid) {
			close(fd[0]);
			to_us = fd[1];
			parents_end = fd[0]; /* the lowest that is free */
			script = steps;
			alarm(60); /* a parent that waits for nobody */
			_exit(stored_main(1, argv));
		}
		close(fd[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), !good);
		assert_int_equal(read(fd[0], &itself, sizeof(itself)), good ? sizeof(itself) : 0);
		if (good) {
			assert_int_not_equal(itself.pid, pid);
			assert_int_equal(read(fd[0], &status, 1), 0); /* there is only one */
			assert_true(itself.leads);
			assert_false(itself.holds);
		}
		close(fd[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(background, setup, teardown),
	    cmocka_unit_test_setup_teardown(begins, setup, teardown),
	    cmocka_unit_test_setup_teardown(serves, setup, teardown),
	    cmocka_unit_test_setup_teardown(attaches, setup, teardown),
	    cmocka_unit_test_setup_teardown(goes_on, setup, teardown),
	};

	return cmocka_run_group_tests_name("stored", tests, NULL, NULL);
}
