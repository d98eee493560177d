/* SPDX-License-Identifier: MIT */
/* The rare cases of L1 entries: device memory, refusals, types to be changed. */
#include "lib/errno.h"
#include "mm/pt.h"

int l1_get_slow(uint64_t pte, struct domain *d, struct domain *from)
{
	mfn_t mfn = pte_mfn(pte);

	if (!mfn_is_io(mfn))
		return -EINVAL;
	/* Device memory has no owner and is not counted. A domain that may drive devices may map it as its own
	 * or as DOMID_IO's, except what the hypervisor itself drives. */
	if (!d->privileged || (from != d && from != dom_io) || !mmio_allowed(mfn))
		return -EPERM;
	return 0;
}

int l1_get_writable(struct page_info *pg)
{
	int rc = page_get_type(pg, PGT_WRITABLE);

	if (rc)
		page_put(pg);
	return rc;
}

void l1_put_writable(struct page_info *pg)
{
	page_put_type(pg);
}
