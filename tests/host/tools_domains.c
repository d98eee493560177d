/* SPDX-License-Identifier: MIT */
/*
 * The tools' list of domains (lib/domains.c), on a hypervisor with any number of them and without a store: lists are whole
 * however many there are; a domain is found by its number, or by the name that its record keeps; for a misspelt name
 * the close ones are told; which domains are shown, and why they ended; one that ends leaves a record and nothing else;
 * what an rl that was killed left half done is cleared away, and what another is at is not.
 */
#include "domains.h"
#include "err.h"
#include "files.h"
#include "job.h"
#include "tracing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

#include <ringlet/sysctl.h>
#include <xen/sched.h>

static char dir[] = "/tmp/ringlet-domains-XXXXXX";

int open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	if (!strcmp(path, "/dev/xen/xenbus")) {
		errno = ENOENT;
		return -1;
	}
	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, int) : 0;
	va_end(ap);
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- a hypervisor with domains 0, 2, 4 ... ---- */

static unsigned domains, calls, paused, destroyed, ended, busy, refuse_at, untraced;
static bool is_xen; /* knows nothing of Ringlet's own */
static uint32_t flags;

static void fill(struct xen_domctl_getdomaininfo *info, unsigned n)
{
	*info = (struct xen_domctl_getdomaininfo){.domain = 2 * n, .flags = flags, .tot_pages = 100 + n};
	info->handle[0] = 2 * n;
}

static long list(struct xen_sysctl_getdomaininfolist *l)
{
	struct xen_domctl_getdomaininfo *to = (void *)(uintptr_t)l->buffer;

	assert_int_equal(l->max_domains, 64);
	l->num_domains = 0;
	for (unsigned n = (l->first_domain + 1) / 2; n < domains && l->num_domains < l->max_domains; n++)
		fill(&to[l->num_domains++], n);
	return 0;
}

static long states(struct xen_sysctl_getdomaininfolist *l)
{
	struct ringlet_domain_state *to = (void *)(uintptr_t)l->buffer;

	assert_int_equal(l->max_domains, 256);
	l->num_domains = 0;
	for (unsigned n = (l->first_domain + 1) / 2; n < domains && l->num_domains < l->max_domains; n++)
		to[l->num_domains++] = (struct ringlet_domain_state){.domain = 2 * n, .flags = 500 + n};
	return 0;
}

static long domctl(struct xen_domctl *op)
{
	unsigned n = (op->domain + 1) / 2;

	switch (op->cmd) {
	case XEN_DOMCTL_getdomaininfo:
		if (n >= domains)
			return -ESRCH;
		fill(&op->u.getdomaininfo, n);
		return 0;
	case XEN_DOMCTL_pausedomain:
		paused++;
		return 0;
	case XEN_DOMCTL_destroydomain:
		if (busy)
			return busy-- % 2 ? -EAGAIN : -EINTR;
		destroyed = op->domain;
		ended++;
		return 0;
	}
	return -ENOSYS;
}

static long call(struct hv *hv, unsigned nr, const uint64_t arg[5])
{
	if (++calls == refuse_at)
		return -ENOMEM;
	if (nr == __HYPERVISOR_domctl)
		return domctl((void *)(uintptr_t)arg[0]);
	if (nr == __HYPERVISOR_sysctl) {
		struct xen_sysctl *op = (void *)(uintptr_t)arg[0];
		struct ringlet_overhead *o = (void *)op->u.pad;

		if (op->cmd == XEN_SYSCTL_getdomaininfolist)
			return list(&op->u.getdomaininfolist);
		if (is_xen && op->cmd >= RINGLET_SYSCTL_BASE)
			return -ENOSYS;
		if (op->cmd == RINGLET_SYSCTL_states)
			return states(&op->u.getdomaininfolist);
		if (op->cmd == RINGLET_SYSCTL_trace)
			return untraced++;
		if (op->cmd != RINGLET_SYSCTL_overhead || o->domain >= 2 * domains)
			return -ESRCH;
		o->bytes = 1000 + o->domain;
		o->limit = 5000;
		return 0;
	}
	return -ENOSYS;
}

static const struct hv_ops ops = {.hypercall = call};
static struct hv hv;

static void named(unsigned id, const char *name, const char *end)
{
	struct record r = {.id = id};

	assert_int_equal(record_save(&r), 0);
	record_ending(id, name, end ? end : "crash", -1);
	if (end)
		record_end(id, name, end, -1);
}

static int setup(void **state)
{
	domains = 3;
	calls = paused = busy = refuse_at = untraced = 0;
	destroyed = ~0u;
	flags = 0;
	is_xen = false;
	assert_int_equal(hv_open_with(&hv, &ops), 0);
	return 0;
}

static int teardown(void **state)
{
	unsigned *ids;
	size_t n = record_list(&ids);

	while (n--)
		record_remove(ids[n]);
	free(ids);
	assert_int_equal(hv.used, 0);
	hv_close(&hv);
	return 0;
}

static void lists_are_whole(void **state)
{
	static const unsigned many[] = {0, 1, 63, 64, 65, 127, 128, 200};
	struct xen_domctl_getdomaininfo *got;

	for (unsigned i = 0; i < sizeof(many) / sizeof(*many); i++) {
		domains = many[i];
		assert_int_equal(domains_list(&hv, &got), domains);
		for (unsigned n = 0; n < domains; n++)
			assert_int_equal(got[n].domain, 2 * n);
		free(got);
		for (unsigned at = 1; at <= domains / 64 + 1; at++) {
			calls = 0;
			refuse_at = at;
			assert_int_equal(domains_list(&hv, &got), -ENOMEM);
			refuse_at = 0;
		}
	}
}

static void short_lists_are_whole(void **state)
{
	static const unsigned many[] = {3, 0, 255, 256, 257, 511, 512, 700, 2};
	const struct ringlet_domain_state *got;

	for (unsigned i = 0; i < sizeof(many) / sizeof(*many); i++) {
		domains = many[i];
		for (unsigned at = 1; at <= domains / 256 + 1; at++) {
			calls = 0;
			refuse_at = at;
			assert_int_equal(domain_states(&hv, &got), -ENOMEM);
		}
		refuse_at = 0;
		assert_int_equal(domain_states(&hv, &got), domains);
		for (unsigned n = 0; n < domains; n++) {
			assert_int_equal(got[n].domain, 2 * n);
			assert_int_equal(got[n].flags, 500 + n);
		}
	}
}

/* From the long one: numbers, and of the flags only those that the short one has. */
static void xen_has_no_short_list(void **state)
{
	const struct ringlet_domain_state *got;

	is_xen = true;
	for (domains = 0; domains < 200; domains += 65) {
		flags = XEN_DOMINF_running | XEN_DOMINF_dying | XEN_DOMINF_shutdown |
			3u << XEN_DOMINF_shutdownshift;
		assert_int_equal(domain_states(&hv, &got), domains);
		for (unsigned n = 0; n < domains; n++) {
			assert_int_equal(got[n].domain, 2 * n);
			assert_int_equal(got[n].flags, flags & ~XEN_DOMINF_running);
		}
	}
	calls = 0;
	refuse_at = 2;
	assert_int_equal(domain_states(&hv, &got), -ENOMEM);
}

static void questions_about_one(void **state)
{
	struct xen_domctl_getdomaininfo info;
	uint64_t bytes, limit;

	assert_int_equal(domain_info(&hv, 4, &info), 0);
	assert_int_equal(info.tot_pages, 102);
	assert_int_equal(domain_info(&hv, 3, &info), -ESRCH); /* the next one is no answer */
	assert_int_equal(domain_info(&hv, 6, &info), -ESRCH);
	assert_int_equal(domain_overhead(&hv, 2, &bytes, &limit), 0);
	assert_int_equal(bytes, 1002);
	assert_int_equal(limit, 5000);
	assert_int_equal(domain_overhead(&hv, 8, &bytes, &limit), -ESRCH);
}

static void names(void **state)
{
	named(2, "two", NULL);
	assert_string_equal(domain_name(0), "Domain-0");
	assert_string_equal(domain_name(2), "two");
	assert_string_equal(domain_name(4), "(unnamed)");
}

static void found(void **state)
{
	struct xen_domctl_getdomaininfo info;

	named(2, "webserver", NULL);
	assert_int_equal(domain_find(&hv, "4", &info), 0);
	assert_int_equal(info.domain, 4);
	assert_int_equal(domain_find(&hv, "3", &info), -1);
	assert_non_null(strstr(fail_last(), "domain 3 does not exist"));
	assert_int_equal(domain_find(&hv, "webserver", &info), 0);
	assert_int_equal(info.domain, 2);
	assert_int_equal(domain_find(&hv, "Domain-0", &info), 0);
	assert_int_equal(info.domain, 0);
	assert_int_equal(domain_find(&hv, "websever", &info), -1);
	assert_non_null(strstr(fail_last(), "did you mean \"webserver\"?"));
	assert_int_equal(domain_find(&hv, "mail", &info), -1);
	assert_non_null(strstr(fail_last(), "`rl list` shows"));
	assert_int_equal(domain_find(&hv, "", &info), -1);
	refuse_at = calls + 1;
	assert_int_equal(domain_find(&hv, "2", &info), -1);
	assert_non_null(strstr(fail_last(), "cannot ask the hypervisor"));
	refuse_at = calls + 1;
	assert_int_equal(domain_find(&hv, "webserver", &info), -1);
	assert_non_null(strstr(fail_last(), "cannot list the domains"));
}

static void shown(void **state)
{
	struct xen_domctl_getdomaininfo info = {.domain = 0};

	assert_true(domain_is_shown(&info));
	info.domain = 8; /* another tool's, as long as it has anything */
	assert_false(domain_is_shown(&info));
	info.tot_pages = 5;
	assert_true(domain_is_shown(&info));
	info.flags = XEN_DOMINF_dying;
	assert_false(domain_is_shown(&info));
	named(8, "eight", NULL); /* it ends, and no domain takes its place */
	assert_true(domain_is_shown(&info));
}

static void reasons(void **state)
{
	static const char *const names[] = {"poweroff", "reboot",     "suspend", "crash",
					    "watchdog", "soft-reset", "crash",   "crash"};
	struct xen_domctl_getdomaininfo info = {.flags = SHUTDOWN_crash << XEN_DOMINF_shutdownshift};

	assert_string_equal(shutdown_reason(&info), "");
	for (unsigned code = 0; code < 8; code++) {
		info.flags = XEN_DOMINF_shutdown | code << XEN_DOMINF_shutdownshift;
		assert_string_equal(shutdown_reason(&info), names[code]);
	}
}

static void ends(void **state)
{
	struct record r = {.id = 4};
	struct stat st;
	char path[256];

	assert_int_equal(record_save(&r), 0);
	busy = 2; /* it takes more than one call */
	assert_int_equal(domain_end(&hv, 4, "destroyed", 9), 0);
	assert_int_equal(destroyed, 4);
	assert_int_equal(paused, 1);
	assert_int_equal(record_load(4, &r), 0);
	assert_string_equal(r.end, "destroyed");
	assert_int_equal(r.restarted, 9);
	snprintf(path, sizeof(path), "%s/jobs", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(rmdir(path), 0); /* the job is done */
	assert_int_equal(domain_end(&hv, 5, "destroyed", -1), -ESRCH);
	/* One that stands still already need not be stopped. */
	for (unsigned n = 0; n < 2; n++) {
		flags = n ? XEN_DOMINF_dying : XEN_DOMINF_shutdown;
		assert_int_equal(domain_end(&hv, 2, "crash", -1), 0);
		assert_int_equal(paused, 1);
	}
	/* What the hypervisor refuses has not ended. */
	flags = XEN_DOMINF_shutdown;
	r = (struct record){.id = 0};
	assert_int_equal(record_save(&r), 0);
	calls = 0;
	refuse_at = 2;
	assert_int_equal(domain_end(&hv, 0, "crash", -1), -ENOMEM);
	assert_int_equal(record_load(0, &r), 0);
	assert_string_equal(r.end, "");
	assert_true(r.ending);
}

static unsigned files(const char *path)
{
	DIR *list = opendir(path);
	unsigned count = 0;

	assert_non_null(list);
	while (readdir(list))
		count++;
	closedir(list);
	return count - 2;
}

static void jobs(void **state)
{
	struct xen_domctl_getdomaininfo info;
	struct record r = {.id = 4};
	char uuid[UUID_TEXT], path[256], in_way[300];
	unsigned fds;
	int job;

	fill(&info, 2);
	uuid_print(info.handle, uuid);
	job = job_begin(uuid);
	assert_true(job >= 0);
	fds = files("/proc/self/fd");
	assert_int_equal(jobs_clear(&hv), 1);
	assert_int_equal(files("/proc/self/fd"), fds);
	assert_int_equal(destroyed, ~0u);
	close(job); /* killed */
	ended = 0;
	assert_int_equal(jobs_clear(&hv), 0);
	assert_int_equal(ended, 1); /* no other domain */
	assert_int_equal(destroyed, 4);
	snprintf(path, sizeof(path), "%s/jobs", dir);
	assert_int_equal(files(path), 0);
	/* One that has shut down, and whose end nobody had begun, is left to rl-domd: its restart was under way. */
	for (unsigned begun = 0; begun < 2; begun++) {
		record_remove(4);
		assert_int_equal(record_save(&r), 0);
		if (begun)
			record_ending(4, "k", "reboot", -1);
		flags = XEN_DOMINF_shutdown;
		close(job_begin(uuid));
		assert_int_equal(jobs_clear(&hv), 0);
		assert_int_equal(ended, 1 + begun);
		assert_int_equal(files(path), 0);
	}
	flags = 0;
	/* What a process that was killed while it began one has left goes, what another is about to name stays. */
	snprintf(in_way, sizeof(in_way), "%s/.%d", path, getpid());
	assert_int_equal(close(open(in_way, O_WRONLY | O_CREAT, 0600)), 0);
	snprintf(in_way, sizeof(in_way), "%s/.%d", path, 0x3fffffff); /* no process has such a number */
	assert_int_equal(close(open(in_way, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(jobs_clear(&hv), 0);
	assert_int_equal(access(in_way, F_OK), -1);
	snprintf(in_way, sizeof(in_way), "%s/.%d", path, getpid());
	assert_int_equal(unlink(in_way), 0);
	/* Of its files those are left that are whole, if there is a record. */
	for (unsigned recorded = 0; recorded < 2; recorded++) {
		record_remove(4);
		assert_int_equal(recorded ? record_save(&r) : make_dirs(record_path(4, NULL)), 0);
		assert_int_equal(close(open(record_path(4, "config.new77"), O_WRONLY | O_CREAT, 0600)), 0);
		close(job_begin(uuid));
		assert_int_equal(jobs_clear(&hv), 0);
		assert_int_equal(access(record_path(4, "config.new77"), F_OK), -1);
		assert_int_equal(access(record_path(4, NULL), F_OK), recorded ? 0 : -1);
	}
	assert_int_equal(record_load(4, &r), 0);
	assert_string_equal(r.end, "destroyed");
	/* One that cannot be begun leaves nothing. */
	snprintf(in_way, sizeof(in_way), "%s/%s", path, uuid);
	assert_int_equal(mkdir(in_way, 0755), 0);
	fds = files("/proc/self/fd");
	assert_int_equal(job_begin(uuid), -1);
	assert_int_equal(files("/proc/self/fd"), fds);
	assert_int_equal(rmdir(in_way), 0);
	assert_int_equal(files(path), 0);
}

static void traces(void **state)
{
	int claim = tracing_claim();

	assert_true(claim >= 0);
	tracing_clear(&hv);
	jobs_clear(&hv);
	assert_int_equal(untraced, 0);
	assert_int_equal(tracing_claim(), -1);
	close(claim); /* killed */
	jobs_clear(&hv);
	assert_int_equal(untraced, 1);
	claim = tracing_claim();
	assert_true(claim >= 0);
	close(claim);
}

int main(void)
{
#define DOMAINS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
	    DOMAINS(lists_are_whole),
	    DOMAINS(short_lists_are_whole),
	    DOMAINS(xen_has_no_short_list),
	    DOMAINS(questions_about_one),
	    DOMAINS(names),
	    DOMAINS(found),
	    DOMAINS(shown),
	    DOMAINS(reasons),
	    DOMAINS(ends),
	    DOMAINS(jobs),
	    DOMAINS(traces),
	};
	char command[64];
	int failed;

	if (!mkdtemp(dir))
		return 1;
	run_dir = dir;
	fail_quiet(true);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return failed || system(command);
}
