/* SPDX-License-Identifier: MIT */
/* The network devices of a configuration, `vif = [ "SPEC", ... ]`: see domconf.h and nic_spec.h. */
#include "domconf.h"
#include "err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "vif";

int domconf_nic_fail(const struct cfg *cfg, unsigned i, const char *why)
{
	const struct cfg_value *entry = &cfg_find(cfg, key)->value.list[i];

	return cfg_fail_entry(cfg, key, entry, "\"%.100s\": %s", entry->text, why);
}

void domconf_free_nics(struct domconf *conf)
{
	for (unsigned i = 0; i < conf->nr_nics; i++)
		nic_clear(&conf->nics[i]);
	free(conf->nics);
}

/* The @i-th, whose id no earlier one may have. */
static int take_nic(const struct cfg *cfg, struct domconf *conf, unsigned i)
{
	const struct cfg_value *entry = &cfg_find(cfg, key)->value.list[i];
	struct nic *nic = &conf->nics[i];
	char why[NIC_WHY];

	if (entry->kind == CFG_LIST)
		return cfg_fail_entry(cfg, key, entry,
				      "has a list in its list; needed: one text for each network device");
	conf->nr_nics = i + 1;
	if (nic_parse(entry->text, nic, why))
		return domconf_nic_fail(cfg, i, why);
	if (nic->devid < 0)
		nic->devid = i;
	for (unsigned other = 0; other < i; other++) {
		if (conf->nics[other].devid != nic->devid)
			continue;
		nic_refuse(why, "%ld is another device's id already; needed: one of its own, or no devid",
			   nic->devid);
		return domconf_nic_fail(cfg, i, why);
	}
	return 0;
}

int take_nics(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	size_t count;

	if (domconf_list(cfg, s->key, "networks", conf->fv, &count))
		return -1;
	conf->nics = calloc(count + 1, sizeof(*conf->nics));
	if (!conf->nics)
		return fail("%s: out of memory", cfg->source);
	for (unsigned i = 0; i < count; i++)
		if (take_nic(cfg, conf, i))
			return -1;
	return 0;
}

/* The text with what it lacks behind it: of two with one key the later holds. NULL: it is complete, or wrong, or there is no
 * memory. */
static char *completed(const char *spec, long devid)
{
	char why[NIC_WHY], mac[NIC_MAC_TEXT], more[64], *text = NULL;
	size_t used = strlen(spec);
	struct nic nic;
	int len = 0;

	if (!nic_parse(spec, &nic, why) && (!nic.has_mac || nic.devid < 0)) {
		if (!nic.has_mac) {
			nic_mac_make(nic.mac);
			nic_mac_print(nic.mac, mac);
			len = snprintf(more, sizeof(more), "%smac=%s", used ? "," : "", mac);
		}
		if (nic.devid < 0)
			snprintf(more + len, sizeof(more) - (size_t)len, "%sdevid=%ld",
				 used + (size_t)len ? "," : "", devid);
		text = malloc(used + sizeof(more));
	}
	if (text)
		snprintf(text, used + sizeof(more), "%s%s", spec, more);
	nic_clear(&nic);
	return text;
}

void domconf_settle_nics(struct cfg *cfg)
{
	struct cfg_item *item = (struct cfg_item *)cfg_find(cfg, key);

	for (size_t i = 0; item && item->value.kind == CFG_LIST && i < item->value.count; i++) {
		struct cfg_value *entry = &item->value.list[i];
		char *text = entry->kind == CFG_LIST ? NULL : completed(entry->text, (long)i);

		if (!text)
			continue;
		free(entry->text);
		entry->text = text;
	}
}

int domconf_add_nic(struct cfg *cfg, const char *spec)
{
	return domconf_list_add(cfg, key, strdup(spec));
}

void domconf_remove_nic(struct cfg *cfg, long devid)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	char why[NIC_WHY];
	struct nic nic;
	bool is;

	for (size_t i = 0; item && i < item->value.count; i++) {
		const struct cfg_value *entry = &item->value.list[i];

		if (entry->kind == CFG_LIST)
			continue;
		is = !nic_parse(entry->text, &nic, why) && nic.devid == devid;
		nic_clear(&nic);
		if (is) {
			domconf_list_remove(cfg, key, i);
			return;
		}
	}
}
