/* SPDX-License-Identifier: MIT */
/* The first serial port, a 16550 at 0x3f8. Callers hold the console's lock (output) or are its interrupt
 * (input). */
#pragma once

#include "lib/types.h"

#define COM1_IRQ 4

/* @lcr: the format, for the line control register. False: there is no such device. */
bool serial_init(uint32_t baud, uint8_t lcr);
void serial_write(const char *text, size_t n);
void serial_rx_enable(void); /* interrupt when a character comes */
int serial_getc(void);       /* from the device, -1: none */
