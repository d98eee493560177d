/* SPDX-License-Identifier: MIT */
/* rl domid, domname, rename. */
#include "verbs.h"
#include "domains.h"
#include "err.h"
#include "domconf.h"
#include "home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int do_domid(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv;

	if (argc != 2)
		return verb_usage("domid");
	hv = rl_hv();
	if (!hv || domain_find(hv, argv[1], &info))
		return EXIT_FAILED;
	printf("%u\n", info.domain);
	return EXIT_OK;
}

static int do_domname(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct hv *hv;

	if (argc != 2 || strspn(argv[1], "0123456789") != strlen(argv[1]))
		return verb_usage("domname");
	hv = rl_hv();
	if (!hv || domain_find(hv, argv[1], &info))
		return EXIT_FAILED;
	puts(domain_name(info.domain));
	return EXIT_OK;
}

static int do_rename(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	const char *wrong;
	struct hv *hv;

	if (argc != 3)
		return verb_usage("rename");
	hv = rl_hv();
	if (!hv || domain_find(hv, argv[1], &info) || !xs_shared())
		return EXIT_FAILED;
	wrong = name_fault(argv[2]);
	if (wrong) {
		fail("\"%s\" cannot be a name; %s", argv[2], wrong);
		return EXIT_FAILED;
	}
	if (home_rename(hv, xs_shared(), info.domain, argv[2]))
		return EXIT_FAILED;
	record_rename(info.domain, argv[2]);
	return EXIT_OK;
}

const struct verb verbs_names[] = {
    {.name = "domid",
     .args = "NAME",
     .summary = "print the id of the domain with this name",
     .run = do_domid},
    {.name = "domname",
     .args = "ID",
     .summary = "print the name of the domain with this id",
     .run = do_domname},
    {.name = "rename", .args = "DOMAIN NEWNAME", .summary = "give a domain another name", .run = do_rename},
    {0},
};
