/* SPDX-License-Identifier: MIT */
/* Fuzz target of configuration files: what can be read comes back the same after writing and reading again. */
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
		must(!cfg_parse(&again, "again", written, len) && again.count == cfg.count);
		for (size_t i = 0; i < cfg.count; i++)
			compare(&cfg.items[i], &again.items[i]);
		free(written);
	}
	cfg_free(&cfg);
	cfg_free(&again);
	free(copy);
	return 0;
}
