/* SPDX-License-Identifier: MIT */
/*
 * Where a vCPU's time goes, and the copies of runstate and time that a guest may register in its own memory.
 *
 * The copies have kernel addresses and are written whenever the vCPU gets a CPU. If an address does not work
 * (any more), the guest gets no copy. The lock of the vCPU's run queue guards the accounting.
 */
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "sched/queue.h"
#include "xen/vcpu.h"
#include "xen/xen.h"

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *info)
{
	struct sched_queue *q = queue_lock_vcpu(v);

	*info = v->sched.runstate;
	spin_unlock(&q->lock);
	info->time[info->state] += now() - info->state_entry_time;
}

/* current's registered areas are kernel addresses: if its application runs, change to the kernel's page
 * tables and say so. */
static bool kernel_tables_enter(struct vcpu *v)
{
	if (!v->entry.user_mode)
		return false;
	v->entry.user_mode = false;
	vcpu_load_cr3(v);
	return true;
}

static void kernel_tables_leave(struct vcpu *v, bool entered)
{
	if (entered) {
		v->entry.user_mode = true;
		vcpu_load_cr3(v);
	}
}

void vcpu_runstate_publish(struct vcpu *v)
{
	struct vcpu_runstate_info info;
	bool entered;

	vcpu_runstate_get(v, &info);
	entered = kernel_tables_enter(v);
	if (v->domain->vm_assist & (1u << VMASST_TYPE_runstate_update_flag)) {
		info.state_entry_time |= XEN_RUNSTATE_UPDATE;
		guest_put(v->sched.runstate_area, &info, vcpu_runstate_info);
		info.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	}
	guest_put(v->sched.runstate_area, &info, vcpu_runstate_info);
	kernel_tables_leave(v, entered);
}

void vcpu_time_publish(struct vcpu *v, const struct vcpu_time_info *info)
{
	struct vcpu_time_info copy = *info;
	bool entered;

	if (!v->sched.time_area || v != current)
		return;
	entered = kernel_tables_enter(v);
	copy.version--; /* odd: being written */
	guest_write(v->sched.time_area, &copy, sizeof(copy));
	copy.version++;
	guest_write(v->sched.time_area, &copy, sizeof(copy));
	kernel_tables_leave(v, entered);
}
