/* SPDX-License-Identifier: MIT */
/* How the rows of domconf.c are read. Nothing here knows a setting by name. */
#include "domconf.h"
#include "err.h"

#include <string.h>

static void *field_at(struct domconf *conf, size_t field)
{
	return (char *)conf + field;
}

/* A text that is not empty, or NULL. */
int take_text(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	char **field = field_at(conf, s->field);
	const char *text = NULL;

	if (cfg_text(cfg, s->key, &text))
		return -1;
	if (!text || !*text)
		return 0;
	*field = strdup(text);
	return *field ? 0 : fail("%s: out of memory", cfg->source);
}

int take_number(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	unsigned *field = field_at(conf, s->field), unit = s->unit ? s->unit : 1;
	long least = s->least, value = s->preset;

	if (s->from)
		least = value = *(unsigned *)field_at(conf, s->from) / unit;
	if (cfg_number(cfg, s->key, least, s->most, &value))
		return -1;
	*field = value * unit;
	return 0;
}

/* Xen has more actions than Ringlet: what is done instead, and what is missing then. */
static const struct {
	const char *name;
	enum action action;
	const char *missing;
} actions[] = {
    {"destroy", ACTION_DESTROY, NULL},
    {"restart", ACTION_RESTART, NULL},
    {"preserve", ACTION_PRESERVE, NULL},
    {"rename-restart", ACTION_RESTART, "restarts the domain, but does not keep the old one"},
    {"coredump-destroy", ACTION_DESTROY, "destroys the domain, but writes no core dump"},
    {"coredump-restart", ACTION_RESTART, "restarts the domain, but writes no core dump"},
};

int take_action(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	enum action *field = field_at(conf, s->field);
	const char *name = NULL;

	*field = s->from ? *(enum action *)field_at(conf, s->from) : (enum action)s->preset;
	if (cfg_text(cfg, s->key, &name))
		return -1;
	if (!name)
		return 0;
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(name, actions[i].name))
			continue;
		if (actions[i].missing)
			cfg_warn(cfg, s->key, "= \"%s\" %s", name, actions[i].missing);
		*field = actions[i].action;
		return 0;
	}
	return cfg_fail(cfg, s->key, "= \"%s\"; needed: \"destroy\", \"restart\" or \"preserve\"", name);
}
