/* SPDX-License-Identifier: MIT */
/*
 * After a restart, a memory_op of many frames goes on where it stopped; otherwise it would never end: the block that it
 * was clearing has no owner yet, and the guest has no place for a note of it. So the vCPU keeps the note. A guest that
 * makes another call instead of the restart, or ends, has its work cancelled. Until then it may keep a block that it
 * cannot use (of 2 MiB at most, Dom0 more; beyond its limit only while it gives as much): one for each vCPU.
 * Locking: none; a vCPU's work is its own.
 */
#include "guest/domain.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/memory.h"
#include "mm/page.h"

int memory_work_end(struct vcpu *v)
{
	struct memory_work *w = v->mm.memory_work;

	if (!w)
		return 0;
	while (!memory_exchange_cancel(w->d, &w->x))
		if (hypercall_preempt_check())
			return -ERESTART;
	v->mm.memory_work = NULL;
	domain_put(w->d);
	heap_free(w);
	return 0;
}

int memory_work_get(struct vcpu *v, struct domain *d, const uint64_t key[14], struct memory_work **w)
{
	int rc;

	*w = v->mm.memory_work;
	if (*w && (*w)->d == d && !memcmp((*w)->key, key, sizeof((*w)->key)))
		return 0;
	rc = memory_work_end(v);
	if (rc)
		return rc;
	*w = heap_alloc_for(v->domain, sizeof(**w));
	if (!*w)
		return -ENOMEM;
	domain_get(d);
	(*w)->d = d;
	memcpy((*w)->key, key, sizeof((*w)->key));
	v->mm.memory_work = *w;
	return 0;
}
