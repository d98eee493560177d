/* SPDX-License-Identifier: MIT */
/* The devices of a domain: its console's input, and the device files for Dom0's tools. */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "drivers/blkfront.h"
#include "drivers/console_ring.h"
#include "drivers/console_io.h"
#include "drivers/devices.h"
#include "drivers/netfront.h"
#include "drivers/virtio.h"
#include "drivers/xenbus.h"
#include "drivers/xenbus_device.h"
#include "drivers/xenstore.h"
#include "drivers/xs_ring.h"

/* Dom0 runs the store itself; other domains find their ring in start_info. */
static void store_init(void)
{
	if (boot_info.privileged) {
		xenbus_backend_init();
	} else if (start_info->store_evtchn) {
		xs_ring_init(pfn_to_virt(mfn_to_pfn(start_info->store_mfn)), start_info->store_evtchn);
		xenstore_init();
	}
	xenbus_init();
	if (xs_ring_present()) {
		blkfront_init();
		netfront_init();
	}
}

void drivers_init(void)
{
	if (console_ring_present())
		console_ring_start_input();
	else if (boot_info.privileged)
		console_io_start_input();
	store_init();
	crash_init();
	privcmd_init();
	evtchn_init();
	gntdev_init();
	gntalloc_init();
	if (boot_info.privileged) { /* other domains have no devices of the machine */
		serial_lines_init();
		virtio_init();
	}
}

/* Dom0's come when its daemons run. */
void drivers_settle(void)
{
	if (!boot_info.privileged && xs_ring_present())
		xenbus_wait();
}
