/* SPDX-License-Identifier: MIT */
/* See loglevel.h. A bucket of BURST messages, refilled by one in PER_MESSAGE, shared by all that are limited. Locking:
 * limit.lock, which is held for nothing else. */
#include "lib/loglevel.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define BURST       10
#define PER_MESSAGE 5000000000ull /* ns */

static struct {
	enum log_level always, limited;
} levels[LOG_SOURCES] = {{LOG_DEBUG, LOG_DEBUG}, {LOG_DEBUG, LOG_DEBUG}};

static struct {
	struct spinlock lock;
	uint64_t (*clock)(void); /* NULL: no time yet, and no limit */
	uint64_t credit, last;   /* ns */
	uint32_t suppressed;
} limit = {.credit = BURST * PER_MESSAGE};

/* One more message? @missed: how many were not shown before it. limit.lock is held. */
static bool take_credit(uint32_t *missed)
{
	uint64_t now;

	*missed = 0;
	if (!limit.clock)
		return true;
	now = limit.clock();
	limit.credit = MIN(limit.credit + (now - limit.last), BURST * PER_MESSAGE);
	limit.last = now;
	if (limit.credit < PER_MESSAGE) {
		limit.suppressed++;
		return false;
	}
	limit.credit -= PER_MESSAGE;
	*missed = limit.suppressed;
	limit.suppressed = 0;
	return true;
}

static bool rate_admits(uint32_t *missed)
{
	bool ok;

	spin_lock(&limit.lock);
	ok = take_credit(missed);
	spin_unlock(&limit.lock);
	return ok;
}

bool log_admits(enum log_source source, enum log_level level)
{
	uint32_t missed;

	if (level <= levels[source].always)
		return true;
	if (level > levels[source].limited || !rate_admits(&missed))
		return false;
	if (missed)
		printk("%u messages suppressed\n", missed);
	return true;
}

static bool parse_level(const char **text, enum log_level *level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} names[] = {{"none", LOG_NONE}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
		     {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {"all", LOG_DEBUG}};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i].name);

		if (strncmp(*text, names[i].name, n) || ((*text)[n] && (*text)[n] != '/'))
			continue;
		*text += n;
		*level = names[i].level;
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

void log_set_clock(uint64_t (*ns)(void))
{
	spin_lock(&limit.lock);
	limit.last = ns();
	limit.clock = ns;
	spin_unlock(&limit.lock);
}
