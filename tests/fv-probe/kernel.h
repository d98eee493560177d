/* SPDX-License-Identifier: MIT */
/* The small kernels of fv's tests: their serial line, words of their command line, their end (kernel.asm). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define COM1 0x3f8

/* kernel.asm */
extern int fault_vector; /* of the last run(): the exception that ended it, or -1 */
extern uint64_t gdt[], idt[];
/* Call @code in this ring; EAX as it left it. */
int run(void (*code)(void), unsigned ring);
void main(const uint32_t *mbi);

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void put_char(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, c);
}

/* Text, filled up with spaces to @width. */
static inline void put(const char *text, unsigned width)
{
	for (; *text; text++, width -= width > 0)
		put_char(*text);
	while (width--)
		put_char(' ');
}

static inline const char *number(unsigned n)
{
	static char text[12];
	char *p = text + sizeof(text) - 1;

	do
		*--p = '0' + n % 10;
	while (n /= 10);
	return p;
}

static inline bool has_word(const char *text, const char *word)
{
	for (; *text; text++) {
		unsigned n = 0;

		while (word[n] && text[n] == word[n])
			n++;
		if (!word[n])
			return true;
	}
	return false;
}

static inline void power_off(void)
{
	outw(0x604, 0x2000); /* ACPI S5 of q35 and of an fv domain, of i440fx, and Bochs' own way */
	outw(0xb004, 0x2000);
	for (const char *p = "Shutdown"; *p; p++)
		outb(0x8900, *p);
}
