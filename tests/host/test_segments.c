/* SPDX-License-Identifier: MIT */
/*
 * Specification of a vCPU's segment registers (hypervisor/pv/segments.c), except for what only a processor can show: a
 * selector for the GS that is not active leaves the active one's base as it is. What cannot be loaded leaves none of
 * the four. (tests/pv-failsafe has selectors that cannot be loaded, hc-set-segment-base the bases.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t gs_msr;
#define rdmsr(msr)        gs_msr
#define wrmsr(msr, value) (rdmsr(msr) = (value))
/* No register is loaded here but GS, by this file. */
#define __asm__ \
	if (0)  \
	asm
#include "pv/segments.c"
#undef __asm__

struct percpu host_percpu = {.self = &host_percpu};
static uint16_t gs;

bool load_gs(uint16_t selector)
{
	if (selector == 0xbad)
		return false;
	gs = selector;
	if (!selector_is_null(selector))
		gs_msr = 0x9500;
	return true;
}

static void load(void **state)
{
	struct vcpu v = {.regs = {.ds = 1, .es = 2, .fs = 3, .gs = 0x2b}};
	struct segment_selectors wanted;

	assert_true(segments_load(&v));
	assert_int_equal(gs, 0x2b);
	v.regs.gs = 0xbad;
	assert_false(segments_load(&v));
	assert_int_equal(gs, 0);
	assert_int_equal(v.regs.gs, 0xbad); /* not forgotten yet */
	segments_forget(&v, &wanted);
	assert_int_equal(wanted.ds, 1);
	assert_int_equal(wanted.es, 2);
	assert_int_equal(wanted.fs, 3);
	assert_int_equal(wanted.gs, 0xbad);
	assert_int_equal(v.regs.ds | v.regs.es | v.regs.fs | v.regs.gs, 0);
}

static void another_gs(void **state)
{
	uint64_t base = 1;

	gs_msr = 0x60;
	assert_true(segments_load_gs(0x2b, &base));
	assert_int_equal(base, 0x9500);
	assert_int_equal(gs_msr, 0x60);
	assert_true(segments_load_gs(2, &base));
	assert_int_equal(base, 0);
	assert_int_equal(gs_msr, 0x60);
	assert_false(segments_load_gs(0xbad, &base));
	assert_int_equal(gs_msr, 0x60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(load), cmocka_unit_test(another_gs)};

	return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
