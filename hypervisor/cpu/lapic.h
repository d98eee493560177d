/* SPDX-License-Identifier: MIT */
/* The local APIC: one-shot timer, interprocessor interrupts, end of interrupt (SDM 3A 11, APIC). */
#pragma once

#include "lib/types.h"

/* Vectors. Device interrupts are these (dev/irq.h) except 0x80 and 0x82, guests' doors. */
#define VECTOR_IRQ_FIRST 0x30
#define VECTOR_IRQ_LAST  0xef
#define VECTOR_TIMER     0xf0
#define VECTOR_KICK      0xf1 /* cpu_raise: look at your pending word */
#define VECTOR_CALL      0xf2 /* cpu_call: run a function */
#define VECTOR_SPURIOUS  0xff

/* Boot CPU: @mmio is the mapped register page; x2APIC mode is used instead where the firmware left it on. */
void lapic_init(volatile uint32_t *mmio);
void lapic_cpu_init(void); /* each CPU: enable, masks, priority 0 */
uint32_t lapic_id(void);
/* Can an interrupt be sent to processor @apic_id in the mode that this machine's APICs are in? */
bool lapic_reaches(uint32_t apic_id);
void lapic_eoi(void);

/* Interrupt this CPU with VECTOR_TIMER @delta from now (at once if 0). A new call replaces the old. */
void lapic_timer_set(ns_t delta);
void lapic_timer_stop(void);
/* Count of the free-running timer for calibration, and the rate found (cpu/tsc.c). */
void lapic_timer_calibrate_start(void);
uint32_t lapic_timer_elapsed(void);
void lapic_timer_set_rate(uint64_t hz);

void lapic_send_ipi(uint32_t apic_id, uint8_t vector);
void lapic_send_nmi(uint32_t apic_id);
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, uint8_t page);
