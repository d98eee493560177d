/* SPDX-License-Identifier: MIT */
/*
 * 80 by 25 characters in memory at 0xb8000. Escape sequences of terminals are dropped, not obeyed: the
 * screen is a copy of what the serial line shows.
 */
#include "drivers/vga.h"
#include "cpu_ops.h"
#include "machine.h"
#include "kern/lib/string.h"

#define COLUMNS 80u
#define ROWS    25u
#define BLANK   0x0720u /* grey on black, space */

#define CRTC_INDEX  0x3d4u
#define CURSOR_HIGH 14u
#define CURSOR_LOW  15u

static uint16_t *screen;
static unsigned row, column;
static enum {
	TEXT,
	ESCAPE,
	SEQUENCE
} state;

static void clear_row(unsigned r)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		screen[r * COLUMNS + i] = BLANK;
}

void vga_init(void)
{
	screen = pfn_to_virt(0xb8);
	for (unsigned r = 0; r < ROWS; r++)
		clear_row(r);
}

static void next_row(void)
{
	if (++row < ROWS)
		return;
	row = ROWS - 1;
	memmove(screen, screen + COLUMNS, row * COLUMNS * sizeof(*screen));
	clear_row(row);
}

static void put_text(char c)
{
	switch (c) {
	case '\n':
		next_row();
		break;
	case '\r':
		column = 0;
		break;
	case '\b':
		column -= column > 0;
		break;
	case '\t':
		column = MIN((column + 8) & ~7u, COLUMNS - 1);
		break;
	default:
		if ((unsigned char)c < ' ')
			break;
		if (column == COLUMNS) {
			column = 0;
			next_row();
		}
		screen[row * COLUMNS + column++] = 0x0700 | (unsigned char)c;
	}
}

static void move_cursor(void)
{
	unsigned at = row * COLUMNS + MIN(column, COLUMNS - 1);

	outb(CRTC_INDEX, CURSOR_HIGH);
	outb(CRTC_INDEX + 1, at >> 8);
	outb(CRTC_INDEX, CURSOR_LOW);
	outb(CRTC_INDEX + 1, at);
}

void vga_put(char c)
{
	if (c == '\033')
		state = ESCAPE;
	else if (state == ESCAPE)
		state = c == '[' ? SEQUENCE : TEXT;
	else if (state == SEQUENCE)
		state = c >= '@' ? TEXT : SEQUENCE;
	else
		put_text(c);
	move_cursor();
}
