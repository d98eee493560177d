/* SPDX-License-Identifier: MIT */
/* The reader of configuration files: xl's syntax, overrides, and errors that say file, line and remedy. */
#include "cfg.h"
#include "domconf.h"
#include "err.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int parse(struct cfg *cfg, const char *text)
{
	memset(cfg, 0, sizeof(*cfg));
	return cfg_parse(cfg, "x.cfg", text, strlen(text));
}

static void all_kinds_of_values(void **state)
{
	struct cfg cfg;
	const char *text = "";
	long n = 0;

	assert_int_equal(parse(&cfg, "# a comment\n"
				     "name = \"one\" # behind\n"
				     "memory=0x40; vcpus = 2\n"
				     "extra = 'say \"hi\"'\n"
				     "vif = [ 'a',\n  \"b\" , # in between\n ]\n"
				     "empty = []\n"
				     "name = \"two\"\n"),
			 0);
	assert_int_equal(cfg_text(&cfg, "name", &text), 0);
	assert_string_equal(text, "two");
	assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), 0);
	assert_int_equal(n, 64);
	assert_int_equal(cfg_text(&cfg, "extra", &text), 0);
	assert_string_equal(text, "say \"hi\"");
	assert_int_equal(cfg_find(&cfg, "vif")->value.count, 2);
	assert_string_equal(cfg_find(&cfg, "vif")->value.list[1].text, "b");
	assert_int_equal(cfg_find(&cfg, "empty")->value.count, 0);
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
	    {"a = [ 1, yes ]\n", "x.cfg:1: a value that is neither"},
	    {"a = [ 'x' 'y' ]\n", "is not followed by ','"},
	    {"a = [ 'x',\n", "a list without its ']'"},
	    {"a = 1 2\n", "something after the value"},
	    {"= 1\n", "expected the name of a setting"},
	    {"\na = \"\\q\"\n", "x.cfg:2: an unknown escape"},
	    {"a = \"\\400\"\n", "an unknown escape"},
	    {"a = '\\000'\n", "an unknown escape"},
	    {"a = '\\x4'\n", "an unknown escape"},
	    {"a = 1\n\na += [ 2 ]\n", "x.cfg:3: += of a list to a text"},
	    {"Abc = 1\n", "expected the name of a setting"},
	    {"a-b = 1\n", "a name without '='"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cfg cfg;

		assert_int_equal(parse(&cfg, bad[i].text), -1);
		assert_non_null(strstr(fail_last(), bad[i].expect));
		assert_non_null(strchr(fail_last(), ';')); /* and how to correct it */
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

/* As deep as 64 lists. */
static void lists_have_a_depth(void **state)
{
	char text[200] = "a=";
	struct cfg cfg;

	memset(text + 2, '[', 64);
	memset(text + 66, ']', 64);
	assert_int_equal(parse(&cfg, text), 0);
	cfg_free(&cfg);
	memset(text + 66, '[', 1);
	memset(text + 67, ']', 65);
	assert_int_equal(parse(&cfg, text), -1);
	assert_non_null(strstr(fail_last(), "too deep"));
	cfg_free(&cfg);
}

/* What is a number, in quotes or without, and what says where it is none. */
static void numbers_are_read_when_asked_for(void **state)
{
	static const struct {
		const char *text;
		long number; /* -1: none */
		const char *expect;
	} cases[] = {
	    {"memory = 64", 64, NULL},
	    {"memory = '64'", 64, NULL},
	    {"memory = \"0x40\"", 64, NULL},
	    {"memory = 0100", 64, NULL},
	    {"memory = ' 64'", 64, NULL},
	    {"memory = '64 '", -1, "x.cfg:1: memory = \"64 \" is not a number"},
	    {"memory = ''", -1, "is not a number"},
	    {"memory = '0x'", -1, "is not a number"},
	    {"memory = 08", -1, "is not a number"},
	    {"memory = 12abc", -1, "is not a number"},
	    {"memory = 'much'", -1, "is not a number"},
	    {"\nmemory = 101", -1, "x.cfg:2: memory = 101; needed: between 1 and 100"},
	    {"memory = 0", -1, "between 1 and 100"},
	    {"memory = '-1'", -1, "between 1 and 100"},
	    {"memory = 99999999999999999999999", -1, "between 1 and 100"},
	    {"memory = 6\nmemory += 4", -1, "x.cfg:2: memory is made by +="},
	    {"memory = [ 64 ]", -1, "memory is a list"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cfg cfg;
		long n = -1;

		assert_int_equal(parse(&cfg, cases[i].text), 0);
		assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), cases[i].expect ? -1 : 0);
		assert_int_equal(n, cases[i].number);
		assert_true(!cases[i].expect || strstr(fail_last(), cases[i].expect));
		cfg_free(&cfg);
	}
	/* Too large a number for a long, where the largest is allowed. */
	struct cfg cfg;
	long n = 7;

	assert_int_equal(parse(&cfg, "a = 9223372036854775808"), 0);
	assert_int_equal(cfg_number(&cfg, "a", 0, LONG_MAX, &n), -1);
	assert_int_equal(n, 7);
	cfg_free(&cfg);
}

static void command_line_wins(void **state)
{
	struct cfg cfg;
	const char *text = "";
	long n = 0;

	assert_int_equal(parse(&cfg, "name = \"one\"\nmemory = 64\n"), 0);
	assert_int_equal(cfg_override(&cfg, "name=two"), 0);
	assert_int_equal(cfg_override(&cfg, "memory=32"), 0);
	assert_int_equal(cfg_override(&cfg, "extra=\"a b=c\""), 0);
	assert_int_equal(cfg_override(&cfg, "kernel=/boot/k"), 0);
	assert_int_equal(cfg_override(&cfg, "vif=['a']"), 0);
	assert_int_equal(cfg_override(&cfg, "nonsense"), -1);
	assert_non_null(strstr(fail_last(), "command line: \"nonsense\": needed: key=value"));
	assert_int_equal(cfg_override(&cfg, "vif+=['b', [ 1 ]]"), 0);
	assert_int_equal(cfg_override(&cfg, "extra+= d"), 0);
	assert_int_equal(cfg_override(&cfg, "root=0abc"), 0);
	assert_int_equal(cfg_override(&cfg, "on_crash=\"cry"), -1);
	assert_string_equal(fail_last(),
			    "command line: text without its closing quote; end it with \" on the same line");
	assert_int_equal(cfg_override(&cfg, "extra+=[]"), -1);
	assert_non_null(strstr(fail_last(), "command line: "));
	assert_int_equal(cfg_override(&cfg, "vif+=c"), -1);
	assert_int_equal(cfg_text(&cfg, "name", &text), 0);
	assert_string_equal(text, "two");
	assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), 0);
	assert_int_equal(n, 32);
	assert_int_equal(cfg_text(&cfg, "extra", &text), 0);
	assert_string_equal(text, "a b=c d");
	assert_int_equal(cfg_text(&cfg, "kernel", &text), 0);
	assert_string_equal(text, "/boot/k");
	assert_int_equal(cfg_text(&cfg, "root", &text), 0);
	assert_string_equal(text, "0abc");
	assert_int_equal(cfg_find(&cfg, "vif")->value.count, 3);
	assert_int_equal(cfg_override(&cfg, "memory=many"), 0);
	assert_int_equal(cfg_number(&cfg, "memory", 1, 100, &n), -1);
	assert_non_null(strstr(fail_last(), "command line: memory = \"many\""));
	cfg_free(&cfg);
}

static void writing_and_reading_agree(void **state)
{
	struct cfg cfg, again;
	char text[1024] = "", twice[1024] = "";
	const char *d = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(
	    parse(
		&cfg,
		"a = \"x\"\nb = 0x10\nc = [ \"p\", 'q\"r', [ 3, [] ] ]\nd = 'say \"hi\" \\\\ \\' \\n\\x01'"),
	    0);
	cfg_write(&cfg, out);
	fclose(out);
	assert_int_equal(parse(&again, text), 0);
	assert_int_equal(again.count, cfg.count);
	assert_string_equal(cfg_find(&again, "b")->value.text, "0x10");
	assert_string_equal(cfg_find(&again, "c")->value.list[1].text, "q\"r");
	assert_int_equal(cfg_find(&again, "c")->value.list[2].count, 2);
	assert_int_equal(cfg_text(&again, "d", &d), 0);
	assert_string_equal(d, "say \"hi\" \\ ' \n\x01");
	out = fmemopen(twice, sizeof(twice), "w");
	cfg_write(&again, out);
	fclose(out);
	assert_string_equal(twice, text);
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

/* What is missing can be added where the rest was said. */
static void a_missing_setting_names_its_place(void **state)
{
	struct cfg cfg = {.source = cfg_command_line};
	struct domconf conf;

	assert_int_equal(cfg_override(&cfg, "name=d"), 0);
	assert_int_equal(domconf_from(&cfg, &conf), -1);
	assert_string_equal(fail_last(),
			    "command line: no kernel; add kernel=/boot/kernel-pv64.elf, or name a "
			    "configuration file first");
	cfg.source = "x.cfg";
	assert_int_equal(domconf_from(&cfg, &conf), -1);
	assert_string_equal(fail_last(), "x.cfg: no kernel; add a line kernel = \"/boot/kernel-pv64.elf\"");
	cfg_free(&cfg);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[][2] = {
	    {"kernel = '/k'", "no name"},
	    {"name = 'd'", "no kernel"},
	    {"name = '12'\nkernel = '/k'", "taken for an id"},
	    {"name = ' a'\nkernel = '/k'",
	     "x.cfg:1: name = \" a\"; needed: a name without blanks at its ends"},
	    {"name = 'a '\nkernel = '/k'", "needed: a name without blanks at its ends"},
	    {"name = 'a/b'\nkernel = '/k'", "without quotes"},
	    {"name = 'a\"b'\nkernel = '/k'", "without quotes"},
	    {"name = 'a\\nb'\nkernel = '/k'", "x.cfg:1: name = \"a?b\"; needed: a name without quotes"},
	    {"name = ''\nkernel = '/k'", "1 to 63"},
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
	    {"name = 'd'\nkernel = '/k'\nbuilder = 'hvm'", "x.cfg:3: builder = \"hvm\"; needed"},
	    {"name = 'd'\nkernel = ['/k']", "kernel is a list"},
	    {"name = 'd'\nkernel = '/k'\nramdisk = []", "ramdisk is a list"},
	    {"name = 'd'\nkernel = '/k'\nextra = ['a']", "extra is a list"},
	    {"name = 'd'\nkernel = '/k'\nroot = ['a']", "root is a list"},
	    {"name = 'd'\nkernel = '/k'\ncmdline = ['a']", "cmdline is a list"},
	    {"name = 'd'\nbootloader = 'pygrub'", "x.cfg:2: bootloader cannot be run here"},
	    {"name = 'd'\nkernel = '/k'\nvcpus = 4\nmaxvcpus = 2",
	     "x.cfg:4: maxvcpus = 2; needed: between 4 and 32"},
	    {"name = 'd'\nkernel = '/k'\nmaxmem = 64", "between 128 and"},
	    {"name = 'd'\nkernel = '/k'\nuuid = '1234'", "32 hexadecimal digits"},
	    {"name = 'd'\nkernel = '/k'\nuuid = 'c0ffee00-0000-0000-0000-00000000000g'",
	     "32 hexadecimal digits"},
	    {"name = 'd'\nkernel = '/k'\nuuid = 'c0ffee00-0000-0000-0000-000000000000-'",
	     "32 hexadecimal digits"},
	    {"name = 'd'\nkernel = '/k'\nuuid = 'c0ffee00-0000-0000-0000-0000000000001'",
	     "32 hexadecimal digits"},
	    {"name = 'd'\nkernel = '/k'\non_watchdog = 'bark'", "x.cfg:3: on_watchdog = \"bark\"; needed"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct domconf conf;
		struct cfg cfg;

		assert_int_equal(parse(&cfg, bad[i][0]), 0);
		assert_int_equal(domconf_from(&cfg, &conf), -1);
		assert_non_null(strstr(fail_last(), bad[i][1]));
		domconf_free(&conf);
		cfg_free(&cfg);
	}
}

static void names_and_uuids_have_a_length(void **state)
{
	char digits[4001], text[4096], name[65];
	struct domconf conf;
	struct cfg cfg;

	memset(name, 'a', sizeof(name));
	for (int len = 64; len >= 63; len--) {
		name[len] = '\0';
		snprintf(text, sizeof(text), "name = '%s'\nkernel = '/k'", name);
		assert_int_equal(parse(&cfg, text), 0);
		assert_int_equal(domconf_from(&cfg, &conf), len == 63 ? 0 : -1);
		domconf_free(&conf);
		cfg_free(&cfg);
	}
	memset(digits, '1', 4000);
	digits[4000] = '\0';
	snprintf(text, sizeof(text), "name = 'd'\nkernel = '/k'\nuuid = '%s'", digits);
	assert_int_equal(parse(&cfg, text), 0);
	assert_int_equal(domconf_from(&cfg, &conf), -1);
	domconf_free(&conf);
	cfg_free(&cfg);
}

/* Too long for start_info: refused, where it was cut off silently. */
static void command_lines_have_a_length(void **state)
{
	char text[1200] = "name = 'd'\nkernel = '/k'\nextra = '";
	size_t at = strlen(text);
	struct domconf conf;
	struct cfg cfg;

	memset(text + at, 'x', 1023);
	text[at + 1023] = '\'';
	assert_int_equal(parse(&cfg, text), 0);
	assert_int_equal(domconf_from(&cfg, &conf), 0);
	assert_int_equal(strlen(conf.cmdline), 1023);
	domconf_free(&conf);
	cfg_free(&cfg);
	text[at + 1023] = 'x';
	text[at + 1024] = '\'';
	assert_int_equal(parse(&cfg, text), 0);
	assert_int_equal(domconf_from(&cfg, &conf), -1);
	assert_string_equal(fail_last(),
			    "x.cfg:3: extra makes a command line of 1024 characters; needed: at most 1023");
	cfg_free(&cfg);
}

/* The lines on standard error while @text becomes a domain's configuration, into @out. */
static void read_aloud(const char *text, struct domconf *conf, char *out, size_t size)
{
	FILE *lines = tmpfile();
	int saved = dup(2);
	struct cfg cfg;
	size_t n;

	fflush(stderr);
	dup2(fileno(lines), 2);
	assert_int_equal(parse(&cfg, text), 0);
	assert_int_equal(domconf_from(&cfg, conf), 0);
	dup2(saved, 2);
	close(saved);
	rewind(lines);
	n = fread(out, 1, size - 1, lines);
	out[n] = '\0';
	fclose(lines);
	cfg_free(&cfg);
}

static void all_that_has_no_effect_is_said_once(void **state)
{
	static const char warned[] =
	    "rl: warning: x.cfg:2: fv_patch has no effect: it is for type = \"fv\"\n";
	struct domconf conf;
	char out[4096];

	read_aloud("name = 'my web server'\nfv_patch = 0\nkernel = '/k'", &conf, out, sizeof(out));
	assert_string_equal(out, warned);
	assert_string_equal(conf.name, "my web server");
	domconf_free(&conf);
	/* What is known and used, or asks for nothing, is not spoken of. */
	read_aloud("name = 'd'\nkernel = '/k'\nbuilder = 'generic'\ntype = 'pv'\ndisk = []\nvif = [ "
		   "]\nbootloader = ''\n"
		   "vcpus = '2'\nmaxvcpus = 4\nuuid = 'C0FFEE00-0001-0203-0405-060708090a0b'\non_watchdog = "
		   "'restart'\n",
		   &conf, out, sizeof(out));
	assert_string_equal(out, "");
	assert_int_equal(conf.vcpus, 4);
	assert_int_equal(conf.online, 2);
	assert_int_equal(conf.on_watchdog, ACTION_RESTART);
	assert_int_equal(conf.on_crash, ACTION_DESTROY);
	assert_true(conf.has_uuid);
	assert_memory_equal(conf.uuid, "\xc0\xff\xee\0\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b", 16);
	domconf_free(&conf);
	read_aloud(
	    "name = 'd'\nkernel = '/k'\nvfb = [ 'a' ]\nvfb += [ 'b' ]\ncpus = '0-3'\nvnc = 0\nmemori = 7\n"
	    "frobnicate = 1\ncmdline = 'x'\nroot = 'y'\nextra = 'z'\non_crash = 'coredump-restart'\n"
	    "on_reboot = 'rename-restart'\n",
	    &conf, out, sizeof(out));
	assert_string_equal(
	    out,
	    "rl: warning: x.cfg:4: vfb has no effect: the domain gets no such device\n"
	    "rl: warning: x.cfg:5: cpus has no effect: every vCPU may run on every CPU, with the same share\n"
	    "rl: warning: x.cfg:6: vnc has no effect: a paravirtual domain has no such hardware\n"
	    "rl: warning: x.cfg:7: memori is not a setting and is ignored; did you mean \"memory\"?\n"
	    "rl: warning: x.cfg:8: frobnicate is not a setting and is ignored\n"
	    "rl: warning: x.cfg:13: on_reboot = \"rename-restart\" restarts the domain, but does not keep "
	    "the old one\n"
	    "rl: warning: x.cfg:12: on_crash = \"coredump-restart\" restarts the domain, but writes no core "
	    "dump\n"
	    "rl: warning: x.cfg:10: root has no effect: cmdline is the whole command line\n"
	    "rl: warning: x.cfg:11: extra has no effect: cmdline is the whole command line\n");
	assert_string_equal(conf.cmdline, "x");
	assert_int_equal(conf.on_crash, ACTION_RESTART);
	domconf_free(&conf);
}

/* Each row says what it is; `rl help settings` and the page have nothing else to say it by. */
static void settings_are_described(void **state)
{
	for (const struct setting *s = settings; s->key; s++) {
		assert_true(strspn(s->key, "abcdefghijklmnopqrstuvwxyz_") == strlen(s->key));
		assert_true(s->meaning && *s->meaning && !strchr(s->meaning, '|') &&
			    !strchr(s->meaning, '\n'));
		assert_true(s->without && *s->without && !strpbrk(s->without, "|[]\n"));
		assert_true(s->take != take_number || s->most >= s->least);
		for (const struct setting *t = settings; t != s; t++)
			assert_string_not_equal(s->key, t->key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_kinds_of_values),
	    cmocka_unit_test(errors_name_line_and_remedy),
	    cmocka_unit_test(command_line_wins),
	    cmocka_unit_test(writing_and_reading_agree),
	    cmocka_unit_test(a_domain_has_defaults),
	    cmocka_unit_test(settings_are_described),
	    cmocka_unit_test(names_and_uuids_have_a_length),
	    cmocka_unit_test(what_makes_no_sense_is_refused),
	    cmocka_unit_test(a_missing_setting_names_its_place),
	    cmocka_unit_test(zero_bytes_are_refused),
	    cmocka_unit_test(lists_have_a_depth),
	    cmocka_unit_test(numbers_are_read_when_asked_for),
	    cmocka_unit_test(command_lines_have_a_length),
	    cmocka_unit_test(all_that_has_no_effect_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
