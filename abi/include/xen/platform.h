/* SPDX-License-Identifier: MIT */
/* platform_op(struct *): Dom0's hold on the machine. Only the frame and the clock setting are described. */
#pragma once

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

#define XENPF_settime32 17
#define XENPF_settime64 62

struct xenpf_settime64 {
	uint64_t secs;
	uint32_t nsecs;
	uint32_t mbz;
	uint64_t system_time;
};
