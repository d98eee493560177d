/* SPDX-License-Identifier: MIT */
/* What the verbs share: see verbs.h. It knows no verb: main() says which there are. */
#include "verbs.h"
#include "err.h"

#include <getopt.h>
#include <string.h>

static const struct verb *const *tables;

void verbs_are(const struct verb *const *known)
{
	tables = known;
}

const struct verb *verb_at(size_t i)
{
	for (size_t t = 0; tables[t]; t++)
		for (const struct verb *v = tables[t]; v->name; v++)
			if (!i--)
				return v;
	return NULL;
}

const struct verb *verb_find(const char *name)
{
	const struct verb *v;

	for (size_t i = 0; (v = verb_at(i)); i++)
		if (!strcmp(v->name, name))
			break;
	return v;
}

int verb_usage(const char *verb)
{
	fail("usage: rl %s %s; see `rl help %s`", verb, verb_find(verb)->args, verb);
	return EXIT_USAGE;
}

int verb_option(const char *verb, int argc, char **argv, const char *options)
{
	int c = getopt(argc, argv, options);

	if (c == '?' || c == ':')
		verb_usage(verb);
	return c;
}

struct hv *rl_hv(void)
{
	static struct hv hv;

	if (!hv.ops && hv_open(&hv))
		return NULL;
	return &hv;
}
