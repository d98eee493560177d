/* SPDX-License-Identifier: MIT */
/*
 * Specification of rl-netd's captures and settings.
 *   blocks    a pcapng file: one section, each port described once and before its first frame, lengths at both ends of each block,
 *             nanoseconds, directions
 *   frames    as they are on the wire: with their tag, and a whole checksum where the guest left it to others
 *   wanted    a port, a domain, a VLAN or all
 *   bounded   the file ends before its limit, with a whole block; the capture of a process that is gone ends
 *   settings  groups, rules: what is wrong leaves all as it was
 */
#include "netd/capture.h"
#include "netd/settings.h"
#include "err.h"
#include "files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#undef fail
#include <cmocka.h>

static char path[64];
static struct switch_port ports[2];

static int setup(void **state)
{
	snprintf(path, sizeof(path), "/tmp/tools_capture.%d", (int)getpid());
	fail_quiet(true);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(ports[i].name, sizeof(ports[i].name), i ? "web0" : "vif3.0");
		snprintf(ports[i].id, sizeof(ports[i].id), i ? "vif30.1" : "vif3.0");
	}
	return 0;
}

static int teardown(void **state)
{
	char said[128];

	capture_stop(getpid(), said, sizeof(said));
	unlink(path);
	return 0;
}

static void start(const char *what, uint64_t bytes)
{
	char why[128];

	assert_int_equal(capture_start(getpid(), bytes, what, path, why, sizeof(why)), 0);
}

static struct frame *tcp(void)
{
	struct frame *f = frame_new(55);

	memset(f->data, 0, f->len);
	memset(f->data, 0x22, 12);
	put_be16(f->data + 12, ETH_IPV4);
	f->data[14] = 0x45;
	put_be16(f->data + 16, 41);
	f->data[23] = PROTOCOL_TCP;
	f->data[46] = 0x50;
	f->blank = true;
	f->vid = 10;
	f->priority = 3;
	assert_true(frame_offload_ok(f));
	return f;
}

static void pass(unsigned port, bool tagged, bool out)
{
	struct frame *f = tcp();

	capture_observe(&ports[port], f, tagged, out);
	frame_drop(f);
}

static uint32_t word(const char *at)
{
	uint32_t v;

	memcpy(&v, at, 4);
	return v;
}

static struct {
	unsigned interfaces, frames;
	char names[4][32];
	uint32_t interface[64], len[64], flags[64];
	uint8_t data[64][128];
} file;

static void read_block(const char *at, uint32_t len)
{
	uint32_t type = word(at), bytes;

	if (type == 1) {
		assert_int_equal(word(at + 8), 1);
		assert_int_equal(word(at + 16) & 0xffff, 2);
		snprintf(file.names[file.interfaces++], 32, "%.*s", (int)(word(at + 16) >> 16), at + 20);
		assert_memory_equal(at + len - 16, "\x09\0\x01\0\x09\0\0\0\0\0\0\0", 12);
		return;
	}
	assert_int_equal(type, 6);
	file.interface[file.frames] = word(at + 8);
	assert_true(word(at + 8) < file.interfaces);
	bytes = file.len[file.frames] = word(at + 20);
	assert_int_equal(word(at + 24), bytes);
	memcpy(file.data[file.frames], at + 28, bytes);
	at += 28 + (bytes + 3) / 4 * 4;
	assert_int_equal(word(at), 0x00040002);
	file.flags[file.frames++] = word(at + 4);
	assert_int_equal(word(at + 8), 0);
}

static void read_file(void)
{
	char *all, said[128];
	size_t size, at = 28;

	assert_true(capture_stop(getpid(), said, sizeof(said)));
	memset(&file, 0, sizeof(file));
	all = file_read(path, 1 << 20, &size);
	assert_non_null(all);
	assert_memory_equal(all, "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0", 16);
	assert_memory_equal(all + 24, "\x1c\0\0\0", 4);
	while (at < size) {
		uint32_t len = word(all + at + 4);

		assert_true(len % 4 == 0 && at + len <= size);
		assert_int_equal(word(all + at + len - 4), len);
		read_block(all + at, len);
		at += len;
	}
	free(all);
}

static void blocks(void **state)
{
	start("all", 1 << 20);
	pass(0, false, false);
	pass(1, true, true);
	pass(0, false, true);
	read_file();
	assert_int_equal(file.interfaces, 2);
	assert_string_equal(file.names[0], "vif3.0");
	assert_string_equal(file.names[1], "web0");
	assert_int_equal(file.frames, 3);
	assert_int_equal(file.interface[1], 1);
	assert_int_equal(file.interface[2], 0);
	assert_int_equal(file.flags[0], 1);
	assert_int_equal(file.flags[1], 2);
	assert_int_equal(file.len[0], 55);
	assert_int_equal(file.len[1], 59);
	assert_memory_equal(file.data[1] + 10, "\x22\x22\x81\0\x30\x0a\x08\0\x45", 9);
}

static void whole_checksum(void **state)
{
	struct frame *f = tcp();

	frame_finish(f);
	start("all", 1 << 20);
	pass(0, false, false);
	read_file();
	assert_memory_equal(file.data[0], f->data, 55);
	assert_int_not_equal(be16(f->data + 50), 0);
	frame_drop(f);
}

static void wanted(void **state)
{
	static const struct {
		const char *what;
		unsigned frames;
	} cases[] = {{"all", 2},   {"vif3.0", 1}, {"web0", 1},   {"dom3", 1},
		     {"dom30", 1}, {"dom1", 0},   {"vlan10", 2}, {"vlan11", 0}};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		start(cases[i].what, 1 << 20);
		pass(0, false, false);
		pass(1, false, false);
		read_file();
		assert_int_equal(file.frames, cases[i].frames);
	}
}

static void bounded(void **state)
{
	char why[128];
	pid_t child;

	start("all", 1000);
	for (unsigned i = 0; i < 40; i++)
		pass(0, false, false);
	read_file();
	assert_in_range(file.frames, 5, 10);
	assert_int_not_equal(capture_start(getpid(), 1000, "all", "/nowhere/x", why, sizeof(why)), 0);
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_int_equal(capture_start(child, 1000, "all", path, why, sizeof(why)), 0);
	assert_false(capture_tend());
	assert_false(capture_stop(child, why, sizeof(why)));
	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		start("all", 1000);
	assert_int_not_equal(capture_start(getpid(), 1000, "all", path, why, sizeof(why)), 0);
	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		assert_true(capture_stop(getpid(), why, sizeof(why)));
}

static int load(const char *text)
{
	assert_int_equal(file_write(path, text), 0);
	settings_path = path;
	return settings_load();
}

static void settings(void **state)
{
	static const char *const bad[] = {
	    "group = 'web=1'",
	    "group = ['web']",
	    "group = ['web=0']",
	    "group = ['web=4095']",
	    "group = ['a=1', 'a=2']",
	    "group = ['a=1', 'b=1']",
	    "allow = ['a b']",
	    "group = ['a=1x']",
	    "group = ['a=1', 'b=2']; allow = ['a b tcp/0']",
	    "uplink = ['']",
	    "tap = ['x,vlan=5000']",
	    "group = ['a=1', 'b=2']; allow = ['a b icmp/5']",
	    "tap = ['x,y']",
	    "tap = ['sixteen-letters-']",
	    "group = ['a=1', 'b=2']; allow = ['a b tcp/5 x']",
	    "group = ['a=1']; allow = ['a a']",
	    "group = ['a=1', 'b=2']; allow = ['a b tcp/65536']",
	    "group = [",
	};
	struct lan *lan;

	assert_int_equal(
	    load("group = ['web=100', 'db=200']; allow = ['web db tcp/5432', 'db web icmp', 'web db']"), 0);
	lan = lan_of("xenbr0");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(load(bad[i]), -1);
		assert_int_equal(lan->nr_groups, 2);
	}
	assert_ptr_equal(lan_of("xenbr0"), lan);
	assert_int_equal(lan->nr_rules, 3);
	assert_int_equal(lan->rules[0].port, 5432);
	assert_int_equal(lan->rules[1].protocol, PROTOCOL_ICMP);
	assert_int_equal(lan->rules[2].protocol, 0);
	assert_int_equal(load("group = ['one=5']"), 0);
	assert_int_equal(lan->groups[0].vid, 5);
	assert_int_equal(lan->nr_rules, 0);
	assert_int_equal(load(""), 0);
	free(lans);
	lans = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(blocks, setup, teardown),
	    cmocka_unit_test_setup_teardown(whole_checksum, setup, teardown),
	    cmocka_unit_test_setup_teardown(wanted, setup, teardown),
	    cmocka_unit_test_setup_teardown(bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(settings, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
