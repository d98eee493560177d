/* SPDX-License-Identifier: MIT */
/*
 * Jobs: a domain being made or ended. The process that does it holds a FIFO <run_dir>/jobs/UUID open for writing. A
 * process that finds one without a writer knows that its owner was killed, and clears the domain away. The FIFO is
 * there before the domain is, so a half-made domain has an owner at every moment. A domain that has shut down and was about to be
 * restarted is not cleared away, but left to rl-domd.
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

/* Begin a job for the domain of this UUID, and tell rl-domd. A descriptor for job_end(), or -1 and a report. */
int job_begin(const char *uuid);
void job_end(const char *uuid, int fd);
/* Is a process at work on the domain of this UUID, or was one killed then? */
bool job_is_held(const char *uuid);
/* Clear away what killed processes left behind (tracing.h, too). Returns how many jobs are under way. A domain that
 * is being cleared away has `ending` in its record. */
size_t jobs_clear(struct hv *hv);
