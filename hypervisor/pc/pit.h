/* SPDX-License-Identifier: MIT */
/* The interval timer (Intel 8254): channel 0, wired to interrupt line 0, and channel 2, whose output port 0x61
 * shows. Channel 1 refreshed memory once. Pure: time is an argument, the caller has the lock and a timer. */
#pragma once

#include "lib/types.h"

#define PIT_HZ 1193182u
#define PIT_LEAST_TICKS \
	298u /* a quarter of a millisecond: the least time between two interrupts of a periodic mode */

struct pit_channel {
	uint8_t mode, access; /* access: 1 low byte, 2 high byte, 3 low then high */
	bool second;          /* the high byte comes next, of a write or a read */
	bool gate, running;
	bool told;      /* its edge, since it was loaded */
	uint8_t low;    /* byte written first */
	uint32_t count; /* 1 to 65536 */
	uint64_t start; /* when it was loaded (ns) */
	bool latched, status_latched;
	uint16_t latch;
	uint8_t status;
};

struct pit {
	struct pit_channel channel[3];
};

void pit_reset(struct pit *pit, uint64_t now);
void pit_command(struct pit *pit, uint8_t value, uint64_t now);
void pit_write(struct pit *pit, unsigned channel, uint8_t value, uint64_t now);
uint8_t pit_read(struct pit *pit, unsigned channel, uint64_t now);
void pit_set_gate(struct pit *pit, unsigned channel, bool high, uint64_t now);
bool pit_output(const struct pit *pit, unsigned channel, uint64_t now);
/* When a caller that waits for the output of @channel to rise must look next: a future time, or a past one for a single
 * shot whose edge was not told yet. 0: never. A channel programmed faster than PIT_LEAST_TICKS counts as it should, but
 * only every second, third ... of its edges is told. */
uint64_t pit_next_edge(const struct pit *pit, unsigned channel, uint64_t now);
/* It is time: has the output risen? A single shot's does once. */
bool pit_tell(struct pit *pit, unsigned channel, uint64_t now);
