/* SPDX-License-Identifier: MIT */
/* Lists of devices in a configuration, `disk` and `vif`: see domconf.h. */
#include "domconf.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

int domconf_list(const struct cfg *cfg, const char *key, const char *devices, bool fv, size_t *count)
{
	const struct cfg_item *item = cfg_find(cfg, key);

	*count = 0;
	if (!item || (item->value.kind != CFG_LIST && !*item->value.text))
		return 0;
	if (item->value.kind != CFG_LIST)
		return cfg_fail(cfg, key, "is one text; needed: a list, as %s = [ \"%s\" ]", key,
				item->value.text);
	if (fv && item->value.count)
		return cfg_fail(cfg, key,
				"is for type = \"pv\": an unmodified kernel has no driver for virtual %s",
				devices);
	*count = item->value.count;
	return 0;
}

int domconf_list_add(struct cfg *cfg, const char *key, char *text)
{
	struct cfg_value list = {.kind = CFG_LIST, .count = 1, .list = calloc(1, sizeof(*list.list))};
	const char *wrong;

	if (!text || !list.list) {
		free(text);
		free(list.list);
		return fail("%s: out of memory", cfg->source);
	}
	list.list->text = text;
	wrong = cfg_set(cfg, key, strlen(key), &list, true, 0);
	return wrong ? fail("%s: %s", cfg->source, wrong) : 0;
}

void domconf_list_remove(struct cfg *cfg, const char *key, size_t i)
{
	struct cfg_item *item = (struct cfg_item *)cfg_find(cfg, key);
	struct cfg_value *list = item->value.list;

	cfg_value_clear(&list[i]);
	memmove(&list[i], &list[i + 1], (item->value.count - i - 1) * sizeof(*list));
	item->value.count--;
}
