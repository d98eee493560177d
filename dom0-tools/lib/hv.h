/* SPDX-License-Identifier: MIT */
/*
 * The way to the hypervisor: hypercalls and foreign frames, through Linux's /dev/xen/privcmd. The functions behind it
 * are in a table, so that unit tests can put their own machine there.
 *
 * Every structure the hypervisor reads or writes lies in the connection's arena: ordinary memory, page aligned,
 * locked and touched, since the hypervisor does not fault pages in for tools. The wrappers copy in and out of it;
 * callers that pass further buffers take them with hv_buf() and give them back with hv_release().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/sysctl.h>

#include "hypercalls.h" /* __HYPERVISOR_*, generated from abi/hypercalls.def */

struct hv;

struct hv_ops {
	/* Result of the hypercall, or -errno. */
	long (*hypercall)(struct hv *hv, unsigned nr, const uint64_t arg[5]);
	/* Map frames of a domain, in order; NULL and errno. */
	void *(*map)(struct hv *hv, domid_t dom, const xen_pfn_t *mfns, size_t count, bool writable);
	void (*unmap)(struct hv *hv, void *at, size_t count);
};

#define HV_ARENA_SIZE (64 * 1024)

struct hv {
	const struct hv_ops *ops;
	int fd;
	uint8_t *arena;
	size_t used;
};

/* Open /dev/xen/privcmd. -1 and a report. */
int hv_open(struct hv *hv);
/* Use @ops instead of the device (tests). */
int hv_open_with(struct hv *hv, const struct hv_ops *ops);
void hv_close(struct hv *hv);

/* Zeroed memory of the arena, or NULL (it is a programming error to need more than HV_ARENA_SIZE). */
void *hv_buf(struct hv *hv, size_t size);
/* Give back what was taken since hv->used had the value @mark. */
void hv_release(struct hv *hv, size_t mark);

/* All of these: 0 or more, or -errno. The structure is copied in, and back out on success. */
long hv_domctl(struct hv *hv, struct xen_domctl *op);
long hv_sysctl(struct hv *hv, struct xen_sysctl *op);
long hv_memory_op(struct hv *hv, unsigned cmd, void *arg, size_t size);
long hv_evtchn_op(struct hv *hv, unsigned cmd, void *arg, size_t size);
/* One structure; its status field is not checked. */
long hv_grant_op(struct hv *hv, unsigned cmd, void *arg, size_t size);
long hv_mmuext_op(struct hv *hv, struct mmuext_op *op, domid_t dom);
long hv_version(struct hv *hv, unsigned cmd, void *arg, size_t size);

void *hv_map(struct hv *hv, domid_t dom, const xen_pfn_t *mfns, size_t count);
void *hv_map_one(struct hv *hv, domid_t dom, uint64_t mfn);
/* To read only, as page tables can be mapped. */
const void *hv_view(struct hv *hv, domid_t dom, uint64_t mfn);
void hv_unmap(struct hv *hv, const void *at, size_t count);

#define FRAME_SIZE  4096
#define FRAME_SHIFT 12
