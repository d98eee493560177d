/* SPDX-License-Identifier: MIT */
/* console_io: writes appear (the runner looks for the marker), reading with no input gives 0, bad arguments
 * an error. */
#include "fw.h"

const char test_title[] = "hc-console-io";

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	static char text[] = "marker: console_io wrote this\n";
	char buffer[8];

	check_eq(hypercall_console_io(CONSOLEIO_write, sizeof(text) - 1, text), 0);
	check_eq(hypercall_console_io(CONSOLEIO_write, 0, text), 0);
	check_eq(hypercall_console_io(CONSOLEIO_read, sizeof(buffer), buffer), 0);
	check(hypercall_console_io(7, 1, text) < 0);
	check_eq(hypercall_console_io(CONSOLEIO_write, 0x80000000u, text), -XEN_E2BIG);
	check_eq(hypercall_console_io(CONSOLEIO_read, 0xffffffffu, buffer), -XEN_E2BIG);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_console_io(CONSOLEIO_write, 16, (void *)bad[i]), -XEN_EFAULT);
}
