/* SPDX-License-Identifier: MIT */
/* The end of a PV guest: the hypervisor is told why. If it is Dom0, the machine follows. */
#include "x86/internal.h"
#include "cpu_ops.h"

static void noreturn shutdown(unsigned reason)
{
	struct sched_shutdown op = {.reason = reason};

	for (;;)
		hypercall_sched_op(SCHEDOP_shutdown, &op);
}

void machine_poweroff(void)
{
	shutdown(SHUTDOWN_poweroff);
}

void machine_reboot(void)
{
	shutdown(SHUTDOWN_reboot);
}

void machine_crash(void)
{
	shutdown(SHUTDOWN_crash);
}
