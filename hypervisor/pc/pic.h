/* SPDX-License-Identifier: MIT */
/* The two interrupt controllers of a PC (Intel 8259A). Pure: the caller has the lock and the ports. */
#pragma once

#include "lib/types.h"

struct pic_chip {
	uint8_t irr, isr, imr; /* requested, in service, masked */
	uint8_t lines;         /* levels of the inputs, for their edges */
	uint8_t base;          /* vector of line 0 */
	uint8_t init;          /* next word of the initialisation expected: 0 none, 2, 3, 4 */
	bool needs_word4, auto_end, read_isr;
};

struct pic {
	struct pic_chip chip[2]; /* the second one is wired to line 2 of the first */
};

void pic_reset(struct pic *pic);
/* Input @line (0 to 15) goes high or low. */
void pic_set_line(struct pic *pic, unsigned line, bool high);
bool pic_interrupts(const struct pic *pic); /* the INTR output */
uint8_t pic_acknowledge(struct pic *pic);   /* the vector; of line 7 if the request has gone */
uint8_t pic_read(struct pic *pic, unsigned chip, unsigned port);
void pic_write(struct pic *pic, unsigned chip, unsigned port, uint8_t value);
