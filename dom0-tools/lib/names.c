/* SPDX-License-Identifier: MIT */
/* See names.h. */
#include "names.h"
#include "domains.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void name_node(char node[NAME_NODE_MAX], const char *name)
{
	size_t len = snprintf(node, NAME_NODE_MAX, "/rl/name/");

	for (; *name && len < NAME_NODE_MAX - 4; name++) {
		unsigned char c = *name;

		if (isascii(c) && (isalnum(c) || c == '-' || c == '_'))
			node[len++] = c;
		else
			len += snprintf(node + len, 4, "@%02x", c);
	}
	node[len] = '\0';
}

static long noted(struct xs *xs, uint32_t tx, const char *node)
{
	char *text = xs_read(xs, tx, node, NULL);
	long id = text && *text ? strtol(text, NULL, 10) : -1;

	free(text);
	return id;
}

static bool lives(struct hv *hv, long id)
{
	struct xen_domctl_getdomaininfo info;

	return domain_info(hv, id, &info) >= 0 && !(info.flags & XEN_DOMINF_dying);
}

static bool is_called(struct xs *xs, uint32_t tx, long id, const char *name)
{
	char path[64], *text;
	bool same;

	snprintf(path, sizeof(path), "/local/domain/%ld/name", id);
	text = xs_read(xs, tx, path, NULL);
	same = text && !strcmp(text, name);
	free(text);
	return same;
}

/* Xen's xl gives names, and changes them, without a claim. It has something below /libxl, then. */
static long named_by_xl(struct hv *hv, struct xs *xs, uint32_t tx, const char *name)
{
	char *xl = xs_read(xs, tx, "/libxl", NULL);
	size_t len = 0;
	char *ids = xl ? xs_directory(xs, tx, "/local/domain", &len) : NULL;
	long found = -1;

	for (char *at = ids; ids && at < ids + len && found < 0; at += strlen(at) + 1) {
		long id = strtol(at, NULL, 10);

		if (is_called(xs, tx, id, name) && lives(hv, id))
			found = id;
	}
	free(ids);
	free(xl);
	return found;
}

long name_holder(struct hv *hv, struct xs *xs, uint32_t tx, const char *name)
{
	char node[NAME_NODE_MAX];
	long id;

	name_node(node, name);
	id = noted(xs, tx, node);
	return id >= 0 && lives(hv, id) && is_called(xs, tx, id, name) ? id : named_by_xl(hv, xs, tx, name);
}

int name_take(struct xs *xs, uint32_t tx, const char *name, unsigned id)
{
	char node[NAME_NODE_MAX];

	name_node(node, name);
	return xs_print(xs, tx, node, "%u", id);
}

void name_drop(struct xs *xs, uint32_t tx, const char *name, unsigned id)
{
	char node[NAME_NODE_MAX];

	name_node(node, name);
	if (noted(xs, tx, node) == (long)id)
		xs_rm(xs, tx, node);
}
