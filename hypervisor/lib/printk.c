/* SPDX-License-Identifier: MIT */
/*
 * The log: a ring of the last LOG_SIZE characters and one sink, the consoles. `head` counts all characters
 * ever logged; the ring holds the part [head - LOG_SIZE, head). One lock; interrupt handlers never print,
 * since they could only wait for themselves. A panic switches the lock off.
 */
#include <stdarg.h>
#include "lib/printk.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"

static struct spinlock log_lock;
static bool forced;
static char ring[LOG_SIZE];
static uint32_t head, cleared;
static char last_char = '\n'; /* of all output: is a new line due? */
static void (*sink)(const char *text, size_t n);

static void lock(void)
{
	if (!forced)
		spin_lock(&log_lock);
}

static void unlock(void)
{
	if (!forced)
		spin_unlock(&log_lock);
}

static void show(const char *text, size_t n)
{
	if (!n)
		return;
	last_char = text[n - 1];
	if (sink)
		sink(text, n);
}

static void emit(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ring[head++ % LOG_SIZE] = text[i];
	show(text, n);
}

/* Text line by line, each behind the prefix; a line somebody left open is ended first. */
static void emit_lines(const char *prefix, const char *text)
{
	lock();
	if (last_char != '\n') /* left open by printk_raw: whatever is in the ring is whole lines */
		show("\n", 1);
	while (*text) {
		const char *end = strchr(text, '\n');
		size_t n = end ? (size_t)(end - text) + 1 : strlen(text);

		emit(prefix, strlen(prefix));
		emit(text, n);
		text += n;
	}
	if (last_char != '\n')
		emit("\n", 1);
	unlock();
}

void printk(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_lines("(ringlet) ", text);
}

void guest_printk(domid_t domid, const char *fmt, ...)
{
	char text[512], prefix[16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(prefix, sizeof(prefix), "(d%u) ", domid);
	emit_lines(prefix, text);
}

void printk_raw(const char *text, size_t n)
{
	lock();
	show(text, n);
	unlock();
}

void printk_force(void)
{
	forced = true;
}

void printk_set_sink(void (*fn)(const char *text, size_t n))
{
	lock();
	sink = fn;
	unlock();
}

size_t log_read(uint32_t *index, bool incremental, char *buf, size_t n)
{
	uint32_t kept, from;
	size_t i;

	lock();
	kept = head > LOG_SIZE ? head - LOG_SIZE : 0;
	from = MAX(kept, cleared);
	if (incremental && *index > from && *index <= head)
		from = *index;
	for (i = 0; i < n && from != head; i++)
		buf[i] = ring[from++ % LOG_SIZE];
	*index = from;
	unlock();
	return i;
}

void log_clear(void)
{
	lock();
	cleared = head;
	unlock();
}
