/* SPDX-License-Identifier: MIT */
/* The devices a domain has for us: its console's input, and the doors for Dom0's tools. */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "drivers/console_ring.h"
#include "drivers/console_io.h"
#include "drivers/crash.h"
#include "drivers/evtchn.h"
#include "drivers/privcmd.h"
#include "drivers/xenstore.h"

void drivers_init(void)
{
	if (console_ring_present())
		console_ring_start_input();
	else if (boot_info.privileged)
		console_io_start_input();
	if (!boot_info.privileged && start_info->store_evtchn)
		xenstore_init(pfn_to_virt(mfn_to_pfn(start_info->store_mfn)), start_info->store_evtchn);
	crash_init();
	privcmd_init();
	evtchn_init();
}
