/* SPDX-License-Identifier: MIT */
/*
 * Our reader of configuration files beside Xen's own: on files made at random by the grammar (SEED=, FILES=), many of them
 * then damaged, and on files in the forms that are published (tests/host/cfg/, or those named on the command line). Both
 * must refuse the same files and read the same from the others, except as xl_parser.h lists. What we write, both read.
 */
#include "cfg.h"
#include "err.h"
#include "files.h"
#include "xl_parser.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 1;
static unsigned taken, refused;

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % n;
}

static const char *one_of(const char *const *words)
{
	unsigned n = 0;

	while (words[n])
		n++;
	return words[below(n)];
}

/* ---- Files at random ---- */

static void put_space(FILE *out, bool lines)
{
	static const char *const blanks[] = {"", "", "", " ", " ", "\t", "  ", NULL};
	static const char *const ends[] = {"\n", "\r\n", "\n\n", " # why [ \"not\n", "#\n", "\n\t", NULL};

	fputs(one_of(blanks), out);
	if (lines && !below(4))
		fputs(one_of(ends), out);
}

static void put_text(FILE *out)
{
	static const char *const pieces[] = {"a",        "bridge=xenbr0",
					     " ",        "64",
					     ",",        "#",
					     ";",        "[",
					     "]",        "\\\\",
					     "\\\"",     "\\'",
					     "\\n",      "\\t",
					     "=",        "phy:/dev/vg/a",
					     "\\x41",    "\\101",
					     "'",        "\"",
					     "\xc3\xa4", "\t",
					     "0x1f",     "-5",
					     "\\q",      "\\",
					     "+=",       "console=hvc0 root=/dev/xvda1",
					     NULL};
	char quote = below(2) ? '"' : '\'';

	fputc(quote, out);
	for (unsigned n = below(5); n; n--) {
		const char *piece = one_of(pieces);

		/* Mostly whole texts: what ends them early or is no escape, seldom. */
		if ((*piece == quote || !strcmp(piece, "\\q") || !strcmp(piece, "\\")) && below(20))
			continue;
		fputs(piece, out);
	}
	fputc(quote, out);
}

static void put_value(FILE *out, unsigned depth)
{
	static const char *const numbers[] = {"0",
					      "1",
					      "64",
					      "0x40",
					      "0100",
					      "08",
					      "4096",
					      "99999999999999999999",
					      "0xffffffffffffffff",
					      "1abc",
					      "0x",
					      "2f",
					      "9223372036854775807",
					      NULL};
	unsigned kind = below(depth < 4 ? 10 : 7);

	if (kind < 4) {
		fputs(one_of(numbers), out);
	} else if (kind < 7) {
		put_text(out);
	} else {
		fputc('[', out);
		put_space(out, true);
		for (unsigned n = below(4); n; n--) {
			put_value(out, depth + 1);
			put_space(out, true);
			if (n > 1 || !below(3))
				fputc(',', out);
			put_space(out, true);
		}
		fputc(']', out);
	}
}

static void put_setting(FILE *out)
{
	static const char *const names[] = {"name", "memory", "vcpus", "extra", "disk", "vif", "on_crash",
					    "a",    "b2",     "c.d",   "x_y",   "vfb",  NULL};
	static const char *const ends[] = {"\n", "\n", "\n", ";", "\r\n", " # so\n", ";;\n", "\n\n#\n", NULL};

	put_space(out, false);
	fputs(one_of(names), out);
	put_space(out, false);
	fputs(below(4) ? "=" : "+=", out);
	put_space(out, false);
	put_value(out, 0);
	put_space(out, false);
	fputs(one_of(ends), out);
}

/* Change, leave out or insert a few bytes, or cut the end off. */
static void damage(char *text, size_t *len)
{
	static const char bytes[] = "aA=+[]\"'\\,;#\n\r\t 0x9-_.()\v\x80";

	for (unsigned n = 1 + below(3); n && *len; n--) {
		size_t at = below(*len);
		char byte = bytes[below(sizeof(bytes) - 1)];

		switch (below(4)) {
		case 0:
			text[at] = byte;
			break;
		case 1:
			memmove(text + at, text + at + 1, --*len - at);
			break;
		case 2:
			memmove(text + at + 1, text + at, (*len)++ - at);
			text[at] = byte;
			break;
		default:
			*len = below(8) ? *len : at;
		}
	}
}

/* In memory that ends with it (except for the room to insert). */
static char *make_file(size_t *len)
{
	char *text, *exact;
	FILE *out = open_memstream(&text, len);

	for (unsigned n = below(6); n; n--)
		put_setting(out);
	fputs("\0\0\0", out);
	fclose(out);
	text = realloc(text, *len + 4);
	if (below(5) < 2)
		damage(text, len);
	exact = malloc(*len ? *len : 1);
	memcpy(exact, text, *len);
	free(text);
	return exact;
}

/* ---- Both read ---- */

/* 1: both read the same, 0: both refuse, -1: they differ, and it is told. */
static int compare(const char *name, const char *text, size_t len)
{
	size_t xl_len = len;
	char *changed = for_xl(text, &xl_len), *theirs = xl_reads(changed, xl_len),
	     *ours = we_read(text, len);
	int same = !theirs && !ours ? 0 : theirs && ours && !strcmp(theirs, ours) ? 1 : -1;

	if (same < 0)
		print_message("# %s:\n%.*s\n# xl:\n%s\n# ours:\n%s\n", name, (int)len, text,
			      theirs ? theirs : "refused\n", ours ? ours : fail_last());
	taken += same == 1;
	refused += same == 0;
	free(changed);
	free(theirs);
	free(ours);
	return same;
}

/* What we write after reading @text, without any of the exceptions. */
static void check_written(const char *text, size_t len)
{
	struct cfg cfg = {0};
	char *written = NULL, *theirs, *ours;
	size_t size;
	FILE *out;

	assert_int_equal(cfg_parse(&cfg, "x", text, len), 0);
	for (size_t i = 0; i < cfg.count; i++)
		cfg.items[i].added = false;
	out = open_memstream(&written, &size);
	cfg_write(&cfg, out);
	fclose(out);
	cfg_free(&cfg);
	theirs = xl_reads(written, size);
	ours = we_read(written, size);
	assert_non_null(theirs);
	assert_non_null(ours);
	assert_string_equal(theirs, ours);
	free(theirs);
	free(ours);
	free(written);
}

static void files_at_random(void **state)
{
	unsigned files = getenv("FILES") ? atoi(getenv("FILES")) : 3000, differ = 0;

	seed = (getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1) * 0x9e3779b97f4a7c15;
	taken = refused = 0;
	for (unsigned i = 0; i < files; i++) {
		size_t len;
		char *text = make_file(&len), name[40];
		int same;

		snprintf(name, sizeof(name), "file %u", i);
		same = compare(name, text, len);
		if (same == 1)
			check_written(text, len);
		differ += same < 0;
		free(text);
	}
	print_message("# %u files at random: %u read the same by both, %u refused by both, %u differ\n",
		      files, taken, refused, differ);
	assert_int_equal(differ, 0);
	assert_true(taken > files / 2);
	assert_true(refused > files / 8);
}

/* Files of @pattern; all of them are read (@good), or refused. */
static void check_files(const char *pattern, int good)
{
	glob_t found;

	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		size_t len;
		char *text = file_read(found.gl_pathv[i], 1 << 20, &len);
		int same = compare(found.gl_pathv[i], text, len);

		if (same != good)
			print_message("# %s: %s\n", found.gl_pathv[i],
				      same < 0 ? "they differ"
				      : same   ? "read"
					       : "refused");
		assert_int_equal(same, good);
		free(text);
	}
	print_message("# %s: %zu files %s by both\n", pattern, found.gl_pathc, good ? "read" : "refused");
	globfree(&found);
}

static void published_forms(void **state)
{
	check_files("tests/host/cfg/*.cfg", 1);
	check_files("dom0-tools/etc/rl/*.cfg", 1);
	check_files("tests/host/cfg/*.bad", 0);
}

/* Each of them as given; the exit code says whether all are read the same. */
static int compare_given(int count, char **paths)
{
	int differ = 0;

	taken = refused = 0;
	for (int i = 0; i < count; i++) {
		size_t len;
		char *text = file_read(paths[i], 1 << 20, &len);
		int same = text ? compare(paths[i], text, len) : -1;

		if (!same)
			print_message("# refused by both: %s\n", fail_last());
		differ += same < 0;
		free(text);
	}
	print_message("# %d files: %u read the same by both, %u refused by both, %d differ\n", count, taken,
		      refused, differ);
	return differ != 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(files_at_random),
					   cmocka_unit_test(published_forms)};

	fail_quiet(true);
	if (argc > 1)
		return compare_given(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
