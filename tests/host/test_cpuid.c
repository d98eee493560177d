/* SPDX-License-Identifier: MIT */
/*
 * Specification: CPUID as PV guests are to see it (hypervisor/emul/cpuid.c, dom/cpu_policy.c), bit by bit.
 *   all ones     of a processor whose every answer is all ones a guest sees the golden table, and nothing elsewhere
 *   all zeros    of one that answers zeros it sees only what the hypervisor itself tells
 *   by vCPU      the APIC id and OSXSAVE are the vCPU's own; a 32 bit guest is told of no 64 bit mode
 *   by machine   without AVX, or without XSAVE, what needs it is gone
 *   anywhere     what guests of the best machine see is not this machine's business
 *   by policy    what Dom0 gave the domain is what it sees; what is the vCPU's own, and the hypervisor's leaves, stay
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The processor is ours: its instruction is compiled under another name. */
#define cpuid processors_cpuid
#include "cpu/x86.h"
#undef cpuid
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
#include "dom/cpu_policy.c"
#include "emul/cpuid.c"

#define ALL_ONES 0xffffffffu

struct percpu host_percpu;
static uint32_t answer;
static uint64_t xcr0;
static bool leaves_asked;

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	leaves_asked = true;
	r[EAX] = r[EBX] = r[ECX] = r[EDX] = answer;
}

uint64_t fpu_xcr0_mask(void)
{
	return xcr0;
}

struct row {
	uint32_t leaf, subleaf, r[4];
};

/* AVX and all it needs; 64 bit guest; vCPU 3; OSXSAVE off. SYSENTER (leaf 1, EDX bit 11) is refused to all. */
static const struct row of_all_ones[] = {
    {0, 0, {0xd, ALL_ONES, ALL_ONES, ALL_ONES}},
    {1, 0, {ALL_ONES, 0x0600ff00, 0xf6d83203, 0x07898375}},
    {2, 0, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {4, 0, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {4, 3, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {7, 0, {0, 0x218c0328, 0x00000600, 0}},
    {0xd, 0, {7, ALL_ONES, 832, 0}},
    {0xd, 1, {1, 0, 0, 0}},
    {0xd, 2, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {0x40000000, 0, {0x40000002, 0x566e6558, 0x65584d4d, 0x4d4d566e}}, /* "XenVMMXenVMM" */
    {0x40000002, 0, {1, 0x40000000, 1, 0}},
    {0x80000000, 0, {0x80000008, ALL_ONES, ALL_ONES, ALL_ONES}},
    {0x80000001, 0, {ALL_ONES, ALL_ONES, 0x000001e1, 0xe7d98b75}},
    {0x80000002, 0, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {0x80000006, 0, {ALL_ONES, ALL_ONES, ALL_ONES, ALL_ONES}},
    {0x80000007, 0, {0, 0, 0, 0x100}},
    {0x80000008, 0, {ALL_ONES, 0, 0, 0}},
};

/* Where everything is zero, whatever the processor says: reserved, performance counters, topology, SGX, beyond. */
static const uint32_t nothing_there[] = {
    3,          5,          6,          8,          9,          0xa,        0xb,
    0xc,        0xe,        0xf,        0x10,       0x12,       0x14,       0x15,
    0x16,       0x19,       0x1f,       0x40000003, 0x40000100, 0x4000ffff, 0x80000009,
    0x8000000a, 0x8000001d, 0x8000001f, 0x80860000, 0xc0000000, ALL_ONES};

static struct guest_abi abi;
static struct domain dom = {.abi = &abi};
static struct vcpu vcpu = {.domain = &dom};

static int setup(void **state)
{
	answer = ALL_ONES;
	xcr0 = 7;
	abi = (struct guest_abi){.long_mode = true};
	vcpu.id = 3;
	vcpu.pv.cr4 = 0;
	return 0;
}

/* Upper halves of the registers are cleared, as by the instruction. */
static void ask(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	struct cpu_user_regs regs;

	memset(&regs, 0xa5, sizeof(regs));
	regs.rax = 0xdeadbeef00000000 | leaf;
	regs.rcx = 0xdeadbeef00000000 | subleaf;
	emul_cpuid(&vcpu, &regs);
	assert_false((regs.rax | regs.rbx | regs.rcx | regs.rdx) >> 32);
	r[EAX] = regs.rax;
	r[EBX] = regs.rbx;
	r[ECX] = regs.rcx;
	r[EDX] = regs.rdx;
}

static void expect(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t r[4];

	ask(leaf, subleaf, r);
	if (r[EAX] != a || r[EBX] != b || r[ECX] != c || r[EDX] != d)
		fail_msg("leaf %x.%x is %08x %08x %08x %08x, not %08x %08x %08x %08x", leaf, subleaf, r[EAX],
			 r[EBX], r[ECX], r[EDX], a, b, c, d);
}

static void can_do_all(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(of_all_ones); i++) {
		const struct row *row = &of_all_ones[i];

		expect(row->leaf, row->subleaf, row->r[EAX], row->r[EBX], row->r[ECX], row->r[EDX]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(nothing_there); i++)
		expect(nothing_there[i], 0, 0, 0, 0, 0);
	for (uint32_t sub = 1; sub < 4; sub++)
		expect(7, sub, 0, 0, 0, 0);
	for (uint32_t sub = 3; sub < 64; sub++)
		expect(0xd, sub, 0, 0, 0, 0);
}

static void can_nothing(void **state)
{
	answer = 0;
	expect(0, 0, 0, 0, 0, 0);
	expect(1, 0, 0, 3 << 25, 1u << 31, 0); /* vCPU 3; a hypervisor is there */
	expect(7, 0, 0, 0, 0, 0);
	xcr0 = 0;
	expect(0xd, 0, 0, 0, 576, 0);
	expect(0x80000001, 0, 0, 0, 0, 0);
	expect(0x80000007, 0, 0, 0, 0, 0);
}

/* What names the hypervisor comes from it alone, also where a hypervisor below answers there. */
static void hypervisor_alone(void **state)
{
	leaves_asked = false;
	for (uint32_t leaf = 0x40000000; leaf < 0x40000010; leaf++) {
		uint32_t r[4];

		ask(leaf, 0, r);
	}
	assert_false(leaves_asked);
	expect(0x40000001, 0, VERSION_MAJOR << 16 | VERSION_MINOR, 0, 0, 0);
}

static void by_vcpu(void **state)
{
	vcpu.id = 0;
	vcpu.pv.cr4 = CR4_OSXSAVE;
	expect(1, 0, ALL_ONES, 0x0000ff00, 0xfed83203, 0x07898375);
	abi.long_mode = false;
	expect(0x80000001, 0, ALL_ONES, ALL_ONES, 0x000001e1, 0xc7d98375); /* no SYSCALL, no long mode */
}

static void by_machine(void **state)
{
	xcr0 = 3; /* XSAVE without AVX */
	expect(1, 0, ALL_ONES, 0x0600ff00, 0xc6d82203, 0x07898375);
	expect(7, 0, 0, 0x218c0308, 0, 0);
	expect(0xd, 0, 3, ALL_ONES, 576, 0);
	expect(0xd, 1, 1, 0, 0, 0);
	expect(0xd, 2, 0, 0, 0, 0);
	xcr0 = 0; /* neither */
	expect(1, 0, ALL_ONES, 0x0600ff00, 0xc2d82203, 0x07898375);
	expect(0xd, 0, 0, ALL_ONES, 576, 0);
}

static void by_policy(void **state)
{
	static struct cpu_policy policy = {
	    .n = 4,
	    .leaf = {{1, XEN_CPUID_NO_SUBLEAF, 0x123, 0x800, 0x4, 0x10},
		     {4, 1, 1, 2, 3, 4},
		     {0xd, 0, 3, 5, 576, 0},
		     {0x80000001, XEN_CPUID_NO_SUBLEAF, 5, 6, 7, 0x20000808}},
	};

	dom.dom.cpu_policy = &policy;
	expect(1, 9, 0x123, 3 << 25 | 0x800, 0x4, 0x10); /* the subleaf does not matter */
	expect(4, 1, 1, 2, 3, 4);
	expect(4, 0, 0, 0, 0, 0);
	expect(0xd, 0, 3, ALL_ONES, 576, 0); /* EBX: the processor's, since XCR0 is */
	expect(0x80000001, 0, 5, 6, 7, 0x20000808);
	abi.long_mode = false; /* it became a 32 bit guest since */
	expect(0x80000001, 0, 5, 6, 7, 8);
	expect(0, 0, 0, 0, 0, 0);
	expect(7, 0, 0, 0, 0, 0);
	expect(0x40000001, 0, VERSION_MAJOR << 16 | VERSION_MINOR, 0, 0, 0);
	dom.dom.cpu_policy = NULL;
}

/* Feature words alone: the rest is no features. */
static void anywhere(void **state)
{
	static const uint32_t words[][3] = {{1, ECX, 0xf6d83203},          {1, EDX, 0x07898375},
					    {7, EBX, 0x218c0328},          {7, ECX, 0x600},
					    {0x80000001, ECX, 0x000001e1}, {0x80000001, EDX, 0xe7d98b75},
					    {0x80000007, EDX, 0x100},      {0x80000008, EBX, 0}};
	uint32_t r[4];

	answer = 0;
	xcr0 = 0;
	leaves_asked = false;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		cpu_policy_anywhere(&dom, words[i][0], 0, r);
		assert_int_equal(r[words[i][1]], words[i][2]);
	}
	cpu_policy_anywhere(&dom, 0xd, 1, r);
	assert_int_equal(r[EAX], 1);
	abi.long_mode = false;
	cpu_policy_anywhere(&dom, 0x80000001, 0, r);
	assert_int_equal(r[EDX], 0xc7d98375);
	assert_false(leaves_asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(can_do_all, setup),       cmocka_unit_test_setup(can_nothing, setup),
	    cmocka_unit_test_setup(hypervisor_alone, setup), cmocka_unit_test_setup(by_vcpu, setup),
	    cmocka_unit_test_setup(by_machine, setup),       cmocka_unit_test_setup(by_policy, setup),
	    cmocka_unit_test_setup(anywhere, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
