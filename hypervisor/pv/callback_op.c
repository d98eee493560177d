/* SPDX-License-Identifier: MIT */
/* set_callbacks and callback_op: the guest's entry points other than exceptions. */
#include "cpu/x86.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/context.h"
#include "xen/callback.h"

long hc_set_callbacks(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct vcpu *v = current;

	return v->domain->pv->set_callbacks(v, (const uint64_t[]){a, b, c, d});
}

static struct callback *callback_of(struct vcpu *v, uint16_t type)
{
	switch (type) {
	case CALLBACKTYPE_event:
		return &v->entry.event_cb;
	case CALLBACKTYPE_failsafe:
		return &v->entry.failsafe_cb;
	case CALLBACKTYPE_syscall:
		return &v->entry.syscall_cb;
	case CALLBACKTYPE_nmi:
		return &v->traps[TRAP_NMI];
	case CALLBACKTYPE_sysenter:
	case CALLBACKTYPE_sysenter_deprecated:
		return &v->entry.sysenter_cb;
	case CALLBACKTYPE_syscall32:
		return &v->entry.syscall32_cb;
	}
	return NULL;
}

static long do_register(struct vcpu *v, gva_t arg)
{
	struct callback cb, *slot;
	uint16_t type;
	int rc = v->domain->pv->get_callback(arg, &type, &cb);

	if (rc)
		return rc;
	slot = callback_of(v, type);
	if (!slot)
		return -ENOSYS;
	*slot = cb;
	if (type == CALLBACKTYPE_nmi) /* an exception like others, but always through an interrupt gate */
		slot->flags |= CALLBACKF_mask_events;
	context_entry_changed(v);
	return 0;
}

static long do_unregister(struct vcpu *v, gva_t arg)
{
	struct callback_unregister u;
	struct callback *slot;

	if (guest_get(&u, arg, callback_unregister))
		return -EFAULT;
	/* Without these two the guest could not go on. */
	if (u.type == CALLBACKTYPE_event || u.type == CALLBACKTYPE_failsafe)
		return -EINVAL;
	slot = callback_of(v, u.type);
	if (!slot)
		return -EINVAL;
	*slot = (struct callback){0};
	context_entry_changed(v);
	return 0;
}

long hc_callback_op(uint64_t cmd, uint64_t arg)
{
	switch ((uint32_t)cmd) {
	case CALLBACKOP_register:
		return do_register(current, arg);
	case CALLBACKOP_unregister:
		return do_unregister(current, arg);
	}
	return -ENOSYS;
}
