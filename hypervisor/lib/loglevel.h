/* SPDX-License-Identifier: MIT */
/*
 * Which messages are shown: loglvl= for the hypervisor's own, guest_loglvl= for what guests cause and say, with Xen's
 * names. Each is one level, up to which messages are shown, or two as in warning/all: those between the two only as
 * far as their rate allows. What an operator asked for, and what ends the machine, is never limited: plain printk().
 */
#pragma once

#include "lib/loglimit.h"
#include "lib/printk.h"

enum log_level {
	LOG_NONE,
	LOG_ERROR,   /* something is lost */
	LOG_WARNING, /* something is not as it should be */
	LOG_INFO,    /* what a user wants to know */
	LOG_DEBUG,   /* what only a developer wants to know */
};

enum log_source {
	LOG_OWN,
	LOG_GUEST,
	LOG_SOURCES,
};

/* Is a message of this kind to be shown now? Any context that may printk(). */
bool log_admits(enum log_source source, enum log_level level);
/* Take over the value of an option: none, error, warning, info, debug or all, and perhaps another after a slash.
 * False: the value is invalid, and nothing was changed. */
bool log_set_level(enum log_source source, const char *value);
/* The value back, as text, both levels; cut if it does not fit. */
void log_get_level(enum log_source source, char *text, size_t size);

/* May @lines lines be printed about a guest's end? All guests share one rate, since a guest that crashes and is started
 * again is a new domain each time. Not for Dom0. */
bool log_admits_fate(uint32_t lines);
/* One line that guest @domid wrote, without its end, if the guest's bucket and that of all guests allow it. */
void log_guest_line(struct log_limit *l, domid_t domid, const char *text);
/* Print how many of its lines were left out since the last such report, if any were. */
void log_guest_left_out(struct log_limit *l, domid_t domid);
/* The option's value: lines a second, and perhaps after a comma how many at once; 0: no limit. As log_set_level(). */
#define LOG_RATE_MAX 1000000
bool log_set_guest_rate(const char *value);

#define log_at(level, ...)                      \
	do {                                    \
		if (log_admits(LOG_OWN, level)) \
			printk(__VA_ARGS__);    \
	} while (0)
/* One line on how a guest ended. */
#define log_fate(level, ...)                                          \
	do {                                                          \
		if (log_admits(LOG_OWN, level) && log_admits_fate(1)) \
			printk_kind(LOG_KIND_FATE, __VA_ARGS__);      \
	} while (0)
#define log_error(...)   log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_INFO, __VA_ARGS__)
