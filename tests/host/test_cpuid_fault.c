/* SPDX-License-Identifier: MIT */
/*
 * Specification: CPUID faulting (hypervisor/cpu/cpuid_fault.c), with the processor's MSRs written down.
 *   Intel     switched on by MSR_MISC_FEATURES_ENABLES where MSR_PLATFORM_INFO offers it; the register's other bits stay
 *   AMD       by HWCR, where CPUID 8000_0021h offers it
 *   neither   no MSR is written: the offer is missing, the MSR does not exist, or the processor is another vendor's
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The processor is ours: its instructions are compiled under other names. */
#define cpuid      processors_cpuid
#define rdmsr      processors_rdmsr
#define rdmsr_safe processors_rdmsr_safe
#define wrmsr      processors_wrmsr
#include "cpu/x86.h"
#undef cpuid
#undef rdmsr
#undef rdmsr_safe
#undef wrmsr
static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
static uint64_t rdmsr(uint32_t msr);
static bool rdmsr_safe(uint32_t msr, uint64_t *value);
static void wrmsr(uint32_t msr, uint64_t value);
#include "cpu/cpuid_fault.c"

struct cpu_features features;
static uint32_t ext_features_2; /* EAX of 8000_0021h */
static uint64_t platform, misc, hwcr;
static bool has_platform;
static unsigned writes;

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	assert_int_equal(leaf, 0x80000021);
	r[0] = ext_features_2;
	r[1] = r[2] = r[3] = ~ext_features_2;
}

static uint64_t *find(uint32_t msr)
{
	assert_true(msr == 0x140 || msr == 0xc0010015);
	return msr == 0x140 ? &misc : &hwcr;
}

static uint64_t rdmsr(uint32_t msr)
{
	return *find(msr);
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	*find(msr) = value;
	writes++;
}

static bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	assert_int_equal(msr, 0xce);
	*value = platform;
	return has_platform;
}

/* A processor that offers both. */
static int setup(void **state)
{
	features = (struct cpu_features){.vendor = "GenuineIntel", .max_ext_leaf = 0x80000021};
	ext_features_2 = 1u << 17;
	has_platform = true;
	platform = 1ull << 31;
	misc = 2;
	hwcr = 1ull << 24;
	writes = 0;
	return 0;
}

static void expect(bool on, uint64_t misc_then, uint64_t hwcr_then)
{
	assert_int_equal(cpuid_fault_enable(), on);
	assert_int_equal(writes, on);
	assert_int_equal(misc, misc_then);
	assert_int_equal(hwcr, hwcr_then);
}

static void of_intel(void **state)
{
	features.max_ext_leaf = 0x80000008;
	expect(true, 3, 1ull << 24);
}

static void of_intel_without(void **state)
{
	ext_features_2 = 0;
	platform = ~(1ull << 31);
	expect(false, 2, 1ull << 24);
	platform = ~0ull;
	has_platform = false;
	expect(false, 2, 1ull << 24);
}

static void of_amd(void **state)
{
	memcpy(features.vendor, "AuthenticAMD", 13);
	expect(true, 2, 1ull << 35 | 1ull << 24);
}

static void of_amd_without(void **state)
{
	memcpy(features.vendor, "AuthenticAMD", 13);
	ext_features_2 = ~(1u << 17);
	expect(false, 2, 1ull << 24);
	ext_features_2 = ~0u;
	features.max_ext_leaf = 0x80000020;
	expect(false, 2, 1ull << 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(of_intel, setup),
	    cmocka_unit_test_setup(of_intel_without, setup),
	    cmocka_unit_test_setup(of_amd, setup),
	    cmocka_unit_test_setup(of_amd_without, setup),
	};

	return cmocka_run_group_tests_name("CPUID faulting", tests, NULL, NULL);
}
