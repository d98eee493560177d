/* SPDX-License-Identifier: MIT */
/* Arguments shared by mmu_update, mmuext_op and update_va_mapping. */
#include "mm/mmu_owner.h"
#include "cpu/cpuset.h"
#include "guest/domain.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"

struct domain *mmu_owner_get(domid_t id, int *rc)
{
	struct domain *self = current->domain, *d;

	*rc = 0;
	if (likely(id == DOMID_SELF || id == self->id)) {
		domain_get(self);
		return self;
	}
	*rc = -EPERM;
	if (!self->privileged)
		return NULL;
	if (id == DOMID_IO || id == DOMID_XEN) {
		d = id == DOMID_IO ? dom_io : dom_xen;
		domain_get(d);
	} else {
		d = domain_by_id(id);
	}
	*rc = d ? 0 : -ESRCH;
	return d;
}

struct domain *memory_domain_get(domid_t id, int *rc)
{
	if (id != DOMID_IO && id != DOMID_XEN)
		return mmu_owner_get(id, rc);
	*rc = current->domain->privileged ? -ESRCH : -EPERM;
	return NULL;
}

int vcpumask_to_cpus(gva_t mask, cpuset_t *cpus)
{
	struct domain *d = current->domain;
	uint32_t bits = 0;

	*cpus = 0;
	if (guest_read(&bits, mask, (d->max_vcpus + 7) / 8))
		return -EFAULT;
	for (; bits; bits &= bits - 1) {
		unsigned id = __builtin_ctz(bits);
		struct vcpu *v = id < d->max_vcpus ? d->vcpu[id] : NULL;

		/* A vCPU that does not run forgets everything before it runs again. */
		if (v && v->running)
			*cpus |= cpuset_of(v->cpu->id);
	}
	return 0;
}
