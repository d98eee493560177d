/* SPDX-License-Identifier: MIT */
/*
 * The log: whole lines, the last of each kind that fit into LOG_KIND_SIZE characters, in the order in which they came;
 * and one sink, the consoles. A line makes room by its own kind's oldest, so what guests write displaces nothing that
 * the hypervisor says. `logged` counts all characters ever logged, and a line is found by its place in that count.
 * One lock: the NMI handler and functions of cpu_call() never print, since they may have interrupted a CPU that holds
 * the lock or waits for it. A panic switches the lock off.
 */
#include <stdarg.h>
#include "lib/printk.h"
#include "lib/format.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define KIND_LINES (LOG_KIND_SIZE / 16)
#define TEXT_SIZE  512
#define PREFIX     16

struct line {
	uint64_t begin; /* in the count of all characters */
	uint16_t size;
	uint16_t kind;
};

static struct spinlock log_lock;
static bool forced;
static char log_text[LOG_SIZE];
static struct line log_line[KIND_LINES * LOG_KINDS];
static uint32_t n_lines, text_used;
static struct {
	uint32_t lines, size;
} kept[LOG_KINDS];
static uint64_t logged, cleared;
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

static void drop_oldest(enum log_kind kind)
{
	uint32_t i = 0, at = 0, size;

	for (; log_line[i].kind != kind; i++)
		at += log_line[i].size;
	size = log_line[i].size;
	memmove(log_text + at, log_text + at + size, text_used - at - size);
	memmove(log_line + i, log_line + i + 1, (n_lines - i - 1) * sizeof(*log_line));
	text_used -= size;
	n_lines--;
	kept[kind].size -= size;
	kept[kind].lines--;
}

static void keep(enum log_kind kind, const char *text, size_t n)
{
	while (kept[kind].size + n > LOG_KIND_SIZE || kept[kind].lines == KIND_LINES)
		drop_oldest(kind);
	memcpy(log_text + text_used, text, n);
	log_line[n_lines++] = (struct line){.begin = logged, .size = n, .kind = kind};
	text_used += n;
	kept[kind].size += n;
	kept[kind].lines++;
	logged += n;
}

/* Text line by line, each with the prefix and a line end. */
static void emit_lines(enum log_kind kind, const char *prefix, const char *text)
{
	size_t before = strlen(prefix);

	lock();
	if (last_char != '\n') /* left open by printk_raw: whatever is kept is whole lines */
		show("\n", 1);
	while (*text) {
		char whole[PREFIX + TEXT_SIZE + 1];
		const char *end = strchr(text, '\n');
		size_t n = end ? (size_t)(end - text) : strlen(text);

		memcpy(whole, prefix, before);
		memcpy(whole + before, text, n);
		whole[before + n] = '\n';
		keep(kind, whole, before + n + 1);
		show(whole, before + n + 1);
		text += n + (end != NULL);
	}
	unlock();
}

void printk(const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_lines(LOG_KIND_OWN, "(ringlet) ", text);
}

void printk_kind(enum log_kind kind, const char *fmt, ...)
{
	char text[TEXT_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	emit_lines(kind, "(ringlet) ", text);
}

void guest_printk(domid_t domid, const char *fmt, ...)
{
	char text[TEXT_SIZE], prefix[PREFIX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(prefix, sizeof(prefix), "(d%u) ", domid);
	emit_lines(LOG_KIND_SAID, prefix, text);
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

/* A reader's index has the count's lower half. */
static uint64_t whole_count(uint32_t index)
{
	uint64_t n = logged - (uint32_t)((uint32_t)logged - index);

	return n > logged ? 0 : n;
}

size_t log_read(uint32_t *index, bool incremental, char *buf, size_t n)
{
	uint64_t from;
	size_t done = 0;
	uint32_t at = 0;

	lock();
	from = incremental ? MAX(cleared, whole_count(*index)) : cleared;
	for (uint32_t i = 0; i < n_lines && done < n; at += log_line[i++].size) {
		uint64_t end = log_line[i].begin + log_line[i].size;
		size_t skip, part;

		if (end <= from)
			continue;
		skip = from > log_line[i].begin ? from - log_line[i].begin : 0;
		part = MIN(n - done, log_line[i].size - skip);
		memcpy(buf + done, log_text + at + skip, part);
		done += part;
		from = log_line[i].begin + skip + part;
	}
	*index = from;
	unlock();
	return done;
}

void log_clear(void)
{
	lock();
	cleared = logged;
	unlock();
}
