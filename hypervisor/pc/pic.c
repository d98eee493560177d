/* SPDX-License-Identifier: MIT */
/* See pic.h. Intel 8259A data sheet, "Initialization Command Words", "Operation Command Words". Edge triggered,
 * fixed priorities, as every PC uses it; rotation and special mask mode are not there. */
#include "pc/pic.h"

#define CASCADE_LINE 2

#define ICW1         0x10 /* bits of what is written to the command port */
#define ICW1_WORD4   0x01
#define ICW4_AUTO    0x02
#define OCW3         0x08
#define OCW3_READ    0x02
#define OCW3_ISR     0x01
#define OCW2_END     0x20
#define OCW2_SPECIFY 0x40

void pic_reset(struct pic *pic)
{
	for (unsigned i = 0; i < 2; i++)
		pic->chip[i] = (struct pic_chip){.imr = 0xff};
}

/* The request to serve now: of higher priority than what is in service. -1: none. */
static int best(const struct pic_chip *c)
{
	uint8_t wanted = c->irr & ~c->imr;
	int line = wanted ? __builtin_ctz(wanted) : 8, busy = c->isr ? __builtin_ctz(c->isr) : 8;

	return line < busy ? line : -1;
}

static void set_input(struct pic_chip *c, unsigned line, bool high)
{
	uint8_t bit = 1u << line;

	if (high && !(c->lines & bit))
		c->irr |= bit;
	else if (!high)
		c->irr &= ~bit;
	c->lines = high ? c->lines | bit : c->lines & ~bit;
}

/* The second chip's output is an input of the first. */
static void cascade(struct pic *pic)
{
	set_input(&pic->chip[0], CASCADE_LINE, best(&pic->chip[1]) >= 0);
}

void pic_set_line(struct pic *pic, unsigned line, bool high)
{
	set_input(&pic->chip[line / 8], line % 8, high);
	cascade(pic);
}

bool pic_interrupts(const struct pic *pic)
{
	return best(&pic->chip[0]) >= 0;
}

static uint8_t take(struct pic_chip *c)
{
	int line = best(c);

	if (line < 0)
		return c->base + 7;
	c->irr &= ~(1u << line);
	if (!c->auto_end)
		c->isr |= 1u << line;
	return c->base + line;
}

uint8_t pic_acknowledge(struct pic *pic)
{
	bool second = best(&pic->chip[0]) == CASCADE_LINE;
	uint8_t vector = take(&pic->chip[0]);

	if (second) {
		vector = take(&pic->chip[1]);
		set_input(&pic->chip[0], CASCADE_LINE, false);
		cascade(pic);
	}
	return vector;
}

uint8_t pic_read(struct pic *pic, unsigned chip, unsigned port)
{
	const struct pic_chip *c = &pic->chip[chip];

	return port ? c->imr : c->read_isr ? c->isr : c->irr;
}

static void end_of_interrupt(struct pic_chip *c, uint8_t value)
{
	if (value & OCW2_SPECIFY)
		c->isr &= ~(1u << (value & 7));
	else
		c->isr &= c->isr - 1; /* the highest priority in service */
}

static void command(struct pic_chip *c, uint8_t value)
{
	if (value & ICW1)
		*c = (struct pic_chip){
		    .lines = c->lines, .init = 2, .needs_word4 = value & ICW1_WORD4, .base = c->base};
	else if (value & OCW3)
		c->read_isr = value & OCW3_READ ? value & OCW3_ISR : c->read_isr;
	else if (value & OCW2_END)
		end_of_interrupt(c, value);
}

static void data(struct pic_chip *c, uint8_t value)
{
	switch (c->init) {
	case 0:
		c->imr = value;
		return;
	case 2:
		c->base = value & 0xf8;
		c->init = 3;
		return;
	case 3: /* how the two are wired: as on every PC */
		c->init = c->needs_word4 ? 4 : 0;
		return;
	case 4:
		c->auto_end = value & ICW4_AUTO;
		c->init = 0;
		return;
	}
}

void pic_write(struct pic *pic, unsigned chip, unsigned port, uint8_t value)
{
	if (port)
		data(&pic->chip[chip], value);
	else
		command(&pic->chip[chip], value);
	/* The first chip's input from the second acts as a level: a request that is left asks again. */
	if (best(&pic->chip[1]) >= 0 && !(pic->chip[0].isr & 1u << CASCADE_LINE))
		set_input(&pic->chip[0], CASCADE_LINE, false);
	cascade(pic);
}
