/* SPDX-License-Identifier: MIT */
/*
 * Specification of a vCPU's segment registers (hypervisor/pv/segments.c), but for what only a processor can show: whose the
 * bases are. A selector that is not null brings its own if the vCPU's are to come from the tables; otherwise the base
 * is the one that was kept. (tests/pv-failsafe has selectors that cannot be loaded, hc-set-segment-base the bases.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t fs_msr, gs_msr;
#define rdmsr(msr)        (*((msr) == MSR_FS_BASE ? &fs_msr : &gs_msr))
#define wrmsr(msr, value) (rdmsr(msr) = (value))
/* No register is loaded here: what FS "brings" is in fs_msr, GS brings 0. */
#define __asm__ \
	if (0)  \
	asm
#include "pv/segments.c"
#undef __asm__

struct percpu host_percpu = {.self = &host_percpu};

static void bases(uint16_t fs, uint16_t gs, bool from_tables, uint64_t fs_expected, uint64_t gs_expected)
{
	struct vcpu v = {.regs = {.fs = fs, .gs = gs}};
	uint64_t fs_base = 0xf5, gs_base = 0x65;

	fs_msr = 0xf0;
	gs_msr = 0x60;
	segments_load(&v, from_tables, &fs_base, &gs_base);
	assert_int_equal(fs_base, fs_expected);
	assert_int_equal(gs_base, gs_expected);
	assert_int_equal(fs_msr, fs_expected);
	assert_int_equal(gs_msr, gs_expected);
}

static void load(void **state)
{
	bases(0x2b, 0x2b, false, 0xf5, 0x65);
	bases(0x2b, 0x2b, true, 0xf0, 0);
	bases(3, 0x2b, true, 0xf5, 0);
	bases(0x2b, 3, true, 0xf0, 0x65);
	bases(4, 4, true, 0xf0, 0);
	bases(0, 0, true, 0xf5, 0x65);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(load)};

	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
