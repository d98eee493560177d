/* SPDX-License-Identifier: MIT */
/*
 * Jobs: a domain being made or ended. While somebody is at it there is a FIFO <run_dir>/jobs/UUID that he holds open
 * for writing. Whoever finds one that nobody writes to knows that its owner was killed, and clears the domain away.
 * The FIFO is there before the domain is, so there is no moment in which a domain half made belongs to nobody.
 */
#pragma once

#include "hv.h"

#include <stdbool.h>
#include <stddef.h>

#define UUID_TEXT 37

/* 8-4-4-4-12 hexadecimal digits. */
void uuid_print(const xen_domain_handle_t handle, char text[UUID_TEXT]);
/* A number that no other domain has. */
void uuid_make(xen_domain_handle_t handle);

/* Begin a job at the domain of this UUID, and tell rl-domd. A descriptor for job_end(), or -1 and a report. */
int job_begin(const char *uuid);
void job_end(const char *uuid, int fd);
/* Is somebody at work at the domain of this UUID, or was killed then? */
bool job_is_held(const char *uuid);
/* Clear away what killed ones left behind (tracing.h, too). How many jobs are being done. A domain that is being cleared away
 * has `ending` in its record. */
size_t jobs_clear(struct hv *hv);
