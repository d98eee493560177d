/* SPDX-License-Identifier: MIT */
/*
 * The reader of configuration files: a scanner over one text in memory, one function per piece of the
 * grammar. `struct scan` holds the place; every error is reported once, where it is found.
 */
#include "cfg.h"
#include "err.h"
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	struct cfg *cfg;
	const char *at, *end;
	int line;
};

static int bad(const struct scan *s, const char *what, const char *mend)
{
	return fail("%s:%d: %s; %s", s->cfg->source, s->line, what, mend);
}

static int peek(const struct scan *s)
{
	return s->at < s->end ? (unsigned char)*s->at : -1;
}

/* Blanks and comments; with @lines also line ends. */
static void skip_space(struct scan *s, bool lines)
{
	while (s->at < s->end) {
		int c = peek(s);

		if (c == '#') {
			while (s->at < s->end && *s->at != '\n')
				s->at++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			s->at++;
		} else if (c == '\\' && s->at + 1 < s->end && s->at[1] == '\n') {
			s->line++;
			s->at += 2;
		} else if (c == '\n' && lines) {
			s->line++;
			s->at++;
		} else {
			return;
		}
	}
}

static char *copy(const char *from, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		return NULL;
	memcpy(text, from, len);
	text[len] = '\0';
	return text;
}

static void item_clear(struct cfg_item *item)
{
	for (size_t i = 0; i < item->count; i++)
		free(item->list[i]);
	free(item->list);
	free(item->text);
	item->list = NULL;
	item->text = NULL;
	item->count = 0;
}

/* The item of @key, emptied, new if need be. */
static struct cfg_item *item_for(struct cfg *cfg, const char *key, size_t len)
{
	for (size_t i = 0; i < cfg->count; i++) {
		struct cfg_item *old = &cfg->items[i];

		if (strlen(old->key) == len && !memcmp(old->key, key, len)) {
			item_clear(old);
			return old;
		}
	}

	struct cfg_item *grown = realloc(cfg->items, (cfg->count + 1) * sizeof(*grown));

	if (!grown)
		return NULL;
	cfg->items = grown;
	memset(&grown[cfg->count], 0, sizeof(*grown));
	grown[cfg->count].key = copy(key, len);
	return grown[cfg->count].key ? &grown[cfg->count++] : NULL;
}

static int scan_quoted(struct scan *s, char **out)
{
	int quote = peek(s);
	const char *from = ++s->at;

	while (s->at < s->end && *s->at != quote && *s->at != '\n')
		s->at++;
	if (peek(s) != quote)
		return bad(s, "text without its closing quote",
			   quote == '"' ? "end it with \" on the same line"
					: "end it with ' on the same line");
	if (memchr(from, '\0', s->at - from))
		return bad(s, "a zero byte inside a text",
			   "this is not a configuration file: check the name");
	*out = copy(from, s->at++ - from);
	return *out ? 0 : bad(s, "out of memory", "shorten the file");
}

static int scan_list(struct scan *s, struct cfg_item *item)
{
	s->at++; /* '[' */
	item->kind = CFG_LIST;
	for (;;) {
		skip_space(s, true);
		if (peek(s) == ']') {
			s->at++;
			return 0;
		}
		if (peek(s) != '"' && peek(s) != '\'')
			return bad(s,
				   peek(s) < 0 ? "a list without its ']'"
					       : "a list entry that is not a quoted text",
				   "write lists as [ \"a\", \"b\" ]");

		char **grown = realloc(item->list, (item->count + 1) * sizeof(*grown));

		if (!grown)
			return bad(s, "out of memory", "shorten the list");
		item->list = grown;
		if (scan_quoted(s, &grown[item->count]))
			return -1;
		item->count++;
		skip_space(s, true);
		if (peek(s) == ',')
			s->at++;
		else if (peek(s) != ']')
			return bad(s, "a list entry is not followed by ',' or ']'",
				   "write lists as [ \"a\", \"b\" ]");
	}
}

static int scan_number(struct scan *s, struct cfg_item *item)
{
	const char *from = s->at;
	char *rest;

	while (s->at < s->end && (isalnum((unsigned char)*s->at) || *s->at == '-' || *s->at == '_'))
		s->at++;
	item->kind = CFG_NUMBER;
	item->text = copy(from, s->at - from);
	if (!item->text)
		return bad(s, "out of memory", "shorten the file");
	errno = 0;
	item->number = strtol(item->text, &rest, 0);
	if (*item->text == '\0' || *rest != '\0')
		return bad(s, "a value that is neither \"text\", number nor [list]",
			   "put text in quotes: key = \"text\"");
	if (errno == ERANGE)
		return bad(s, "a number that is too large", "use a smaller one");
	return 0;
}

static int scan_value(struct scan *s, struct cfg_item *item)
{
	item->line = s->line;
	switch (peek(s)) {
	case '"':
	case '\'':
		item->kind = CFG_TEXT;
		return scan_quoted(s, &item->text);
	case '[':
		return scan_list(s, item);
	default:
		return scan_number(s, item);
	}
}

static bool is_key(int c, bool first)
{
	return c == '_' || (c > 0 && isalpha(c)) || (!first && c > 0 && (isdigit(c) || c == '-' || c == '.'));
}

static int scan_setting(struct scan *s)
{
	const char *key = s->at;

	if (!is_key(peek(s), true))
		return bad(s, "expected the name of a setting", "write key = value, or # before a comment");
	while (is_key(peek(s), false))
		s->at++;

	size_t len = s->at - key;

	skip_space(s, false);
	if (peek(s) != '=')
		return bad(s, "a name without '='", "write key = value");
	s->at++;
	skip_space(s, false);

	struct cfg_item *item = item_for(s->cfg, key, len);

	if (!item)
		return bad(s, "out of memory", "shorten the file");
	if (scan_value(s, item))
		return -1;
	skip_space(s, false);
	if (peek(s) >= 0 && peek(s) != '\n' && peek(s) != ';')
		return bad(s, "something after the value", "one setting per line, or ';' between two");
	return 0;
}

int cfg_parse(struct cfg *cfg, const char *source, const char *text, size_t len)
{
	struct scan s = {.cfg = cfg, .at = text, .end = text + len, .line = 1};

	cfg->source = source;
	for (;;) {
		skip_space(&s, true);
		while (peek(&s) == ';') {
			s.at++;
			skip_space(&s, true);
		}
		if (peek(&s) < 0)
			return 0;
		if (scan_setting(&s))
			return -1;
	}
}

int cfg_load(struct cfg *cfg, const char *path)
{
	size_t len;
	char *text = file_read(path, 256 * 1024, &len);
	int ret;

	if (!text)
		return -1;
	ret = cfg_parse(cfg, path, text, len);
	free(text);
	return ret;
}

int cfg_override(struct cfg *cfg, const char *arg)
{
	const char *eq = strchr(arg, '=');
	size_t len = eq ? (size_t)(eq - arg) : 0;
	struct cfg_item *item;

	if (len == 0 || !is_key((unsigned char)arg[0], true))
		return fail("\"%s\": expected key=value after the file name; see `rl help create`", arg);
	if (eq[1] == '"' || eq[1] == '\'' || eq[1] == '[' || isdigit((unsigned char)eq[1]) || eq[1] == '-') {
		const char *file = cfg->source;
		struct scan s = {.cfg = cfg, .at = arg, .end = arg + strlen(arg), .line = 1};
		bool digits = isdigit((unsigned char)eq[1]) &&
			      strspn(eq + 1, "0123456789abcdefABCDEFxX") == strlen(eq + 1);

		if (digits || !isdigit((unsigned char)eq[1])) {
			cfg->source = "command line";

			int ret = scan_setting(&s);

			cfg->source = file;
			return ret;
		}
	}
	item = item_for(cfg, arg, len);
	if (item)
		item->text = copy(eq + 1, strlen(eq + 1));
	if (!item || !item->text)
		return fail("out of memory for \"%s\"", arg);
	item->kind = CFG_TEXT;
	item->line = 0;
	return 0;
}

void cfg_free(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->count; i++) {
		item_clear(&cfg->items[i]);
		free(cfg->items[i].key);
	}
	free(cfg->items);
	memset(cfg, 0, sizeof(*cfg));
}

const struct cfg_item *cfg_find(const struct cfg *cfg, const char *key)
{
	for (size_t i = 0; i < cfg->count; i++)
		if (!strcmp(cfg->items[i].key, key))
			return &cfg->items[i];
	return NULL;
}

const char *cfg_text(const struct cfg *cfg, const char *key, const char *fallback)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	if (!item)
		return fallback;
	if (item->kind == CFG_LIST) {
		fail("%s:%d: %s is a list; needed: one text, as %s = \"...\"", cfg->source, item->line, key,
		     key);
		return NULL;
	}
	return item->text;
}

int cfg_number(const struct cfg *cfg, const char *key, long min, long max, long *out)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	if (!item)
		return 0;
	if (item->kind != CFG_NUMBER)
		return fail("%s:%d: %s is not a number; write %s = %ld without quotes", cfg->source,
			    item->line, key, key, min);
	if (item->number < min || item->number > max)
		return fail("%s:%d: %s = %ld; needed: between %ld and %ld", cfg->source, item->line, key,
			    item->number, min, max);
	*out = item->number;
	return 0;
}

void cfg_warn_unknown(const struct cfg *cfg, const char *const *known)
{
	for (size_t i = 0; i < cfg->count; i++) {
		const char *key = cfg->items[i].key;
		const char *near;

		if (!cfg->items[i].text && !cfg->items[i].list && cfg->items[i].kind != CFG_LIST)
			continue;
		near = nearest(key, known);
		if (near && !strcmp(near, key))
			continue;
		if (near)
			warn("%s:%d: unknown setting \"%s\" is ignored; did you mean \"%s\"?", cfg->source,
			     cfg->items[i].line, key, near);
		else
			warn("%s:%d: unknown setting \"%s\" is ignored", cfg->source, cfg->items[i].line,
			     key);
	}
}

static void write_text(const char *text, FILE *out)
{
	char quote = strchr(text, '"') ? '\'' : '"';

	fprintf(out, "%c%s%c", quote, text, quote);
}

void cfg_write(const struct cfg *cfg, FILE *out)
{
	for (size_t i = 0; i < cfg->count; i++) {
		const struct cfg_item *item = &cfg->items[i];

		fprintf(out, "%s = ", item->key);
		if (item->kind == CFG_TEXT) {
			write_text(item->text, out);
		} else if (item->kind == CFG_NUMBER) {
			fputs(item->text, out);
		} else {
			fputc('[', out);
			for (size_t j = 0; j < item->count; j++) {
				fputs(j ? ", " : " ", out);
				write_text(item->list[j], out);
			}
			fputs(" ]", out);
		}
		fputc('\n', out);
	}
}
