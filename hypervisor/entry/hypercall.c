/* SPDX-License-Identifier: MIT */
/* The table of handlers, and INT 0x82 where it is no hypercall. */
#include "entry/entry.h"
#include "guest/hypercall.h"
#include "lib/errno.h"

static const struct {
	hypercall_fn fn; /* NULL: -ENOSYS. Takes as many arguments as it has, and ignores the rest */
	bool privileged;
} handlers[NR_HYPERCALLS] = {
#define ROW(nr, name, nargs, wide, privileged, restarts) \
	[nr] = {(hypercall_fn)(void (*)(void))hc_##name, privileged},
#include "hypercall_table.inc"
};

static long hypercall_denied(void)
{
	return -EPERM;
}

void hypercall_init(void)
{
	for (unsigned i = 0; i < NR_HYPERCALLS; i++) {
		hypercall_fn fn =
		    handlers[i].fn ? handlers[i].fn : (hypercall_fn)(void (*)(void))hypercall_unknown;

		hypercall_table[i] =
		    handlers[i].privileged ? (hypercall_fn)(void (*)(void))hypercall_denied : fn;
		hypercall_table[NR_HYPERCALLS + i] = fn;
	}
}

/* INT 0x82 of a guest that has no hypercalls: an INT n like any other. */
void hypercall_int82_trap(struct vcpu *v)
{
	v->entry.way_back = BACK_BY_IRET;
	v->entry.trap(v, &v->regs);
}
