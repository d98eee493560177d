/* SPDX-License-Identifier: MIT */
/* The devices of a bare machine: its console's input, and /dev/crash. */
#include "x86/internal.h"
#include "drivers/devices.h"
#include "drivers/uart16550.h"

void drivers_init(void)
{
	uart_start_input();
	crash_init();
}
