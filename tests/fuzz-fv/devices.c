/* SPDX-License-Identifier: MIT */
/* Ports: every one in every size, PIC and PIT programmed at random; and put right again. */
#include "fuzz.h"

/* IRQ 0 to 15 at vectors 0x20 to 0x2f, only the timer's on, a hundred times a second. */
void devices_right(void)
{
	static const uint8_t words[][2] = {{0x11, 0x11}, {0x20, 0x28}, {4, 2}, {1, 1}};

	for (unsigned i = 0; i < 4; i++) {
		outb(i ? 0x21 : 0x20, words[i][0]);
		outb(i ? 0xa1 : 0xa0, words[i][1]);
	}
	outb(0x21, 0xfe);
	outb(0xa1, 0xff);
	outb(0x43, 0x34);
	outb(0x40, 11932 & 0xff);
	outb(0x40, 11932 >> 8);
	outb(0x20, 0x20);
}

/* Those at which the machine would end or the serial line fill up are only read. */
static bool harmless(uint16_t port)
{
	return !(port >= 0x60 && port <= 0x64) && (port & ~7) != COM1 && (port & 0xff00) != 0x600 &&
	       port != 0xcf9 && port != 0x92;
}

static uint16_t any_port(void)
{
	static const uint16_t known[] = {0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41,  0x42, 0x43,
					 0x43, 0x40, 0x61, 0x70, 0x71, 0x4d0, 0x80};

	return one_in(3) ? random32() >> below(16) : known[below(sizeof(known) / sizeof(*known))];
}

void do_devices(void)
{
	for (unsigned i = 0, n = 1 + below(12); i < n; i++) {
		uint16_t port = any_port();
		uint32_t v = one_in(2) ? below(256) : random32();

		switch (below(harmless(port) && harmless(port + 3) ? 6 : 3)) {
		case 0:
			__asm__ volatile("inb %1, %%al" : "=a"(v) : "d"(port));
			break;
		case 1:
			__asm__ volatile("inw %1, %%ax" : "=a"(v) : "d"(port));
			break;
		case 2:
			__asm__ volatile("inl %1, %%eax" : "=a"(v) : "d"(port));
			break;
		case 3:
			__asm__ volatile("outw %w0, %1" : : "a"(v), "d"(port));
			break;
		case 4:
			__asm__ volatile("outl %0, %1" : : "a"(v), "d"(port));
			break;
		default:
			outb(port, v);
		}
	}
	code_begin();
	code_run(3);
	devices_right();
}
