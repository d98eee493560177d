/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypervisor's small libraries do what their headers say.
 *   memory    copies, moves both ways over themselves, fills, of every small size and alignment
 *   format    every conversion, width, precision, sign and truncation as the C standard has them
 *   numbers   decimal, hexadecimal, octal, size suffixes
 *   cmdline   each option of Xen's name sets its value; nonsense is remembered, never fatal
 *   dom0_mem  all its forms; never more than there is, and room left for the hypervisor
 *   log       prefixes, the ring's wrap, incremental and full reads, clearing; levels, and rates where they are limited
 *   calendar  days since 1970, over leap years and centuries
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

/* Under other names, so that the C library's own stay in use for the tests. */
#define vsnprintf our_vsnprintf
#define snprintf  our_snprintf
#define memcpy    our_memcpy
#define memmove   our_memmove
#define memset    our_memset
#define memcmp    our_memcmp
#define strlen    our_strlen
#define strnlen   our_strnlen
#define strcmp    our_strcmp
#define strncmp   our_strncmp
#define strchr    our_strchr
#include "lib/string.c"
#include "lib/format.c"
#include "lib/printk.c"
#include "lib/loglevel.c"
#include "lib/loglimit.c"
#include "lib/options.c"
#include "boot/cmdline.c"
#include "boot/dom0_size.c"
#include "dev/rtc.c"
#undef vsnprintf
#undef snprintf
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

char boot_cmdline[CMDLINE_MAX];
struct acpi_info acpi;
struct percpu host_percpu;

static void memory(void **state)
{
	uint8_t a[64], b[64], want[64];

	for (size_t n = 0; n < 24; n++)
		for (size_t from = 0; from < 24; from++)
			for (size_t to = 0; to < 24; to++) {
				for (size_t i = 0; i < sizeof(a); i++)
					a[i] = want[i] = b[i] = i;
				memmove(want + to, want + from, n);
				our_memmove(a + to, a + from, n);
				assert_memory_equal(a, want, sizeof(a));
				our_memcpy(b, want, sizeof(b));
				assert_int_equal(our_memcmp(b, want, sizeof(b)), 0);
				our_memset(b + to, 0xa5, n);
				memset(want + to, 0xa5, n);
				assert_memory_equal(b, want, sizeof(b));
			}
	assert_true(our_memcmp("abc", "abd", 3) < 0 && our_strcmp("b", "abc") > 0);
	assert_int_equal(our_strncmp("abcx", "abcy", 3), 0);
	assert_int_equal(strlcpy((char *)a, "0123456789", 5), 10);
	assert_string_equal((char *)a, "0123");
}

static void check_format(const char *want, const char *fmt, ...)
{
	char got[128];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = our_vsnprintf(got, sizeof(got), fmt, ap);
	va_end(ap);
	assert_string_equal(got, want);
	assert_int_equal(n, strlen(want));
}

static void format_conversions(void **state)
{
	check_format("plain 100%", "plain %d%%", 100);
	check_format("-5|   -5|-5   |-0005", "%d|%5d|%-5d|%05d", -5, -5, -5, -5);
	check_format("ff|FF|00ff|0x0000000012", "%x|%X|%04x|0x%010lx", 255, 255, 255, 0x12ul);
	check_format("18446744073709551615", "%lu", ~0ul);
	check_format("-9223372036854775808", "%ld", INT64_MIN);
	check_format("4294967295 -1", "%u %i", ~0u, -1);
	check_format("00000000deadbeef", "%p", (void *)0xdeadbeef);
	check_format("a|  b|c  ", "%c|%3c|%-3c", 'a', 'b', 'c');
	check_format("abc|ab|  abc|abc  |(null)", "%s|%.2s|%5s|%-5s|%s", "abc", "abc", "abc", "abc", NULL);
	check_format("  7|007", "%*d|%0*d", 3, 7, 3, 7);
	check_format("255 -1", "%hhu %hhd", 0x1ff, 0xff);
}

static void format_truncates(void **state)
{
	char buf[5] = "xxxx";

	assert_int_equal(our_snprintf(buf, sizeof(buf), "%s", "hello world"), 11);
	assert_string_equal(buf, "hell");
	assert_int_equal(our_snprintf(NULL, 0, "%d", 12345), 5);
}

static void numbers(void **state)
{
	const char *end;

	assert_int_equal(parse_number("123x", &end), 123);
	assert_string_equal(end, "x");
	assert_int_equal(parse_number("0x1F,", &end), 31);
	assert_int_equal(parse_number("017", &end), 15);
	assert_int_equal(parse_number("0", &end), 0);
	assert_int_equal(parse_size("128M", &end, 1024), 128 << 20);
	assert_int_equal(parse_size("2g", &end, 1), 2ul << 30);
	assert_int_equal(parse_size("64", &end, 1024), 65536);
	parse_number("abc", &end);
	assert_string_equal(end, "abc");
}

static void cmdline_options(void **state)
{
	*unknown = '\0';
	cmdline_parse(
	    "  console=com1 com1=57600,8n1 dom0_mem=128M dom0_max_vcpus=2 maxcpus=3 noreboot sched=rr "
	    "loglvl=all guest_loglvl=all smep=0 smap=on");
	assert_true(options.console_com1 && !options.console_vga && options.noreboot);
	assert_int_equal(options.com1_baud, 57600);
	assert_int_equal(options.com1_lcr, 0x03);
	assert_int_equal(options.dom0_mem.size.bytes, 128 << 20);
	assert_true(!options.dom0_mem.size.minus && !options.dom0_mem.min.given &&
		    !options.dom0_mem.max.given);
	assert_int_equal(options.dom0_max_vcpus, 2);
	assert_int_equal(options.maxcpus, 3);
	assert_int_equal(options.smep, 0);
	assert_int_equal(options.smap, 1);
	assert_string_equal(unknown, "");
	cmdline_parse("com1=9600,7e2");
	assert_int_equal(options.com1_baud, 9600);
	assert_int_equal(options.com1_lcr, 0x02 | 0x18 | 0x04);
	cmdline_parse("com1=115200,5s1 loglvl=warning/all guest_loglvl=none");
	assert_int_equal(options.com1_lcr, 0x38);
	assert_string_equal(unknown, "");
	cmdline_parse("console=com1,vga noreboot=off dom0_mem=max:64M loglvl=all guest_loglvl=all");
	assert_true(options.console_com1 && options.console_vga && !options.noreboot);
}

/* MiB of Dom0 by option @word on a machine with @free MiB, all pages in its start and what it may grow to. */
static void expect_dom0(const char *word, uint64_t free, uint64_t pages, uint64_t max_pages, uint64_t wanted)
{
	struct dom0_size s;

	options.dom0_mem = (struct dom0_mem){0};
	cmdline_parse(word);
	assert_string_equal(unknown, "");
	s = dom0_size_choose(&options.dom0_mem, free << 8);
	assert_int_equal(s.pages >> 8, pages);
	assert_int_equal(s.max_pages >> 8, max_pages);
	assert_int_equal(s.wanted >> 8, wanted);
	assert_true(s.pages <= s.available && s.available < free << 8);
}

static void dom0_mem(void **state)
{
	static const char *const bad[] = {"dom0_mem=",      "dom0_mem=M",     "dom0_mem=1M,",
					  "dom0_mem=1M,2M", "dom0_mem=min:",  "dom0_mem=mid:1M",
					  "dom0_mem=101%",  "dom0_mem=1M+2M", "dom0_mem=1M+",
					  "dom0_mem=--1M",  "dom0_mem=1Mx",   "dom0_mem=max:1M,max:2M"};

	*unknown = '\0';
	expect_dom0("", 320, 75, 75, 75);         /* a quarter of 300 */
	expect_dom0("", 160, 64, 64, 64);         /* not less than this */
	expect_dom0("", 40, 36, 36, 36);          /* unless there is less */
	expect_dom0("", 65536, 4096, 4096, 4096); /* and not more than that */
	expect_dom0("dom0_mem=100M", 320, 100, 100, 100);
	expect_dom0("dom0_mem=8192M", 320, 300, 300, 8192); /* what is there, with a warning */
	expect_dom0("dom0_mem=17592186044416M", 320, 300, 300, 17592186044415);
	expect_dom0("dom0_mem=max:8192M", 320, 75, 300, 75); /* a limit asks for nothing */
	expect_dom0("dom0_mem=max:50M", 320, 50, 50, 50);
	expect_dom0("dom0_mem=100M,max:200M", 320, 100, 200, 100);
	expect_dom0("dom0_mem=min:120M", 320, 120, 120, 120);
	expect_dom0("dom0_mem=min:120M,max:20M", 320, 120, 120, 120);
	expect_dom0("dom0_mem=max:90M,300M,min:1M", 320, 90, 90, 90);
	expect_dom0("dom0_mem=-64M", 320, 236, 236, 236);
	expect_dom0("dom0_mem=-8192M", 320, 0, 0, 0);
	expect_dom0("dom0_mem=50%", 320, 150, 150, 150);
	expect_dom0("dom0_mem=10M+20%", 320, 70, 70, 70);
	expect_dom0("dom0_mem=65536", 320, 64, 64, 64); /* KiB */
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		*unknown = '\0';
		options.dom0_mem.size.bytes = 7;
		cmdline_parse(bad[i]);
		assert_string_equal(unknown, bad[i]);
		assert_int_equal(options.dom0_mem.size.bytes, 7);
	}
	*unknown = '\0';
}

static void cmdline_nonsense(void **state)
{
	char long_word[600];

	*unknown = '\0';
	cmdline_parse("frobnicate=1 console=com9 maxcpus=two");
	assert_string_equal(unknown, "frobnicate=1 console=com9 maxcpus=two");
	options.com1_baud = 9600;
	options.com1_lcr = 0x03;
	*unknown = '\0';
	cmdline_parse(
	    "com1=115200,9n1 com1=115200,8x1 com1=115200,8n3 com1=115200,8n1,0x2f8 com1=0 com1=7 com1=fast");
	assert_string_equal(
	    unknown,
	    "com1=115200,9n1 com1=115200,8x1 com1=115200,8n3 com1=115200,8n1,0x2f8 com1=0 com1=7 com1=fast");
	assert_int_equal(options.com1_baud, 9600);
	assert_int_equal(options.com1_lcr, 0x03);
	*unknown = '\0';
	cmdline_parse("loglvl loglvl=loud guest_loglvl=all/");
	assert_string_equal(unknown, "loglvl loglvl=loud guest_loglvl=all/");
	memset(long_word, 'x', sizeof(long_word));
	long_word[sizeof(long_word) - 1] = '\0';
	cmdline_parse(long_word);
	assert_true(strlen(unknown) < sizeof(unknown));
}

static char seen[256];

static void catch (const char *text, size_t n)
{
	strncat(seen, text, n);
}

static void log_prefixes(void **state)
{
	*seen = '\0';
	printk_set_sink(catch);
	printk("one\ntwo\n");
	printk_raw("half a line", 11);
	guest_printk(3, "no newline");
	printk_set_sink(NULL);
	assert_string_equal(seen, "(ringlet) one\n(ringlet) two\nhalf a line\n(d3) no newline\n");
}

static void log_reads(void **state)
{
	static char buf[LOG_SIZE + 1];
	uint32_t index = 0;
	size_t n;

	log_clear();
	assert_int_equal(log_read(&index, false, buf, LOG_SIZE), 0);
	printk("a");
	n = log_read(&index, true, buf, LOG_SIZE);
	assert_int_equal(n, strlen("(ringlet) a\n"));
	assert_int_equal(log_read(&index, true, buf, LOG_SIZE), 0);
	printk("b");
	assert_int_equal(log_read(&index, true, buf, 4), 4);
	assert_int_equal(log_read(&index, true, buf + 4, LOG_SIZE), 8);
	assert_memory_equal(buf, "(ringlet) b\n", 12);
	for (int i = 0; i < LOG_SIZE / 8; i++)
		printk("%06d", i);
	n = log_read(&index, false, buf, LOG_SIZE);
	assert_int_equal(n, LOG_KIND_SIZE / 17 * 17); /* whole lines */
	assert_memory_equal(buf + n - 7, "006143\n", 7);
	index = 0; /* of a line that is no longer kept */
	assert_int_equal(log_read(&index, true, buf, 5), 5);
	assert_memory_equal(buf, "(ring", 5);
	log_clear();
	guest_printk(3, "said\n");
	printk_kind(LOG_KIND_FATE, "died\n");
	for (int i = 0; i < LOG_SIZE; i++)
		printk("\n");
	for (int i = 0; i < LOG_SIZE / 8; i++)
		printk("%06d", i);
	n = log_read(&index, false, buf, LOG_SIZE);
	assert_memory_equal(buf, "(d3) said\n(ringlet) died\n(ringlet) ", 35);
}

static void log_levels(void **state)
{
	static const char *const names[] = {"none", "error", "warning", "info", "debug", "all"};
	char text[16];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(log_set_level(LOG_OWN, names[i]));
		assert_true(log_set_level(LOG_GUEST, "error"));
		for (enum log_level level = LOG_ERROR; level <= LOG_DEBUG; level++) {
			assert_int_equal(log_admits(LOG_OWN, level), level <= i);
			assert_int_equal(log_admits(LOG_GUEST, level), level <= LOG_ERROR);
		}
	}
	log_get_level(LOG_OWN, text, sizeof(text));
	assert_true(log_set_level(LOG_OWN, text)); /* what is told can be set */
	log_get_level(LOG_GUEST, text, sizeof(text));
	assert_string_equal(text, "error/error");
	assert_true(log_set_level(LOG_OWN, "warning/all"));
	log_get_level(LOG_OWN, text, sizeof(text));
	assert_string_equal(text, "warning/debug");
	log_get_level(LOG_OWN, text, 5);
	assert_string_equal(text, "warn");
	assert_true(log_set_level(LOG_OWN, "warning"));
	assert_false(log_set_level(LOG_OWN, ""));
	assert_false(log_set_level(LOG_OWN, "errors"));
	assert_false(log_set_level(LOG_OWN, "info/"));
	assert_false(log_set_level(LOG_OWN, "info/much"));
	assert_false(log_set_level(LOG_OWN, "/info"));
	assert_true(log_admits(LOG_OWN, LOG_WARNING));
	assert_false(log_admits(LOG_OWN, LOG_INFO));
}

static uint64_t log_time;

static uint64_t log_clock(void)
{
	return log_time;
}

static unsigned admitted(unsigned tries)
{
	unsigned n = 0;

	while (tries--)
		n += log_admits(LOG_GUEST, LOG_INFO);
	return n;
}

static void log_rates(void **state)
{
	assert_true(log_set_level(LOG_GUEST, "warning/info"));
	assert_int_equal(admitted(100), 100); /* without a clock nothing is limited */
	log_time = 1;
	log_set_clock(log_clock);
	assert_int_equal(admitted(100), 10);
	assert_false(log_admits(LOG_GUEST, LOG_DEBUG));
	assert_true(log_admits(LOG_GUEST, LOG_WARNING));
	log_time += 5000000000;
	*seen = '\0';
	printk_set_sink(catch);
	assert_int_equal(admitted(100), 1);
	printk_set_sink(NULL);
	assert_string_equal(seen, "(ringlet) 90 messages suppressed\n");
	log_time += 3600000000000;
	assert_int_equal(admitted(100), 10);
	/* The second level is the lower one: it counts for both. */
	assert_true(log_set_level(LOG_GUEST, "all/error"));
	assert_false(log_admits(LOG_GUEST, LOG_WARNING));
	assert_true(log_set_level(LOG_GUEST, "all"));
	assert_true(log_set_level(LOG_OWN, "all"));
}

static void calendar(void **state)
{
	assert_int_equal(days_from_civil(1970, 1, 1), 0);
	assert_int_equal(days_from_civil(1969, 12, 31), -1);
	assert_int_equal(days_from_civil(2000, 3, 1), 11017);
	for (int64_t day = -200000; day < 200000; day += 97) {
		time_t t = day * 86400;
		struct tm tm;

		gmtime_r(&t, &tm);
		assert_int_equal(days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), day);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory),           cmocka_unit_test(format_conversions),
	    cmocka_unit_test(format_truncates), cmocka_unit_test(numbers),
	    cmocka_unit_test(cmdline_options),  cmocka_unit_test(cmdline_nonsense),
	    cmocka_unit_test(dom0_mem),         cmocka_unit_test(log_prefixes),
	    cmocka_unit_test(log_reads),        cmocka_unit_test(log_levels),
	    cmocka_unit_test(log_rates),        cmocka_unit_test(calendar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
