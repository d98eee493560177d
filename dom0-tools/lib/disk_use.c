/* SPDX-License-Identifier: MIT */
/* Who uses an image: what the store says of all disks, in the transaction that adds another, and what Dom0 has mounted. See
 * disk_store.h. */
#include "disk_store.h"
#include "disk_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file in a disk's params: "raw:/vm/a.img", and of a driver's the path alone. */
static const char *file_in(const char *params)
{
	const char *colon = *params == '/' ? NULL : strchr(params, ':');

	return colon ? colon + 1 : params;
}

static bool uses(struct xs *xs, uint32_t tx, const struct disk_seen *seen, const struct image_id *id)
{
	char *params = device_node(xs, tx, seen->back, "params");
	struct image_id other;
	bool same = params && *file_in(params) && !image_identify(file_in(params), &other) &&
		    image_overlaps(&other, id);

	free(params);
	return same;
}

struct search {
	const struct disk *disk;
	const char *but;
	long replaced;
	struct image_id id;
};

/* The disk of domain @dom that is in the way. */
static bool look_at_domain(struct xs *xs, uint32_t tx, const struct search *s, unsigned dom,
			   struct disk_seen *found)
{
	struct disk_seen *list;
	size_t n = disks_of(xs, tx, dom, &list);
	bool there = false;

	for (size_t i = 0; i < n && !there; i++) {
		there = (!s->disk->readonly || list[i].writes) && (!s->but || strcmp(s->but, list[i].back)) &&
			uses(xs, tx, &list[i], &s->id);
		if (there)
			*found = list[i];
	}
	free(list);
	return there;
}

static bool look_at_all(struct xs *xs, uint32_t tx, const struct search *s, const char *kind,
			struct disk_seen *found)
{
	char path[64], *doms;
	size_t len = 0;
	bool there = false;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s", kind);
	doms = xs_directory(xs, tx, path, &len);
	for (char *at = doms; doms && !there && at < doms + len; at += strlen(at) + 1) {
		long dom = strtol(at, NULL, 10);

		there = dom != s->replaced && look_at_domain(xs, tx, s, (unsigned)dom, found);
	}
	free(doms);
	return there;
}

static int refuse_for(struct xs *xs, uint32_t tx, const struct disk *d, const struct disk_seen *holder,
		      char why[DISK_WHY])
{
	char home[40], *name;

	snprintf(home, sizeof(home), "/local/domain/%u", holder->id);
	name = device_node(xs, tx, home, "name");
	disk_refuse(
	    why,
	    "image %s is in use: it is %s of domain %u (\"%s\"), and %s; needed: access r for both, or an "
	    "image of its own",
	    d->target, holder->dev, holder->id, name ? name : "",
	    holder->writes ? "that one writes" : "this one would write");
	free(name);
	return -1;
}

int disk_is_free(struct xs *xs, uint32_t tx, const struct disk *d, const char *but, long replaced,
		 char why[DISK_WHY])
{
	struct search s = {.disk = d, .but = but, .replaced = replaced};
	struct disk_seen found;
	const char *where;

	if (d->format == DISK_EMPTY || image_identify(d->target, &s.id))
		return 0;
	where = d->readonly ? NULL : image_mounted(&s.id);
	if (where)
		return disk_refuse(why, "image %s is mounted in this domain, on %s; unmount it first",
				   d->target, where);
	if (!look_at_all(xs, tx, &s, "qdisk", &found) && !look_at_all(xs, tx, &s, "vbd", &found))
		return 0;
	return refuse_for(xs, tx, d, &found, why);
}
