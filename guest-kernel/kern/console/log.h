/* SPDX-License-Identifier: MIT */
/* The kernel's messages: to the console, and kept in memory for dmesg. */
#ifndef KERN_CONSOLE_LOG_H
#define KERN_CONSOLE_LOG_H

#include "kern/lib/types.h"

/* Any context. */
void log_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_set_quiet(bool quiet); /* keep messages off the console */
size_t log_size(void);          /* bytes kept */
u64 log_written(void);          /* bytes since boot */
/* The kept byte at position *pos since boot, or the first kept byte after it; moves *pos. False: none. */
bool log_next(u64 *pos, char *c);
extern void (*panic_details)(void); /* what panic() prints besides its sentence */

#endif
