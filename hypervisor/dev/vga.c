/* SPDX-License-Identifier: MIT */
/*
 * VGA text output. Scrolling moves the display's start address down the 32 KiB text window (IBM VGA, CRT
 * controller registers 0x0c and 0x0d): each line is written once, and only when the window ends are the
 * visible lines copied back to its top. Video memory is slow, on real machines and more so in emulators.
 */
#include "dev/vga.h"
#include "cpu/x86.h"
#include "lib/string.h"
#include "mm/page.h"

#define TEXT_BASE   0xb8000
#define COLUMNS     80
#define ROWS        25
#define WINDOW_ROWS (32768 / 2 / COLUMNS)
#define ATTRIBUTE   0x0700 /* light grey on black */
#define CRTC_INDEX  0x3d4
#define CRTC_DATA   0x3d5

static uint16_t *const cells = (uint16_t *)(DIRECTMAP + TEXT_BASE);
static unsigned top, row, column; /* first visible row of the window; where the next character goes */

static void crtc_write(uint8_t index, unsigned value)
{
	outb(CRTC_INDEX, index);
	outb(CRTC_DATA, value >> 8);
	outb(CRTC_INDEX, index + 1);
	outb(CRTC_DATA, value);
}

static void clear_row(unsigned r)
{
	uint64_t *p = (uint64_t *)(cells + r * COLUMNS);

	for (int i = 0; i < COLUMNS / 4; i++)
		p[i] = (ATTRIBUTE | ' ') * 0x0001000100010001ull;
}

void vga_init(void)
{
	for (unsigned r = 0; r < ROWS; r++)
		clear_row(r);
	top = row = column = 0;
	crtc_write(0x0c, 0);
}

static void new_line(void)
{
	column = 0;
	row++;
	if (row - top < ROWS)
		return;
	if (row == WINDOW_ROWS) {
		memcpy(cells, cells + (top + 1) * COLUMNS, (ROWS - 1) * COLUMNS * 2);
		top = 0;
		row = ROWS - 1;
	} else {
		top++;
	}
	clear_row(row);
	crtc_write(0x0c, top * COLUMNS);
}

static void put(char c)
{
	if (c == '\n') {
		new_line();
	} else if (c == '\r') {
		column = 0;
	} else if (c == '\b') {
		column -= column > 0;
	} else if (c == '\t') {
		do
			put(' ');
		while (column % 8);
	} else if ((uint8_t)c >= ' ') {
		cells[row * COLUMNS + column] = ATTRIBUTE | (uint8_t)c;
		if (++column == COLUMNS)
			new_line();
	}
}

void vga_write(const char *text, size_t n)
{
	while (n--)
		put(*text++);
	crtc_write(0x0e, row * COLUMNS + column);
}
