/* SPDX-License-Identifier: MIT */
/* Hypercall wrappers over the connection of hv.h. */
#include "hv.h"

#include <errno.h>
#include <string.h>

#include <xen/memory.h>
#include <xen/version.h>

void *hv_buf(struct hv *hv, size_t size)
{
	void *at = hv->arena + hv->used;

	size = (size + 15) & ~(size_t)15;
	if (size > HV_ARENA_SIZE - hv->used)
		return NULL;
	hv->used += size;
	memset(at, 0, size); /* also touches the pages: after fork() they may be shared copy-on-write */
	return at;
}

void hv_release(struct hv *hv, size_t mark)
{
	hv->used = mark;
}

/* A hypercall whose argument number @where points at one structure. */
static long call_with(struct hv *hv, unsigned nr, uint64_t arg[5], int where, void *data, size_t size)
{
	size_t mark = hv->used;
	void *bounce = hv_buf(hv, size);
	long rc;

	if (!bounce)
		return -ENOMEM;
	memcpy(bounce, data, size);
	arg[where] = (uintptr_t)bounce;
	rc = hv->ops->hypercall(hv, nr, arg);
	if (rc >= 0)
		memcpy(data, bounce, size);
	hv_release(hv, mark);
	return rc;
}

long hv_domctl(struct hv *hv, struct xen_domctl *op)
{
	uint64_t arg[5] = {0};

	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return call_with(hv, __HYPERVISOR_domctl, arg, 0, op, sizeof(*op));
}

long hv_sysctl(struct hv *hv, struct xen_sysctl *op)
{
	uint64_t arg[5] = {0};

	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return call_with(hv, __HYPERVISOR_sysctl, arg, 0, op, sizeof(*op));
}

long hv_memory_op(struct hv *hv, unsigned cmd, void *data, size_t size)
{
	uint64_t arg[5] = {cmd};

	return call_with(hv, __HYPERVISOR_memory_op, arg, 1, data, size);
}

long hv_evtchn_op(struct hv *hv, unsigned cmd, void *data, size_t size)
{
	uint64_t arg[5] = {cmd};

	return call_with(hv, __HYPERVISOR_event_channel_op, arg, 1, data, size);
}

long hv_grant_op(struct hv *hv, unsigned cmd, void *data, size_t size)
{
	uint64_t arg[5] = {cmd, 0, 1};

	return call_with(hv, __HYPERVISOR_grant_table_op, arg, 1, data, size);
}

long hv_version(struct hv *hv, unsigned cmd, void *data, size_t size)
{
	uint64_t arg[5] = {cmd};

	return call_with(hv, __HYPERVISOR_xen_version, arg, 1, data, size);
}

long hv_mmuext_op(struct hv *hv, struct mmuext_op *op, domid_t dom)
{
	uint64_t arg[5] = {0, 1, 0, dom};

	return call_with(hv, __HYPERVISOR_mmuext_op, arg, 0, op, sizeof(*op));
}

void *hv_map(struct hv *hv, domid_t dom, const xen_pfn_t *mfns, size_t count)
{
	return hv->ops->map(hv, dom, mfns, count, true);
}

void *hv_map_one(struct hv *hv, domid_t dom, uint64_t mfn)
{
	xen_pfn_t one = mfn;

	return hv->ops->map(hv, dom, &one, 1, true);
}

const void *hv_view(struct hv *hv, domid_t dom, uint64_t mfn)
{
	xen_pfn_t one = mfn;

	return hv->ops->map(hv, dom, &one, 1, false);
}

void hv_unmap(struct hv *hv, const void *at, size_t count)
{
	hv->ops->unmap(hv, (void *)at, count);
}
