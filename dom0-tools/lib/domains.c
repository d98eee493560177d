/* SPDX-License-Identifier: MIT */
/* See domains.h. */
#include "domains.h"
#include "ctl.h"
#include "disk_store.h"
#include "err.h"
#include "files.h"
#include "home.h"
#include "job.h"
#include "lock.h"
#include "names.h"
#include "nic_store.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/sched.h>

/* An operation that lists domains: all take the same arguments, and each element begins with the domain's number. */
struct list_op {
	unsigned cmd;
	size_t size;    /* of an element */
	unsigned batch; /* how many are asked for together */
};

/* The next domains from id @first on. */
static long list_some(struct hv *hv, const struct list_op *l, unsigned first, void *out)
{
	size_t mark = hv->used;
	void *buf = hv_buf(hv, l->batch * l->size);
	struct xen_sysctl op = {.cmd = l->cmd};
	long rc;

	if (!buf)
		return -ENOMEM;
	op.u.getdomaininfolist.first_domain = first;
	op.u.getdomaininfolist.max_domains = l->batch;
	set_xen_guest_handle(op.u.getdomaininfolist.buffer, buf);
	rc = hv_sysctl(hv, &op);
	if (rc >= 0) {
		rc = op.u.getdomaininfolist.num_domains;
		memcpy(out, buf, rc * l->size);
	}
	hv_release(hv, mark);
	return rc;
}

/* All domains into *@list, which has room for *@room of them and is realloc()ed. */
static long list_all(struct hv *hv, const struct list_op *l, void **list, size_t *room)
{
	size_t count = 0, more;
	unsigned first = 0;
	void *grown, *at;
	long got;

	do {
		/* Far ahead: unused room costs no memory, but growing costs a copy into fresh pages. */
		if (count + l->batch > *room) {
			more = *room ? *room * 2 : 512;
			grown = realloc(*list, more * l->size);
			if (!grown)
				return -ENOMEM;
			*list = grown;
			*room = more;
		}
		at = (char *)*list + count * l->size;
		got = list_some(hv, l, first, at);
		if (got < 0)
			return got;
		count += got;
		if (got)
			first = *(domid_t *)((char *)at + (got - 1) * l->size) + 1u;
	} while (got == (long)l->batch);
	return count;
}

long domains_list(struct hv *hv, struct xen_domctl_getdomaininfo **out)
{
	static const struct list_op op = {XEN_SYSCTL_getdomaininfolist, sizeof(**out), 64};
	size_t room = 0;
	void *list = NULL;
	long count = list_all(hv, &op, &list, &room);

	if (count < 0)
		free(list);
	else
		*out = list;
	return count;
}

/* The same from the long list. *list is as domain_states() has it. */
static long states_of_list(struct hv *hv, void **list, size_t *room)
{
	const uint32_t wanted = XEN_DOMINF_dying | XEN_DOMINF_paused | XEN_DOMINF_shutdown |
				XEN_DOMINF_shutdownmask << XEN_DOMINF_shutdownshift;
	struct xen_domctl_getdomaininfo *info;
	struct ringlet_domain_state *states;
	long count = domains_list(hv, &info);

	if (count < 0)
		return count;
	states = malloc((count + 1) * sizeof(*states));
	for (long i = 0; states && i < count; i++)
		states[i] =
		    (struct ringlet_domain_state){.domain = info[i].domain, .flags = info[i].flags & wanted};
	free(info);
	if (!states)
		return -ENOMEM;
	free(*list);
	*list = states;
	*room = count + 1;
	return count;
}

long domain_states(struct hv *hv, const struct ringlet_domain_state **out)
{
	static const struct list_op op = {RINGLET_SYSCTL_states, sizeof(**out), 256};
	static size_t room;
	static void *list;
	long count = list_all(hv, &op, &list, &room);

	if (count == -ENOSYS) /* Xen has no short list */
		count = states_of_list(hv, &list, &room);
	*out = list;
	return count;
}

long domain_info(struct hv *hv, unsigned id, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = id};
	long rc = hv_domctl(hv, &op);

	if (rc < 0)
		return rc;
	*info = op.u.getdomaininfo;
	return info->domain == id ? 0 : -ESRCH; /* the operation finds the next one if @id is not there */
}

long domain_overhead(struct hv *hv, unsigned id, uint64_t *bytes, uint64_t *limit)
{
	struct xen_sysctl op = {.cmd = RINGLET_SYSCTL_overhead};
	struct ringlet_overhead *o = (void *)op.u.pad;
	long rc;

	o->domain = id;
	rc = hv_sysctl(hv, &op);
	*bytes = o->bytes;
	*limit = o->limit;
	return rc < 0 ? rc : 0;
}

/* From the store, malloc()ed; NULL: it has no name there. */
static char *stored_name(unsigned id)
{
	struct xs *xs = xs_shared();

	return xs ? home_read(xs, id, "name") : NULL;
}

const char *domain_name(unsigned id)
{
	static char name[RECORD_NAME_MAX];
	char *text = stored_name(id);
	struct record r;

	if (text)
		snprintf(name, sizeof(name), "%s", text);
	else if (id && !record_load(id, &r) && *r.name)
		snprintf(name, sizeof(name), "%s", r.name);
	else
		snprintf(name, sizeof(name), "%s", id ? "(unnamed)" : "Domain-0");
	free(text);
	return name;
}

bool domain_is_shown(const struct xen_domctl_getdomaininfo *info)
{
	char *name = info->domain ? stored_name(info->domain) : NULL;
	bool shown = name || !info->domain;
	struct record r;

	free(name);
	if (shown)
		return true;
	if (!record_load(info->domain, &r))
		return r.ending && r.restarted < 0;
	return info->tot_pages && !(info->flags & XEN_DOMINF_dying);
}

long domain_named(struct hv *hv, const char *name)
{
	struct xs *xs = xs_shared();

	return xs ? name_holder(hv, xs, 0, name) : -1;
}

static int by_id(struct hv *hv, unsigned id, struct xen_domctl_getdomaininfo *info)
{
	long rc = domain_info(hv, id, info);

	if (rc == -ESRCH)
		return fail("domain %u does not exist; `rl list` shows the ones that do", id);
	return rc < 0 ? fail_errno(rc, "domain %u: cannot ask the hypervisor", id) : 0;
}

int domain_find(struct hv *hv, const char *arg, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl_getdomaininfo *list;
	const char **names;
	const char *near;
	long count;
	int found = -1;

	if (*arg && strspn(arg, "0123456789") == strlen(arg))
		return by_id(hv, strtoul(arg, NULL, 10), info);
	count = domain_named(hv, arg);
	if (count >= 0 && domain_info(hv, count, info) >= 0)
		return 0;
	count = domains_list(hv, &list);
	if (count < 0)
		return fail_errno(count, "cannot list the domains");
	names = calloc(count + 1, sizeof(*names)); /* not made by rl, or misspelt */
	for (long i = 0; names && i < count; i++) {
		names[i] = strdup(domain_name(list[i].domain));
		if (names[i] && !strcmp(names[i], arg)) {
			*info = list[i];
			found = 0;
			break;
		}
		if (!names[i])
			break;
	}
	if (found && names) {
		near = nearest(arg, names);
		if (near)
			fail("domain \"%s\" does not exist; did you mean \"%s\"?", arg, near);
		else
			fail("domain \"%s\" does not exist; `rl list` shows the ones that do", arg);
	}
	for (long i = 0; names && i < count; i++)
		free((char *)names[i]);
	free(names);
	free(list);
	return found;
}

const char *shutdown_reason(const struct xen_domctl_getdomaininfo *info)
{
	static const char *const reasons[] = {
	    [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
	    [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
	    [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft-reset",
	};
	unsigned code = (info->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

	if (!(info->flags & XEN_DOMINF_shutdown))
		return "";
	return code <= SHUTDOWN_MAX ? reasons[code] : "crash";
}

long domain_simple_op(struct hv *hv, unsigned id, unsigned cmd)
{
	struct xen_domctl op = {.cmd = cmd, .domain = id};

	return hv_domctl(hv, &op);
}

/* Ask rl-consoled to drain the console and let go of the domain's pages: a page it maps would keep the domain's
 * structure alive. The wait is bounded, so that a daemon that hangs cannot keep a domain from being destroyed. */
static void release_console(unsigned id)
{
	uint64_t until = now_ms() + 3000;

	if (ctl_send("consoled", "gone %u", id))
		return;
	while (access(console_path(id, "attached"), F_OK) == 0 && now_ms() < until)
		sleep_ms(2);
}

void domain_forget(unsigned id, const char *reason, long successor)
{
	struct xs *xs = xs_shared();

	record_ending(id, domain_name(id), reason, successor);
	if (xs) {
		disks_remove(xs, id);
		nics_remove(xs, id);
		home_remove(xs, id);
	}
	record_end(id, "", reason, successor);
}

long domain_end(struct hv *hv, unsigned id, const char *reason, long successor)
{
	struct xen_domctl_getdomaininfo info;
	struct xs *xs = xs_shared();
	long rc = domain_info(hv, id, &info);
	char uuid[UUID_TEXT];
	int job;

	if (rc < 0)
		return rc;
	uuid_print(info.handle, uuid);
	job = job_begin(uuid);
	record_ending(id, domain_name(id), reason, successor);
	if (!(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying)))
		domain_simple_op(hv, id, XEN_DOMCTL_pausedomain); /* no more output after the last drain */
	release_console(id);
	if (xs) { /* back ends map pages of it */
		disks_remove(xs, id);
		nics_remove(xs, id);
	}
	/* The store maps a page of it, too. Xen's is asked later (home_remove): it tells xenconsoled at once, which lets go
	 * of a domain only when that is dying, and is not told again. */
	if (xs && lock_holder("rl-stored"))
		xs_release(xs, id);
	do {
		rc = domain_simple_op(hv, id, XEN_DOMCTL_destroydomain);
	} while (rc == -EAGAIN || rc == -EINTR);
	if (rc == -ESRCH)
		rc = 0;
	/* Its name goes last: when the name is free, the memory is free, too. */
	if (!rc)
		domain_forget(id, reason, successor);
	if (job >= 0)
		job_end(uuid, job);
	return rc;
}
