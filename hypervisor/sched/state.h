/* SPDX-License-Identifier: MIT */
/* What sched/ keeps in each domain and each vCPU (guest/domain.h). */
#pragma once

#include "cpu/cpuset.h"
#include "cpu/timer.h"
#include "lib/list.h"
#include "lib/types.h"
#include "xen/vcpu.h"

struct domain_sched {
	volatile uint32_t pause_count; /* nested domain_pause(); no vCPU runs while it is not zero. Atomic */
	void *policy;                  /* the policy's own (sched/policy.h) */
	int64_t time_offset;           /* seconds added to the wallclock; under domctl_lock */
};

struct vcpu_sched {
	/* Under the lock of the run queue that it belongs to (sched/sched.h). */
	uint32_t pause_count;
	cpuset_t hard_affinity; /* CPUs that may run it; read without the lock, for a hint */
	ns_t run_since;         /* when it was chosen, or last charged */
	struct list run_link;   /* it waits there */
	void *policy;           /* the policy's own (sched/policy.h) */
	struct vcpu_runstate_info runstate;

	/* Its own domain's hypercalls set what follows, without a lock: a race between two of them harms that domain alone.
	 * A timer's place in its list has a lock of its own (cpu/timer.c). */
	gva_t runstate_area; /* registered copies in the guest (kernel addresses), or 0 */
	gva_t time_area;
	uint32_t time_stamp; /* clock generation last written to vcpu_time_info (sched/time.c) */
	ns_t period;         /* of `periodic`; 0: stopped */
	struct timer periodic, singleshot, poll_timer;
};
