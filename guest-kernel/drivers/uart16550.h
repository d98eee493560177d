/* SPDX-License-Identifier: MIT */
/* 16550 serial ports: 115200 baud, 8 bits, no parity. (National Semiconductor PC16550D, Registers) */
#ifndef DRIVERS_UART16550_H
#define DRIVERS_UART16550_H

#include "x86/ports.h"

#define UART_DATA          0 /* with DLAB: divisor low */
#define UART_IRQ_ENABLE    1 /* with DLAB: divisor high */
#define UART_FIFO_CONTROL  2
#define UART_LINE_CONTROL  3
#define UART_MODEM_CONTROL 4
#define UART_LINE_STATUS   5

#define UART_DLAB          0x80
#define UART_EIGHT_BITS    0x03
#define UART_FIFO_ON_CLEAR 0x07
#define UART_FIFO_14       0xc1 /* on; it calls for the processor with 14 bytes */
#define UART_DTR_RTS_OUT2  0x0b /* OUT2 connects the interrupt line on a PC */
#define UART_RECEIVE_IRQ   0x01
#define UART_RECEIVED      0x01
#define UART_EMPTY         0x20

static inline void uart_set_up(u16 port)
{
	outb(port + UART_IRQ_ENABLE, 0);
	outb(port + UART_LINE_CONTROL, UART_DLAB);
	outb(port + UART_DATA, 1); /* 115200 / 1 */
	outb(port + UART_IRQ_ENABLE, 0);
	outb(port + UART_LINE_CONTROL, UART_EIGHT_BITS);
	outb(port + UART_FIFO_CONTROL, UART_FIFO_ON_CLEAR);
	outb(port + UART_MODEM_CONTROL, UART_DTR_RTS_OUT2);
}

/* COM1. Native kernels only. */
void uart_init(void);
void uart_put(char c);       /* waits until the port takes it */
void uart_start_input(void); /* from now on, received characters go to console_input() */

#endif
