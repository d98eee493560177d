/* SPDX-License-Identifier: MIT */
/* /dev/xen/gntalloc: the program's own pages, granted to another domain. Allocate, then mmap() at the returned index. */
#pragma once

#include "../xen.h"

#ifndef _IOC
#define _IOC_NONE                    0u
#define _IOC(dir, type, number, len) (((dir) << 30) | ((type) << 8) | (number) | ((unsigned)(len) << 16))
#endif

struct ioctl_gntalloc_alloc_gref {
	uint16_t domid;
	uint16_t flags; /* GNTALLOC_FLAG_* */
	uint32_t count;
	uint64_t index;       /* result: the offset for mmap() */
	uint32_t gref_ids[1]; /* result: one for each page */
};
#define GNTALLOC_FLAG_WRITABLE 1

struct ioctl_gntalloc_dealloc_gref {
	uint64_t index;
	uint32_t count;
};

struct ioctl_gntalloc_unmap_notify {
	uint64_t index; /* of the page, or of the byte in it */
	uint32_t action;
	uint32_t event_channel_port;
};
#define UNMAP_NOTIFY_CLEAR_BYTE 0x1
#define UNMAP_NOTIFY_SEND_EVENT 0x2

#define IOCTL_GNTALLOC_ALLOC_GREF       _IOC(_IOC_NONE, 'G', 5, sizeof(struct ioctl_gntalloc_alloc_gref))
#define IOCTL_GNTALLOC_DEALLOC_GREF     _IOC(_IOC_NONE, 'G', 6, sizeof(struct ioctl_gntalloc_dealloc_gref))
#define IOCTL_GNTALLOC_SET_UNMAP_NOTIFY _IOC(_IOC_NONE, 'G', 7, sizeof(struct ioctl_gntalloc_unmap_notify))
