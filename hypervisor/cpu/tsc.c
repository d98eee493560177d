/* SPDX-License-Identifier: MIT */
/*
 * Calibrating the TSC. The reference is the ACPI PM timer (24 bits at 3.579545 MHz; ACPI 6.4, 4.8.2.1) or PIT
 * channel 0 (16 bits at 1.193182 MHz). Each sample keeps, of several tries, the one whose two TSC readings
 * lie closest together, so an interruption of the (virtual) processor does no harm. The window is filled with
 * other boot work; only its end is waited for.
 */
#include "cpu/tsc.h"
#include "cpu/lapic.h"
#include "cpu/x86.h"
#include "lib/muldiv.h"
#include "lib/loglevel.h"

#define PM_HZ       3579545u
#define PIT_HZ      1193182u
#define PIT_CH0     0x40
#define PIT_COMMAND 0x43
#define TRIES       8
#define WINDOW_US   10000 /* with the PM timer's 0.28 us and about 2 us per sample: 0.03 % at worst */
#define LAPIC_US    2000

struct sample {
	uint64_t tsc;
	uint32_t ref;
};

uint64_t tsc_hz;

static uint16_t pm_port;
static uint32_t ref_hz, ref_mask;
static struct sample first;
static uint64_t lapic_started; /* TSC */

static uint32_t ref_read(void)
{
	uint32_t low;

	if (pm_port)
		return inl(pm_port) & ref_mask;
	outb(PIT_COMMAND, 0x00); /* latch channel 0 */
	low = inb(PIT_CH0);
	return (0x10000 - (low | inb(PIT_CH0) << 8)) & ref_mask; /* it counts down */
}

static struct sample take_sample(void)
{
	struct sample s = {0, 0};
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = rdtsc();
		uint32_t ref = ref_read();
		uint64_t after = rdtsc();

		if (after - before < best) {
			best = after - before;
			s = (struct sample){.tsc = before + best / 2, .ref = ref};
		}
	}
	return s;
}

static uint32_t us_to_ref(uint32_t us)
{
	return (uint32_t)((uint64_t)us * ref_hz / 1000000);
}

void delay_us(uint32_t us)
{
	uint32_t start = ref_read(), ticks = us_to_ref(us);

	while (((ref_read() - start) & ref_mask) <= ticks)
		__builtin_ia32_pause();
}

void tsc_calibrate_begin(uint16_t port)
{
	pm_port = port;
	ref_hz = port ? PM_HZ : PIT_HZ;
	ref_mask = port ? 0xffffff : 0xffff;
	if (!port) {
		outb(PIT_COMMAND, 0x34); /* channel 0, low then high byte, mode 2 */
		outb(PIT_CH0, 0);
		outb(PIT_CH0, 0);
	}
	first = take_sample();
}

/* The PM timer wraps after 4.7 s, the PIT after 55 ms: if other boot work took that long, the window begins
 * again. */
static void check_window(void)
{
	uint32_t limit_us = pm_port ? 2000000 : 20000;
	uint32_t passed = (ref_read() - first.ref) & ref_mask;

	if (passed > us_to_ref(limit_us))
		first = take_sample();
}

void tsc_calibrate_end(void)
{
	struct sample last;
	uint32_t ref_ticks, lapic_ticks;

	check_window();
	lapic_timer_calibrate_start();
	lapic_started = rdtsc();
	delay_us(LAPIC_US);
	do {
		lapic_ticks = lapic_timer_elapsed();
		last = take_sample();
		ref_ticks = (last.ref - first.ref) & ref_mask;
	} while (ref_ticks < us_to_ref(WINDOW_US));

	tsc_hz = mul_div(last.tsc - first.tsc, ref_hz, ref_ticks);
	lapic_timer_set_rate(mul_div(lapic_ticks, tsc_hz, last.tsc - lapic_started));
	log_info("TSC: %lu.%03lu MHz, by the %s\n", tsc_hz / 1000000, tsc_hz / 1000 % 1000,
		 pm_port ? "ACPI PM timer" : "PIT");
}
