/* SPDX-License-Identifier: MIT */
/* See xl_parser.h. libxlutil cannot list its settings: every name that the text may hold is asked for. */
#include "xl_parser.h"
#include "cfg.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>
#include <sanitizer/lsan_interface.h>

static void put_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, isprint((unsigned char)*text) && *text != '"' && *text != '\\' ? "%c" : "\\%02x",
			(unsigned char)*text);
	fputc('"', out);
}

static void put_number(FILE *out, int wrong, const long *number)
{
	if (wrong)
		fputs(" no number\n", out);
	else
		fprintf(out, " number %ld\n", *number);
}

/* ---- Xen's parser ---- */

static void put_xl_value(FILE *out, const XLU_Config *cfg, XLU_ConfigValue *value)
{
	XLU_ConfigList *list;
	char *text;

	if (xlu_cfg_value_type(value) == XLU_STRING) {
		xlu_cfg_value_get_string(cfg, value, &text, 1);
		put_text(out, text);
		return;
	}
	xlu_cfg_value_get_list(cfg, value, &list, 1);
	fputc('[', out);
	for (int i = 0; (value = xlu_cfg_get_listitem2(list, i)); i++) {
		put_xl_value(out, cfg, value);
		fputc(',', out);
	}
	fputc(']', out);
}

static void put_xl_setting(FILE *out, const XLU_Config *cfg, const char *name)
{
	XLU_ConfigValue *value;
	XLU_ConfigList *list;
	const char *text;
	long number = 0;

	if (!xlu_cfg_get_string(cfg, name, &text, 1)) {
		fprintf(out, "%s = ", name);
		put_text(out, text);
	} else if (!xlu_cfg_get_list(cfg, name, &list, NULL, 1)) {
		fprintf(out, "%s = [", name);
		for (int i = 0; (value = xlu_cfg_get_listitem2(list, i)); i++) {
			put_xl_value(out, cfg, value);
			fputc(',', out);
		}
		fputc(']', out);
	} else {
		return;
	}
	put_number(out, xlu_cfg_get_long(cfg, name, &number, 1), &number);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_name_char(int c)
{
	return isalnum(c) || c == '_' || c == '.';
}

/* Every tail of every run of letters that a name may have, sorted. */
static char **names_in(const char *text, size_t len, size_t *count)
{
	char **names = malloc((len + 1) * sizeof(*names));

	*count = 0;
	for (size_t i = 0; i < len; i++) {
		size_t end = i;

		if (!islower((unsigned char)text[i]))
			continue;
		while (end < len && is_name_char((unsigned char)text[end]))
			end++;
		names[(*count)++] = strndup(text + i, end - i);
	}
	qsort(names, *count, sizeof(*names), by_text);
	return names;
}

static void put_xl_settings(FILE *out, const XLU_Config *cfg, const char *text, size_t len)
{
	size_t count;
	char **names = names_in(text, len, &count);

	for (size_t i = 0; i < count; i++) {
		if (i + 1 == count || strcmp(names[i], names[i + 1]))
			put_xl_setting(out, cfg, names[i]);
		free(names[i]);
	}
	free(names);
}

char *xl_reads(const char *text, size_t len)
{
	FILE *nowhere = fopen("/dev/null", "w");
	XLU_Config *cfg = xlu_cfg_init(nowhere, "xl");
	char *form = NULL;
	size_t size;
	int wrong;

	__lsan_disable(); /* it forgets values when it refuses a text */
	wrong = xlu_cfg_readdata(cfg, text, len);
	__lsan_enable();
	if (!wrong) {
		FILE *out = open_memstream(&form, &size);

		put_xl_settings(out, cfg, text, len);
		fclose(out);
	}
	xlu_cfg_destroy(cfg);
	fclose(nowhere);
	return form;
}

/* ---- Ours ---- */

static void put_our_value(FILE *out, const struct cfg_value *value)
{
	if (value->kind != CFG_LIST) {
		put_text(out, value->text);
		return;
	}
	fputc('[', out);
	for (size_t i = 0; i < value->count; i++) {
		put_our_value(out, &value->list[i]);
		fputc(',', out);
	}
	fputc(']', out);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct cfg_item *)a)->key, ((const struct cfg_item *)b)->key);
}

char *we_read(const char *text, size_t len)
{
	struct cfg cfg = {0};
	char *form = NULL;
	size_t size;

	if (!cfg_parse(&cfg, "ours", text, len)) {
		FILE *out = open_memstream(&form, &size);

		if (cfg.count)
			qsort(cfg.items, cfg.count, sizeof(*cfg.items), by_key);
		for (size_t i = 0; i < cfg.count; i++) {
			const struct cfg_item *item = &cfg.items[i];
			long number = 0;

			fprintf(out, "%s = ", item->key);
			put_our_value(out, &item->value);
			put_number(out, cfg_number(&cfg, item->key, LONG_MIN, LONG_MAX, &number), &number);
		}
		fclose(out);
	}
	cfg_free(&cfg);
	return form;
}

/* ---- What Xen's parser would have to be given ---- */

/* The escape of @n digits at @p (behind the backslash and the 'x'): its byte, 0 if it is none. */
static int code_at(const char *p, const char *end, int n, int base)
{
	char digits[4] = "", *rest;
	long code;

	if (end - p < n)
		return 0;
	memcpy(digits, p, n);
	for (int i = 0; i < n; i++)
		if (!isxdigit((unsigned char)digits[i]))
			return 0;
	code = strtol(digits, &rest, base);
	return *rest || code > 255 ? 0 : code;
}

/* A byte as it may stand inside a text. */
static void put_byte(FILE *out, int c)
{
	if (c == '\n')
		fputs("\\n", out);
	else
		fprintf(out, c == '"' || c == '\'' || c == '\\' ? "\\%c" : "%c", c);
}

/* One escape at @p; returns what follows. An invalid one becomes an unknown one. */
static const char *put_escape(FILE *out, const char *p, const char *end)
{
	bool hex = end - p > 1 && p[1] == 'x';
	int n = hex ? 2 : 3, code;

	if (end - p < 2 || (!hex && !isdigit((unsigned char)p[1]))) {
		fwrite(p, 1, end - p < 2 ? 1 : 2, out);
		return p + (end - p < 2 ? 1 : 2);
	}
	code = code_at(p + 1 + hex, end, n, hex ? 16 : 8);
	if (!code) {
		fputs("\\?", out);
		return p + 2;
	}
	put_byte(out, code);
	return p + 1 + hex + n;
}

char *for_xl(const char *text, size_t *len)
{
	const char *p = text, *end = text + *len;
	char quote = 0, *form;
	bool comment = false;
	FILE *out = open_memstream(&form, len);

	while (p < end) {
		if (*p == '\n')
			quote = comment = 0;
		else if (quote && *p == quote)
			quote = 0;
		else if (!quote && !comment && (*p == '"' || *p == '\''))
			quote = *p;
		else if (!quote && *p == '#')
			comment = true;
		if (quote && *p == '\\' && end - p > 1 && p[1] != '\n')
			p = put_escape(out, p, end);
		else if (!quote && *p == '\r' && end - p > 1 && p[1] == '\n')
			p++;
		else
			fputc(*p++, out);
	}
	fputc('\n', out);
	fclose(out);
	return form;
}
