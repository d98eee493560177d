/* SPDX-License-Identifier: MIT */
/* See create_nics.h. */
#include "create_nics.h"
#include "nic_store.h"

int create_nics_check(const struct cfg *cfg, const struct domconf *conf)
{
	char why[NIC_WHY];

	for (unsigned i = 0; i < conf->nr_nics; i++)
		if (nic_has_server(&conf->nics[i], why))
			return domconf_nic_fail(cfg, i, why);
	return 0;
}

int create_nics(const struct cfg *cfg, const struct domconf *conf, unsigned id)
{
	char why[NIC_WHY];
	unsigned failed;

	if (!conf->nr_nics || !nics_attach(xs_shared(), id, conf->nics, conf->nr_nics, &failed, why))
		return 0;
	return domconf_nic_fail(cfg, failed, why);
}

int create_nics_wait(const struct cfg *cfg, const struct domconf *conf, unsigned id)
{
	char why[NIC_WHY];

	for (unsigned i = 0; i < conf->nr_nics; i++)
		if (nic_wait(xs_shared(), id, &conf->nics[i], why))
			return domconf_nic_fail(cfg, i, why);
	return 0;
}
