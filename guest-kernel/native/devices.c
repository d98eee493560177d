/* SPDX-License-Identifier: MIT */
/* The devices of a bare machine: its console's input, /dev/crash, further serial lines, and what virtio has. */
#include "x86/internal.h"
#include "drivers/devices.h"
#include "drivers/uart16550.h"
#include "drivers/virtio.h"

void drivers_init(void)
{
	uart_start_input();
	crash_init();
	serial_lines_init();
	virtio_init();
}

void drivers_settle(void)
{
}
