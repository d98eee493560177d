/* SPDX-License-Identifier: MIT */
/* The first serial port, COM1: 115200 baud, 8 bits, no parity. Native kernels only. */
#ifndef DRIVERS_UART16550_H
#define DRIVERS_UART16550_H

void uart_init(void);
void uart_put(char c);       /* waits until the port takes it */
void uart_start_input(void); /* from now on, received characters go to console_input() */

#endif
