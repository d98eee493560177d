/* SPDX-License-Identifier: MIT */
/*
 * The terminal as a screen that is drawn again and again: its size, and keys without Enter. A serial line does not tell
 * how large the terminal at its other end is, so the terminal itself is asked each time: the cursor is sent far away, and
 * the answer says where it got (ECMA-48: CUP, DSR and CPR). Whoever does not answer has the size that the kernel knows.
 */
#pragma once

#include <stdbool.h>

struct screen {
	bool
	    keys; /* standard input is a terminal: it is in raw mode, but for its signals, until screen_end() */
	unsigned rows, columns;
	char typed[16]; /* the last of it, from an ESC on: it may come in pieces */
	unsigned len;
};

void screen_begin(struct screen *s);
/* Clear the screen, and ask for its size. */
void screen_clear(const struct screen *s);
/* Wait @ms for a key; true: it was q. An answer of the terminal changes the size meanwhile, here and in the kernel. */
bool screen_wait(struct screen *s, unsigned ms);
void screen_end(const struct screen *s);

/* The next character typed. True: with it came a terminal's whole answer, and @s has that size. */
bool screen_answer(struct screen *s, char c);
