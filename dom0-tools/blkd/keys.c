/* SPDX-License-Identifier: MIT */
/* See keys.h. */
#include "keys.h"

#include <stdio.h>

struct directory {
	char path[64];
};

static struct directory directory_of(const struct disk *d)
{
	struct directory dir;

	snprintf(dir.path, sizeof(dir.path), BACKEND "/%u/%u", d->dom, d->dev);
	return dir;
}

char *disk_text(struct xs *xs, const struct disk *d, const char *key)
{
	return back_text(xs, directory_of(d).path, key);
}

long disk_number(struct xs *xs, const struct disk *d, const char *key)
{
	return back_number(xs, directory_of(d).path, key);
}

void disk_publish(struct xs *xs, const struct disk *d, const struct key *keys, size_t count, long state,
		  bool again, const char *error)
{
	struct publication what = {
	    .keys = keys, .count = count, .state = state, .again = again, .error = error};

	back_publish(xs, directory_of(d).path, d->name, &what);
}
