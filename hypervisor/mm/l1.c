// SPDX-License-Identifier: MIT
/* L1 entries that do not simply name a frame of the expected owner: device memory, and refusals. */
#include "lib/errno.h"
#include "mm/pt.h"

int l1_get_slow(uint64_t pte, struct domain *d, struct domain *from)
{
	mfn_t mfn = pte_mfn(pte);

	if (!mfn_is_io(mfn))
		return -EINVAL;
	/* Device memory is nobody's and not counted. Who may drive devices may map it under his own name or
	 * as DOMID_IO's, except what the hypervisor itself drives. */
	if (!d->privileged || (from != d && from != dom_io) || !mmio_allowed(mfn))
		return -EPERM;
	return 0;
}
