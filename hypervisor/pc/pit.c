/* SPDX-License-Identifier: MIT */
/* See pit.h. Intel 8254 data sheet, "Mode Definitions". Modes 0, 2, 3; 1 and 4 behave as 0, 5 too. */
#include "pc/pit.h"
#include "lib/muldiv.h"

#define MODE_RATE   2
#define MODE_SQUARE 3

#define COMMAND_READ_BACK   3 /* in the place of a channel number */
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10
#define NS_PER_SEC          1000000000ull

static uint64_t ticks_of(uint64_t ns)
{
	return mul_div(ns, PIT_HZ, NS_PER_SEC);
}

/* A nanosecond at which @ticks have passed. */
static uint64_t ns_of(uint64_t ticks)
{
	return mul_div(ticks, NS_PER_SEC, PIT_HZ) + 1;
}

void pit_reset(struct pit *pit, uint64_t now)
{
	*pit = (struct pit){0};
	for (unsigned i = 0; i < 3; i++)
		pit->channel[i] = (struct pit_channel){
		    .mode = MODE_SQUARE, .access = 3, .gate = i != 2, .count = 0x10000, .start = now};
}

static bool periodic(const struct pit_channel *c)
{
	return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static uint16_t counter(const struct pit_channel *c, uint64_t now)
{
	uint64_t passed = c->running ? ticks_of(now - c->start) : 0;

	if (periodic(c))
		return c->count - passed % c->count;
	return c->count - passed; /* goes on through zero */
}

bool pit_output(const struct pit *pit, unsigned channel, uint64_t now)
{
	const struct pit_channel *c = &pit->channel[channel];
	uint64_t passed = c->running ? ticks_of(now - c->start) : 0;

	if (c->mode == MODE_SQUARE)
		return passed % c->count < (c->count + 1) / 2;
	if (c->mode == MODE_RATE)
		return passed % c->count != c->count - 1;
	return c->running && passed >= c->count;
}

uint64_t pit_next_edge(const struct pit *pit, unsigned channel, uint64_t now)
{
	const struct pit_channel *c = &pit->channel[channel];
	uint64_t step = c->count;

	if (!c->running || !c->gate)
		return 0;
	if (!periodic(c))
		return c->told ? 0 : c->start + ns_of(c->count);
	if (step < PIT_LEAST_TICKS)
		step *= (PIT_LEAST_TICKS + step - 1) / step;
	return c->start + ns_of((ticks_of(now - c->start) / step + 1) * step);
}

bool pit_tell(struct pit *pit, unsigned channel, uint64_t now)
{
	struct pit_channel *c = &pit->channel[channel];
	bool due = c->running && ticks_of(now - c->start) >= c->count && !(c->told && !periodic(c));

	c->told |= due;
	return due;
}

static void latch(struct pit_channel *c, uint64_t now)
{
	if (c->latched)
		return;
	c->latched = true;
	c->latch = counter(c, now);
}

static void read_back(struct pit *pit, uint8_t value, uint64_t now)
{
	for (unsigned i = 0; i < 3; i++) {
		struct pit_channel *c = &pit->channel[i];

		if (!(value & 2u << i))
			continue;
		if (!(value & READ_BACK_NO_COUNT))
			latch(c, now);
		if (!(value & READ_BACK_NO_STATUS) && !c->status_latched) {
			c->status_latched = true;
			c->status =
			    pit_output(pit, i, now) << 7 | !c->running << 6 | c->access << 4 | c->mode << 1;
		}
	}
}

void pit_command(struct pit *pit, uint8_t value, uint64_t now)
{
	unsigned channel = value >> 6, access = value >> 4 & 3, mode = value >> 1 & 7;
	struct pit_channel *c = &pit->channel[channel % 3];

	if (channel == COMMAND_READ_BACK) {
		read_back(pit, value, now);
		return;
	}
	if (!access) {
		latch(c, now);
		return;
	}
	c->access = access;
	c->mode = mode > 5 ? mode - 4 : mode;
	c->second = c->running = c->latched = c->status_latched = false;
}

static void load(struct pit_channel *c, uint16_t count, uint64_t now)
{
	c->count = count ? count : 0x10000;
	c->start = now;
	c->told = false;
	c->running = c->gate;
}

void pit_write(struct pit *pit, unsigned channel, uint8_t value, uint64_t now)
{
	struct pit_channel *c = &pit->channel[channel];

	switch (c->access) {
	case 1:
		load(c, value, now);
		return;
	case 2:
		load(c, value << 8, now);
		return;
	}
	if (c->second)
		load(c, c->low | value << 8, now);
	else
		c->low = value;
	c->second = !c->second;
}

uint8_t pit_read(struct pit *pit, unsigned channel, uint64_t now)
{
	struct pit_channel *c = &pit->channel[channel];
	uint16_t value = c->latched ? c->latch : counter(c, now);
	bool high = c->access == 2 || (c->access == 3 && c->second);

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->access == 3)
		c->second = !c->second;
	if (c->access != 3 || high)
		c->latched = false;
	return high ? value >> 8 : value;
}

/* A rising gate starts the count; a falling one stops it (what it had then is not kept). */
void pit_set_gate(struct pit *pit, unsigned channel, bool high, uint64_t now)
{
	struct pit_channel *c = &pit->channel[channel];

	if (high == c->gate)
		return;
	c->gate = high;
	c->running = high;
	c->told = false;
	c->start = now;
}
