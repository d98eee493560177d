/* SPDX-License-Identifier: MIT */
/* The CMOS clock (MC146818): read once at boot for the wallclock. */
#pragma once

#include "lib/types.h"

/* Whole seconds since 1970-01-01 UTC, without waiting for the clock's next second to begin. */
uint64_t rtc_read(void);
/* Days from 1970-01-01 to the given date of the Gregorian calendar (also for tests). */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
