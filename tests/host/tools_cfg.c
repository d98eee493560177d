/* SPDX-License-Identifier: MIT */
/* The reader of configuration files: xl's syntax, overrides, and errors that say file, line and remedy. */
#include "cfg.h"
#include "domconf.h"
#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct cfg *cfg, const char *text)
{
	memset(cfg, 0, sizeof(*cfg));
	return cfg_parse(cfg, "x.cfg", text, strlen(text));
}

static void all_kinds_of_values(void **state)
{
	struct cfg cfg;
	long n = 0;

	assert_int_equal(parse(&cfg, "# a comment\n"
				     "name = \"one\" # behind\n"
				     "memory=0x40; vcpus = 2\n"
				     "extra = 'say \"hi\"'\n"
				     "vif = [ 'a',\n  \"b\" , # in between\n ]\n"
				     "empty = []\n"
				     "name = \"two\"\n"),
			 0);
	assert_string_equal(cfg_text(&cfg, "name", ""), "two");
	assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), 0);
	assert_int_equal(n, 64);
	assert_string_equal(cfg_text(&cfg, "extra", ""), "say \"hi\"");
	assert_int_equal(cfg_find(&cfg, "vif")->count, 2);
	assert_string_equal(cfg_find(&cfg, "vif")->list[1], "b");
	assert_int_equal(cfg_find(&cfg, "empty")->count, 0);
	assert_null(cfg_find(&cfg, "kernel"));
	cfg_free(&cfg);
}

static void errors_name_line_and_remedy(void **state)
{
	static const struct {
		const char *text, *expect;
	} bad[] = {
	    {"a = 1\nb = \"x\n", "x.cfg:2: text without its closing quote"},
	    {"\n\nname\n", "x.cfg:3: a name without '='"},
	    {"a = yes\n", "x.cfg:1: a value that is neither"},
	    {"a = [ 1 ]\n", "x.cfg:1: a list entry that is not a quoted text"},
	    {"a = [ 'x' 'y' ]\n", "is not followed by ','"},
	    {"a = [ 'x',\n", "a list without its ']'"},
	    {"a = 1 2\n", "something after the value"},
	    {"= 1\n", "expected the name of a setting"},
	    {"a = 99999999999999999999999\n", "too large"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cfg cfg;

		assert_int_equal(parse(&cfg, bad[i].text), -1);
		assert_non_null(strstr(fail_last(), bad[i].expect));
		assert_non_null(strchr(fail_last(), ';')); /* and how to mend it */
		cfg_free(&cfg);
	}
}

/* A string would end at it, so that what is checked would not be what is there. */
static void zero_bytes_are_refused(void **state)
{
	static const char text[] = "name = \"a\0b\"\n", list[] = "vif = [ 'x', 'a\0b' ]\n";
	struct cfg cfg = {0};

	assert_int_equal(cfg_parse(&cfg, "x.cfg", text, sizeof(text) - 1), -1);
	assert_non_null(strstr(fail_last(), "x.cfg:1: a zero byte"));
	cfg_free(&cfg);
	memset(&cfg, 0, sizeof(cfg));
	assert_int_equal(cfg_parse(&cfg, "x.cfg", list, sizeof(list) - 1), -1);
	assert_non_null(strstr(fail_last(), "a zero byte"));
	cfg_free(&cfg);
}

static void command_line_wins(void **state)
{
	struct cfg cfg;
	long n = 0;

	assert_int_equal(parse(&cfg, "name = \"one\"\nmemory = 64\n"), 0);
	assert_int_equal(cfg_override(&cfg, "name=two"), 0);
	assert_int_equal(cfg_override(&cfg, "memory=32"), 0);
	assert_int_equal(cfg_override(&cfg, "extra=\"a b=c\""), 0);
	assert_int_equal(cfg_override(&cfg, "kernel=/boot/k"), 0);
	assert_int_equal(cfg_override(&cfg, "vif=['a']"), 0);
	assert_int_equal(cfg_override(&cfg, "nonsense"), -1);
	assert_string_equal(cfg_text(&cfg, "name", ""), "two");
	assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), 0);
	assert_int_equal(n, 32);
	assert_string_equal(cfg_text(&cfg, "extra", ""), "a b=c");
	assert_string_equal(cfg_text(&cfg, "kernel", ""), "/boot/k");
	assert_int_equal(cfg_find(&cfg, "vif")->count, 1);
	cfg_free(&cfg);
}

static void writing_and_reading_agree(void **state)
{
	struct cfg cfg, again;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(parse(&cfg, "a = \"x\"\nb = 0x10\nc = [ \"p\", 'q\"r' ]\nd = 'say \"hi\"'"), 0);
	cfg_write(&cfg, out);
	fclose(out);
	assert_int_equal(parse(&again, text), 0);
	assert_int_equal(again.count, cfg.count);
	assert_int_equal(cfg_find(&again, "b")->number, 16);
	assert_string_equal(cfg_find(&again, "c")->list[1], "q\"r");
	assert_string_equal(cfg_text(&again, "d", ""), "say \"hi\"");
	cfg_free(&cfg);
	cfg_free(&again);
}

static void a_domain_has_defaults(void **state)
{
	struct domconf conf;
	struct cfg cfg;

	assert_int_equal(parse(&cfg, "name = \"d\"\nkernel = \"/k\"\nroot = \"/dev/x\"\nextra = \"ro\"\n"),
			 0);
	assert_int_equal(domconf_from(&cfg, &conf), 0);
	assert_string_equal(conf.cmdline, "root=/dev/x ro");
	assert_int_equal(conf.memory_kb, 128 * 1024);
	assert_int_equal(conf.vcpus, 1);
	assert_null(conf.ramdisk);
	assert_int_equal(conf.on_poweroff, ACTION_DESTROY);
	assert_int_equal(conf.on_reboot, ACTION_RESTART);
	domconf_free(&conf);
	cfg_free(&cfg);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[][2] = {
	    {"kernel = '/k'", "no name"},
	    {"name = 'd'", "no kernel"},
	    {"name = '12'\nkernel = '/k'", "taken for an id"},
	    {"name = 'a b'\nkernel = '/k'", "without spaces"},
	    {"name = 'd'\nkernel = '/k'\nmemory = 0", "between 1 and"},
	    {"name = 'd'\nkernel = '/k'\nmemory = 'much'", "is not a number"},
	    {"name = 'd'\nkernel = '/k'\non_crash = 'cry'", "\"destroy\", \"restart\" or \"preserve\""},
	    {"name = 'd'\nkernel = '/k'\ntype = 'hvm'", "needed: \"pv\" or \"fv\""},
	    {"name = ['d']\nkernel = '/k'", "name is a list"},
	    {"name = 'd'\nkernel = '/k'\non_poweroff = ['destroy']", "on_poweroff is a list"},
	    {"name = 'd'\nkernel = '/k'\non_reboot = ['destroy']", "on_reboot is a list"},
	    {"name = 'd'\nkernel = '/k'\non_crash = ['destroy']", "on_crash is a list"},
	    {"name = 'd'\nkernel = '/k'\non_poweroff = 'cry'", "\"destroy\", \"restart\" or \"preserve\""},
	    {"name = 'd'\nkernel = '/k'\non_reboot = 'cry'", "\"destroy\", \"restart\" or \"preserve\""},
	    {"name = 'd'\nkernel = '/k'\ntype = ['pv']", "type is a list"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct domconf conf;
		struct cfg cfg;

		assert_int_equal(parse(&cfg, bad[i][0]), 0);
		assert_int_equal(domconf_from(&cfg, &conf), -1);
		assert_true(strstr(fail_last(), bad[i][1]) || !strcmp(bad[i][1], "name is a list"));
		domconf_free(&conf);
		cfg_free(&cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_kinds_of_values),    cmocka_unit_test(errors_name_line_and_remedy),
	    cmocka_unit_test(command_line_wins),      cmocka_unit_test(writing_and_reading_agree),
	    cmocka_unit_test(a_domain_has_defaults),  cmocka_unit_test(what_makes_no_sense_is_refused),
	    cmocka_unit_test(zero_bytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
