/* SPDX-License-Identifier: MIT */
/* See names.h. */
#include "names.h"
#include "domains.h"

#include <ctype.h>
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

long name_holder(struct hv *hv, struct xs *xs, uint32_t tx, const char *name)
{
	struct xen_domctl_getdomaininfo info;
	char node[NAME_NODE_MAX];
	long id;

	name_node(node, name);
	id = noted(xs, tx, node);
	if (id < 0 || domain_info(hv, id, &info) < 0 || info.flags & XEN_DOMINF_dying)
		return -1;
	return id;
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
