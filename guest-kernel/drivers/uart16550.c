/* SPDX-License-Identifier: MIT */
/* A 16550 serial port: output by polling, input by interrupt. (National Semiconductor PC16550D, Registers) */
#include "drivers/uart16550.h"
#include "cpu_ops.h"
#include "machine.h"

#define COM1      0x3f8u
#define COM1_LINE 4u

#define DATA          0 /* with DLAB: divisor low */
#define IRQ_ENABLE    1 /* with DLAB: divisor high */
#define FIFO_CONTROL  2
#define LINE_CONTROL  3
#define MODEM_CONTROL 4
#define LINE_STATUS   5

#define DLAB            0x80
#define EIGHT_BITS      0x03
#define FIFO_ON_CLEAR   0x07
#define DTR_RTS_OUT2    0x0b /* OUT2 connects the interrupt line on a PC */
#define RECEIVE_IRQ     0x01
#define STATUS_RECEIVED 0x01
#define STATUS_EMPTY    0x20

void uart_init(void)
{
	outb(COM1 + IRQ_ENABLE, 0);
	outb(COM1 + LINE_CONTROL, DLAB);
	outb(COM1 + DATA, 1); /* 115200 / 1 */
	outb(COM1 + IRQ_ENABLE, 0);
	outb(COM1 + LINE_CONTROL, EIGHT_BITS);
	outb(COM1 + FIFO_CONTROL, FIFO_ON_CLEAR);
	outb(COM1 + MODEM_CONTROL, DTR_RTS_OUT2);
}

/* A machine without the port reads all ones, and never waits. */
void uart_put(char c)
{
	while (!(inb(COM1 + LINE_STATUS) & STATUS_EMPTY))
		;
	outb(COM1 + DATA, c);
}

static void uart_irq(void *data)
{
	uint8_t status = inb(COM1 + LINE_STATUS);

	for (; status != 0xff && status & STATUS_RECEIVED; status = inb(COM1 + LINE_STATUS))
		console_input(inb(COM1 + DATA));
}

void uart_start_input(void)
{
	irq_register(COM1_LINE, uart_irq, NULL);
	outb(COM1 + IRQ_ENABLE, RECEIVE_IRQ);
	uart_irq(NULL);
}
