/* SPDX-License-Identifier: MIT */
/* 16550 UART (National PC16550D data sheet). */
#include "dev/serial.h"
#include "cpu/x86.h"

#define COM1 0x3f8
#define DATA (COM1 + 0)
#define IER  (COM1 + 1)
#define FCR  (COM1 + 2)
#define LCR  (COM1 + 3)
#define MCR  (COM1 + 4)
#define LSR  (COM1 + 5)
#define SCR  (COM1 + 7)

#define LCR_DLAB     0x80
#define FCR_ENABLE   0x07 /* FIFOs on and emptied */
#define MCR_LINES    0x0b /* DTR, RTS, OUT2: OUT2 lets the interrupt out */
#define LSR_DATA     0x01
#define LSR_TX_EMPTY 0x20
#define IER_RX       0x01
#define CLOCK        115200
#define FIFO_DEPTH   16
#define TX_PATIENCE  2000000 /* polls, about a second */

static bool present;

bool serial_init(uint32_t baud, uint8_t lcr)
{
	uint16_t divisor = CLOCK / baud;

	outb(SCR, 0x5a);
	present = inb(SCR) == 0x5a;
	if (!present)
		return false;
	outb(IER, 0);
	outb(LCR, LCR_DLAB);
	outb(DATA, divisor & 0xff);
	outb(IER, divisor >> 8);
	outb(LCR, lcr);
	outb(FCR, FCR_ENABLE);
	outb(MCR, MCR_LINES);
	return true;
}

/* Wait until the transmit FIFO is empty; then FIFO_DEPTH characters may follow without another look. A line
 * whose other end has stopped reading delays output once, and from then on loses characters until it drains
 * again. */
static bool wait_empty(void)
{
	static bool stuck;

	for (int i = 0; i < (stuck ? 1 : TX_PATIENCE); i++)
		if (inb(LSR) & LSR_TX_EMPTY) {
			stuck = false;
			return true;
		}
	stuck = true;
	return false;
}

static void put(char c)
{
	static unsigned room;

	if (!room) {
		if (!wait_empty())
			return;
		room = FIFO_DEPTH;
	}
	outb(DATA, c);
	room--;
}

void serial_write(const char *text, size_t n)
{
	for (; present && n; n--, text++) {
		if (*text == '\n')
			put('\r');
		put(*text);
	}
}

void serial_rx_enable(void)
{
	if (present)
		outb(IER, IER_RX);
}

int serial_getc(void)
{
	return present && (inb(LSR) & LSR_DATA) ? inb(DATA) : -1;
}
