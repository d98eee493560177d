/* SPDX-License-Identifier: MIT */
/* A domain's configuration: the settings of a file, checked, with xl's defaults. */
#pragma once

#include "cfg.h"
#include "record.h"

#include <stdbool.h>

struct domconf {
	char name[RECORD_NAME_MAX];
	char *kernel, *ramdisk; /* ramdisk may be NULL */
	char *cmdline;
	unsigned long memory_kb, maxmem_kb;
	unsigned vcpus, online; /* as many as there may be; as many as it starts with */
	bool has_uuid;
	uint8_t uuid[16];
	bool fv, fv_patch; /* type = "fv" */
	enum action on_poweroff, on_reboot, on_crash, on_watchdog;
};

/* -1 and a report: something needed is missing or does not make sense. Each value that changes nothing is warned of once,
 * with its line. */
int domconf_from(const struct cfg *cfg, struct domconf *out);
void domconf_free(struct domconf *conf);
/* Why @name cannot be a domain's, as "needed: ..."; NULL if it can. */
const char *name_fault(const char *name);
/* Warn of settings that are not in @known (ends with NULL). */
void domconf_warn_keys(const struct cfg *cfg, const char *const *known);
