/* SPDX-License-Identifier: MIT */
/* callback_op(cmd, struct *): the guest's entry points other than exceptions. */
#pragma once

#include "xen.h"

#define CALLBACKOP_register   0
#define CALLBACKOP_unregister 1

#define CALLBACKTYPE_event               0
#define CALLBACKTYPE_failsafe            1 /* a segment register could not be loaded on return */
#define CALLBACKTYPE_syscall             2 /* SYSCALL from 64-bit applications */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4
#define CALLBACKTYPE_sysenter            5
#define CALLBACKTYPE_syscall32           7 /* SYSCALL from 32-bit applications */

#define CALLBACKF_mask_events (1u << 0)

struct callback_register {
	uint16_t type;
	uint16_t flags;
	xen_callback_t address;
};

struct callback_unregister {
	uint16_t type;
	uint16_t _unused;
};
