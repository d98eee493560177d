/* SPDX-License-Identifier: MIT */
/* The CMOS clock (Motorola MC146818A): the date in binary coded decimal, 24 hours, no alarms, never in the midst
 * of an update. Pure. */
#include "pc/pc.h"

#define REG_SECONDS  0x00
#define REG_MINUTES  0x02
#define REG_HOURS    0x04
#define REG_WEEKDAY  0x06
#define REG_DAY      0x07
#define REG_MONTH    0x08
#define REG_YEAR     0x09
#define REG_A        0x0a
#define REG_B        0x0b
#define REG_D        0x0d
#define REG_CENTURY  0x32
#define A_RATE       0x26 /* the usual divider */
#define B_24_HOURS   0x02
#define D_VALID      0x80
#define DAYS_PER_ERA 146097 /* 400 years */

static uint8_t bcd(unsigned n)
{
	return n / 10 % 10 << 4 | n % 10;
}

struct date {
	unsigned year, month, day;
};

/* Proleptic Gregorian; years begin in March so that the leap day comes last. */
static struct date date_of(uint64_t days)
{
	uint64_t d = days + 719468; /* since 0000-03-01 */
	unsigned era = d / DAYS_PER_ERA, of_era = d % DAYS_PER_ERA;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;
	struct date date = {.day = of_year - (153 * month + 2) / 5 + 1,
			    .month = month < 10 ? month + 3 : month - 9};

	date.year = era * 400 + year + (date.month <= 2);
	return date;
}

uint8_t cmos_read(uint8_t index, uint64_t seconds)
{
	uint64_t days = seconds / 86400;
	unsigned of_day = seconds % 86400;
	struct date date = date_of(days);

	switch (index) {
	case REG_SECONDS:
		return bcd(of_day % 60);
	case REG_MINUTES:
		return bcd(of_day / 60 % 60);
	case REG_HOURS:
		return bcd(of_day / 3600);
	case REG_WEEKDAY:
		return bcd((days + 4) % 7 + 1); /* 1 is Sunday; 1970 began on a Thursday */
	case REG_DAY:
		return bcd(date.day);
	case REG_MONTH:
		return bcd(date.month);
	case REG_YEAR:
		return bcd(date.year % 100);
	case REG_CENTURY:
		return bcd(date.year / 100);
	case REG_A:
		return A_RATE;
	case REG_B:
		return B_24_HOURS;
	case REG_D:
		return D_VALID;
	}
	return 0;
}
