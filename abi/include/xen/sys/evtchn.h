/* SPDX-License-Identifier: MIT */
/* /dev/xen/evtchn: event channels for programs. read() gives fired ports, write() unmasks them. */
#pragma once

#include "../xen.h"

#ifndef _IOC
#define _IOC_NONE                    0u
#define _IOC(dir, type, number, len) (((dir) << 30) | ((type) << 8) | (number) | ((unsigned)(len) << 16))
#endif

struct ioctl_evtchn_bind_virq {
	unsigned int virq;
};

struct ioctl_evtchn_bind_interdomain {
	unsigned int remote_domain, remote_port;
};

struct ioctl_evtchn_bind_unbound_port {
	unsigned int remote_domain;
};

struct ioctl_evtchn_unbind {
	unsigned int port;
};

struct ioctl_evtchn_notify {
	unsigned int port;
};

/* The first three return the new local port. */
#define IOCTL_EVTCHN_BIND_VIRQ         _IOC(_IOC_NONE, 'E', 0, sizeof(struct ioctl_evtchn_bind_virq))
#define IOCTL_EVTCHN_BIND_INTERDOMAIN  _IOC(_IOC_NONE, 'E', 1, sizeof(struct ioctl_evtchn_bind_interdomain))
#define IOCTL_EVTCHN_BIND_UNBOUND_PORT _IOC(_IOC_NONE, 'E', 2, sizeof(struct ioctl_evtchn_bind_unbound_port))
#define IOCTL_EVTCHN_UNBIND            _IOC(_IOC_NONE, 'E', 3, sizeof(struct ioctl_evtchn_unbind))
#define IOCTL_EVTCHN_NOTIFY            _IOC(_IOC_NONE, 'E', 4, sizeof(struct ioctl_evtchn_notify))
#define IOCTL_EVTCHN_RESET             _IOC(_IOC_NONE, 'E', 5, 0)
