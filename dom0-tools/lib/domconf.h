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
	unsigned vcpus;
	bool fv, fv_patch; /* type = "fv" */
	enum action on_poweroff, on_reboot, on_crash;
};

/* -1 and a report: something needed is missing or does not make sense. */
int domconf_from(const struct cfg *cfg, struct domconf *out);
void domconf_free(struct domconf *conf);
