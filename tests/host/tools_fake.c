/* SPDX-License-Identifier: MIT */
/* See tools_fake.h. Foreign mappings are copies that go back to the frames when unmapped, which is enough for
 * a tool that writes and then unmaps. */
#include "tools_fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ringlet/fv.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

struct fake fake;

void fake_reset(void)
{
	free(fake.ram);
	memset(&fake, 0, sizeof(fake));
	fake.ram = malloc((size_t)FAKE_FRAMES * FRAME_SIZE);
	memset(fake.ram, 0xa5, (size_t)FAKE_FRAMES * FRAME_SIZE); /* zeroed memory is not promised */
	fake.largest_order = 9;
	fake.shared_info_mfn = FAKE_BASE + FAKE_LOW - 1;
	fake.grant_mfn = FAKE_BASE + FAKE_FRAMES - 2;
	memset(fake_frame(fake.grant_mfn), 0, FRAME_SIZE);
}

uint8_t *fake_frame(uint64_t mfn)
{
	return mfn >= FAKE_BASE && mfn < FAKE_BASE + FAKE_FRAMES ? fake.ram + (mfn - FAKE_BASE) * FRAME_SIZE
								 : NULL;
}

static long do_domctl(struct xen_domctl *op)
{
	if (op->interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op->cmd == XEN_DOMCTL_createdomain) {
		fake.alive = true;
		fake.flags = op->u.createdomain.flags;
		op->domain = FAKE_DOMID;
		return 0;
	}
	if (op->domain != FAKE_DOMID || !fake.alive)
		return -ESRCH;
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain:
		fake.alive = false;
		return 0;
	case XEN_DOMCTL_get_address_size:
		op->u.address_size.size = fake.address_size;
		return 0;
	case XEN_DOMCTL_getvcpucontext:
		if (op->u.vcpucontext.vcpu)
			return -ENODATA;
		memcpy((void *)(uintptr_t)op->u.vcpucontext.ctxt, fake.context,
		       fake.address_size == 32 ? 2800 : 5168);
		return 0;
	case XEN_DOMCTL_set_address_size:
		fake.address_size = op->u.address_size.size;
		return 0;
	case XEN_DOMCTL_max_vcpus:
		fake.max_vcpus = op->u.max_vcpus.max;
		return 0;
	case XEN_DOMCTL_max_mem:
		return 0;
	case XEN_DOMCTL_getdomaininfo:
		op->u.getdomaininfo.domain = FAKE_DOMID;
		op->u.getdomaininfo.shared_info_frame = fake.shared_info_mfn;
		return 0;
	case XEN_DOMCTL_hypercall_init:
		fake.hypercall_mfn = op->u.hypercall_init.gmfn;
		return 0;
	case XEN_DOMCTL_setvcpucontext:
		memcpy(fake.context, (void *)(uintptr_t)op->u.vcpucontext.ctxt,
		       fake.address_size == 32 || fake.flags & RINGLET_CDF_fv ? 2800 : 5168);
		return 0;
	}
	return -ENOSYS;
}

static long do_populate(struct xen_memory_reservation *r)
{
	xen_pfn_t *extent = (xen_pfn_t *)(uintptr_t)r->extent_start;
	uint64_t size = 1ull << r->extent_order;
	long done = 0;

	if (r->extent_order > fake.largest_order)
		return 0;
	if (XENMEMF_get_address_bits(r->mem_flags) == 32) {
		for (; done < (long)r->nr_extents && size == 1 && fake.given_low < FAKE_LOW - 1; done++)
			extent[done] = FAKE_BASE + fake.given_low++;
		return done;
	}
	for (; done < (long)r->nr_extents && fake.given + size < FAKE_FRAMES - FAKE_LOW - 1; done++) {
		/* Neither ascending nor adjacent, so that wrong guesses about machine frames show. */
		fake.given += size;
		for (uint64_t i = 0; i < size && extent[done] + i < FAKE_FRAMES; i++)
			fake.mfn_of[extent[done] + i] = FAKE_BASE + FAKE_FRAMES - 2 - fake.given + i;
		extent[done] = FAKE_BASE + FAKE_FRAMES - 2 - fake.given;
	}
	return done;
}

static long do_setup_table(struct gnttab_setup_table *op)
{
	xen_pfn_t *frame = (xen_pfn_t *)(uintptr_t)op->frame_list;

	if (op->dom != FAKE_DOMID || op->nr_frames != 1)
		op->status = GNTST_bad_domain;
	else
		*frame = fake.grant_mfn;
	return 0;
}

static long fake_call(struct hv *hv, unsigned nr, const uint64_t arg[5])
{
	if (++fake.calls == fake.fail_at)
		return -ENOMEM;
	switch (nr) {
	case __HYPERVISOR_domctl:
		return do_domctl((void *)(uintptr_t)arg[0]);
	case __HYPERVISOR_sysctl:
		memset((void *)(uintptr_t)arg[0], 0, sizeof(struct xen_sysctl));
		return 0;
	case __HYPERVISOR_memory_op:
		return do_populate((void *)(uintptr_t)arg[1]);
	case __HYPERVISOR_grant_table_op:
		return arg[0] == GNTTABOP_setup_table ? do_setup_table((void *)(uintptr_t)arg[1]) : -ENOSYS;
	case __HYPERVISOR_event_channel_op:
		((struct evtchn_alloc_unbound *)(uintptr_t)arg[1])->port = ++fake.nr_ports;
		return 0;
	case __HYPERVISOR_mmuext_op: {
		struct mmuext_op *op = (void *)(uintptr_t)arg[0];

		if (fake.maps) /* a writable mapping might be of a page table */
			return -EINVAL;
		fake.pin_cmd = op->cmd;
		fake.pinned = op->arg1.mfn;
		return 0;
	}
	}
	return -ENOSYS;
}

static void *fake_map(struct hv *hv, domid_t dom, const xen_pfn_t *mfns, size_t count, bool writable)
{
	size_t slot = 0;

	if (++fake.calls == fake.fail_at) {
		errno = ENOMEM;
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (!fake_frame(mfns[i])) {
			errno = EINVAL;
			return NULL;
		}
	while (fake.map[slot].at)
		slot++;
	fake.map[slot].at = malloc(count * FRAME_SIZE);
	fake.map[slot].count = count;
	memcpy(fake.map[slot].mfns, mfns, count * sizeof(*mfns));
	for (size_t i = 0; i < count; i++)
		memcpy((uint8_t *)fake.map[slot].at + i * FRAME_SIZE, fake_frame(mfns[i]), FRAME_SIZE);
	fake.maps++;
	return fake.map[slot].at;
}

static void fake_unmap(struct hv *hv, void *at, size_t count)
{
	size_t slot = 0;

	while (fake.map[slot].at != at)
		slot++;
	for (size_t i = 0; i < count; i++)
		memcpy(fake_frame(fake.map[slot].mfns[i]), (uint8_t *)at + i * FRAME_SIZE, FRAME_SIZE);
	free(at);
	fake.map[slot].at = NULL;
	fake.maps--;
}

const struct hv_ops fake_ops = {.hypercall = fake_call, .map = fake_map, .unmap = fake_unmap};
