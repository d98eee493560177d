/* SPDX-License-Identifier: MIT */
/* CPUID (SDM 2A, CPUID) and the control registers and MSRs that follow from it. */
#include "cpu/features.h"
#include "cpu/cpuid_fault.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "lib/options.h"
#include "lib/printk.h"
#include "lib/string.h"

struct cpu_features features;

#define HYPERVISOR_LEAF 0x40000000u
/* Write-back, write-through, UC-, UC, then WC, WP for the PAT bit: what PV guests of Xen expect (SDM
 * 3A 12.12). */
#define PAT_VALUE 0x050100070406ull

static void read_names(void)
{
	uint32_t r[4];

	cpuid(0, 0, r);
	features.max_leaf = r[0];
	memcpy(features.vendor, &r[1], 4);
	memcpy(features.vendor + 4, &r[3], 4);
	memcpy(features.vendor + 8, &r[2], 4);
	cpuid(0x80000000, 0, r);
	features.max_ext_leaf = r[0];
	for (uint32_t i = 0; i < 3 && 0x80000002 + i <= features.max_ext_leaf; i++) {
		cpuid(0x80000002 + i, 0, r);
		memcpy(features.brand + 16 * i, r, 16);
	}
}

static bool detect_tcg(bool hypervisor_bit)
{
	uint32_t r[4];

	if (!hypervisor_bit)
		return false;
	cpuid(HYPERVISOR_LEAF, 0, r);
	return !memcmp(&r[1], "TCGTCGTCGTCG", 12);
}

/* QEMU's translator stops for good at CR4.OSXSAVE on a processor that has XSAVE but none of its extensions. */
static bool detect_xsave(void)
{
	uint32_t extensions[4] = {0};

	if (features.tcg && features.max_leaf >= 0xd)
		cpuid(0xd, 1, extensions);
	return !features.tcg || extensions[0];
}

/* AMD's processors up to Zen: CPUID 8000_0008h EBX[2], RstrFpErrPtrs, is not there (APM 3, E.4.7). */
static bool detect_fpu_pointers(void)
{
	uint32_t r[4] = {0};

	if (strcmp(features.vendor, "AuthenticAMD"))
		return false;
	if (features.max_ext_leaf >= 0x80000008)
		cpuid(0x80000008, 0, r);
	return !(r[1] & 4);
}

static bool choose(bool present, int8_t option, bool by_default)
{
	return present && (option < 0 ? by_default : option > 0);
}

void features_init(void)
{
	uint32_t r[4], r7[4] = {0}, ext[4];

	read_names();
	cpuid(1, 0, r);
	cpuid(0x80000001, 0, ext);
	if (features.max_leaf >= 7)
		cpuid(7, 0, r7);

	if (!(ext[3] >> 11 & 1)) {
		printk("This processor lacks SYSCALL, which is needed. Stopped.\n");
		halt_forever();
	}
	features.gb_pages = ext[3] >> 26 & 1;
	features.x2apic = r[2] >> 21 & 1;
	features.tsc_deadline = r[2] >> 24 & 1;
	features.fsgsbase = r7[1] & 1;
	features.umip = r7[2] >> 2 & 1;
	features.tcg = detect_tcg(r[2] >> 31);
	features.xsave = (r[2] >> 26 & 1) && detect_xsave();
	features.fpu_keeps_pointers = detect_fpu_pointers();
	features.smep = choose(r7[1] >> 7 & 1, options.smep, true);
	/* TCG reads the stack of a ring 3 IRETQ as supervisor: with SMAP on, pv64 kernels would fault. */
	features.smap = choose(r7[1] >> 20 & 1, options.smap, !features.tcg);
	features.supervisor_bits = (features.smep ? CR4_SMEP : 0) | (features.smap ? CR4_SMAP : 0);

	features.phys_bits = 36;
	if (features.max_ext_leaf >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		features.phys_bits = r[0] & 0xff;
	}
}

void features_cpu_init(void (*syscall_to)(void), void (*syscall32_to)(void))
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
	cpu_set_cr4(CR4_BASE);
	write_dr7(DR7_FIXED);
	wrmsr(MSR_PAT, PAT_VALUE);

	/* SYSCALL: CS and SS = CS + 8. SYSRET to 64 bits: CS = base + 16, SS = base + 8 (SDM 2B, SYSRET). */
	wrmsr(MSR_STAR, (uint64_t)SEL_GUEST_CS32 << 48 | (uint64_t)SEL_HV_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_to);
	wrmsr(MSR_CSTAR, (uint64_t)syscall32_to);
	wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |
			      RFLAGS_VM | RFLAGS_AC);
	if (!strcmp(features.vendor, "GenuineIntel"))
		wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER raises #GP, which the guest gets */
	features.cpuid_fault = cpuid_fault_enable();
}
