/* SPDX-License-Identifier: MIT */
/* set_gdt and update_descriptor. */
#include "dom/domain.h"
#include "guest/abi.h"
#include "guest/hypercall.h"
#include "guest/paging.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/page.h"
#include "pv/desc.h"

long hc_set_gdt(uint64_t frame_list, uint64_t entries)
{
	mfn_t frames[GDT_GUEST_PAGES];
	uint32_t n = entries;
	long rc;

	if (n > GDT_GUEST_ENTRIES)
		return -EINVAL;
	for (unsigned i = 0; i < (n + 511) / 512; i++)
		if (guest_get_word(&frames[i], frame_list, i))
			return -EFAULT;
	do {
		rc = desc_set_gdt(current, frames, n);
		hypercall_was_long();
	} while (rc == -ERESTART && !hypercall_preempt_check());
	return rc == -ERESTART ? HYPERCALL_RESTART(set_gdt, frame_list, entries) : rc;
}

/* @maddr: the descriptor's machine address. It is written under a use of the frame's present type, so that
 * the frame cannot become a page table meanwhile; a plain frame is taken as a writable one. */
long hc_update_descriptor(uint64_t maddr, uint64_t desc)
{
	struct domain *d = current->domain;
	mfn_t mfn = maddr >> PAGE_SHIFT;
	struct page_info *pg;
	enum page_type type;
	int rc = -EINVAL;

	if ((maddr & 7) || !mfn_valid(mfn) || !d->paging->descriptor_ok(&desc))
		return -EINVAL;
	pg = mfn_to_page(mfn);
	if (!page_get(pg, d))
		return -EINVAL;
	type = page_type_of(pg) == PGT_SEGDESC ? PGT_SEGDESC : PGT_WRITABLE;
	if (!page_get_type(pg, type)) {
		__atomic_store_n((uint64_t *)paddr_to_virt(maddr), desc, __ATOMIC_RELAXED);
		page_put_type(pg);
		rc = 0;
	}
	page_put(pg);
	return rc;
}
