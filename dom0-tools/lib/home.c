/* SPDX-License-Identifier: MIT */
/* See home.h. The domain may read its home; what it may write is listed below, as with xl. */
#include "home.h"
#include "err.h"
#include "files.h"
#include "lock.h"
#include "names.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void path_of(char path[128], unsigned id, const char *node)
{
	snprintf(path, 128, "/local/domain/%u%s%s", id, *node ? "/" : "", node);
}

static void put(struct writer *w, const char *node, const char *value)
{
	char path[128];

	path_of(path, w->id, node);
	writer_put(w, path, value);
}

static void put_number(struct writer *w, const char *node, unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", value);
	put(w, node, text);
}

/* A node that the domain may write, and Dom0 too, of course. */
static void put_theirs(struct writer *w, const char *node)
{
	char path[128];

	put(w, node, "");
	path_of(path, w->id, node);
	writer_perms(w, path, "n%u");
}

static bool ours_serves(void)
{
	return lock_holder("rl-consoled") || lock_holder("rl-keeper");
}

/* Xen's xenconsoled serves those domains of which the store says so. */
static const char *console_keeper(void)
{
	return ours_serves() ? "rl-consoled" : "xenconsoled";
}

bool console_daemon(void)
{
	return ours_serves() || process_runs("xenconsoled");
}

static void put_all(struct writer *w, const struct domconf *conf, const struct build_result *built)
{
	static const char *const theirs[] = {
	    "control/shutdown",
	    "control/feature-poweroff",
	    "control/feature-reboot",
	    "control/feature-suspend",
	    "control/sysrq",
	    "device/suspend/event-channel",
	    "data",
	    "drivers",
	    "feature",
	    "attr",
	    "error",
	};
	char path[128], vm[64], node[64];

	snprintf(vm, sizeof(vm), "/vm/%s", built->uuid);
	w->failed = w->failed || xs_mkdir(w->xs, w->tx, vm);
	writer_perms(w, vm, "n0 r%u");
	snprintf(path, sizeof(path), "%s/uuid", vm);
	w->failed = w->failed || xs_print(w->xs, w->tx, path, "%s", built->uuid);
	put_number(w, "memory/target", conf->memory_kb);
	put_number(w, "memory/static-max", conf->maxmem_kb);
	put_number(w, "console/ring-ref", built->console_mfn);
	put_number(w, "console/port", built->console_port);
	put(w, "console/type", console_keeper());
	put_number(w, "store/ring-ref", built->store_mfn);
	put_number(w, "store/port", built->store_port);
	put(w, "device", "");
	put(w, "control/platform-feature-multiprocessor-suspend", "1");
	for (unsigned v = 0; v < conf->vcpus; v++) {
		snprintf(node, sizeof(node), "cpu/%u/availability", v);
		put(w, node, v < conf->online ? "online" : "offline");
	}
	for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
		put_theirs(w, theirs[i]);
}

/* ---- Names ---- */

struct claim {
	struct hv *hv;
	const char *name, *uuid;
	long from;   /* the domain that gives its name to this one, or -1 */
	long *other; /* the domain that has it */
};

/* The name, if it is free or @from's; with it, all that identifies a domain to others. */
static void claim(struct writer *w, const void *arg)
{
	const struct claim *c = arg;
	char vm[64], path[128];

	*c->other = name_holder(c->hv, w->xs, w->tx, c->name);
	if (*c->other != c->from && *c->other != (long)w->id) {
		writer_stop(w, EEXIST);
		return;
	}
	path_of(path, w->id, "");
	w->failed = name_take(w->xs, w->tx, c->name, w->id) || xs_mkdir(w->xs, w->tx, path);
	writer_perms(w, path, "n0 r%u"); /* and so what is made below it */
	if (c->from >= 0) {
		path_of(path, c->from, "name");
		w->failed = w->failed || xs_rm(w->xs, w->tx, path);
	}
	put(w, "name", c->name);
	put_number(w, "domid", w->id);
	snprintf(vm, sizeof(vm), "/vm/%s", c->uuid);
	put(w, "vm", vm);
}

int home_claim(struct hv *hv, struct xs *xs, unsigned id, const char *name, const char *uuid, long from)
{
	long other = -1;
	struct writer w = {.xs = xs, .id = id};
	struct claim c = {hv, name, uuid, from, &other};

	home_remove(xs, id); /* left by an earlier domain with this number, whose end no tool saw */
	if (!writer_run(&w, claim, &c))
		return 0;
	if (errno != EEXIST)
		return fail_errno(errno, "cannot write the name of domain %u into the store", id);
	if (from >= 0)
		return fail("domain %ld, to be restarted as domain %u, has been destroyed meanwhile", from,
			    id);
	return name_is_taken(name, other);
}

int name_is_taken(const char *name, long other)
{
	return fail("name = \"%s\" belongs to domain %ld already; choose another, as in `rl create "
		    "FILE name=other`",
		    name, other);
}

static void change_name(struct writer *w, const void *arg)
{
	const struct claim *c = arg;
	char *before, path[128];

	*c->other = name_holder(c->hv, w->xs, w->tx, c->name);
	if (*c->other >= 0 && *c->other != (long)w->id) {
		writer_stop(w, EEXIST);
		return;
	}
	path_of(path, w->id, "name");
	before = xs_read(w->xs, w->tx, path, NULL);
	if (before)
		name_drop(w->xs, w->tx, before, w->id);
	free(before);
	w->failed = name_take(w->xs, w->tx, c->name, w->id);
	put(w, "name", c->name);
}

int home_rename(struct hv *hv, struct xs *xs, unsigned id, const char *name)
{
	long other = -1;
	struct writer w = {.xs = xs, .id = id};
	struct claim c = {hv, name, NULL, -1, &other};

	if (!writer_run(&w, change_name, &c))
		return 0;
	if (errno == EEXIST)
		return fail("domain %ld is already called \"%s\"; choose another name", other, name);
	return fail_errno(errno, "cannot write the name of domain %u into the store", id);
}

/* ---- All of it ---- */

struct contents {
	const struct domconf *conf;
	const struct build_result *built;
};

static void put_contents(struct writer *w, const void *arg)
{
	const struct contents *c = arg;

	put_all(w, c->conf, c->built);
}

int home_create(struct xs *xs, const struct domconf *conf, const struct build_result *built)
{
	struct writer w = {.xs = xs, .id = built->id};
	struct contents c = {conf, built};

	if (writer_run(&w, put_contents, &c))
		return fail_errno(errno, "cannot write domain %u into the store", built->id);
	if (!xs_introduce(xs, built->id, built->store_mfn, built->store_port))
		return 0;
	return fail_errno(errno, "the store refuses domain %u; see /var/log/rl-stored.log", built->id);
}

int home_create_dom0(struct hv *hv, struct xs *xs)
{
	return home_rename(hv, xs, 0, "Domain-0") || home_write(xs, 0, "domid", "0");
}

/* What is not there need not go: no step fails here. */
static void take_down(struct writer *w, const void *arg)
{
	char path[128], *name, *vm;

	(void)arg;
	path_of(path, w->id, "name");
	name = xs_read(w->xs, w->tx, path, NULL);
	path_of(path, w->id, "vm");
	vm = xs_read(w->xs, w->tx, path, NULL);
	if (name)
		name_drop(w->xs, w->tx, name, w->id);
	if (vm)
		xs_rm(w->xs, w->tx, vm);
	path_of(path, w->id, "");
	xs_rm(w->xs, w->tx, path);
	free(name);
	free(vm);
}

void home_remove(struct xs *xs, unsigned id)
{
	struct writer w = {.xs = xs, .id = id};

	xs_release(xs, id);
	writer_run(&w, take_down, NULL);
}

char *home_read(struct xs *xs, unsigned id, const char *node)
{
	char path[128];

	path_of(path, id, node);
	return xs_read(xs, 0, path, NULL);
}

long long home_number(struct xs *xs, unsigned id, const char *node)
{
	char *text = home_read(xs, id, node), *end;
	long long n = text && *text ? strtoll(text, &end, 10) : -1;

	if (text && *text && *end)
		n = -1;
	free(text);
	return n;
}

int home_write(struct xs *xs, unsigned id, const char *node, const char *value)
{
	char path[128];

	path_of(path, id, node);
	return xs_write(xs, 0, path, value, strlen(value));
}
