/* SPDX-License-Identifier: MIT */
/* CMOS clock (Motorola MC146818 data sheet). It is taken to run on UTC. */
#include "dev/rtc.h"
#include "cpu/x86.h"
#include "dev/acpi.h"

#define CMOS_INDEX   0x70
#define CMOS_DATA    0x71
#define CMOS_NMI_OFF 0x80
#define REG_SECONDS  0
#define REG_MINUTES  2
#define REG_HOURS    4
#define REG_DAY      7
#define REG_MONTH    8
#define REG_YEAR     9
#define REG_A        10
#define REG_B        11
#define A_UPDATING   0x80
#define B_24_HOURS   0x02
#define B_BINARY     0x04
#define HOUR_PM      0x80

struct reading {
	uint8_t second, minute, hour, day, month, year, century;
};

static uint8_t cmos_read(uint8_t reg)
{
	outb(CMOS_INDEX, CMOS_NMI_OFF | reg);
	return inb(CMOS_DATA);
}

static struct reading read_raw(void)
{
	struct reading r = {0};

	while (cmos_read(REG_A) & A_UPDATING)
		__builtin_ia32_pause();
	r.second = cmos_read(REG_SECONDS);
	r.minute = cmos_read(REG_MINUTES);
	r.hour = cmos_read(REG_HOURS);
	r.day = cmos_read(REG_DAY);
	r.month = cmos_read(REG_MONTH);
	r.year = cmos_read(REG_YEAR);
	r.century = acpi.century ? cmos_read(acpi.century) : 0;
	return r;
}

static bool same(const struct reading *a, const struct reading *b)
{
	return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
	       a->month == b->month && a->year == b->year;
}

static unsigned decode(uint8_t v, bool binary)
{
	return binary ? v : (v >> 4) * 10 + (v & 15);
}

/* Howard Hinnant's days_from_civil ("chrono-Compatible Low-Level Date Algorithms"): years begin in March. */
int64_t days_from_civil(int64_t year, unsigned month, unsigned day)
{
	int64_t era, y = year - (month <= 2);
	unsigned in_era, in_year;

	era = (y >= 0 ? y : y - 399) / 400;
	in_era = (unsigned)(y - era * 400);
	in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + (int64_t)in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

uint64_t rtc_read(void)
{
	struct reading r = read_raw(), again;
	uint8_t b = cmos_read(REG_B);
	bool binary = b & B_BINARY;
	unsigned hour, year;

	/* The date may roll over between two registers: read until two readings agree. */
	for (again = read_raw(); !same(&r, &again); again = read_raw())
		r = again;
	outb(CMOS_INDEX, 0); /* NMIs on again */

	hour = decode(r.hour & ~(b & B_24_HOURS ? 0 : HOUR_PM), binary);
	if (!(b & B_24_HOURS))
		hour = hour % 12 + (r.hour & HOUR_PM ? 12 : 0);
	year = decode(r.year, binary);
	year += r.century ? decode(r.century, binary) * 100 : year < 70 ? 2000 : 1900;
	return days_from_civil(year, decode(r.month, binary), decode(r.day, binary)) * 86400ull +
	       hour * 3600 + decode(r.minute, binary) * 60 + decode(r.second, binary);
}
