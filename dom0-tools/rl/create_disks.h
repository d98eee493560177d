/* SPDX-License-Identifier: MIT */
/* The disks of a domain that is made. All: -1 and a report, with the line of the configuration. */
#pragma once

#include "domconf.h"
#include "hv.h"

/* Before anything is made: are the images there, and free, and is there a back end? @replaces: the domain that gives its disks
 * up first; -1: none. */
int create_disks_check(const struct cfg *cfg, const struct domconf *conf, long replaces);
/* Write them into the store. The domain's end removes them. */
int create_disks(struct hv *hv, const struct cfg *cfg, const struct domconf *conf, unsigned id);
/* Wait until its front ends will find them ready: GRUB takes any state but one for readiness. */
int create_disks_wait(const struct cfg *cfg, const struct domconf *conf, unsigned id);
