/* SPDX-License-Identifier: MIT */
/*
 * Configuration files in xl's syntax:
 *
 *	name   = "demo"         # text, in double or single quotes
 *	memory = 64             # number, decimal or 0x..
 *	vif    = [ "a", "b", ]  # list of texts, may span lines
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
	CFG_NUMBER,
	CFG_LIST
};

struct cfg_item {
	char *key;
	enum cfg_kind kind;
	char *text; /* CFG_TEXT; CFG_NUMBER: as written */
	long number;
	char **list; /* CFG_LIST: count entries */
	size_t count;
	int line; /* where it was set, for messages */
};

struct cfg {
	const char *source; /* file name for messages; not owned */
	struct cfg_item *items;
	size_t count;
};

/* Add the settings of @text. On error one line is reported (file, line, what, how to mend) and -1 returned;
 * what was read so far stays in @cfg for cfg_free(). */
int cfg_parse(struct cfg *cfg, const char *source, const char *text, size_t len);
int cfg_load(struct cfg *cfg, const char *path);
/* One `key=value` of the command line. Quotes may be left out there, since shells eat them. */
int cfg_override(struct cfg *cfg, const char *arg);
void cfg_free(struct cfg *cfg);

const struct cfg_item *cfg_find(const struct cfg *cfg, const char *key);
/* The text of @key, or @fallback if it is not set. A number gives its digits; a list is an error (NULL). */
const char *cfg_text(const struct cfg *cfg, const char *key, const char *fallback);
/* The number of @key into *out (left alone if not set). -1 and a report: not a number or out of range. */
int cfg_number(const struct cfg *cfg, const char *key, long min, long max, long *out);
/* Warn about keys that nothing knows, naming the closest one that is known. @known ends with NULL. */
void cfg_warn_unknown(const struct cfg *cfg, const char *const *known);
/* Write the settings in the same syntax: parsing it again gives the same @cfg. */
void cfg_write(const struct cfg *cfg, FILE *out);
