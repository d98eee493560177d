/* SPDX-License-Identifier: MIT */
/*
 * The time stamp counter's rate, by the 8254's channel 2, which counts down through zero and on for ever. (Intel 8254,
 * Mode 0; read by the counter latch command.)
 *
 * A sample is a pair of counts, taken within a few reads of a port; the one of a few that took least time
 * counts, as a hypervisor may run others meanwhile. So what happens between two samples does no harm, and the longer
 * the time between them the better the rate. Channel 2 comes round every 55 ms: how often it did so between two samples
 * follows from the rate known so far, unless more time has passed than that rate is good for.
 */
#include "tsc.h"
#include "cpu_ops.h"
#include "kern/time/clock.h"
#include "x86/cpu.h"
#include "x86/internal.h"

#define PIT_CHANNEL2 0x42u
#define PIT_ONESHOT2 0xb0u /* channel 2, two bytes, mode 0 */
#define PIT_LATCH2   0x80u
#define PORT_B       0x61u /* bit 0: gate of channel 2, bit 1: speaker, bit 5: channel 2 has come to zero */
#define PORT_B_OUT2  0x20u

#define FIRST_TICKS 23864u /* 20 ms: the first measurement */
#define SAMPLES     4u     /* of which the best is taken */
#define CORRECT_NS  500000000u
#define TRUSTED \
	256u /* for this many times the time it was measured over, the rate tells how often channel 2 came round */

/* ns = ((tsc - begin_tsc) << shift) * mul >> 32, and begin_ns */
static uint64_t begin_tsc, begin_ns;
static uint32_t mul;
static unsigned shift;

struct sample {
	uint64_t tsc;
	uint16_t count; /* of channel 2, downwards */
};

static struct sample first, last;
static uint64_t ticks; /* of the 8254 between the two */
static uint64_t span;  /* of the counter's ticks, over which its rate was measured */

static struct sample take_sample(void)
{
	struct sample best = {0};
	uint64_t error = ~0ull;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t before = rdtsc(), after;
		uint16_t count;

		outb(PIT_COMMAND, PIT_LATCH2);
		after = rdtsc();
		count = inb(PIT_CHANNEL2);
		count |= inb(PIT_CHANNEL2) << 8;
		if (after - before < error) {
			error = after - before;
			best = (struct sample){after, count};
		}
	}
	return best;
}

static uint64_t ns_of(uint64_t pit_ticks)
{
	return pit_ticks * (1000000000u / PIT_HZ) +
	       scale(pit_ticks, (uint32_t)((1000000000ull << 32) / PIT_HZ));
}

/* Sets the rate from the two samples: from now on, and without a step in time. */
static void set_rate(void)
{
	uint64_t now = rdtsc(), ns = ns_of(ticks), counted = last.tsc - first.tsc;

	span = counted;
	begin_ns += scale((now - begin_tsc) << shift, mul);
	begin_tsc = now;
	while (ns >> 31 || counted >> 32) {
		ns >>= 1;
		counted >>= 1;
	}
	for (shift = 0; ns >= counted; shift++) /* slower than 1 GHz: let the counter count double */
		counted <<= 1;
	mul = div64(ns << 32, counted, NULL);
}

/* Loads channel 2 and measures for a while; false if it came round, as the time passed is then unknown. */
static bool measure(unsigned want)
{
	outb(PIT_COMMAND, PIT_ONESHOT2);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
	first = take_sample();
	do
		last = take_sample();
	while ((uint16_t)(first.count - last.count) < want && !(inb(PORT_B) & PORT_B_OUT2));
	ticks = (uint16_t)(first.count - last.count);
	return !(inb(PORT_B) & PORT_B_OUT2);
}

/* Repeats the measurement, shorter each time, until channel 2 does not come round within one. */
void tsc_init(void)
{
	unsigned want = FIRST_TICKS;

	outb(PORT_B, (inb(PORT_B) & ~2u) | 1u);
	while (!measure(want))
		want = MAX(want - want / 8, FIRST_TICKS / 16);
	begin_tsc = rdtsc();
	set_rate();
}

uint64_t tsc_to_ns(uint64_t counted)
{
	return scale(counted << shift, mul);
}

/* Another processor's counter may be a little behind the one that was read last. */
uint64_t tsc_ns(void)
{
	int64_t passed = rdtsc() - begin_tsc;

	return begin_ns + (passed > 0 ? tsc_to_ns(passed) : 0);
}

void tsc_correct(void)
{
	static uint64_t next;
	uint64_t now = tsc_ns(), passed, expected;
	struct sample s;

	if (now < next)
		return;
	next = now + CORRECT_NS + now / 16; /* the longer the measurement, the less there is to correct */
	s = take_sample();
	passed = s.tsc - last.tsc;
	expected = scale(scale(passed << shift, mul), PIT_PER_NS);
	ticks += expected + (int16_t)((uint16_t)(last.count - s.count) - (uint16_t)expected);
	last = s;
	if (passed / TRUSTED > span) { /* too long ago: start again from here */
		ticks = 0;
		first = s;
	} else if (last.tsc - first.tsc >= span) {
		set_rate();
	}
}
