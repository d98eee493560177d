/* SPDX-License-Identifier: MIT */
/* The settings of a configuration: keeping, asking, changing by the command line, writing. */
#include "cfg.h"
#include "err.h"
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char no_memory[] = "out of memory";
const char cfg_command_line[] = "command line";

void cfg_value_clear(struct cfg_value *value)
{
	for (size_t i = 0; i < value->count; i++)
		cfg_value_clear(&value->list[i]);
	free(value->list);
	free(value->text);
	memset(value, 0, sizeof(*value));
}

/* The item of the key, made (with an empty text) if it is not there; NULL if there is no memory. */
static struct cfg_item *item_for(struct cfg *cfg, const char *key, size_t len)
{
	struct cfg_item *item;

	for (size_t i = 0; i < cfg->count; i++) {
		item = &cfg->items[i];
		if (strlen(item->key) == len && !memcmp(item->key, key, len))
			return item;
	}
	item = realloc(cfg->items, (cfg->count + 1) * sizeof(*item));
	if (!item)
		return NULL;
	cfg->items = item;
	item += cfg->count;
	memset(item, 0, sizeof(*item));
	item->key = strndup(key, len);
	if (!item->key)
		return NULL;
	cfg->count++;
	return item;
}

static bool is_new(const struct cfg_item *item)
{
	return item->value.kind != CFG_LIST && !item->value.text;
}

/* Move @more's entries, or its text, to the end of @value. */
static const char *append(struct cfg_value *value, struct cfg_value *more)
{
	if ((value->kind == CFG_LIST) != (more->kind == CFG_LIST))
		return "+= of a list to a text, or of a text to a list";
	if (value->kind != CFG_LIST) {
		size_t len = strlen(value->text), added = strlen(more->text);
		char *text = realloc(value->text, len + added + 1);

		if (!text)
			return no_memory;
		memcpy(text + len, more->text, added + 1);
		value->text = text;
		value->kind = CFG_TEXT;
	} else if (more->count) {
		size_t size = sizeof(*value->list);
		struct cfg_value *list = realloc(value->list, (value->count + more->count) * size);

		if (!list)
			return no_memory;
		memcpy(list + value->count, more->list, more->count * size);
		value->list = list;
		value->count += more->count;
		more->count = 0;
	}
	return NULL;
}

const char *cfg_set(struct cfg *cfg, const char *key, size_t len, struct cfg_value *value, bool add, int line)
{
	struct cfg_item *item = item_for(cfg, key, len);
	const char *wrong = NULL;

	if (!item) {
		wrong = no_memory;
	} else if (add && !is_new(item)) {
		wrong = append(&item->value, value);
	} else {
		cfg_value_clear(&item->value);
		item->value = *value;
		memset(value, 0, sizeof(*value));
	}
	cfg_value_clear(value);
	if (!wrong) {
		item->added = add;
		item->line = line;
	}
	return wrong;
}

int cfg_parse(struct cfg *cfg, const char *source, const char *text, size_t len)
{
	cfg->source = source;
	return cfg_scan(cfg, text, len, 1);
}

int cfg_load(struct cfg *cfg, const char *path)
{
	size_t len;
	char *text = file_read(path, 256 * 1024, &len);
	int rc;

	if (!text)
		return -1;
	rc = cfg_parse(cfg, path, text, len);
	free(text);
	return rc;
}

/* The value as it is, without quotes. */
static int set_bare(struct cfg *cfg, const char *arg, size_t len, const char *text, bool add)
{
	struct cfg_value value = {.kind = CFG_TEXT, .text = strdup(text)};
	const char *wrong = value.text ? cfg_set(cfg, arg, len, &value, add, 0) : no_memory;

	return wrong ? fail("%s: \"%s\": %s", cfg_command_line, arg, wrong) : 0;
}

int cfg_override(struct cfg *cfg, const char *arg)
{
	size_t len = strspn(arg, "abcdefghijklmnopqrstuvwxyz0123456789_.");
	const char *file = cfg->source, *text = arg + len;
	bool add = text[0] == '+';
	int rc;

	text += add;
	if (len == 0 || strchr("0123456789_.", *arg) || *text != '=')
		return fail("%s: \"%s\": needed: key=value without blanks around the =; see `rl help create`",
			    cfg_command_line, arg);
	text++;
	if (*text != '"' && *text != '\'' && *text != '[')
		return set_bare(cfg, arg, len, text, add);
	cfg->source = cfg_command_line;
	rc = cfg_scan(cfg, arg, strlen(arg), 0);
	cfg->source = file;
	return rc;
}

int cfg_set_text(struct cfg *cfg, const char *key, const char *text)
{
	return set_bare(cfg, key, strlen(key), text, false);
}

void cfg_free(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->count; i++) {
		cfg_value_clear(&cfg->items[i].value);
		free(cfg->items[i].key);
	}
	free(cfg->items);
	memset(cfg, 0, sizeof(*cfg));
}

const struct cfg_item *cfg_find(const struct cfg *cfg, const char *key)
{
	for (size_t i = 0; i < cfg->count; i++)
		if (!is_new(&cfg->items[i]) && !strcmp(cfg->items[i].key, key))
			return &cfg->items[i];
	return NULL;
}

/* "FILE:LINE: KEY ...", or the parts that are known; one line whatever the values hold. @line: -1: of the key. */
static void describe(const struct cfg *cfg, const char *key, int line, char out[480], const char *fmt,
		     va_list ap)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	int n;

	if (line < 0)
		line = item ? item->line : 0;
	if (line)
		n = snprintf(out, 200, "%s:%d: %s ", cfg->source, line, key);
	else
		n = snprintf(out, 200, "%s: %s ", item ? cfg_command_line : cfg->source, key);
	n = n < 200 ? n : 199;
	vsnprintf(out + n, 480 - n, fmt, ap);
	for (; *out; out++)
		if (iscntrl((unsigned char)*out))
			*out = '?';
}

int cfg_fail(const struct cfg *cfg, const char *key, const char *fmt, ...)
{
	char line[480];
	va_list ap;

	va_start(ap, fmt);
	describe(cfg, key, -1, line, fmt, ap);
	va_end(ap);
	return fail("%s", line);
}

int cfg_fail_entry(const struct cfg *cfg, const char *key, const struct cfg_value *entry, const char *fmt,
		   ...)
{
	char line[480];
	va_list ap;

	va_start(ap, fmt);
	describe(cfg, key, entry->line, line, fmt, ap);
	va_end(ap);
	return fail("%s", line);
}

int cfg_missing(const struct cfg *cfg, const char *key, const char *example)
{
	if (cfg->source == cfg_command_line)
		return fail("%s: no %s; add %s=%s, or name a configuration file first", cfg->source, key, key,
			    example);
	return fail("%s: no %s; add a line %s = \"%s\"", cfg->source, key, key, example);
}

void cfg_warn(const struct cfg *cfg, const char *key, const char *fmt, ...)
{
	char line[480];
	va_list ap;

	va_start(ap, fmt);
	describe(cfg, key, -1, line, fmt, ap);
	va_end(ap);
	warn("%s", line);
}

int cfg_text(const struct cfg *cfg, const char *key, const char **out)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	if (item && item->value.kind == CFG_LIST)
		return cfg_fail(cfg, key, "is a list; needed: one text, as %s = \"...\"", key);
	if (item)
		*out = item->value.text;
	return 0;
}

int cfg_number(const struct cfg *cfg, const char *key, long min, long max, long *out)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	const char *text = NULL;
	char *rest;
	long number;

	if (cfg_text(cfg, key, &text))
		return -1;
	if (!text)
		return 0;
	if (item->added)
		return cfg_fail(cfg, key, "is made by +=, which cannot make a number; write %s = %ld", key,
				min);
	errno = 0;
	number = strtol(text, &rest, 0);
	if (!*text || *rest)
		return cfg_fail(cfg, key, "= \"%s\" is not a number; write %s = %ld", text, key, min);
	if (errno == ERANGE || number < min || number > max)
		return cfg_fail(cfg, key, "= %s; needed: between %ld and %ld", text, min, max);
	*out = number;
	return 0;
}

void cfg_write_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\r')
			fputs("\\r", out);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void write_value(const struct cfg_value *value, FILE *out)
{
	if (value->kind == CFG_NUMBER) {
		fputs(value->text, out);
	} else if (value->kind == CFG_TEXT) {
		cfg_write_text(value->text, out);
	} else {
		fputc('[', out);
		for (size_t i = 0; i < value->count; i++) {
			fputs(i ? ", " : " ", out);
			write_value(&value->list[i], out);
		}
		fputs(" ]", out);
	}
}

void cfg_write(const struct cfg *cfg, FILE *out)
{
	for (size_t i = 0; i < cfg->count; i++) {
		if (is_new(&cfg->items[i]))
			continue;
		fprintf(out, "%s = ", cfg->items[i].key);
		write_value(&cfg->items[i].value, out);
		fputc('\n', out);
	}
}
