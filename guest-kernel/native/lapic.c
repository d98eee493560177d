/* SPDX-License-Identifier: MIT */
/*
 * The local APIC. The 8259's interrupts pass through processor 0's (virtual wire mode), so device drivers
 * need not know of it; it adds a timer for each processor, and interrupts from one to another. (SDM
 * 3A 10.4, Local APIC; 10.5.4, APIC Timer; 10.6, Issuing Interprocessor Interrupts)
 */
#include "lapic.h"
#include "cpu_ops.h"
#include "cpus.h"
#include "kern/time/clock.h"
#include "x86/cpu.h"
#include "x86/internal.h"

#define LAPIC_PHYS 0xfee00000u

#define EOI           0xb0
#define SPURIOUS      0xf0 /* with the enable bit */
#define COMMAND       0x300
#define COMMAND_HIGH  0x310 /* destination in the top byte */
#define LVT_TIMER     0x320
#define LVT_LINT0     0x350
#define LVT_LINT1     0x360
#define TIMER_INITIAL 0x380
#define TIMER_CURRENT 0x390
#define TIMER_DIVIDE  0x3e0

#define SOFTWARE_ENABLE 0x100u
#define LVT_MASKED      0x10000u
#define MODE_NMI        0x400u
#define MODE_INIT       0x500u
#define MODE_STARTUP    0x600u
#define MODE_EXTINT     0x700u
#define SEND_PENDING    0x1000u
#define LEVEL_ASSERT    0x4000u
#define DIVIDE_BY_16    0x3u

/* Behind the PIC's vectors 32 to 47. The last four bits of the spurious one must be set. */
#define VECTOR_TIMER    48u
#define VECTOR_IPI      49u
#define VECTOR_SPURIOUS 63u

#define CALIBRATION_NS 10000000u

static volatile uint32_t *lapic;
static uint32_t ticks_mul; /* ticks = ns * mul >> 32 */

static uint32_t read(unsigned reg)
{
	return lapic[reg / sizeof(*lapic)];
}

static void write(unsigned reg, uint32_t value)
{
	lapic[reg / sizeof(*lapic)] = value;
}

bool lapic_present(void)
{
	return lapic;
}

void lapic_map(void)
{
	lapic = device_page(LAPIC_PHYS);
}

void lapic_enable(void)
{
	write(SPURIOUS, SOFTWARE_ENABLE | VECTOR_SPURIOUS);
	write(LVT_LINT0, cpu_id() == 0 ? MODE_EXTINT : LVT_MASKED);
	write(LVT_LINT1, cpu_id() == 0 ? MODE_NMI : LVT_MASKED);
	write(TIMER_DIVIDE, DIVIDE_BY_16);
	write(LVT_TIMER, VECTOR_TIMER);
}

void lapic_calibrate(void)
{
	uint64_t begin = time_ns(), spent;
	uint32_t ticks;

	write(LVT_TIMER, LVT_MASKED);
	write(TIMER_INITIAL, ~0u);
	do
		spent = time_ns() - begin;
	while (spent < CALIBRATION_NS);
	ticks = ~0u - read(TIMER_CURRENT);
	write(TIMER_INITIAL, 0);
	write(LVT_TIMER, VECTOR_TIMER);
	ticks_mul = div64((uint64_t)ticks << 32, spent, NULL);
}

/* A count of zero would stop the timer; one too long for the register fires early. */
void lapic_timer_arm(uint64_t delay_ns)
{
	uint64_t ticks = scale(delay_ns, ticks_mul) + 1;

	write(TIMER_INITIAL, MIN(ticks, (uint64_t)~0u));
}

void lapic_dispatch(unsigned vector)
{
	if (vector == VECTOR_SPURIOUS)
		return; /* nothing is in service */
	write(EOI, 0);
	if (vector == VECTOR_TIMER)
		timer_interrupt();
	else
		ipi_interrupt();
}

static void send(unsigned apic_id, uint32_t command)
{
	while (read(COMMAND) & SEND_PENDING)
		cpu_relax();
	write(COMMAND_HIGH, apic_id << 24);
	write(COMMAND, command | LEVEL_ASSERT);
}

void lapic_send_ipi(unsigned apic_id)
{
	send(apic_id, VECTOR_IPI);
}

void lapic_send_init(unsigned apic_id)
{
	send(apic_id, MODE_INIT);
}

void lapic_send_startup(unsigned apic_id, unsigned page)
{
	send(apic_id, MODE_STARTUP | page);
}
