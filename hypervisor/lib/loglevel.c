/* SPDX-License-Identifier: MIT */
/* See loglevel.h. One bucket each: for messages of limited levels, for ends of guests, for what all guests say. */
#include "lib/loglevel.h"
#include "lib/format.h"
#include "lib/string.h"

#define NS_PER_LINE(per_second) (1000000000ull / (per_second))

static const struct log_rate message_rate = {5000000000, 10};
static const struct log_rate fate_rate = {NS_PER_LINE(4), 400};
static struct log_rate guest_rate = {NS_PER_LINE(10), 200};
static struct log_limit messages, fates, guests;

#define ALL_GUESTS 4 /* times the rate and burst of one */

static struct {
	enum log_level always, limited;
} levels[LOG_SOURCES] = {{LOG_DEBUG, LOG_DEBUG}, {LOG_DEBUG, LOG_DEBUG}};

bool log_admits(enum log_source source, enum log_level level)
{
	uint32_t missed;

	if (level <= levels[source].always)
		return true;
	if (level > levels[source].limited || !log_limit_take(&messages, message_rate, 1))
		return false;
	missed = log_limit_told(&messages);
	if (missed)
		printk("%u messages suppressed\n", missed);
	return true;
}

bool log_admits_fate(uint32_t lines)
{
	uint32_t missed;

	if (!log_limit_take(&fates, fate_rate, lines))
		return false;
	missed = log_limit_told(&fates);
	if (missed)
		printk_kind(LOG_KIND_FATE, "%u lines about the ends of guests left out\n", missed);
	return true;
}

static bool guest_admitted(struct log_limit *l)
{
	struct log_rate all = {guest_rate.per_line / ALL_GUESTS, guest_rate.burst * ALL_GUESTS};
	uint32_t lines = l->left_out ? 2 : 1; /* with the one that counts those left out */

	if (!log_limit_take(l, guest_rate, 1))
		return false;
	if (log_limit_take(&guests, all, lines))
		return true;
	log_limit_refuse(l);
	return false;
}

void log_guest_left_out(struct log_limit *l, domid_t domid)
{
	uint32_t missed = log_limit_told(l);

	if (missed)
		guest_printk(domid, "%u lines left out\n", missed);
}

void log_guest_line(struct log_limit *l, domid_t domid, const char *text)
{
	if (!log_admits(LOG_GUEST, LOG_DEBUG) || !guest_admitted(l))
		return;
	log_guest_left_out(l, domid);
	guest_printk(domid, "%s\n", text);
}

bool log_set_guest_rate(const char *value)
{
	const char *end;
	uint64_t rate = parse_number(value, &end), burst = rate;

	if (end == value || rate > LOG_RATE_MAX)
		return false;
	if (*end == ',') {
		value = end + 1;
		burst = parse_number(value, &end);
	}
	if (end == value || *end || burst > LOG_RATE_MAX || (rate && !burst))
		return false;
	guest_rate = (struct log_rate){rate ? NS_PER_LINE(rate) : 0, burst};
	return true;
}

static const struct {
	const char *name;
	enum log_level level;
} level_names[] = {{"none", LOG_NONE}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
		   {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {"all", LOG_DEBUG}};

static bool parse_level(const char **text, enum log_level *level)
{
	for (unsigned i = 0; i < ARRAY_SIZE(level_names); i++) {
		size_t n = strlen(level_names[i].name);

		if (strncmp(*text, level_names[i].name, n) || ((*text)[n] && (*text)[n] != '/'))
			continue;
		*text += n;
		*level = level_names[i].level;
		return true;
	}
	return false;
}

bool log_set_level(enum log_source source, const char *value)
{
	enum log_level always, limited;

	if (!parse_level(&value, &always))
		return false;
	limited = always;
	if (*value == '/') {
		value++;
		if (!parse_level(&value, &limited))
			return false;
	}
	if (*value)
		return false;
	levels[source].always = MIN(always, limited);
	levels[source].limited = limited;
	return true;
}

void log_get_level(enum log_source source, char *text, size_t size)
{
	snprintf(text, size, "%s/%s", level_names[levels[source].always].name,
		 level_names[levels[source].limited].name);
}
