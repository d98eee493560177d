/* SPDX-License-Identifier: MIT */
/* rl pause, unpause, shutdown, reboot, destroy. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "home.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The verb's only argument as a domain other than Dom0. -1 and a report. */
static int one_domain(const char *verb, const char *arg, struct hv **hv,
		      struct xen_domctl_getdomaininfo *info)
{
	*hv = rl_hv();
	if (!*hv || domain_find(*hv, arg, info))
		return -1;
	if (info->domain == 0)
		return fail("cannot %s Domain-0: this command runs in it", verb);
	return 0;
}

static int pause_or_unpause(int argc, char **argv, unsigned cmd)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv;
	long rc;

	if (argc != 2)
		return verb_usage(argv[0]);
	if (one_domain(argv[0], argv[1], &hv, &info))
		return EXIT_FAILED;
	if (cmd == XEN_DOMCTL_unpausedomain && !(info.flags & XEN_DOMINF_paused)) {
		fail("domain %u is not paused; nothing to do", info.domain);
		return EXIT_FAILED;
	}
	rc = domain_simple_op(hv, info.domain, cmd);
	if (rc < 0) {
		fail_errno(rc, "cannot %s domain %u", argv[0], info.domain);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int do_pause(int argc, char **argv)
{
	return pause_or_unpause(argc, argv, XEN_DOMCTL_pausedomain);
}

static int do_unpause(int argc, char **argv)
{
	return pause_or_unpause(argc, argv, XEN_DOMCTL_unpausedomain);
}

/* If it was being restarted, its successor, too. */
static int do_destroy(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	const char *reason;
	struct record r;
	struct hv *hv;
	long rc;

	if (argc != 2)
		return verb_usage("destroy");
	if (one_domain("destroy", argv[1], &hv, &info))
		return EXIT_FAILED;
	do {
		reason = shutdown_reason(&info);
		rc = domain_end(hv, info.domain, *reason ? reason : "destroyed", -1);
		if (rc < 0 && rc != -ESRCH) {
			fail_errno(rc, "cannot destroy domain %u", info.domain);
			return EXIT_FAILED;
		}
	} while (!record_load(info.domain, &r) && r.restarted >= 0 &&
		 domain_info(hv, r.restarted, &info) >= 0);
	return EXIT_OK;
}

struct request {
	const char *what; /* "poweroff", "reboot" */
	bool all, wait;
	unsigned seconds; /* to wait; 0: for ever */
};

/* Write it into the domain's control/shutdown, which its kernel watches. */
static int ask(const struct xen_domctl_getdomaininfo *info, const char *what)
{
	struct xs *xs = xs_shared();
	char node[48];

	if (!xs)
		return -1; /* reported */
	if (info->flags & XEN_DOMINF_shutdown)
		return fail("domain %u has shut down already (%s); `rl destroy %u` removes it", info->domain,
			    shutdown_reason(info), info->domain);
	snprintf(node, sizeof(node), "control/feature-%s", what);
	if (home_number(xs, info->domain, node) != 1)
		warn("domain %u does not say that it can be asked (%s in the store); if its kernel does not "
		     "listen, `rl destroy %u` ends it",
		     info->domain, node, info->domain);
	if (info->flags & XEN_DOMINF_paused)
		warn("domain %u is paused: it will notice when unpaused", info->domain);
	if (home_write(xs, info->domain, "control/shutdown", what))
		return fail_errno(errno, "cannot write control/shutdown of domain %u", info->domain);
	printf("Shutting down domain %u\n", info->domain);
	return 0;
}

/* Until nothing is left of it. */
static int wait_for_one(unsigned id, unsigned seconds)
{
	printf("Waiting for domain %u \"%s\" to end\n", id, domain_name(id));
	fflush(stdout);
	if (wait_for_end(id, false, seconds) != EXIT_TIMEOUT)
		return EXIT_OK;
	fail("domain %u \"%s\" has not ended within %u seconds; wait on, or end it by `rl destroy %u`", id,
	     domain_name(id), seconds, id);
	return EXIT_TIMEOUT;
}

static int ask_all(struct hv *hv, const struct request *r)
{
	struct xen_domctl_getdomaininfo *list;
	long count = domains_list(hv, &list);
	int code = EXIT_OK;

	if (count < 0) {
		fail_errno(count, "cannot list the domains");
		return EXIT_FAILED;
	}
	for (long i = 0; i < count; i++)
		if (list[i].domain && !(list[i].flags & XEN_DOMINF_shutdown) && ask(&list[i], r->what))
			code = EXIT_FAILED;
	for (long i = 0; r->wait && i < count; i++) {
		int one = list[i].domain ? wait_for_one(list[i].domain, r->seconds) : EXIT_OK;

		code = one == EXIT_OK ? code : one;
	}
	free(list);
	return code;
}

/* Where the options end; -1: reported. */
static int parse_request(int argc, char **argv, struct request *r)
{
	static const struct option names[] = {
	    {"all", no_argument, NULL, 'a'},
	    {"wait", no_argument, NULL, 'w'},
	    {"timeout", required_argument, NULL, 't'},
	    {0},
	};
	char *end;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "aw", names, NULL)) != -1) {
		if (c == '?') {
			verb_usage(argv[0]);
			return -1;
		}
		r->all |= c == 'a';
		r->wait |= c == 'w' || c == 't';
		if (c != 't')
			continue;
		r->seconds = strtoul(optarg, &end, 10);
		if (!r->seconds || *end)
			return fail("--timeout=%s: needed: seconds, 1 or more", optarg);
	}
	if (argc - optind == !r->all)
		return optind;
	verb_usage(argv[0]);
	return -1;
}

static int shutdown_or_reboot(int argc, char **argv, const char *what)
{
	const char *verb = argv[0];
	struct xen_domctl_getdomaininfo info;
	struct request r = {.what = what};
	struct hv *hv;
	int next = parse_request(argc, argv, &r);

	if (next < 0)
		return EXIT_USAGE;
	if (r.all)
		return (hv = rl_hv()) ? ask_all(hv, &r) : EXIT_FAILED;
	if (one_domain(verb, argv[next], &hv, &info) || ask(&info, what))
		return EXIT_FAILED;
	return r.wait ? wait_for_one(info.domain, r.seconds) : EXIT_OK;
}

static int do_shutdown(int argc, char **argv)
{
	return shutdown_or_reboot(argc, argv, "poweroff");
}

static int do_reboot(int argc, char **argv)
{
	return shutdown_or_reboot(argc, argv, "reboot");
}

#define SHUTDOWN_TEXT                                                                                \
	"  -a  all domains except Domain-0\n"                                                        \
	"  -w  wait until nothing is left of it: its name and its memory are free (if on_poweroff\n" \
	"      or on_reboot is \"preserve\", until it has shut down)\n"                              \
	"  --timeout=SECONDS  wait at most this long for each domain; the exit code is then 8\n\n"   \
	"The request goes through the store: the domain's kernel watches control/shutdown. What\n"   \
	"happens then is decided by on_poweroff and on_reboot of its configuration.\n"

const struct verb verbs_life[] = {
    {.name = "pause",
     .args = "DOMAIN",
     .summary = "stop a domain where it is; it keeps its memory",
     .text = "Pauses are counted: it runs again after as many `rl unpause` as `rl pause`.\n",
     .run = do_pause},
    {.name = "unpause", .args = "DOMAIN", .summary = "let a paused domain go on", .run = do_unpause},
    {.name = "shutdown",
     .args = "[-w] [--timeout=SECONDS] -a | DOMAIN",
     .summary = "ask a domain to power itself off",
     .text = SHUTDOWN_TEXT,
     .run = do_shutdown},
    {.name = "reboot",
     .args = "[-w] [--timeout=SECONDS] -a | DOMAIN",
     .summary = "ask a domain to restart",
     .text = SHUTDOWN_TEXT,
     .run = do_reboot},
    {.name = "destroy",
     .args = "DOMAIN",
     .summary = "end a domain at once and give back all it has",
     .text = "What it wrote can still be read with `rl console`.\n",
     .run = do_destroy},
    {0},
};
