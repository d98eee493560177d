/* SPDX-License-Identifier: MIT */
/*
 * A domain's account with the hypervisor's heap: how much is held for it besides its own frames, in bytes as the heap
 * takes them (whole pages, powers of two), and the limit (docs/overhead.md).
 *
 * Invariant: heap_bytes is the sum of the charged blocks and objects that name the domain and of the pages shared with it
 * (PGC_HEAP); the auditor counts them. It is 0 when the structure is freed. The account never prevents freeing.
 * Locking: none; the account is changed by atomic additions. Two callers that need the last of it may both be refused.
 */
#include "cpu/panic.h"
#include "guest/domain.h"
#include "mm/page.h"

bool domain_charge(struct domain *d, size_t bytes)
{
	uint64_t held = __atomic_add_fetch(&d->mm.heap_bytes, bytes, __ATOMIC_RELAXED);

	/* What others have claimed is not available to it, and its own claim is for its frames. */
	if (held <= d->mm.heap_quota && claims_leave((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT))
		return true;
	domain_uncharge(d, bytes);
	return false;
}

void domain_uncharge(struct domain *d, size_t bytes)
{
	uint64_t held = __atomic_fetch_sub(&d->mm.heap_bytes, bytes, __ATOMIC_RELAXED);

	BUG_ON(held < bytes);
}
