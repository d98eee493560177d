/* SPDX-License-Identifier: MIT */
/* The rate of a network device: NUMBER[G|M|K](B|b)/s, and perhaps @NUMBER[s|ms|us]. See nic_spec.h. */
#include "nic_spec.h"

#include <string.h>

#define DIGITS      "0123456789"
#define INTERVAL_US 50000 /* without @ */

/* The number at *@at, of any length; more than 32 bits are too many. */
static bool take_number(const char **at, uint64_t *out)
{
	size_t digits = strspn(*at, DIGITS);

	*out = 0;
	for (const char *end = *at + digits; *at < end; ++*at)
		if (*out <= UINT32_MAX)
			*out = *out * 10 + (uint64_t)(**at - '0');
	return digits;
}

static int too_much(const char *text, char why[NIC_WHY])
{
	return nic_refuse(why, "rate=%s is more than can be counted; leave it out for no limit", text);
}

/* xl takes such a number for octal, and what follows its first 8 or 9 for the unit. */
static int no_octal(const char *text, const char *at, char why[NIC_WHY])
{
	return *at == '0' && at[1] >= '0' && at[1] <= '9'
		   ? nic_refuse(why, "rate=%s has a number that begins with 0; leave the zeros out", text)
		   : 0;
}

static int take_interval(const char *text, const char *at, uint32_t *us, char why[NIC_WHY])
{
	static const struct {
		const char *unit;
		unsigned us;
	} units[] = {{"", 1000000}, {"s", 1000000}, {"ms", 1000}, {"m", 1000}, {"us", 1}, {"u", 1}};
	uint64_t number;
	bool is;

	if (no_octal(text, at, why))
		return -1;
	is = take_number(&at, &number);

	for (size_t i = 0; is && i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(at, units[i].unit))
			continue;
		number *= units[i].us;
		if (!number || number > UINT32_MAX)
			return nic_refuse(
			    why,
			    "rate=%s has an interval of no time or of more than 4294 s; needed: as @50ms",
			    text);
		*us = (uint32_t)number;
		return 0;
	}
	return nic_refuse(why, "rate=%s has no interval behind its @; needed: as @50ms, @5s or @100us", text);
}

int nic_rate(const char *text, uint64_t *bytes, uint32_t *us, char why[NIC_WHY])
{
	static const char factors[] = "KMG";
	const char *at = text, *factor;
	uint64_t number;
	bool bits;

	if (no_octal(text, at, why))
		return -1;
	if (!take_number(&at, &number))
		return nic_refuse(why, "rate=%s begins with no number; needed: as 10Mb/s or 1MB/s@20ms",
				  text);
	if (!number)
		return nic_refuse(why, "rate=%s lets nothing through; leave it out for no limit", text);
	if (number > UINT32_MAX)
		return too_much(text, why);
	factor = *at ? strchr(factors, *at) : NULL;
	for (long n = factor ? factor - factors + 1 : 0; n; n--)
		number *= 1000;
	at += factor != NULL;
	bits = *at == 'b';
	if ((!bits && *at != 'B') || strncmp(at + 1, "/s", 2) || (at[3] && at[3] != '@'))
		return nic_refuse(
		    why,
		    "rate=%s is no rate; needed: whole bits (b) or bytes (B) each second, as 10Mb/s "
		    "or 500KB/s@20ms",
		    text);
	if (bits)
		number /= 8;
	*us = INTERVAL_US;
	if (at[3] && take_interval(text, at + 4, us, why))
		return -1;
	if (number > UINT64_MAX / *us)
		return too_much(text, why);
	*bytes = number * *us / 1000000;
	return 0;
}
