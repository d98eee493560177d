/* SPDX-License-Identifier: MIT */
/*
 * Guest memory on the build machine, for tests of hypercalls: mm/guest_copy.c as it is, over memory below 4 GiB, which a
 * guest of either kind can name. What lies from NOWHERE on is not the guest's, and refuses. Included by one file of a
 * test; what else the hypercalls call is the test's own.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "deeds.h"
#include "mm/guest_copy.c"
#include "mm/sub_op.c"
#include "xlat.c"

#define NOWHERE 0x70000000ull

struct percpu host_percpu = {.self = &host_percpu};
struct cpu_features features;
uint64_t host_directmap;
const struct ex_entry ex_table_start[1], ex_table_end[1];
const struct smap_site smap_sites_start[1], smap_sites_end[1];

static struct guest_abi guest_pv64
    __attribute__((unused)) = {.word_shift = 6, .layout = xlat_pv64, .low_end = NOWHERE, .high_start = ~0ull};
static struct guest_abi guest_pv32
    __attribute__((unused)) = {.word_shift = 5, .layout = xlat_pv32, .low_end = NOWHERE, .high_start = ~0ull};

/* The guest's memory; it ends where nothing is its any more. */
static uint8_t *guest_base;
#define GUEST_BYTES 65536ul
static inline gva_t guest_memory(void)
{
	if (!guest_base)
		guest_base = mmap((void *)(NOWHERE - GUEST_BYTES), GUEST_BYTES, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	assert_ptr_equal(guest_base, (void *)(NOWHERE - GUEST_BYTES));
	return (gva_t)guest_base;
}

/* The number of the look at other work that finds some; 0: none does. */
static unsigned looks, work_after;
bool hypercall_preempt_check(void)
{
	return ++looks == work_after;
}
/* The next arguments, and what the test says is the result of a restart. */
#define RESTARTED 0x7e57
static uint64_t restart_args[6];
static unsigned restart_nr;
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	restart_nr = nr;
	memcpy(restart_args, args, nargs * sizeof(*args));
	return RESTARTED;
}
