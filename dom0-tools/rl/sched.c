/* SPDX-License-Identifier: MIT */
/* rl sched-credit, with xl's options and columns. */
#include "verbs.h"
#include "domains.h"
#include "err.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL "Pool-0" /* there is one, and its number is 0 */

/* What the command line asks for; -1: nothing is said of it. */
struct wish {
	const char *domain;
	bool pool; /* -s: the pool's parameters */
	long weight, cap, slice, ratelimit;
};

static int no_credit(struct hv *hv, long rc)
{
	struct xen_sysctl id = {.cmd = XEN_SYSCTL_sched_id};

	if (rc == -EINVAL && !hv_sysctl(hv, &id) && id.u.sched_id.sched_id != XEN_SCHEDULER_CREDIT)
		return fail("the scheduler has no weights and caps; the one that has is chosen at boot, by "
			    "`sched=credit` on the hypervisor's command line");
	return fail_errno(rc, "cannot ask the scheduler");
}

static long pool_op(struct hv *hv, uint32_t cmd, struct xen_sysctl_credit_schedule *p)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_scheduler_op};
	long rc;

	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	op.u.scheduler_op.cmd = cmd;
	op.u.scheduler_op.u.sched_credit = *p;
	rc = hv_sysctl(hv, &op);
	*p = op.u.scheduler_op.u.sched_credit;
	return rc;
}

/* A @weight or @cap of -1 is left as it is; both are read back. */
static long domain_op(struct hv *hv, unsigned id, uint32_t cmd, long *weight, long *cap)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = id};
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
	long rc;

	s->sched_id = XEN_SCHEDULER_CREDIT;
	s->cmd = cmd;
	s->u.credit.weight = *weight < 0 ? 0 : *weight;
	s->u.credit.cap = *cap < 0 ? UINT16_MAX : *cap;
	rc = hv_domctl(hv, &op);
	*weight = s->u.credit.weight;
	*cap = s->u.credit.cap;
	return rc;
}

/* ---- Showing ---- */

static int show_pool(struct hv *hv)
{
	struct xen_sysctl_credit_schedule p = {0};
	long rc = pool_op(hv, XEN_SYSCTL_SCHEDOP_getinfo, &p);

	if (rc)
		return no_credit(hv, rc);
	printf("Cpupool " POOL ": tslice=%ums ratelimit=%uus migration-delay=%uus\n", p.tslice_ms,
	       p.ratelimit_us, p.vcpu_migr_delay_us);
	return 0;
}

static int show_domain(struct hv *hv, unsigned id)
{
	long weight = -1, cap = -1, rc = domain_op(hv, id, XEN_DOMCTL_SCHEDOP_getinfo, &weight, &cap);

	if (rc == -ESRCH) /* it has just ended */
		return 0;
	if (rc)
		return no_credit(hv, rc);
	printf("%-33s %4u %6ld %4ld\n", domain_name(id), id, weight, cap);
	return 0;
}

static void show_head(void)
{
	printf("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static int show_all(struct hv *hv)
{
	struct xen_domctl_getdomaininfo *list;
	long count;
	int rc = show_pool(hv);

	if (rc)
		return rc;
	count = domains_list(hv, &list);
	if (count < 0)
		return fail_errno(count, "cannot list the domains");
	show_head();
	for (long i = 0; i < count && !rc; i++)
		if (domain_is_shown(&list[i]))
			rc = show_domain(hv, list[i].domain);
	free(list);
	return rc;
}

/* ---- Changing ---- */

static int change_pool(struct hv *hv, const struct wish *w)
{
	struct xen_sysctl_credit_schedule p = {0};
	long rc = pool_op(hv, XEN_SYSCTL_SCHEDOP_getinfo, &p);

	if (rc)
		return no_credit(hv, rc);
	if (w->slice >= 0)
		p.tslice_ms = w->slice;
	if (w->ratelimit >= 0)
		p.ratelimit_us = w->ratelimit;
	rc = pool_op(hv, XEN_SYSCTL_SCHEDOP_putinfo, &p);
	if (rc == -EINVAL)
		return fail("needed: a slice of 1 to 1000 ms, and a rate limit of 100 to 500000 us that is "
			    "no longer, or 0");
	return rc ? fail_errno(rc, "cannot change the scheduler") : 0;
}

static int change_domain(struct hv *hv, unsigned id, const struct wish *w)
{
	long weight = w->weight, cap = w->cap;
	long rc = domain_op(hv, id, XEN_DOMCTL_SCHEDOP_putinfo, &weight, &cap);

	return rc ? no_credit(hv, rc) : 0;
}

/* ---- The command line ---- */

static int number(const char *what, const char *text, long least, long most, long *out)
{
	char *end;

	*out = strtol(text, &end, 10);
	if (!*text || *end || *out < least || *out > most)
		return fail("%s \"%s\": needed: a number from %ld to %ld", what, text, least, most);
	return 0;
}

static int parse(int argc, char **argv, struct wish *w)
{
	int c, rc = 0;

	*w = (struct wish){.weight = -1, .cap = -1, .slice = -1, .ratelimit = -1};
	while (!rc && (c = verb_option("sched-credit", argc, argv, "d:w:c:p:st:r:")) != -1) {
		switch (c) {
		case 'd':
			w->domain = optarg;
			break;
		case 'w':
			rc = number("weight", optarg, 1, UINT16_MAX, &w->weight);
			break;
		case 'c':
			rc = number("cap", optarg, 0, UINT16_MAX - 1, &w->cap);
			break;
		case 'p':
			if (strcmp(optarg, POOL) && strcmp(optarg, "0"))
				rc = fail("pool \"%s\" does not exist; there is " POOL, optarg);
			break;
		case 's':
			w->pool = true;
			break;
		case 't':
			rc = number("slice", optarg, 1, 1000, &w->slice);
			break;
		case 'r':
			rc = number("rate limit", optarg, 0, 500000, &w->ratelimit);
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (rc)
		return EXIT_USAGE;
	if (optind < argc || (w->pool && w->domain) || ((w->weight >= 0 || w->cap >= 0) && !w->domain) ||
	    ((w->slice >= 0 || w->ratelimit >= 0) && !w->pool))
		return verb_usage("sched-credit");
	return EXIT_OK;
}

static int do_sched_credit(int argc, char **argv)
{
	struct xen_domctl_getdomaininfo info;
	struct wish w;
	int rc = parse(argc, argv, &w);
	struct hv *hv;

	if (rc)
		return rc;
	hv = rl_hv();
	if (!hv || (w.domain && domain_find(hv, w.domain, &info)))
		return EXIT_FAILED;
	if (w.slice >= 0 || w.ratelimit >= 0) {
		rc = change_pool(hv, &w);
	} else if (w.pool) {
		rc = show_pool(hv);
	} else if (!w.domain) {
		rc = show_all(hv);
	} else if (w.weight >= 0 || w.cap >= 0) {
		rc = change_domain(hv, info.domain, &w);
	} else {
		show_head();
		rc = show_domain(hv, info.domain);
	}
	return rc ? EXIT_FAILED : EXIT_OK;
}

const struct verb verbs_sched[] = {
    {.name = "sched-credit",
     .args = "[-d DOMAIN [-w WEIGHT] [-c CAP]] | [-s [-t MS] [-r US]]",
     .summary = "show and change how domains share the processors (sched=credit)",
     .text = "Without options, all domains. A domain gets processor time by its weight (256 if nothing is "
	     "said; 1 to\n"
	     "65535), once for each of its vCPUs that are busy, and no more than its cap: percent of one "
	     "processor,\n"
	     "0 for no cap.\n"
	     "  -d DOMAIN  this one; with -w or -c change it\n"
	     "  -s         the pool's own: -t the slice in ms (30), -r for how long in us a vCPU runs at "
	     "least, once it\n"
	     "             runs (1000; 0: no such limit)\n"
	     "  -p POOL    Pool-0, the only one\n",
     .run = do_sched_credit},
    {0},
};
