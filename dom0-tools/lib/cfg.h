/* SPDX-License-Identifier: MIT */
/*
 * Configuration files in xl's syntax:
 *
 *	name   = "demo"             # text, in double or single quotes; \" \' \\ \n \t and others inside
 *	memory = 64                 # number: 64, 0100, 0x40; "64" is one as well
 *	cpus   = [ 0, "2-3", [], ]  # list of values, may span lines
 *	extra += " quiet"           # appended to the earlier value, text or list
 *
 * Settings are separated by line ends or ';'. A later setting of the same key replaces the earlier one, which
 * is how `key=value` on the command line overrides the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cfg_kind {
	CFG_TEXT,
	CFG_NUMBER, /* written without quotes; else the same as a text */
	CFG_LIST
};

struct cfg_value {
	enum cfg_kind kind;
	char *text; /* except for lists: the text, escapes resolved */
	struct cfg_value *list;
	size_t count;
	int line; /* where it begins; 0: not in a file */
};

struct cfg_item {
	char *key;
	struct cfg_value value;
	bool added; /* the last setting was a `+=`: then it is no number, as in xl */
	int line;   /* of the last setting, for messages; 0: the command line */
};

extern const char cfg_command_line[]; /* the source of a configuration that has no file */

struct cfg {
	const char *source; /* file name for messages; not owned */
	struct cfg_item *items;
	size_t count;
};

/* Add the settings of @text. On error one line is reported (file, line, what, how to fix it) and -1 returned; what
 * was read so far stays in @cfg for cfg_free(). */
int cfg_parse(struct cfg *cfg, const char *source, const char *text, size_t len);
int cfg_load(struct cfg *cfg, const char *path);
/* One `key=value` or `key+=value` of the command line. Quotes may be left out there, since shells remove them. */
int cfg_override(struct cfg *cfg, const char *arg);
/* Set @key to a text as it is. */
int cfg_set_text(struct cfg *cfg, const char *key, const char *text);
void cfg_free(struct cfg *cfg);

const struct cfg_item *cfg_find(const struct cfg *cfg, const char *key);
/* The text of @key (a number gives its digits) into *out, which is left alone if the key is not set. -1 and a report: it
 * is a list. */
int cfg_text(const struct cfg *cfg, const char *key, const char **out);
/* The same for a number; one in quotes counts, too. -1 and a report: it is no number, or out of range. */
int cfg_number(const struct cfg *cfg, const char *key, long min, long max, long *out);
/* A line of the form "FILE:LINE: KEY ..." as fail() and warn() give it. Returns -1. */
int cfg_fail(const struct cfg *cfg, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of an entry of the list @key. */
int cfg_fail_entry(const struct cfg *cfg, const char *key, const struct cfg_value *entry, const char *fmt,
		   ...) __attribute__((format(printf, 4, 5)));
/* Report that @key must be set, where there is room for it: "FILE: no KEY; add ...". Returns -1. */
int cfg_missing(const struct cfg *cfg, const char *key, const char *example);
void cfg_warn(const struct cfg *cfg, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Write the settings in the same syntax: parsing it again gives the same @cfg. */
void cfg_write(const struct cfg *cfg, FILE *out);
/* @text in quotes, with the necessary escapes. */
void cfg_write_text(const char *text, FILE *out);

/* cfg_scan.c: the settings of a text, one after the other, each through cfg_set(). */
int cfg_scan(struct cfg *cfg, const char *text, size_t len, int line);
/* Move @value (emptied, even on an error) to the key of @len bytes at @key. NULL, or what is wrong. */
const char *cfg_set(struct cfg *cfg, const char *key, size_t len, struct cfg_value *value, bool add,
		    int line);
void cfg_value_clear(struct cfg_value *value);
