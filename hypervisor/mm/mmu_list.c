/* SPDX-License-Identifier: MIT */
/* See mmu_list.h. */
#include "mm/mmu_list.h"

long mmu_list_rest(const struct mmu_list *l, gva_t at, uint32_t count, gva_t pdone, uint64_t foreigndom,
		   uint32_t before, uint32_t done, int rc)
{
	size_t stride = current->domain->abi->layout[l->entry].guest_size;

	while (rc == -ERESTART || rc == PT_LEFT) {
		uint32_t more;

		done += rc == PT_LEFT; /* this entry is done, and has left tables to take apart */
		rc = -ERESTART;
		if (hypercall_preempt_check())
			break;
		rc = l->any(foreigndom, at + done * stride, count - done, &more);
		done += more;
	}
	before += done;
	if (pdone && guest_write(pdone, &before, sizeof(before)) && !rc)
		return -EFAULT;
	if (rc != -ERESTART)
		return rc;
	return hypercall_restart(
	    l->nr, 4, (uint64_t[]){at + done * stride, (count - done) | LIST_RESTARTED, pdone, foreigndom});
}
