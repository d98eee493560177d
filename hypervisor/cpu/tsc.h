/* SPDX-License-Identifier: MIT */
/* The time-stamp counter's rate, found against the ACPI PM timer or, without one, the PIT. */
#pragma once

#include "lib/types.h"

extern uint64_t tsc_hz;

/* Take the first sample; other boot work may follow. @pm_port: I/O port of the PM timer, or 0. */
void tsc_calibrate_begin(uint16_t pm_port);
/* Take the second one, not before the window is long enough; sets tsc_hz and the LAPIC timer's rate. */
void tsc_calibrate_end(void);
/* Busy-wait by the reference counter: works before the calibration too. */
void delay_us(uint32_t us);
