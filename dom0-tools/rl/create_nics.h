/* SPDX-License-Identifier: MIT */
/* The network devices of a domain that is made. All: -1 and a report, with the line of the configuration. */
#pragma once

#include "domconf.h"

/* Before anything is made: can there be a back end? */
int create_nics_check(const struct cfg *cfg, const struct domconf *conf);
/* Write them into the store. The domain's end removes them. */
int create_nics(const struct cfg *cfg, const struct domconf *conf, unsigned id);
/* Wait until its front ends will find them ready, at their switches. */
int create_nics_wait(const struct cfg *cfg, const struct domconf *conf, unsigned id);
