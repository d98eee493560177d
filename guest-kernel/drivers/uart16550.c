/* SPDX-License-Identifier: MIT */
/* A 16550 serial port: output by polling, input by interrupt. (National Semiconductor PC16550D, Registers) */
#include "drivers/uart16550.h"
#include "cpu_ops.h"
#include "machine.h"

#define COM1      0x3f8u
#define COM1_LINE 4u

void uart_init(void)
{
	uart_set_up(COM1);
}

/* A machine without the port reads all ones, and never waits. */
void uart_put(char c)
{
	while (!(inb(COM1 + UART_LINE_STATUS) & UART_EMPTY))
		;
	outb(COM1 + UART_DATA, c);
}

static void uart_irq(void *data)
{
	uint8_t status = inb(COM1 + UART_LINE_STATUS);

	for (; status != 0xff && status & UART_RECEIVED; status = inb(COM1 + UART_LINE_STATUS))
		console_input(inb(COM1 + UART_DATA));
}

void uart_start_input(void)
{
	irq_register(COM1_LINE, uart_irq, NULL);
	outb(COM1 + UART_IRQ_ENABLE, UART_RECEIVE_IRQ);
	uart_irq(NULL);
}
