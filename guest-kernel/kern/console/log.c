/* SPDX-License-Identifier: MIT */
/* The log: a ring of the last bytes printed, each line with the time since boot. And panic(). */
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/time/clock.h"
#include "machine.h"

#define LOG_SIZE 8192
#define LINE_MAX 256

static char ring[LOG_SIZE];
static u64 written; /* bytes since boot */
static int shown = LOG_ALL;
void (*panic_details)(void);

void log_set_level(int level)
{
	shown = level;
}

size_t log_size(void)
{
	return MIN(written, (u64)LOG_SIZE);
}

u64 log_written(void)
{
	return written;
}

static void keep(const char *text, size_t n)
{
	for (; n; n--)
		ring[written++ % LOG_SIZE] = *text++;
}

static void emit(const char *fmt, va_list ap, bool show)
{
	char line[LINE_MAX];
	u32 ns;
	u64 seconds = div64(clock_monotonic(), NSEC_PER_SEC, &ns);
	size_t n =
	    snprintf(line, sizeof(line), "[%5llu.%06u] ", (unsigned long long)seconds, ns / NSEC_PER_USEC);

	n += MIN((size_t)vsnprintf(line + n, sizeof(line) - n, fmt, ap), sizeof(line) - n - 1);
	keep(line, n);
	if (show)
		console_write(line, n);
}

void log_at(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(fmt, ap, level < shown);
	va_end(ap);
}

bool log_next(u64 *pos, char *c)
{
	if (written - *pos > LOG_SIZE)
		*pos = written - LOG_SIZE;
	if (*pos >= written)
		return false;
	*c = ring[(*pos)++ % LOG_SIZE];
	return true;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	irq_disable();
	log_set_level(LOG_ALL);
	console_write("\nkernel panic: ", 15);
	va_start(ap, fmt);
	emit(fmt, ap, true);
	va_end(ap);
	console_write("\n", 1);
	if (panic_details)
		panic_details();
	machine_crash();
}
