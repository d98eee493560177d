/* SPDX-License-Identifier: MIT */
/* /dev/xen/xenbus_backend: Dom0's store daemon gets the kernel's store ring by mmap() and its port here. */
#pragma once

#ifndef _IOC
#define _IOC_NONE                    0u
#define _IOC(dir, type, number, len) (((dir) << 30) | ((type) << 8) | (number) | ((unsigned)(len) << 16))
#endif

#define IOCTL_XENBUS_BACKEND_EVTCHN _IOC(_IOC_NONE, 'B', 0, 0) /* the kernel's port, to bind to */
#define IOCTL_XENBUS_BACKEND_SETUP  _IOC(_IOC_NONE, 'B', 1, 0) /* make another domain the store */
