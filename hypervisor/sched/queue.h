/* SPDX-License-Identifier: MIT */
/* Inside sched/: run queues and the accounting that their locks guard. */
#pragma once

#include "sched/policy.h"

/* Lock the queue that @v belongs to; @v may move during the wait. */
struct sched_queue *queue_lock_vcpu(struct vcpu *v);

/* Close the current runstate of @v if it is another one now. Queue locked. */
void runstate_update(struct sched_queue *q, struct vcpu *v, ns_t t);

/* Change this CPU from @prev's state to @next's (sched/switch.c). */
void vcpu_switch(struct vcpu *prev, struct vcpu *next);
