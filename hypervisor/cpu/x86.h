/* SPDX-License-Identifier: MIT */
/* Instructions without a C form, control-register bits and MSR numbers (SDM 3A 2.5, Control Registers; SDM
 * 4). */
#pragma once

#include "cpu/percpu.h"
#include "lib/image.h"
#include "lib/types.h"

#define CR0_PE (1ul << 0)
#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_ET (1ul << 4)
#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR0_PG (1ul << 31)

#define CR4_VME        (1ul << 0)
#define CR4_PVI        (1ul << 1)
#define CR4_TSD        (1ul << 2)
#define CR4_DE         (1ul << 3)
#define CR4_PSE        (1ul << 4)
#define CR4_PAE        (1ul << 5)
#define CR4_MCE        (1ul << 6)
#define CR4_PGE        (1ul << 7)
#define CR4_PCE        (1ul << 8)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP       (1ul << 11)
#define CR4_FSGSBASE   (1ul << 16)
#define CR4_PCIDE      (1ul << 17)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

#define RFLAGS_ARITHMETIC 0x8d5ul /* CF, PF, AF, ZF, SF, OF */
#define RFLAGS_CF         (1ul << 0)
#define RFLAGS_MBS        (1ul << 1) /* always set */
#define RFLAGS_ZF         (1ul << 6)
#define RFLAGS_TF         (1ul << 8)
#define RFLAGS_IF         (1ul << 9)
#define RFLAGS_DF         (1ul << 10)
#define RFLAGS_IOPL_SHIFT 12
#define RFLAGS_IOPL       (3ul << RFLAGS_IOPL_SHIFT)
#define RFLAGS_IOPL_OF(f) ((f) >> RFLAGS_IOPL_SHIFT & 3)
#define RFLAGS_NT         (1ul << 14)
#define RFLAGS_RF         (1ul << 16)
#define RFLAGS_VM         (1ul << 17)
#define RFLAGS_AC         (1ul << 18)
#define RFLAGS_VIF        (1ul << 19)
#define RFLAGS_VIP        (1ul << 20)
#define RFLAGS_ID         (1ul << 21)

#define DR7_FIXED 0x400ul /* reserved, reads as one */

#define MSR_APIC_BASE             0x1b
#define MSR_PLATFORM_INFO         0xce
#define MSR_ARCH_CAPABILITIES     0x10a
#define MSR_MISC_FEATURES_ENABLES 0x140
#define MSR_SYSENTER_CS           0x174
#define MSR_SYSENTER_ESP          0x175
#define MSR_SYSENTER_EIP          0x176
#define MSR_PAT                   0x277
#define MSR_TSC_DEADLINE          0x6e0
#define MSR_X2APIC                0x800 /* + register offset / 16 */
#define MSR_EFER                  0xc0000080
#define MSR_STAR                  0xc0000081
#define MSR_LSTAR                 0xc0000082
#define MSR_CSTAR                 0xc0000083
#define MSR_SFMASK                0xc0000084
#define MSR_FS_BASE               0xc0000100
#define MSR_GS_BASE               0xc0000101
#define MSR_KERNEL_GS_BASE        0xc0000102
#define MSR_AMD_HWCR              0xc0010015

#define EFER_SCE (1ul << 0)
#define EFER_LME (1ul << 8)
#define EFER_LMA (1ul << 10)
#define EFER_NXE (1ul << 11)

/* Exception vectors (SDM 3A 6.3.1). */
#define TRAP_DE  0
#define TRAP_DB  1
#define TRAP_NMI 2
#define TRAP_BP  3
#define TRAP_OF  4
#define TRAP_BR  5
#define TRAP_UD  6
#define TRAP_NM  7
#define TRAP_DF  8
#define TRAP_TS  10
#define TRAP_NP  11
#define TRAP_SS  12
#define TRAP_GP  13
#define TRAP_PF  14
#define TRAP_MF  16
#define TRAP_AC  17
#define TRAP_MC  18
#define TRAP_XM  19

/* Bits of a #PF error code (SDM 3A 4.7). */
#define PF_PRESENT  0x01u
#define PF_WRITE    0x02u
#define PF_USER     0x04u
#define PF_RESERVED 0x08u
#define PF_FETCH    0x10u

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

/* Of an MSR that may not exist. False: it does not. */
static inline bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0, there = 0;

	__asm__ volatile("1:\trdmsr\n"
			 "\tmov $1, %0\n"
			 "2:\n" EX_TABLE("1b", "2b")
			 : "+r"(there), "+a"(lo), "+d"(hi)
			 : "c"(msr));
	*value = lo | (uint64_t)hi << 32;
	return there;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

#define X86_IO(suffix, type)                                                      \
	static inline type in##suffix(uint16_t port)                              \
	{                                                                         \
		type v;                                                           \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));  \
		return v;                                                         \
	}                                                                         \
	static inline void out##suffix(uint16_t port, type v)                     \
	{                                                                         \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
	}
X86_IO(b, uint8_t)
X86_IO(w, uint16_t)
X86_IO(l, uint32_t)
#undef X86_IO

#define X86_REG(reg)                                                           \
	static inline uint64_t read_##reg(void)                                \
	{                                                                      \
		uint64_t v;                                                    \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(v) : : "memory"); \
		return v;                                                      \
	}                                                                      \
	static inline void write_##reg(uint64_t v)                             \
	{                                                                      \
		__asm__ volatile("mov %0, %%" #reg : : "r"(v) : "memory");     \
	}
X86_REG(cr0)
X86_REG(cr2)
X86_REG(cr3)
X86_REG(cr4)
X86_REG(dr0)
X86_REG(dr1)
X86_REG(dr2)
X86_REG(dr3)
X86_REG(dr6)
X86_REG(dr7)
#undef X86_REG

#define X86_SEL(reg)                                               \
	static inline uint16_t read_##reg(void)                    \
	{                                                          \
		uint16_t v;                                        \
		__asm__ volatile("mov %%" #reg ", %0" : "=rm"(v)); \
		return v;                                          \
	}
X86_SEL(cs)
X86_SEL(ss)
X86_SEL(ds)
X86_SEL(es)
X86_SEL(fs)
X86_SEL(gs)
#undef X86_SEL

/* Bits 63 to 47 equal (SDM 1 3.3.7.1, Canonical Addressing). */
static inline bool is_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void clts(void)
{
	__asm__ volatile("clts" : : : "memory");
}

static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
}

static inline void xsetbv(uint32_t reg, uint64_t value)
{
	__asm__ volatile("xsetbv"
			 :
			 : "c"(reg), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t xgetbv(uint32_t reg)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg));
	return lo | (uint64_t)hi << 32;
}

static inline void lldt(uint16_t selector)
{
	__asm__ volatile("lldt %0" : : "r"(selector));
}

static inline void halt_forever(void) __noreturn;
static inline void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* CR4 costs a full TLB flush under TCG and serialises everywhere: write it only when it changes. */
static inline void cpu_set_cr4(uint64_t value)
{
	if (this_cpu->cr4 != value) {
		this_cpu->cr4 = value;
		write_cr4(value);
	}
}
