/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: their memory, their first state, the place of their vcpu_info. Everything that belongs to the guest
 * kind is done by doors->vcpu_init and undone by doors->vcpu_free.
 */
#include "cpu/fpu.h"
#include "cpu/panic.h"
#include "dom/domain.h"
#include "evt/evtchn.h"
#include "guest/kind.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "sched/sched.h"
#include "xen/xen.h"

/* TSS.RSP0 must be 16-byte aligned, or the processor aligns it itself and frames slip (struct vcpu). */
_Static_assert((offsetof(struct vcpu, regs) + offsetof(struct cpu_user_regs, es)) % 16 == 0,
	       "frame alignment");

_Static_assert(offsetof(struct vcpu, traps) + sizeof(((struct vcpu *)0)->traps) == sizeof(struct vcpu),
	       "traps are last");

/* Only a paravirtual kernel registers handlers of exceptions: other vCPUs end before the table of them. */
static unsigned vcpu_order(const struct domain *d)
{
	return block_order(d->pv ? sizeof(struct vcpu) : offsetof(struct vcpu, traps));
}

struct vcpu *vcpu_alloc(struct domain *d, uint32_t id)
{
	struct vcpu *v = heap_alloc_pages_for(d, vcpu_order(d));

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->dom.info_mfn = v->mm.root = v->mm.user_root = INVALID_MFN;
	list_init(&v->sched.run_link);
	return v;
}

void vcpu_free(struct vcpu *v)
{
	BUG_ON(v->running || !list_empty(&v->sched.run_link));
	BUG_ON(v->mm.root != INVALID_MFN || v->mm.user_root != INVALID_MFN || v->dom.info_mfn != INVALID_MFN);
	sched_vcpu_free(v);
	heap_free(v->fpu);
	heap_free(v->counters);
	heap_free_pages(v, vcpu_order(v->domain));
}

int vcpu_create(struct domain *d, uint32_t id)
{
	struct vcpu *v;
	int rc = -ENOMEM;

	if (id >= MAX_VCPUS)
		return -EINVAL;
	if (d->vcpu[id])
		return -EEXIST;
	v = vcpu_alloc(d, id);
	if (!v)
		return -ENOMEM;
	v->fpu = heap_alloc_for(d, sizeof(*v->fpu));
	if (!v->fpu)
		goto fail;
	fpu_reset(v->fpu);
	v->info = shared_vcpu_info(d->shared_info, id);
	v->info->upcall_mask = 1;
	vcpu_timers_init(v);
	rc = sched_vcpu_init(v);
	if (rc)
		goto fail;
	time_update_vcpu(v); /* GRUB divides by its multiplier before anything else */
	rc = d->doors->vcpu_init(v);
	if (rc)
		goto fail;
	__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return 0;
fail:
	d->doors->vcpu_free(v); /* what vcpu_init() got done */
	vcpu_free(v);
	return rc;
}

void vcpu_lose_context(struct vcpu *v)
{
	vcpu_offline(v);
	v->dom.initialised = false;
}

int vcpu_set_context(struct vcpu *v, const void *ctx)
{
	uint64_t flags;
	int rc;

	if (!v->mm.desc_l1) /* domain_set_kind had no memory */
		return -ENOMEM;
	rc = v->domain->doors->set_context(v, ctx);
	if (rc)
		return rc;
	v->dom.initialised = true;
	time_restart_vcpu(v);
	/* In both layouts a word of flags follows the FXSAVE image. */
	memcpy(&flags, (const char *)ctx + offsetof(struct vcpu_guest_context, flags), sizeof(flags));
	if (flags & VGCF_online)
		vcpu_online(v);
	return 0;
}

int vcpu_map_info(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
	struct page_info *pg;
	union vcpu_view *info;

	if (offset > PAGE_SIZE - sizeof(*info) || offset % ((1u << v->domain->abi->word_shift) / 8))
		return -ENXIO;
	/* Once, and not while a vCPU may be using the old place. */
	if (v->dom.info_mfn != INVALID_MFN || (v != current && v->state != VCPU_OFFLINE))
		return -EINVAL;
	pg = page_get_mfn(mfn, v->domain);
	if (!pg)
		return -EINVAL;
	if (page_get_type(pg, PGT_WRITABLE)) {
		page_put(pg);
		return -EINVAL;
	}
	info = (void *)((char *)mfn_to_virt(mfn) + offset);
	memcpy(info, v->info, sizeof(*info));
	v->dom.info_mfn = mfn;
	v->info = info;
	evtchn_rescan(v); /* an event may have gone to the old place in between */
	return 0;
}

void vcpu_unmap_info(struct vcpu *v)
{
	if (v->dom.info_mfn == INVALID_MFN)
		return;
	page_put_and_type(mfn_to_page(v->dom.info_mfn));
	v->dom.info_mfn = INVALID_MFN;
	v->info = shared_vcpu_info(v->domain->shared_info, v->id);
}
