/* SPDX-License-Identifier: MIT */
/* See home.h. The domain may read its home; what it may write is listed below, as with xl. */
#include "home.h"
#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One domain's writes, in one transaction: the first failure stops the rest. */
struct writer {
	struct xs *xs;
	uint32_t tx;
	unsigned id;
	bool failed;
};

static void path_of(char path[128], unsigned id, const char *node)
{
	snprintf(path, 128, "/local/domain/%u%s%s", id, *node ? "/" : "", node);
}

static void put(struct writer *w, const char *node, const char *value)
{
	char path[128];

	path_of(path, w->id, node);
	w->failed = w->failed || xs_write(w->xs, w->tx, path, value, strlen(value));
}

static void put_number(struct writer *w, const char *node, unsigned long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", value);
	put(w, node, text);
}

/* @perms: with %u for the domain, entries separated by blanks. */
static void set_perms(struct writer *w, const char *path, const char *perms)
{
	char text[64];
	int len = snprintf(text, sizeof(text), perms, w->id);

	for (char *blank = text; (blank = strchr(blank, ' '));)
		*blank++ = '\0';
	w->failed = w->failed || xs_set_perms(w->xs, w->tx, path, text, len + 1);
}

/* A node that the domain may write, and Dom0 too, of course. */
static void put_theirs(struct writer *w, const char *node)
{
	char path[128];

	put(w, node, "");
	path_of(path, w->id, node);
	set_perms(w, path, "n%u");
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
	char home[128], vm[64], node[64];

	path_of(home, w->id, "");
	snprintf(vm, sizeof(vm), "/vm/%s", built->uuid);
	w->failed = w->failed || xs_mkdir(w->xs, w->tx, home) || xs_mkdir(w->xs, w->tx, vm);
	set_perms(w, home, "n0 r%u");
	set_perms(w, vm, "n0 r%u");
	snprintf(home, sizeof(home), "%s/uuid", vm);
	w->failed = w->failed || xs_print(w->xs, w->tx, home, "%s", built->uuid);
	put(w, "vm", vm);
	put(w, "name", conf->name);
	put_number(w, "domid", w->id);
	put_number(w, "memory/target", conf->memory_kb);
	put_number(w, "memory/static-max", conf->maxmem_kb);
	put_number(w, "console/ring-ref", built->console_mfn);
	put_number(w, "console/port", built->console_port);
	put(w, "console/type", "rl-consoled");
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

/* Until it goes through: others write elsewhere meanwhile. */
static int put_home(struct xs *xs, const struct domconf *conf, const struct build_result *built)
{
	struct writer w = {.xs = xs, .id = built->id};

	for (;;) {
		w.tx = xs_start(xs);
		if (!w.tx)
			return -1;
		put_all(&w, conf, built);
		if (w.failed) {
			int why = errno;

			xs_end(xs, w.tx, false);
			errno = why;
			return -1;
		}
		if (!xs_end(xs, w.tx, true))
			return 0;
		if (errno != EAGAIN)
			return -1;
	}
}

int home_create(struct xs *xs, const struct domconf *conf, const struct build_result *built)
{
	home_remove(xs, built->id); /* of an earlier domain with this number, whose end nobody saw */
	if (put_home(xs, conf, built))
		return fail_errno(errno, "cannot write domain %u into the store", built->id);
	if (!xs_introduce(xs, built->id, built->store_mfn, built->store_port))
		return 0;
	fail_errno(errno, "the store refuses domain %u; see /var/log/rl-stored.log", built->id);
	home_remove(xs, built->id);
	return -1;
}

int home_create_dom0(struct xs *xs)
{
	return home_write(xs, 0, "name", "Domain-0") || home_write(xs, 0, "domid", "0");
}

void home_remove(struct xs *xs, unsigned id)
{
	char *vm = home_read(xs, id, "vm"), path[128];

	xs_release(xs, id);
	if (vm)
		xs_rm(xs, 0, vm);
	free(vm);
	path_of(path, id, "");
	xs_rm(xs, 0, path);
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
