/* SPDX-License-Identifier: MIT */
/* The console of the bare machine: the first serial port, echoed on the VGA text screen. */
#include "x86/internal.h"
#include "drivers/uart16550.h"
#include "drivers/vga.h"

void console_init(void)
{
	uart_init();
	vga_init();
}

static void put(char c)
{
	uart_put(c);
	vga_put(c);
}

void console_put(const char *text, size_t len)
{
	static char last;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n' && last != '\r')
			put('\r');
		put(text[i]);
		last = text[i];
	}
}
