/* SPDX-License-Identifier: MIT */
/* See create_disks.h. */
#include "create_disks.h"
#include "disk_image.h"
#include "disk_store.h"

int create_disks_check(const struct cfg *cfg, const struct domconf *conf, long replaces)
{
	char why[DISK_WHY];

	for (unsigned i = 0; i < conf->nr_disks; i++) {
		const struct disk *d = &conf->disks[i];

		if (disk_check_image(d, why) || disk_has_server(d, why) ||
		    disk_is_free(xs_shared(), 0, d, NULL, replaces, why))
			return domconf_disk_fail(cfg, i, why);
	}
	return 0;
}

int create_disks(struct hv *hv, const struct cfg *cfg, const struct domconf *conf, unsigned id)
{
	char why[DISK_WHY];
	unsigned failed;

	if (!conf->nr_disks || !disks_attach(hv, xs_shared(), id, conf->disks, conf->nr_disks, &failed, why))
		return 0;
	return domconf_disk_fail(cfg, failed, why);
}

int create_disks_wait(const struct cfg *cfg, const struct domconf *conf, unsigned id)
{
	char why[DISK_WHY];

	for (unsigned i = 0; i < conf->nr_disks; i++)
		if (disk_wait(xs_shared(), id, &conf->disks[i], why))
			return domconf_disk_fail(cfg, i, why);
	return 0;
}
