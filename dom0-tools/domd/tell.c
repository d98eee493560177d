/* SPDX-License-Identifier: MIT */
/* See tell.h. */
#include "tell.h"
#include "domains.h"
#include "domconf.h"
#include "err.h"
#include "home.h"
#include "job.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_known(struct xs *xs, unsigned id)
{
	char *text = home_read(xs, id, "domid");

	free(text);
	return text;
}

int tell_of_dom0(struct hv *hv, struct xs *xs)
{
	return is_known(xs, 0) ? 0 : home_create_dom0(hv, xs);
}

static int tell(struct hv *hv, struct xs *xs, const struct domconf *conf, const struct build_result *built)
{
	char name[RECORD_NAME_MAX];

	record_name(built->id, name);
	if (home_claim(hv, xs, built->id, *name ? name : conf->name, built->uuid, -1))
		return -1;
	return home_create(xs, conf, built);
}

void tell_of(struct hv *hv, struct xs *xs, unsigned id)
{
	struct xen_domctl_getdomaininfo info;
	struct build_result built = {.id = id};
	struct domconf conf = {0};
	struct cfg cfg = {0};
	struct record r;
	bool told;

	if (is_known(xs, id) || record_load(id, &r) || r.ending || !r.store_port ||
	    domain_info(hv, id, &info) < 0)
		return;
	uuid_print(info.handle, built.uuid);
	built.console_mfn = r.console_mfn;
	built.console_port = r.console_port;
	built.store_mfn = r.store_mfn;
	built.store_port = r.store_port;
	fail_quiet(true); /* rl create has reported what is odd in its configuration */
	told = !cfg_load(&cfg, record_path(id, "config")) && !domconf_from(&cfg, &conf) &&
	       !tell(hv, xs, &conf, &built);
	fail_quiet(false);
	if (told)
		warn("domain %u \"%s\": the store had lost it, and has it again; what the domain "
		     "wrote there is lost",
		     id, domain_name(id));
	else
		warn("domain %u: the store has lost it, and it cannot be written again: %s", id, fail_last());
	domconf_free(&conf);
	cfg_free(&cfg);
}
