/* SPDX-License-Identifier: MIT */
/*
 * Time on the bare machine: the time stamp counter, measured by the 8254 timer (tsc.c); the date from
 * the CMOS clock; single shots from the 8254's channel 0 or, where there are several processors, from the
 * timer that each of them has in its local APIC. (Intel 8254, Programming the 8254)
 */
#include "x86/internal.h"
#include "x86/cpu.h"
#include "cpu_ops.h"
#include "lapic.h"
#include "pit.h"
#include "tsc.h"

#define PIT_CHANNEL0 0x40u
#define PIT_ONESHOT0 0x30u /* channel 0, two bytes, mode 0: interrupt on terminal count */
#define TIMER_LINE   0u

#define CMOS_INDEX 0x70u
#define CMOS_DATA  0x71u

static uint64_t wall_start;

void pit_oneshot(unsigned count)
{
	outb(PIT_COMMAND, PIT_ONESHOT0);
	outb(PIT_CHANNEL0, count);
	outb(PIT_CHANNEL0, count >> 8);
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
	tsc_init();
	wall_start = read_cmos_clock();
	pit_oneshot(0xffff);
	irq_register(TIMER_LINE, timer_irq, NULL);
}

uint64_t time_ns(void)
{
	return tsc_ns();
}

uint64_t time_ticks(void)
{
	return rdtsc();
}

uint64_t time_ticks_ns(uint64_t ticks)
{
	return tsc_to_ns(ticks);
}

/* There is no hypervisor. */
uint64_t time_stolen_ns(unsigned cpu)
{
	return 0;
}

uint64_t time_wall_ns(void)
{
	return wall_start + time_ns();
}

/* Often called, so a good time to correct the clock. The 8254 counts at most 55 ms: a later deadline fires early, and the
 * kernel arms again. */
void timer_arm(uint64_t deadline_ns)
{
	uint64_t now = time_ns();
	uint64_t delta = deadline_ns > now ? deadline_ns - now : 0;
	uint32_t count = 0xffff;

	tsc_correct();
	if (lapic_present()) {
		lapic_timer_arm(delta);
		return;
	}
	if (delta < 50000000u)
		count = scale(delta, PIT_PER_NS) + 1;
	pit_oneshot(count);
}
