/* SPDX-License-Identifier: MIT */
/* What paging.c and cpus.c share to start further processors on the bare machine. */
#ifndef CPUS_H
#define CPUS_H

#include "machine.h"

/* paging.c */
void paging_identity(bool on); /* map memory at its physical address too, for a processor that starts */
void tlb_flush_here(void);

/* cpus.c: as tlb_flush_all(), on these processors. */
void tlb_flush_others(cpuset_t cpus);

#endif
