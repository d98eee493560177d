/* SPDX-License-Identifier: MIT */
/* See store_child.h. */
#include "store_child.h"
#include "lock.h"
#include "tools_store_client.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static const char *its_daemon;
static void (*its_back_end)(void);

void store_child_begin(const char *daemon, void (*back_end)(void))
{
	its_daemon = daemon;
	its_back_end = back_end;
}

static void pass_on(int fd)
{
	struct xenstore_domain_interface *ring = &client[0].ring;

	settle();
	while (ring->rsp_cons != ring->rsp_prod) {
		if (write(fd, &ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)], 1) != 1)
			_exit(1);
		ring->rsp_cons++;
		settle();
	}
}

/* What the back end's own requests led to, which it took for itself. */
static void pass_events_on(int fd)
{
	for (unsigned i = 0; i < client[0].n_events; i++) {
		char *event = client[0].event[i];
		struct xsd_sockmsg head = {.type = XS_WATCH_EVENT, .len = strlen(event) + 1};

		*strchr(event, ' ') = '\0';
		if (write(fd, &head, sizeof(head)) != sizeof(head) ||
		    write(fd, event, head.len) != (ssize_t)head.len)
			_exit(1);
	}
	client[0].n_events = 0;
}

static void the_store(int fd)
{
	char bytes[256];
	ssize_t n;

	clients_begin(3);
	lock_take(its_daemon, false);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		put_bytes(0, bytes, n);
		pass_on(fd);
		its_back_end();
		pass_events_on(fd);
	}
	_exit(0);
}

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
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	if (!fork()) {
		close(pair[0]);
		the_store(pair[1]);
	}
	close(pair[1]);
	fcntl(pair[0], F_SETFL, flags & O_NONBLOCK);
	return pair[0];
}
