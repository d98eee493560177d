/* SPDX-License-Identifier: MIT */
/* The kernel's messages: to the console, and kept in memory for dmesg. */
#ifndef KERN_CONSOLE_LOG_H
#define KERN_CONSOLE_LOG_H

#include "kern/lib/types.h"

/* Levels as syslog numbers them: the console shows those below log_set_level()'s. */
enum {
	LOG_NOTHING = 1,
	LOG_WARNING = 4,
	LOG_INFO = 6,
	LOG_ALL = 8
};

/* Any context. */
void log_at(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_print(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARNING, __VA_ARGS__)
void log_set_level(int level);
size_t log_size(void); /* bytes kept */
u64 log_written(void); /* bytes since boot */
/* The kept byte at position *pos since boot, or the first kept byte after it; moves *pos. False: none. */
bool log_next(u64 *pos, char *c);
extern void (*panic_details)(void); /* what panic() prints besides its sentence */

#endif
