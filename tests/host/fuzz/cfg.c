/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of configuration files: Xen's own parser takes the same texts and reads the same from them, except as
 * xl_parser.h lists; and what can be read comes back the same after writing and reading again.
 */
#include "cfg.h"
#include "err.h"
#include "input.h"
#include "xl_parser.h"

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

static void compare(const struct cfg_value *a, const struct cfg_value *b)
{
	must(a->kind == b->kind && a->count == b->count);
	must(a->kind == CFG_LIST || !strcmp(a->text, b->text));
	for (size_t i = 0; i < a->count; i++)
		compare(&a->list[i], &b->list[i]);
}

static void compare_all(const struct cfg *a, const struct cfg *b)
{
	must(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		must(!strcmp(a->items[i].key, b->items[i].key));
		compare(&a->items[i].value, &b->items[i].value);
	}
}

static void as_xl(const char *text, size_t size)
{
	char *changed, *theirs, *ours = we_read(text, size);
	size_t len = size;

	if (memchr(text, '\0', size)) {
		must(!ours);
		return;
	}
	if (!ours && strstr(fail_last(), "too deep"))
		return; /* theirs has a limit of thousands */
	changed = for_xl(text, &len);
	theirs = xl_reads(changed, len);
	must(!theirs == !ours && (!theirs || !strcmp(theirs, ours)));
	free(changed);
	free(theirs);
	free(ours);
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
	}
	as_xl(copy, size);
	cfg_free(&cfg);
	cfg_free(&again);
	free(copy);
	return 0;
}
