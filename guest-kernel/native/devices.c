/* SPDX-License-Identifier: MIT */
/* The devices a bare machine has for us: only its console's input. */
#include "x86/internal.h"
#include "drivers/uart16550.h"

void drivers_init(void)
{
	uart_start_input();
}
