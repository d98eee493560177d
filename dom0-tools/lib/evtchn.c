/* SPDX-License-Identifier: MIT */
/* See evtchn.h; ioctls as in xen/sys/evtchn.h. */
#include "evtchn.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>

int evtchn_open(void)
{
	int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail("/dev/xen/evtchn: %s; this program works in Dom0 only, as root", strerror(errno));
	return fd;
}

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

int evtchn_bind_interdomain(int fd, unsigned dom, unsigned remote_port)
{
	struct ioctl_evtchn_bind_interdomain bind = {.remote_domain = dom, .remote_port = remote_port};

	return result(ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind));
}

int evtchn_bind_virq(int fd, unsigned virq)
{
	struct ioctl_evtchn_bind_virq bind = {.virq = virq};

	return result(ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &bind));
}

int evtchn_unbind(int fd, unsigned port)
{
	struct ioctl_evtchn_unbind unbind = {.port = port};

	return result(ioctl(fd, IOCTL_EVTCHN_UNBIND, &unbind));
}

int evtchn_notify(int fd, unsigned port)
{
	struct ioctl_evtchn_notify notify = {.port = port};

	return result(ioctl(fd, IOCTL_EVTCHN_NOTIFY, &notify));
}

size_t evtchn_fired(int fd, uint32_t *ports, size_t max)
{
	ssize_t got = read(fd, ports, max * sizeof(*ports));

	return got < 0 ? 0 : (size_t)got / sizeof(*ports);
}

void evtchn_unmask(int fd, const uint32_t *ports, size_t n)
{
	while (n && write(fd, ports, n * sizeof(*ports)) < 0 && errno == EINTR)
		;
}

int port_note(struct port_table *table, uint32_t port, void *owner)
{
	size_t end = port + 64;

	if (port >= table->end) {
		void **grown = owner ? realloc(table->owner, end * sizeof(*grown)) : NULL;

		if (!grown)
			return owner ? -ENOMEM : 0;
		memset(grown + table->end, 0, (end - table->end) * sizeof(*grown));
		*table = (struct port_table){grown, end};
	}
	table->owner[port] = owner;
	return 0;
}

void *port_owner(const struct port_table *table, uint32_t port)
{
	return port < table->end ? table->owner[port] : NULL;
}
