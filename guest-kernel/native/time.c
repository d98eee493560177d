/* SPDX-License-Identifier: MIT */
/*
 * Time on the bare machine: the time stamp counter, calibrated once against the 8254 timer; the date from
 * the CMOS clock; single shots from the 8254's channel 0 or, where there are several processors, from the
 * timer that each of them has in its local APIC. (Intel 8254, Programming the 8254)
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "cpu_ops.h"
#include "lapic.h"
#include "pit.h"

#define PIT_HZ       1193182u
#define PIT_CHANNEL0 0x40u
#define PIT_CHANNEL2 0x42u
#define PIT_COMMAND  0x43u
#define PIT_ONESHOT0 0x30u /* channel 0, two bytes, mode 0: interrupt on terminal count */
#define PIT_ONESHOT2 0xb0u
#define PORT_B       0x61u /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */
#define TIMER_LINE   0u

#define CALIBRATION_TICKS 59659u /* 50 ms */
#define CALIBRATION_NS    50000000ull

#define CMOS_INDEX 0x70u
#define CMOS_DATA  0x71u

static uint32_t tsc_mul;
static unsigned tsc_shift; /* ns = ((tsc - start) << shift) * mul >> 32 */
static uint64_t tsc_start, wall_start;

static void pit_load(unsigned channel, unsigned command, unsigned count)
{
	outb(PIT_COMMAND, command);
	outb(channel, count);
	outb(channel, count >> 8);
}

void pit_oneshot(unsigned count)
{
	pit_load(PIT_CHANNEL0, PIT_ONESHOT0, count);
}

static void calibrate(void)
{
	uint64_t begin, ticks, mul;

	outb(PORT_B, (inb(PORT_B) & ~2u) | 1u);
	pit_load(PIT_CHANNEL2, PIT_ONESHOT2, CALIBRATION_TICKS);
	begin = rdtsc();
	/* Reading a port is slow, under an emulator most of all: now and then will do. */
	while (!(inb(PORT_B) & 0x20u)) {
		for (unsigned i = 0; i < 1000; i++)
			barrier();
	}
	ticks = rdtsc() - begin;

	/* mul = (ns << 32) / ticks by long division: 32-bit kernels have no 64-bit division. */
	mul = 0;
	for (uint64_t rest = CALIBRATION_NS, bit = 0; bit < 32; bit++) {
		if (!bit)
			while (rest >= ticks) /* slower than 1 GHz: let the counter count double */
				ticks <<= 1, tsc_shift++;
		rest <<= 1;
		mul <<= 1;
		if (rest >= ticks) {
			rest -= ticks;
			mul |= 1;
		}
	}
	tsc_mul = mul;
}

static unsigned cmos(unsigned index)
{
	unsigned value;

	outb(CMOS_INDEX, index);
	value = inb(CMOS_DATA);
	return (value >> 4) * 10 + (value & 15); /* binary coded decimal */
}

/* Days since 1970-01-01 of a date in the Gregorian calendar; the year is made to start in March. */
static uint32_t days(uint32_t year, uint32_t month, uint32_t day)
{
	if (month <= 2) {
		year--;
		month += 12;
	}
	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 -
	       719468;
}

static uint64_t read_cmos_clock(void)
{
	uint32_t seconds, again = cmos(0);
	uint64_t date;

	do { /* until nothing changed while reading */
		seconds = again;
		date = (uint64_t)days(2000 + cmos(9), cmos(8), cmos(7)) * 86400 + cmos(4) * 3600 +
		       cmos(2) * 60 + seconds;
		again = cmos(0);
	} while (again != seconds);
	return date * 1000000000u;
}

static void timer_irq(void *data)
{
	timer_interrupt();
}

void time_init(void)
{
	calibrate();
	tsc_start = rdtsc();
	wall_start = read_cmos_clock();
	pit_oneshot(0xffff);
	irq_register(TIMER_LINE, timer_irq, NULL);
}

uint64_t time_ns(void)
{
	return scale((rdtsc() - tsc_start) << tsc_shift, tsc_mul);
}

/* Nobody is below us. */
uint64_t time_stolen_ns(unsigned cpu)
{
	return 0;
}

uint64_t time_wall_ns(void)
{
	return wall_start + time_ns();
}

/* The 8254 counts at most 55 ms: a later deadline fires early, and the kernel arms again. */
void timer_arm(uint64_t deadline_ns)
{
	uint64_t now = time_ns();
	uint64_t delta = deadline_ns > now ? deadline_ns - now : 0;
	uint32_t count = 0xffff;

	if (lapic_present()) {
		lapic_timer_arm(delta);
		return;
	}
	if (delta < 50000000u)
		count = scale(delta, (uint32_t)((uint64_t)PIT_HZ * 4295u / 1000u)) + 1; /* 2^32 / 10^9 */
	pit_oneshot(count);
}
