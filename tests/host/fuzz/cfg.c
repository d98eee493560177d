/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of configuration files: what can be read comes back the same after writing and reading again, and no zero byte
 * ends a text early: with another letter in its place the same is read.
 */
#include "cfg.h"
#include "err.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fail_quiet(true);
	return 0;
}

static void must(bool same)
{
	if (!same)
		abort();
}

static void compare(const struct cfg_item *a, const struct cfg_item *b)
{
	must(!strcmp(a->key, b->key) && a->kind == b->kind && a->count == b->count);
	if (a->kind == CFG_TEXT)
		must(!strcmp(a->text, b->text));
	else if (a->kind == CFG_NUMBER)
		must(a->number == b->number);
	else
		for (size_t i = 0; i < a->count; i++)
			must(!strcmp(a->list[i], b->list[i]));
}

static void compare_all(const struct cfg *a, const struct cfg *b)
{
	must(a->count == b->count);
	for (size_t i = 0; i < a->count; i++)
		compare(&a->items[i], &b->items[i]);
}

static void without_zeros(const struct cfg *cfg, char *text, size_t size)
{
	struct cfg again = {0};

	for (size_t i = 0; i < size; i++)
		text[i] = text[i] ? text[i] : '~';
	must(!cfg_parse(&again, "again", text, size));
	compare_all(cfg, &again);
	cfg_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfg cfg = {0}, again = {0};
	char *copy = malloc(size ? size : 1), *written = NULL;
	size_t len;
	FILE *out;

	memcpy(copy, data, size);
	if (!cfg_parse(&cfg, "fuzz", copy, size)) {
		out = open_memstream(&written, &len);
		cfg_write(&cfg, out);
		fclose(out);
		must(!cfg_parse(&again, "again", written, len));
		compare_all(&cfg, &again);
		free(written);
		without_zeros(&cfg, copy, size);
	}
	cfg_free(&cfg);
	cfg_free(&again);
	free(copy);
	return 0;
}
