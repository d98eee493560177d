/* SPDX-License-Identifier: MIT */
/* See cpuid_fault.h. */
#include "cpu/cpuid_fault.h"
#include "cpu/features.h"
#include "cpu/x86.h"
#include "lib/string.h"

#define EXT_FEATURES_2      0x80000021u
#define CPUID_USER_DISABLE  (1u << 17)  /* in its EAX (APM 3, E.4.18) */
#define HWCR_CPUID_USER_DIS (1ul << 35) /* APM 2, 3.2.10 */
#define PLATFORM_FAULTING   (1ul << 31) /* SDM 4, MSR_PLATFORM_INFO */
#define MISC_FAULTING       1ul         /* SDM 4, MSR_MISC_FEATURES_ENABLES */

static bool amd_has(void)
{
	uint32_t r[4];

	if (features.max_ext_leaf < EXT_FEATURES_2)
		return false;
	cpuid(EXT_FEATURES_2, 0, r);
	return r[0] & CPUID_USER_DISABLE;
}

/* No bit of CPUID says whether the MSR is there. */
static bool intel_has(void)
{
	uint64_t info;

	return !strcmp(features.vendor, "GenuineIntel") && rdmsr_safe(MSR_PLATFORM_INFO, &info) &&
	       (info & PLATFORM_FAULTING);
}

bool cpuid_fault_enable(void)
{
	if (amd_has())
		wrmsr(MSR_AMD_HWCR, rdmsr(MSR_AMD_HWCR) | HWCR_CPUID_USER_DIS);
	else if (intel_has())
		wrmsr(MSR_MISC_FEATURES_ENABLES, rdmsr(MSR_MISC_FEATURES_ENABLES) | MISC_FAULTING);
	else
		return false;
	return true;
}
