/* SPDX-License-Identifier: MIT */
/*
 * The scanner of configuration files: one text in memory, one function per piece of the grammar, which is that of Xen's
 * libxlutil. `struct scan` holds the place; every error is reported once, where it is found.
 *
 * It accepts three things that libxlutil does not: a comment on a last line without its end, lines that end in CR LF,
 * and \xHH and \OOO inside texts (libxlutil documents both, refuses the first and drops the second).
 */
#include "cfg.h"
#include "err.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* of lists in lists: each level is a call of scan_value() */

struct scan {
	struct cfg *cfg;
	const char *at, *end;
	int line;
	int depth;
};

static int bad(const struct scan *s, const char *what, const char *mend)
{
	if (s->line)
		return fail("%s:%d: %s; %s", s->cfg->source, s->line, what, mend);
	return fail("%s: %s; %s", s->cfg->source, what, mend);
}

static int no_memory(const struct scan *s)
{
	return bad(s, "out of memory", "shorten the file");
}

static int peek(const struct scan *s)
{
	return s->at < s->end ? (unsigned char)*s->at : -1;
}

/* LF, or CR LF for files from other systems. */
static bool at_line_end(const struct scan *s)
{
	return peek(s) == '\n' || (peek(s) == '\r' && s->end - s->at > 1 && s->at[1] == '\n');
}

/* Blanks and comments; with @lines also line ends. */
static void skip_space(struct scan *s, bool lines)
{
	while (s->at < s->end) {
		int c = peek(s);

		if (c == '#') {
			while (s->at < s->end && *s->at != '\n')
				s->at++;
		} else if (c == ' ' || c == '\t') {
			s->at++;
		} else if (lines && at_line_end(s)) {
			s->at += c == '\r' ? 2 : 1;
			s->line++;
		} else {
			return;
		}
	}
}

static bool is_octal(int c)
{
	return c >= '0' && c <= '7';
}

/* @n digits of @base (8 or 16) at s->at: a byte that is not zero, or -1. */
static int scan_code(struct scan *s, int n, int base)
{
	int code = 0;

	for (; n; n--, s->at++) {
		int c = peek(s);

		if (base == 8 ? !is_octal(c) : !isxdigit(c))
			return -1;
		code = code * base + (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return code > 0 && code < 256 ? code : -1;
}

/* What the escape behind a backslash stands for, or -1. */
static int scan_escape(struct scan *s)
{
	static const char names[] = "abfnrtv\"'\\", codes[] = "\a\b\f\n\r\t\v\"'\\";
	int c = peek(s);
	const char *name = c > 0 ? strchr(names, c) : NULL;

	if (is_octal(c))
		return scan_code(s, 3, 8);
	s->at++;
	if (c == 'x')
		return scan_code(s, 2, 16);
	return name ? (unsigned char)codes[name - names] : -1;
}

/* The length up to the closing quote; 0 if there is none on the line. */
static size_t quoted_length(const struct scan *s, int quote)
{
	const char *p = s->at;

	for (; p < s->end && *p != '\n'; p++) {
		if (*p == quote)
			return p - s->at + 1;
		if (*p == '\\' && ++p < s->end && *p == '\n')
			return 0;
	}
	return 0;
}

static int scan_quoted(struct scan *s, struct cfg_value *value)
{
	int quote = *s->at++;
	size_t len = quoted_length(s, quote), n = 0;

	if (!len)
		return bad(s, "text without its closing quote",
			   quote == '"' ? "end it with \" on the same line"
					: "end it with ' on the same line");
	value->kind = CFG_TEXT;
	value->text = malloc(len);
	if (!value->text)
		return no_memory(s);
	while (*s->at != quote) {
		int c = *s->at++;

		if (c == '\\' && (c = scan_escape(s)) < 0)
			return bad(
			    s, "an unknown escape inside a text",
			    "write \\\\ for a backslash; known are \\\" \\' \\n \\t \\r \\a \\b \\f \\v "
			    "\\xHH and \\OOO");
		value->text[n++] = c;
	}
	s->at++;
	value->text[n] = '\0';
	return 0;
}

static int scan_number(struct scan *s, struct cfg_value *value)
{
	const char *from = s->at;

	while (isdigit(peek(s)) || (peek(s) > 0 && strchr("abcdefx", peek(s))))
		s->at++;
	value->kind = CFG_NUMBER;
	value->text = strndup(from, s->at - from);
	return value->text ? 0 : no_memory(s);
}

static int scan_value(struct scan *s, struct cfg_value *value);

static int scan_entry(struct scan *s, struct cfg_value *list)
{
	struct cfg_value *grown = realloc(list->list, (list->count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(s);
	list->list = grown;
	memset(&grown[list->count], 0, sizeof(*grown));
	return scan_value(s, &grown[list->count++]);
}

static int scan_list(struct scan *s, struct cfg_value *value)
{
	value->kind = CFG_LIST;
	if (s->depth == DEPTH_MAX)
		return bad(s, "lists in lists, too deep", "64 levels are allowed");
	s->depth++;
	s->at++; /* '[' */
	for (;;) {
		skip_space(s, true);
		if (peek(s) == ']')
			break;
		if (peek(s) < 0)
			return bad(s, "a list without its ']'", "write lists as [ \"a\", \"b\" ]");
		if (scan_entry(s, value))
			return -1;
		skip_space(s, true);
		if (peek(s) == ',')
			s->at++;
		else if (peek(s) != ']')
			return bad(s, "a list entry is not followed by ',' or ']'",
				   "write lists as [ \"a\", \"b\" ]");
	}
	s->at++;
	s->depth--;
	return 0;
}

static int scan_value(struct scan *s, struct cfg_value *value)
{
	int c = peek(s);

	value->line = s->line;
	if (c == '"' || c == '\'')
		return scan_quoted(s, value);
	if (c == '[')
		return scan_list(s, value);
	if (isdigit(c))
		return scan_number(s, value);
	return bad(s, "a value that is neither \"text\", number nor [list]",
		   "put text in quotes: key = \"text\"");
}

static bool is_key(int c, bool first)
{
	return (c >= 'a' && c <= 'z') || (!first && (isdigit(c) || c == '_' || c == '.'));
}

static int scan_setting(struct scan *s)
{
	const char *key = s->at, *wrong;
	struct cfg_value value = {0};
	int line = s->line;
	bool add;

	while (is_key(peek(s), s->at == key))
		s->at++;

	size_t len = s->at - key;

	if (!len)
		return bad(s, "expected the name of a setting", "write key = value, or # before a comment");
	skip_space(s, false);
	add = s->end - s->at > 1 && s->at[0] == '+' && s->at[1] == '=';
	s->at += add;
	if (peek(s) != '=')
		return bad(s, "a name without '='",
			   "write key = value, the key in small letters, digits, _ and .");
	s->at++;
	skip_space(s, false);
	if (scan_value(s, &value)) {
		cfg_value_clear(&value);
		return -1;
	}
	wrong = cfg_set(s->cfg, key, len, &value, add, line);
	if (wrong)
		return bad(s, wrong, "+= adds a text to a text, or a list to a list");
	skip_space(s, false);
	if (peek(s) >= 0 && !at_line_end(s) && peek(s) != ';')
		return bad(s, "something after the value", "one setting per line, or ';' between two");
	return 0;
}

int cfg_scan(struct cfg *cfg, const char *text, size_t len, int line)
{
	struct scan s = {.cfg = cfg, .at = text, .end = text + len, .line = line};

	/* A C string would end there, and the rest would not be checked. */
	if (memchr(text, '\0', len)) {
		for (; *s.at; s.at++)
			s.line += *s.at == '\n';
		return bad(&s, "a zero byte", "this is not a configuration file: check the name");
	}
	for (;;) {
		skip_space(&s, true);
		if (peek(&s) == ';')
			s.at++;
		else if (peek(&s) < 0)
			return 0;
		else if (scan_setting(&s))
			return -1;
	}
}
