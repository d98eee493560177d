/* SPDX-License-Identifier: MIT */
/*
 * Which messages are shown: loglvl= for the hypervisor's own, guest_loglvl= for what guests cause and say, with Xen's
 * names. Each is one level, up to which messages are shown, or two as in warning/all: those between the two only as
 * far as their rate allows. What an operator asked for, and what ends the machine, is not asked about: plain printk().
 */
#pragma once

#include "lib/printk.h"
#include "lib/types.h"

enum log_level {
	LOG_NONE,
	LOG_ERROR,   /* something is lost */
	LOG_WARNING, /* something is not as it should be */
	LOG_INFO,    /* what a user wants to know */
	LOG_DEBUG,   /* and what only a developer does */
};

enum log_source {
	LOG_OWN,
	LOG_GUEST,
	LOG_SOURCES,
};

/* Is a message of this kind to be shown now? Any context that may printk(). */
bool log_admits(enum log_source source, enum log_level level);
/* Take over the value of an option: none, error, warning, info, debug or all, and perhaps another behind a slash.
 * False: it is none of that, and nothing was changed. */
bool log_set_level(enum log_source source, const char *value);
/* From here on there is a time, in nanoseconds, to limit rates by. */
void log_set_clock(uint64_t (*ns)(void));

#define log_at(level, ...)                      \
	do {                                    \
		if (log_admits(LOG_OWN, level)) \
			printk(__VA_ARGS__);    \
	} while (0)
#define log_error(...)   log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
