/* SPDX-License-Identifier: MIT */
/* The disks of a configuration, `disk = [ "SPEC", ... ]`: see domconf.h and disk_spec.h. */
#include "disk_image.h"
#include "domconf.h"
#include "err.h"

#include <stdlib.h>
#include <string.h>

static const char key[] = "disk";

int domconf_disk_fail(const struct cfg *cfg, unsigned i, const char *why)
{
	const struct cfg_value *entry = &cfg_find(cfg, key)->value.list[i];

	return cfg_fail_entry(cfg, key, entry, "\"%.100s\": %s", entry->text, why);
}

void domconf_free_disks(struct domconf *conf)
{
	for (unsigned i = 0; i < conf->nr_disks; i++)
		disk_clear(&conf->disks[i]);
	free(conf->disks);
}

/* The @i-th, which no earlier one may be as well. */
static int take_disk(const struct cfg *cfg, struct domconf *conf, unsigned i)
{
	const struct cfg_value *entry = &cfg_find(cfg, key)->value.list[i];
	struct disk *disk = &conf->disks[i];
	char why[DISK_WHY];

	if (entry->kind == CFG_LIST)
		return cfg_fail_entry(cfg, key, entry,
				      "has a list in its list; needed: one text for each disk");
	conf->nr_disks = i + 1;
	if (disk_parse(entry->text, disk, why) || disk_usable(disk, why))
		return domconf_disk_fail(cfg, i, why);
	for (unsigned other = 0; other < i; other++) {
		if (vdev_number(conf->disks[other].vdev) != vdev_number(disk->vdev))
			continue;
		disk_refuse(why, "%s is another disk's vdev already; needed: one of its own", disk->vdev);
		return domconf_disk_fail(cfg, i, why);
	}
	return 0;
}

int take_disks(const struct setting *s, const struct cfg *cfg, struct domconf *conf)
{
	size_t count;

	if (domconf_list(cfg, s->key, "disks", conf->fv, &count))
		return -1;
	conf->disks = calloc(count + 1, sizeof(*conf->disks));
	if (!conf->disks)
		return fail("%s: out of memory", cfg->source);
	for (unsigned i = 0; i < count; i++)
		if (take_disk(cfg, conf, i))
			return -1;
	return 0;
}

/* What is wrong with a text is reported when it is taken. */
static int find_image(struct cfg_value *entry, const char *beside)
{
	char why[DISK_WHY], *text = NULL;
	struct disk disk;
	int rc = 0;

	if (!disk_parse(entry->text, &disk, why) && !disk_usable(&disk, why) && disk.target && *disk.target &&
	    *disk.target != '/') {
		rc = disk_find_target(&disk, beside);
		text = rc ? NULL : disk_print(&disk);
		rc = text ? 0 : fail("out of memory for disk \"%s\"", entry->text);
	}
	if (text) {
		free(entry->text);
		entry->text = text;
	}
	disk_clear(&disk);
	return rc;
}

int domconf_find_images(struct cfg *cfg, const char *beside)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	int rc = 0;

	for (size_t i = 0; item && !rc && i < item->value.count; i++)
		if (item->value.list[i].kind != CFG_LIST)
			rc = find_image(&item->value.list[i], beside);
	return rc;
}

int domconf_add_disk(struct cfg *cfg, const struct disk *disk)
{
	return domconf_list_add(cfg, key, disk_print(disk));
}

void domconf_remove_disk(struct cfg *cfg, long number)
{
	const struct cfg_item *item = cfg_find(cfg, key);
	char why[DISK_WHY];

	for (size_t i = 0; item && i < item->value.count; i++) {
		struct cfg_value *list = ((struct cfg_item *)item)->value.list;
		struct disk disk;
		bool is = list[i].kind != CFG_LIST && !disk_parse(list[i].text, &disk, why) &&
			  vdev_number(disk.vdev) == number;

		if (list[i].kind != CFG_LIST)
			disk_clear(&disk);
		if (!is)
			continue;
		domconf_list_remove(cfg, key, i);
		return;
	}
}
