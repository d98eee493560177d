/* SPDX-License-Identifier: MIT */
/* /dev/xen/privcmd: hypercalls and foreign mappings for Dom0's tools. Linux's ioctls and layouts. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "../xen.h"

#ifndef _IOC
#define _IOC_NONE                    0u
#define _IOC(dir, type, number, len) (((dir) << 30) | ((type) << 8) | (number) | ((unsigned)(len) << 16))
#endif

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

struct privcmd_mmap_entry {
	uint64_t va;
	uint64_t mfn;
	uint64_t npages;
};

struct privcmd_mmap {
	int num;
	domid_t dom;
	struct privcmd_mmap_entry *entry;
};

/* The frames of arr appear at addr (from an earlier mmap of the device); a frame that could not be mapped
 * has its top nibble set. */
struct privcmd_mmapbatch {
	int num;
	domid_t dom;
	uint64_t addr;
	xen_pfn_t *arr;
};
#define PRIVCMD_MMAPBATCH_MFN_ERROR   0xf0000000u
#define PRIVCMD_MMAPBATCH_PAGED_ERROR 0x80000000u

/* As before, with an errno for each frame instead. */
struct privcmd_mmapbatch_v2 {
	unsigned int num;
	domid_t dom;
	uint64_t addr;
	const xen_pfn_t *arr;
	int *err;
};

#define IOCTL_PRIVCMD_HYPERCALL    _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define IOCTL_PRIVCMD_MMAP         _IOC(_IOC_NONE, 'P', 2, sizeof(struct privcmd_mmap))
#define IOCTL_PRIVCMD_MMAPBATCH    _IOC(_IOC_NONE, 'P', 3, sizeof(struct privcmd_mmapbatch))
#define IOCTL_PRIVCMD_MMAPBATCH_V2 _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))
