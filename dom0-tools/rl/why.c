/* SPDX-License-Identifier: MIT */
/* rl why. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "why.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *arg)
{
	return *arg && strspn(arg, "0123456789") == strlen(arg);
}

static bool is_there(struct hv *hv, const char *arg)
{
	struct xen_domctl_getdomaininfo info;

	return is_number(arg) ? !domain_info(hv, strtoul(arg, NULL, 10), &info) : domain_named(hv, arg) >= 0;
}

/* The domain of this id, or the last one of this name, that has ended. */
static bool find_ended(const char *arg, struct record *r)
{
	return !(is_number(arg) ? record_load(strtoul(arg, NULL, 10), r) : record_find_ended(arg, r)) &&
	       *r->end;
}

static int print_kept(const struct record *r, const char *kernel)
{
	char *text = why_kept(r->id);

	if (!text)
		fail("domain %u \"%s\" has ended (%s); a report is kept only of one that crashed", r->id,
		     r->name, r->end);
	else if (kernel)
		fail("domain %u \"%s\" is gone, -k comes too late; `on_crash = \"preserve\"` keeps it", r->id,
		     r->name);
	else
		fputs(text, stdout);
	free(text);
	return text && !kernel ? EXIT_OK : EXIT_FAILED;
}

static int print_now(struct hv *hv, const char *arg, const char *kernel)
{
	struct xen_domctl_getdomaininfo info;
	struct record before;
	char *text;

	if (domain_find(hv, arg, &info))
		return EXIT_FAILED;
	if (!info.domain) {
		fail("cannot tell of Domain-0: this command runs in it");
		return EXIT_FAILED;
	}
	text = why_text(hv, &info, kernel);
	if (!text) {
		fail("out of memory");
		return EXIT_FAILED;
	}
	fputs(text, stdout);
	free(text);
	if (!*shutdown_reason(&info) && !record_find_ended(domain_name(info.domain), &before) &&
	    !strcmp(before.end, "crash"))
		printf("Domain %u of this name has crashed: `rl why %u`\n", before.id, before.id);
	return EXIT_OK;
}

static int do_why(int argc, char **argv)
{
	const char *kernel = NULL;
	struct record r;
	struct hv *hv;
	int c;

	optind = 1;
	while ((c = verb_option("why", argc, argv, "k:")) != -1) {
		if (c == '?')
			return EXIT_USAGE;
		kernel = optarg;
	}
	if (argc - optind != 1)
		return verb_usage("why");
	hv = rl_hv();
	if (!hv)
		return EXIT_FAILED;
	if (!is_there(hv, argv[optind]) && find_ended(argv[optind], &r))
		return print_kept(&r, kernel);
	return print_now(hv, argv[optind], kernel);
}

const struct verb verbs_why[] = {
    {.name = "why",
     .args = "[-k FILE] DOMAIN",
     .summary = "show where a domain's kernel crashed, or where it is now",
     .text = "  -k FILE  take the names of functions from this kernel with symbols (ELF, plain or packed),\n"
	     "           and not from the one that its configuration names\n\n"
	     "For each vCPU: `at` its instruction, `by` who called that; `?` marks other addresses in\n"
	     "the kernel's code that lie on its stack: interrupted functions, or what earlier calls left.\n"
	     "Of a domain that crashed and is gone, the report that rl-domd kept (the last 16 domains).\n",
     .run = do_why},
    {0},
};
