/* SPDX-License-Identifier: MIT */
/*
 * Specification of the operands of a PV guest's emulated instruction (hypervisor/emul/operand.c):
 *   registers     by size; high bytes only without REX; four bytes clear the upper half
 *   segments      each by its own register's base, in 64-bit code by FS and GS alone; addresses of 32-bit code wrap
 *   permissions   a limit is the last byte that is there, or the last that is not; stores and loads ask for their own right
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cpu/x86.h"
static uint64_t host_msr[2];
static uint16_t host_selector[6];
#define rdmsr(number) host_msr[(number) == MSR_KERNEL_GS_BASE]
#define read_es()     host_selector[SEG_ES]
#define read_ds()     host_selector[SEG_DS]
#define read_fs()     host_selector[SEG_FS]
#define read_gs()     host_selector[SEG_GS]
#include "emul/decode.c"
#include "emul/operand.c"

#define NO_SELECTOR 0x44

struct percpu host_percpu;
static struct segment segment[8];
static struct vcpu vcpu;
static struct emul e;
static struct cpu_user_regs *const r = &vcpu.regs;

bool desc_segment(struct vcpu *v, uint16_t selector, struct segment *seg)
{
	*seg = segment[selector / 8 & 7];
	return selector != NO_SELECTOR;
}

static int setup(void **state)
{
	memset(segment, 0, sizeof(segment));
	for (unsigned s = 0; s < 6; s++)
		host_selector[s] = 8 * s + 3; /* by their numbers */
	return 0;
}

static void registers(void **state)
{
	static const unsigned sizes[] = {1, 2, 4, 8};

	for (unsigned i = 0; i < 16 * 4 * 2; i++) {
		unsigned number = i / 8, size = sizes[i / 2 & 3];
		bool rex = i & 1, high = size == 1 && !rex && number >= 4 && number < 8;
		uint64_t *p, old = 0x1122334455667788, mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;

		memset(r, 0, sizeof(*r));
		p = reg_ptr(r, high ? number - 4 : number);
		*p = old;
		assert_int_equal(reg_read(r, number, size, rex), high ? 0x77 : old & mask);
		reg_write(r, number, size, rex, 0xfedcba9876543210);
		assert_int_equal(*p, high        ? 0x1122334455661088
				     : size == 4 ? 0x76543210
						 : (old & ~mask) | (0xfedcba9876543210 & mask));
	}
}

static void segments(void **state)
{
	static const uint64_t bases[] = {[SEG_FS] = 0xf5000, [SEG_GS] = 0x65000};
	gva_t at;

	e = (struct emul){.v = &vcpu, .regs = r, .insn = {.mode = 64}};
	host_msr[0] = bases[SEG_FS];
	host_msr[1] = bases[SEG_GS];
	r->cs = host_selector[SEG_CS];
	r->ss = host_selector[SEG_SS];
	for (unsigned s = 0; s < 6; s++) {
		segment[s] = (struct segment){.base = 0x1000 * (s + 1), .limit = ~0u, .readable = true};
		e.insn.mode = 64;
		assert_true(segment_base(&e, s, &at));
		assert_int_equal(at, s >= SEG_FS ? bases[s] : 0);
		e.insn.mode = 32;
		assert_true(segment_base(&e, s, &at));
		assert_int_equal(at, 0x1000 * (s + 1));
	}
	host_selector[SEG_FS] = NO_SELECTOR;
	e.insn = (struct insn){
	    .mode = 32, .segment = SEG_FS, .address = 4, .memory = true, .base = REG_NONE, .index = REG_NONE};
	assert_false(segment_base(&e, SEG_FS, &at));
	assert_false(operand_address(&e, &at));
	assert_false(segment_permits(&e, SEG_FS, 0, 1, false, &at));
	e.insn.segment = SEG_DS;
	e.insn.displacement = -0x2000; /* below 0: it wraps in 32 bits, and does not in 64 */
	segment[SEG_DS].base = 0;
	assert_true(operand_address(&e, &at));
	assert_int_equal(at, 0xffffe000);
	e.insn.displacement = 0x2000;
	segment[SEG_DS].base = 0xfffff000;
	assert_true(operand_address(&e, &at));
	assert_int_equal(at, 0x1000);
	e.insn.displacement = -0x2000;
	e.insn.mode = 64;
	e.insn.address = 8;
	assert_true(operand_address(&e, &at));
	assert_int_equal(at, -0x2000ull);
}

/* @first to @last are within, one more on either side is not (if there is one). */
static void within(struct segment seg, uint64_t first, uint64_t last)
{
	gva_t at;

	segment[SEG_DS] = seg;
	for (unsigned size = 1; size <= 4; size++) {
		assert_true(segment_permits(&e, SEG_DS, first, size, false, &at));
		assert_int_equal(at, (uint32_t)(seg.base + first));
		assert_true(segment_permits(&e, SEG_DS, last - size + 1, size, false, &at));
		assert_false(segment_permits(&e, SEG_DS, last - size + 2, size, false, &at));
		if (first)
			assert_false(segment_permits(&e, SEG_DS, first - 1, size, false, &at));
	}
}

static void permissions(void **state)
{
	struct segment seg = {.base = 0x10000, .limit = 0xfff, .readable = true};
	gva_t at;

	e = (struct emul){.v = &vcpu, .regs = r, .insn = {.mode = 32}};
	within(seg, 0, 0xfff);
	seg.base = 0xfffff800; /* addresses wrap */
	within(seg, 0, 0xfff);
	seg.down = true;
	within(seg, 0x1000, 0xffff);
	seg.big = true;
	within(seg, 0x1000, 0xffffffff);
	assert_false(segment_permits(&e, SEG_DS, 0x1000, 1, true, &at));
	segment[SEG_DS].readable = false;
	segment[SEG_DS].writable = true;
	assert_true(segment_permits(&e, SEG_DS, 0x1000, 1, true, &at));
	assert_false(segment_permits(&e, SEG_DS, 0x1000, 1, false, &at));
	e.insn.mode = 64; /* neither base nor limit, but it must be an address */
	host_msr[0] = 0x1000;
	assert_true(segment_permits(&e, SEG_DS, 0x7ffffffffffc, 4, true, &at));
	assert_int_equal(at, 0x7ffffffffffc);
	assert_false(segment_permits(&e, SEG_DS, 0x7ffffffffffd, 4, true, &at));
	assert_false(segment_permits(&e, SEG_DS, 0x800000000000, 4, true, &at));
	assert_false(segment_permits(&e, SEG_DS, 0xffff7fffffffffff, 4, true,
				     &at)); /* ends at one, does not begin there */
	assert_true(segment_permits(&e, SEG_FS, 0x1000, 4, true, &at));
	assert_int_equal(at, 0x2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(registers, setup),
	    cmocka_unit_test_setup(segments, setup),
	    cmocka_unit_test_setup(permissions, setup),
	};

	return cmocka_run_group_tests_name("emul_operand", tests, NULL, NULL);
}
