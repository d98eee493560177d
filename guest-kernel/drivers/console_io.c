/* SPDX-License-Identifier: MIT */
/* VIRQ_CONSOLE says that characters wait; console_io fetches them. */
#include "drivers/console_io.h"
#include "cpu_ops.h"
#include "machine.h"

static void input_irq(void *data)
{
	char buf[64];
	long n;

	while ((n = hypercall_console_io(CONSOLEIO_read, sizeof(buf), buf)) > 0)
		for (long i = 0; i < n; i++)
			console_input(buf[i]);
}

void console_io_start_input(void)
{
	int port = evtchn_bind_virq(VIRQ_CONSOLE, 0);

	if (port < 0)
		return; /* a hypervisor without console input: output still works */
	irq_register(port, input_irq, NULL);
	input_irq(NULL);
}
