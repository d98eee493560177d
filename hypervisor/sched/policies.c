/* SPDX-License-Identifier: MIT */
/* The policies that sched= chooses from. */
#include "sched/policy.h"

const struct sched_policy *const sched_policies[] = {&sched_rr, &sched_credit, NULL};
