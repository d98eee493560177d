/* SPDX-License-Identifier: MIT */
/* The console of a PV guest: Dom0's is the hypervisor's own, another domain's is a ring in shared memory. */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "drivers/console_ring.h"

void console_init(void)
{
	if (!boot_info.privileged && start_info->console.domU.mfn)
		console_ring_init(pfn_to_virt(mfn_to_pfn(start_info->console.domU.mfn)),
				  start_info->console.domU.evtchn);
}

static void put(const char *text, size_t len)
{
	if (console_ring_present())
		console_ring_write(text, len);
	else
		hypercall_console_io(CONSOLEIO_write, len, text);
}

void console_put(const char *text, size_t len)
{
	static char last;
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && last != '\r') {
			put(text + done, i - done);
			put("\r", 1);
			done = i;
		}
		last = text[i];
	}
	put(text + done, len - done);
	if (console_ring_present())
		console_ring_tell();
}
