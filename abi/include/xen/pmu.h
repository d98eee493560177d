/* SPDX-License-Identifier: MIT */
/* xenpmu_op(cmd, struct xen_pmu_params *): counters of the processor's performance. Guests of Ringlet have none. */
#pragma once

#include "xen.h"

#define XENPMU_mode_get    0
#define XENPMU_mode_set    1
#define XENPMU_feature_get 2
#define XENPMU_feature_set 3
#define XENPMU_init        4
#define XENPMU_finish      5
#define XENPMU_lvtpc_set   6
#define XENPMU_flush       7
