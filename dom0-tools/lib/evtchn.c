/* SPDX-License-Identifier: MIT */
/* See evtchn.h; ioctls as in xen/sys/evtchn.h. */
#include "evtchn.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
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

static int result(int ret)
{
	return ret < 0 ? -errno : ret;
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
