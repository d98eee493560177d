/* SPDX-License-Identifier: MIT */
/* The local APIC (SDM 3A 11). One access path for both modes: memory-mapped xAPIC, or x2APIC by MSR where the
 * firmware switched it on. Every CPU touches only its own. */
#include "cpu/lapic.h"
#include "cpu/features.h"
#include "cpu/tsc.h"
#include "cpu/x86.h"
#include "lib/muldiv.h"

#define REG_ID         0x020
#define REG_TPR        0x080
#define REG_EOI        0x0b0
#define REG_SPURIOUS   0x0f0
#define REG_ICR_LOW    0x300
#define REG_ICR_HIGH   0x310
#define REG_LVT_TIMER  0x320
#define REG_LVT_LINT0  0x350
#define REG_LVT_LINT1  0x360
#define REG_LVT_ERROR  0x370
#define REG_TIMER_INIT 0x380
#define REG_TIMER_NOW  0x390
#define REG_TIMER_DIV  0x3e0

#define SPURIOUS_ENABLE  0x100u
#define LVT_MASKED       0x10000u
#define LVT_NMI          0x400u
#define LVT_TSC_DEADLINE 0x40000u
#define DIVIDE_BY_1      0xbu
#define ICR_NMI          0x400u
#define ICR_INIT         0x500u
#define ICR_STARTUP      0x600u
#define ICR_PENDING      0x1000u
#define ICR_ASSERT       0x4000u
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)

static volatile uint32_t *mmio; /* NULL: x2APIC */
static uint64_t timer_scale;    /* timer ticks per nanosecond, times 2^32 */

static uint32_t reg_read(uint32_t reg)
{
	return mmio ? mmio[reg / 4] : (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
}

static void reg_write(uint32_t reg, uint32_t value)
{
	if (mmio)
		mmio[reg / 4] = value;
	else
		wrmsr(MSR_X2APIC + reg / 16, value);
}

void lapic_init(volatile uint32_t *registers)
{
	if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC))
		mmio = registers;
	lapic_cpu_init();
	this_cpu->apic_id = lapic_id();
}

void lapic_cpu_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	/* All CPUs in the boot CPU's mode. */
	wrmsr(MSR_APIC_BASE, mmio ? base : base | APIC_BASE_X2APIC);
	reg_write(REG_TPR, 0);
	reg_write(REG_LVT_LINT0, LVT_MASKED);
	reg_write(REG_LVT_LINT1, LVT_NMI);
	reg_write(REG_LVT_ERROR, LVT_MASKED);
	reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	reg_write(REG_TIMER_DIV, DIVIDE_BY_1);
	reg_write(REG_LVT_TIMER, VECTOR_TIMER | (features.tsc_deadline ? LVT_TSC_DEADLINE : 0));
}

uint32_t lapic_id(void)
{
	uint32_t id = reg_read(REG_ID);

	return mmio ? id >> 24 : id;
}

/* 255 means all processors (SDM 3A 11.6.2.1, Physical Destination Mode). */
bool lapic_reaches(uint32_t apic_id)
{
	return !mmio || apic_id < 0xff;
}

void lapic_eoi(void)
{
	reg_write(REG_EOI, 0);
}

void lapic_timer_calibrate_start(void)
{
	reg_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	reg_write(REG_TIMER_INIT, UINT32_MAX);
}

uint32_t lapic_timer_elapsed(void)
{
	return UINT32_MAX - reg_read(REG_TIMER_NOW);
}

void lapic_timer_set_rate(uint64_t hz)
{
	uint64_t rate = features.tsc_deadline ? tsc_hz : hz;

	timer_scale = mul_div(rate, 1ull << 32, 1000000000u);
	reg_write(REG_TIMER_INIT, 0);
	reg_write(REG_LVT_TIMER, VECTOR_TIMER | (features.tsc_deadline ? LVT_TSC_DEADLINE : 0));
}

/* Rounded up: a timer that fires too early would only be set again. */
static uint64_t ticks_of(ns_t delta)
{
	return (uint64_t)((unsigned __int128)delta * timer_scale >> 32) + 1;
}

void lapic_timer_set(ns_t delta)
{
	if (features.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks_of(MIN(delta, (ns_t)1 << 40)));
	else
		reg_write(REG_TIMER_INIT, (uint32_t)MIN(ticks_of(MIN(delta, (ns_t)1 << 40)), UINT32_MAX));
}

void lapic_timer_stop(void)
{
	if (features.tsc_deadline)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		reg_write(REG_TIMER_INIT, 0);
}

static void send(uint32_t apic_id, uint32_t command)
{
	if (!mmio) {
		wrmsr(MSR_X2APIC + REG_ICR_LOW / 16, (uint64_t)apic_id << 32 | command);
		return;
	}
	while (mmio[REG_ICR_LOW / 4] & ICR_PENDING)
		__builtin_ia32_pause();
	mmio[REG_ICR_HIGH / 4] = apic_id << 24;
	mmio[REG_ICR_LOW / 4] = command;
}

void lapic_send_ipi(uint32_t apic_id, uint8_t vector)
{
	send(apic_id, vector | ICR_ASSERT);
}

void lapic_send_nmi(uint32_t apic_id)
{
	send(apic_id, ICR_NMI | ICR_ASSERT);
}

void lapic_send_init(uint32_t apic_id)
{
	send(apic_id, ICR_INIT | ICR_ASSERT);
}

void lapic_send_startup(uint32_t apic_id, uint8_t page)
{
	send(apic_id, ICR_STARTUP | ICR_ASSERT | page);
}
