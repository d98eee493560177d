/* SPDX-License-Identifier: MIT */
/* rl pause, unpause, shutdown, reboot, destroy. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "files.h"
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
	long ret;

	if (argc != 2)
		return verb_usage(argv[0]);
	if (one_domain(argv[0], argv[1], &hv, &info))
		return EXIT_FAILED;
	if (cmd == XEN_DOMCTL_unpausedomain && !(info.flags & XEN_DOMINF_paused)) {
		fail("domain %u is not paused; nothing to do", info.domain);
		return EXIT_FAILED;
	}
	ret = domain_simple_op(hv, info.domain, cmd);
	if (ret < 0) {
		fail_errno(ret, "cannot %s domain %u", argv[0], info.domain);
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

static int do_destroy(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	const char *reason;
	struct hv *hv;
	long ret;

	if (argc != 2)
		return verb_usage("destroy");
	if (one_domain("destroy", argv[1], &hv, &info))
		return EXIT_FAILED;
	reason = shutdown_reason(&info);
	ret = domain_end(hv, info.domain, *reason ? reason : "destroyed");
	if (ret < 0) {
		fail_errno(ret, "cannot destroy domain %u", info.domain);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* Until the domain has shut down or is gone. */
static void wait_shut_down(struct hv *hv, unsigned id)
{
	struct xen_domctl_getdomaininfo info;

	while (domain_info(hv, id, &info) >= 0 && !(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
		sleep_ms(20);
}

/* Kernels that watch control/shutdown say so. */
static bool listens(struct xs *xs, unsigned id, const char *what)
{
	char node[48];

	snprintf(node, sizeof(node), "control/feature-%s", what);
	return home_number(xs, id, node) == 1;
}

/* Write @what into the domain's control/shutdown, which its kernel watches. */
static int ask_one(struct hv *hv, const struct xen_domctl_getdomaininfo *info, const char *what, bool wait)
{
	struct xs *xs = xs_shared();

	if (!xs)
		return -1; /* reported */
	if (info->flags & XEN_DOMINF_shutdown)
		return fail("domain %u has shut down already (%s); `rl destroy %u` removes it", info->domain,
			    shutdown_reason(info), info->domain);
	if (!listens(xs, info->domain, what))
		return fail("domain %u does not say that it can be asked (control/feature-%s in the store; "
			    "its kernel "
			    "may not be up yet); wait, or use `rl destroy %u`",
			    info->domain, what, info->domain);
	if (info->flags & XEN_DOMINF_paused)
		warn("domain %u is paused: it will notice when unpaused", info->domain);
	if (home_write(xs, info->domain, "control/shutdown", what))
		return fail_errno(errno, "cannot write control/shutdown of domain %u", info->domain);
	printf("Shutting down domain %u\n", info->domain);
	if (wait)
		wait_shut_down(hv, info->domain);
	return 0;
}

static int ask_all(struct hv *hv, const char *what, bool wait)
{
	struct xen_domctl_getdomaininfo *list;
	long count = domains_list(hv, &list);
	int code = EXIT_OK;

	if (count < 0) {
		fail_errno(count, "cannot list the domains");
		return EXIT_FAILED;
	}
	for (long i = 0; i < count; i++)
		if (list[i].domain && !(list[i].flags & XEN_DOMINF_shutdown) &&
		    ask_one(hv, &list[i], what, false))
			code = EXIT_FAILED;
	for (long i = 0; wait && i < count; i++)
		if (list[i].domain && xs_shared() && listens(xs_shared(), list[i].domain, what))
			wait_shut_down(hv, list[i].domain);
	free(list);
	return code;
}

static int shutdown_or_reboot(int argc, char **argv, const char *what)
{
	const char *verb = argv[0];
	struct xen_domctl_getdomaininfo info;
	bool all = false, wait = false;
	struct hv *hv;
	int c;

	optind = 1;
	while ((c = verb_option(verb, argc, argv, "aw")) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		all |= c == 'a';
		wait |= c == 'w';
	}
	if (argc - optind != !all)
		return verb_usage(verb);
	if (all)
		return (hv = rl_hv()) ? ask_all(hv, what, wait) : EXIT_FAILED;
	if (one_domain(verb, argv[optind], &hv, &info) || ask_one(hv, &info, what, wait))
		return EXIT_FAILED;
	return EXIT_OK;
}

static int do_shutdown(int argc, char **argv)
{
	return shutdown_or_reboot(argc, argv, "poweroff");
}

static int do_reboot(int argc, char **argv)
{
	return shutdown_or_reboot(argc, argv, "reboot");
}

#define SHUTDOWN_TEXT                                                                              \
	"  -a  all domains but Domain-0\n"                                                         \
	"  -w  wait until they have shut down\n\n"                                                 \
	"The request goes through the store: the domain's kernel watches control/shutdown. What\n" \
	"happens then is decided by on_poweroff and on_reboot of its configuration.\n"

const struct verb verbs_life[] = {
    {.name = "pause",
     .args = "DOMAIN",
     .summary = "stop a domain where it is; it keeps its memory",
     .text = "Counted: as many `rl unpause` as `rl pause` make it run again.\n",
     .run = do_pause},
    {.name = "unpause", .args = "DOMAIN", .summary = "let a paused domain go on", .run = do_unpause},
    {.name = "shutdown",
     .args = "[-w] -a | DOMAIN",
     .summary = "ask a domain to power itself off",
     .text = SHUTDOWN_TEXT,
     .run = do_shutdown},
    {.name = "reboot",
     .args = "[-w] -a | DOMAIN",
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
