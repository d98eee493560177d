/* SPDX-License-Identifier: MIT */
/* Domains as the hypervisor and Dom0's records know them: listing, finding, naming, ending. */
#pragma once

#include "hv.h"
#include "record.h"

#include <stddef.h>

#include <ringlet/sysctl.h>

/* All domains, ascending by id, malloc()ed into *out. -errno of the hypercall, or their number. */
long domains_list(struct hv *hv, struct xen_domctl_getdomaininfo **out);
/* The same in short, for a caller that looks at all of them each time that one ends. *@out: static storage, until the next call. */
long domain_states(struct hv *hv, const struct ringlet_domain_state **out);
/* One domain. -ESRCH if there is none. */
long domain_info(struct hv *hv, unsigned id, struct xen_domctl_getdomaininfo *info);

/* The hypervisor's memory that is held for a domain, and its limit, in bytes. -errno; -ENOSYS: not Ringlet. */
long domain_overhead(struct hv *hv, unsigned id, uint64_t *bytes, uint64_t *limit);

/* The name of a domain from the store, or the name it had when its end began; "(unnamed)": it has none. Static
 * storage. */
const char *domain_name(unsigned id);
/* Does a list of domains show it? Not if it has no name yet, or no longer, or its successor already has its name. */
bool domain_is_shown(const struct xen_domctl_getdomaininfo *info);
/* The living domain of exactly this name; -1: none, without a report. */
long domain_named(struct hv *hv, const char *name);

/* The living domain that @arg (id or name) means, and what the hypervisor says of it. -1 and a report that
 * suggests the closest name. */
int domain_find(struct hv *hv, const char *arg, struct xen_domctl_getdomaininfo *info);

/* Why a shut-down domain did so ("poweroff", "crash" ...); "" while it has not. */
const char *shutdown_reason(const struct xen_domctl_getdomaininfo *info);

/* A domctl without arguments. -errno. */
long domain_simple_op(struct hv *hv, unsigned id, unsigned cmd);

/*
 * End domain @id: stop it, let rl-consoled drain its console, have the daemons give up the shared pages, give
 * everything back, and note @reason and its successor (-1: none). After return its memory and its name are free. If the
 * caller is killed meanwhile, rl-domd finishes. -errno.
 */
long domain_end(struct hv *hv, unsigned id, const char *reason, long successor);
/* Forget a domain that the hypervisor no longer has. */
void domain_forget(unsigned id, const char *reason, long successor);
