/* SPDX-License-Identifier: MIT */
/* See perms.h. */
#include "perms.h"
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char letters[] = "nrwb"; /* the index is the access */

unsigned perms_for(const struct perms *p, unsigned id)
{
	if (perms_owner(p) == id)
		return PERM_READ | PERM_WRITE;
	for (unsigned i = 1; i < p->n; i++)
		if (p->e[i].id == id)
			return p->e[i].access;
	return p->e[0].access;
}

static int parse_one(struct perm *e, const char *text)
{
	const char *letter = text[0] ? strchr(letters, text[0]) : NULL;
	long id = letter ? number_of(text + 1, DOMAINS_END - 1) : -1;

	if (id < 0)
		return -EINVAL;
	e->access = letter - letters;
	e->id = id;
	return 0;
}

int perms_parse(struct perms *p, const char *text, size_t len, unsigned max)
{
	p->n = 0;
	if (!len || text[len - 1])
		return -EINVAL;
	for (const char *end = text + len; text < end; text += strlen(text) + 1) {
		if (p->n == PERMS_MAX || p->n == max)
			return -ENOSPC;
		if (parse_one(&p->e[p->n++], text))
			return -EINVAL;
	}
	return 0;
}

size_t perms_print(const struct perms *p, char text[PERMS_TEXT])
{
	size_t len = 0;

	for (unsigned i = 0; i < p->n; i++)
		len +=
		    snprintf(text + len, PERMS_TEXT - len, "%c%u", letters[p->e[i].access], p->e[i].id) + 1;
	return len;
}

bool perms_forget(struct perms *p, unsigned id)
{
	bool changed = perms_owner(p) == id;
	unsigned kept = 1;

	if (changed)
		p->e[0].id = 0;
	for (unsigned i = 1; i < p->n; i++)
		if (p->e[i].id != id)
			p->e[kept++] = p->e[i];
	changed |= kept != p->n;
	p->n = kept;
	return changed;
}
