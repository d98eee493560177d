/* SPDX-License-Identifier: MIT */
/* What Dom0 remembers: records of domains, the kept console output, xl's columns, words that are close. */
#include "conlog.h"
#include "err.h"
#include "files.h"
#include "record.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/sched.h>

static char dir[] = "/tmp/ringlet-tools-XXXXXX";

static void make_record(unsigned id)
{
	struct record r = {.id = id,
			   .started_ms = 0x123456789ull,
			   .on_crash = ACTION_PRESERVE,
			   .on_watchdog = ACTION_RESTART,
			   .store_mfn = 0x1234567,
			   .console_port = 2};

	strcpy(r.kind, "pv32");
	assert_int_equal(record_save(&r), 0);
}

static void records_come_back(void **state)
{
	char name[RECORD_NAME_MAX];
	struct record r;

	make_record(7);
	assert_int_equal(record_load(7, &r), 0);
	assert_int_equal(r.store_mfn, 0x1234567);
	assert_int_equal(r.console_port, 2);
	record_name(7, name);
	assert_string_equal(name, ""); /* that of its configuration */
	record_rename(7, "a name");
	record_rename(7, "another");
	record_name(7, name);
	assert_string_equal(name, "another");
	assert_string_equal(r.name, ""); /* the store knows it, while it lives */
	assert_string_equal(r.kind, "pv32");
	assert_int_equal(r.started_ms, 0x123456789ull);
	assert_int_equal(r.on_crash, ACTION_PRESERVE);
	assert_int_equal(r.on_watchdog, ACTION_RESTART);
	assert_string_equal(r.end, "");
	assert_int_equal(record_load(8, &r), -1);
	assert_false(r.ending);
	record_ending(7, "seven", "crash", 9);
	assert_int_equal(record_load(7, &r), 0);
	assert_true(r.ending);
	assert_string_equal(r.end, ""); /* it is not over yet */
	assert_string_equal(r.name, "seven");
	record_ending(7, "six", "poweroff", 6); /* the first ones stay */
	record_end(7, "eight", "destroyed", -1);
	record_end(7, "nine", "suspend", -1);
	assert_int_equal(record_load(7, &r), 0);
	assert_string_equal(r.name, "seven");
	assert_string_equal(r.end, "crash");
	assert_int_equal(r.restarted, 9);
	record_remove(7);
	assert_int_equal(record_load(7, &r), -1);
}

/* A directory among the files cannot be unlinked: it stays, and the removal goes on. */
static void what_cannot_be_removed_stays(void **state)
{
	char path[256];

	make_record(8);
	record_end(8, "eight", "crash", -1);
	snprintf(path, sizeof(path), "%s", record_path(8, "sub"));
	assert_int_equal(make_dirs(path), 0);
	alarm(10); /* where it does not end, the test does */
	record_remove(8);
	alarm(0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(record_path(8, "end"), F_OK), 0);
	rmdir(path);
	record_remove(8);
	assert_int_not_equal(access(record_path(8, NULL), F_OK), 0);
}

/* Two writers of the same file at once each have a file of their own until it is whole. */
static void writers_do_not_mix(void **state)
{
	char path[256], text[512], *whole;
	size_t len;

	snprintf(path, sizeof(path), "%s/both", dir);
	for (int n = 0; n < 2; n++) {
		if (fork() == 0) {
			memset(text, 'a' + n, sizeof(text) - 1);
			text[sizeof(text) - 1] = '\0';
			for (int i = 0; i < 300; i++)
				if (file_write(path, text))
					_exit(1);
			_exit(0);
		}
	}
	for (int n = 0; n < 2; n++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	whole = file_read(path, 4096, &len);
	assert_int_equal(len, sizeof(text) - 1);
	for (size_t i = 1; i < len; i++)
		assert_int_equal(whole[i], whole[0]);
	free(whole);
	unlink(path);
}

/* Only numbers are domains, and no descriptor is kept. */
static void nothing_else_is_a_record(void **state)
{
	char path[64];
	unsigned *ids;
	int lowest, after;

	make_record(1);
	snprintf(path, sizeof(path), "%s/domains/2x", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(record_list(&ids), 1);
	assert_int_equal(ids[0], 1);
	free(ids);
	assert_int_equal(rmdir(path), 0);
	close(lowest = dup(0));
	record_ending(1, "one", "crash", -1);
	record_end(1, "one", "crash", -1);
	close(after = dup(0));
	assert_int_equal(after, lowest);
	record_remove(1);
}

static void the_last_ended_is_found(void **state)
{
	struct record r;

	make_record(1);
	record_end(1, "same", "poweroff", -1);
	make_record(2);
	assert_int_equal(record_find_ended("same", &r), 0);
	assert_int_equal(r.id, 1);
	record_end(2, "same", "poweroff", -1);
	make_record(3);
	assert_int_equal(record_find_ended("same", &r), 0);
	assert_int_equal(r.id, 2);
	assert_int_equal(record_find_ended("other", &r), -1);
	record_remove(3);
}

static void oldest_ended_are_forgotten(void **state)
{
	unsigned *ids;
	size_t n;

	for (unsigned id = 10; id < 50; id++) {
		make_record(id);
		record_end(id, "x", "destroyed", -1);
	}
	n = record_list(&ids);
	assert_int_equal(n, RECORDS_KEPT);
	assert_int_equal(ids[n - 1], 49);
	for (size_t i = 0; i < n; i++)
		record_remove(ids[i]);
	free(ids);
}

static void log_keeps_the_newest(void **state)
{
	struct conlog writer, reader;
	char path[64], piece[1000], expect;
	uint64_t seen = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(conlog_create(&writer, path), 0);
	assert_int_equal(conlog_open(&reader, path), 0);
	for (int round = 0; round < 100; round++) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = (char)((writer.at + i) % 251);
		assert_int_equal(conlog_append(&writer, piece, sizeof(piece)), 0);
		while (round % 3 == 0 && (got = conlog_read(&reader, piece, 333)) > 0)
			for (ssize_t i = 0; i < got; i++)
				assert_int_equal(piece[i], (char)(seen++ % 251));
	}
	conlog_close(&reader);
	assert_int_equal(conlog_open(&reader, path), 0);
	seen = reader.at;
	assert_int_equal(seen, 100000 - (CONLOG_SIZE - CONLOG_CHUNK));
	while ((got = conlog_read(&reader, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			expect = (char)(seen++ % 251);
			assert_int_equal(piece[i], expect);
		}
	assert_int_equal(seen, 100000);
	/* Another writer goes on where the first one stopped. */
	conlog_close(&writer);
	assert_int_equal(conlog_create(&writer, path), 0);
	assert_int_equal(conlog_append(&writer, "more", 4), 0);
	assert_int_equal(conlog_read(&reader, piece, sizeof(piece)), 4);
	assert_memory_equal(piece, "more", 4);
	conlog_close(&reader);
	conlog_close(&writer);
	unlink(path);
}

static void columns_are_those_of_xl(void **state)
{
	struct xen_domctl_getdomaininfo info = {.domain = 3,
						.tot_pages = 64 * 256,
						.nr_online_vcpus = 2,
						.cpu_time = 12340000000ull,
						.flags = XEN_DOMINF_blocked | XEN_DOMINF_paused};
	struct xen_domctl_getvcpuinfo vcpu = {
	    .vcpu = 1, .online = 1, .running = 1, .cpu = 1, .cpu_time = 1500000000};
	char line[256], state_text[7];

	table_domain_head(line, sizeof(line));
	assert_string_equal(line,
			    "Name                                        ID   Mem VCPUs\tState\tTime(s)");
	table_domain(line, sizeof(line), "demo64", &info);
	assert_string_equal(
	    line, "demo64                                       3    64     2     -bp---      12.3");
	info.flags = XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift;
	table_state(&info, state_text);
	assert_string_equal(state_text, "---sc-");
	info.flags = XEN_DOMINF_shutdown | XEN_DOMINF_dying;
	table_state(&info, state_text);
	assert_string_equal(state_text, "---s-d");
	table_vcpu_head(line, sizeof(line));
	assert_string_equal(
	    line,
	    "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)");
	table_vcpu(line, sizeof(line), "demo64", 3, &vcpu, ~0ull, 2);
	assert_string_equal(line,
			    "demo64                               3     1     1   r--       1.5  all / all");
	table_vcpu(line, sizeof(line), "demo64", 3, &vcpu, 0xb, 5);
	assert_non_null(strstr(line, "  0-1,3 / all"));
}

static void near_words_are_found(void **state)
{
	static const char *const words[] = {"create", "list", "console", "destroy", NULL};

	assert_string_equal(nearest("lst", words), "list");
	assert_string_equal(nearest("destory", words), "destroy");
	assert_string_equal(nearest("create", words), "create");
	assert_null(nearest("frobnicate", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_come_back),       cmocka_unit_test(nothing_else_is_a_record),
	    cmocka_unit_test(the_last_ended_is_found), cmocka_unit_test(what_cannot_be_removed_stays),
	    cmocka_unit_test(writers_do_not_mix),      cmocka_unit_test(oldest_ended_are_forgotten),
	    cmocka_unit_test(log_keeps_the_newest),    cmocka_unit_test(columns_are_those_of_xl),
	    cmocka_unit_test(near_words_are_found),
	};
	int failed;
	char command[64];

	if (!mkdtemp(dir))
		return 1;
	run_dir = dir;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return failed || system(command);
}
