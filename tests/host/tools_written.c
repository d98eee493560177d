/* SPDX-License-Identifier: MIT */
/*
 * What the tools write they read: configurations of random values of every kind, of all bytes that a text can hold, come
 * back as they were, by seed (SEED=, ROUNDS=). A restart lives by that, and so do the notes of domains that ended.
 */
#include "cfg.h"
#include "err.h"
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint64_t state = 1;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

/* Among the texts are those that look like something else: numbers, names of digits, lists, comments, escapes. */
static void random_text(char *text, size_t size)
{
	static const char *const pieces[] = {
	    "\"", "'", "\\", "\n", "\r",  "\t",    "2b",    "0x", "12",         "#",    "[",
	    "]",  ",", "=",  ";",  "\\n", "\\x41", "\\101", " ",  "it's \"x\"", "\x1b", "\xc3\xa4"};
	size_t len = 0;

	text[0] = '\0';
	for (unsigned n = below(8); n; n--) {
		char one[2] = {(char)(1 + below(255)), '\0'};
		const char *piece = below(2) ? one : pieces[below(sizeof(pieces) / sizeof(*pieces))];

		if (len + strlen(piece) >= size)
			return;
		strcpy(text + len, piece);
		len += strlen(piece);
	}
}

static void random_value(struct cfg_value *value, unsigned depth)
{
	char text[64];

	memset(value, 0, sizeof(*value));
	value->kind = below(depth ? 3 : 2);
	if (value->kind == CFG_NUMBER)
		snprintf(text, sizeof(text), below(2) ? "0x%x" : "%u", below(100000));
	else
		random_text(text, sizeof(text));
	if (value->kind != CFG_LIST) {
		value->text = strdup(text);
		return;
	}
	value->list = calloc(6, sizeof(*value->list));
	value->count = below(6);
	for (size_t i = 0; i < value->count; i++)
		random_value(&value->list[i], depth - 1);
}

static void must_be_equal(const struct cfg_value *a, const struct cfg_value *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->count, b->count);
	if (a->kind != CFG_LIST)
		assert_string_equal(a->text, b->text);
	for (size_t i = 0; i < a->count; i++)
		must_be_equal(&a->list[i], &b->list[i]);
}

static void one_round(void)
{
	struct cfg cfg = {.source = "made"}, again = {0};
	char key[16], *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (unsigned i = 0, n = below(6); i < n; i++) {
		struct cfg_value value;

		random_value(&value, 2);
		snprintf(key, sizeof(key), "key_%u", i);
		assert_null(cfg_set(&cfg, key, strlen(key), &value, false, 1));
	}
	cfg_write(&cfg, out);
	fclose(out);
	if (cfg_parse(&again, "written", text, size))
		fail_msg("%s in: %s", fail_last(), text);
	assert_int_equal(again.count, cfg.count);
	for (size_t i = 0; i < cfg.count; i++) {
		assert_string_equal(again.items[i].key, cfg.items[i].key);
		must_be_equal(&again.items[i].value, &cfg.items[i].value);
	}
	cfg_free(&cfg);
	cfg_free(&again);
	free(text);
}

static void configurations_come_back(void **unused)
{
	const char *seed = getenv("SEED"), *rounds = getenv("ROUNDS");

	state = seed ? strtoull(seed, NULL, 10) : 1;
	for (long n = rounds ? strtol(rounds, NULL, 10) : 20000; n; n--)
		one_round();
}

static void names_of_ended_domains_come_back(void **unused)
{
	char dir[] = "/tmp/ringlet-written-XXXXXX", command[64], name[RECORD_NAME_MAX];
	struct record r = {.id = 1}, back;

	assert_non_null(mkdtemp(dir));
	run_dir = dir;
	for (unsigned n = 0; n < 300; n++) {
		random_text(name, sizeof(name));
		assert_int_equal(record_save(&r), 0);
		record_end(1, name, "crash", -1);
		assert_int_equal(record_load(1, &back), 0);
		assert_string_equal(back.name, name);
		assert_string_equal(back.end, "crash");
		record_remove(1);
	}
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(configurations_come_back),
	    cmocka_unit_test(names_of_ended_domains_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
