/* SPDX-License-Identifier: MIT */
/*
 * RDMSR, WRMSR, XGETBV, XSETBV of a guest's kernel. Bases of FS and GS are its own to read and write (pv64); EFER, the
 * APIC base, the PAT and the TSC can be read, and written at most as they are; the registers behind SYSCALL and SYSENTER,
 * and any that the list (hypervisor/emul/msr.def) does not name, are #GP at the instruction, and change no register.
 * An application may use none. XSETBV takes what the processor would; without CR4.OSXSAVE it does not exist.
 *
 * Xen 4.17 differs in the registers that have nothing to say: it refuses DEBUGCTL and writes to the microcode revision.
 */
#include "cr4.h"
#include "fw.h"
#include "msr.h"
#include "xen/arch-x86/cpuid.h"

const char test_title[] = "pv-msrs";

#define EFER_SCE 1u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u

enum {
	NO,   /* #GP */
	SAME, /* the value that it has, no other */
	ANY,  /* no matter what */
	ZERO, /* 0 only */
};

static const struct {
	uint32_t msr;
	bool readable;
	uint8_t writable;
} rules[] = {
    {0x10, true, NO},         /* TSC */
    {0x1b, true, NO},         /* APIC base */
    {0x8b, true, ANY},        /* microcode revision */
    {0x174, false, NO},       /* SYSENTER_CS */
    {0x175, false, NO},       /* SYSENTER_ESP */
    {0x176, false, NO},       /* SYSENTER_EIP */
    {0x179, true, NO},        /* MCG_CAP */
    {0x17a, true, ANY},       /* MCG_STATUS */
    {0x1a0, true, ANY},       /* MISC_ENABLE */
    {0x1d9, true, ZERO},      /* DEBUGCTL */
    {0x277, true, SAME},      /* PAT */
    {0xc0000080, true, SAME}, /* EFER */
    {0xc0000081, false, NO},  /* STAR */
    {0xc0000082, false, NO},  /* LSTAR */
    {0xc0000083, false, NO},  /* CSTAR */
    {0xc0000084, false, NO},  /* SFMASK */
    {0xc0010010, true, NO},   /* SYSCFG */
    {0xc0010015, true, ANY},  /* HWCR */
    {0x3a, false, NO},        /* FEATURE_CONTROL */
    {0x1c9, false, NO},       /* LASTBRANCH_TOS */
    {0x2ff, false, NO},       /* MTRR_DEF_TYPE */
    {0xc0010117, false, NO},  /* VM_HSAVE_PA */
    {0x12345678, false, NO},
};

static struct frame seen;

static bool note(struct frame *f)
{
	seen = *f;
	return false;
}

/* The last exception was #GP at the two bytes of that instruction, with all registers as it found them. */
static bool refused_at(uint32_t msr, uint8_t second)
{
	const uint8_t *at = (const uint8_t *)fault.ip;

	return fault.happened && fault.vector == VEC_GP && !fault.error && at[0] == 0x0f && at[1] == second &&
	       (uint32_t)seen.cx == msr;
}

static void reads(uint32_t msr, bool allowed)
{
	FAULT_TRY(rdmsr(msr));
	if (allowed ? fault.happened : !refused_at(msr, 0x32))
		failure("rdmsr %x: %s", msr, fault.happened ? "fault" : "no fault");
}

static void writes(uint32_t msr, uint64_t value, bool allowed)
{
	FAULT_TRY(wrmsr(msr, value));
	if (allowed ? fault.happened : !refused_at(msr, 0x30))
		failure("wrmsr %x: %s", msr, fault.happened ? "fault" : "no fault");
}

static void list(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		uint32_t msr = rules[i].msr;
		uint64_t now = 0;

		reads(msr, rules[i].readable);
		if (rules[i].readable)
			now = rdmsr(msr);
		writes(msr, now, rules[i].writable != NO);
		writes(msr, now ^ 0x101, rules[i].writable == ANY);
		writes(msr, ~0ull, rules[i].writable == ANY);
		if (rules[i].readable && msr != 0x10)
			check(rdmsr(msr) == now);
	}
}

static void values(void)
{
	uint64_t efer = rdmsr(0xc0000080), a, b;

	check(efer & EFER_NXE);
	check(efer & EFER_SCE);
	check_eq(!!(efer & EFER_LME), ROOT_LEVEL == 4);
	check_eq(!!(efer & EFER_LMA), ROOT_LEVEL == 4);
	check_eq(rdmsr(0x1b) & ~0xfffull, 0xfee00000);
	check(rdmsr(0x277) == 0x050100070406ull);
	a = rdmsr(0x10);
	b = rdmsr(0x10);
	check(b > a);
}

static void bases(void)
{
#ifdef __x86_64__
	static unsigned long word = 0x1234;
	unsigned long got;

	for (uint32_t msr = 0xc0000100; msr <= 0xc0000102; msr++) {
		writes(msr, (unsigned long)&word, true);
		check_eq(rdmsr(msr), (unsigned long)&word);
		writes(msr, 1ull << 47, false);
		writes(msr, 0x7fffffffffff, true);
		writes(msr, (unsigned long)&word, true);
	}
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	check_eq(got, 0x1234);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
	check_eq(got, 0x1234);
	for (uint32_t msr = 0xc0000100; msr <= 0xc0000102; msr++)
		writes(msr, 0, true);
#else
	for (uint32_t msr = 0xc0000100; msr <= 0xc0000102; msr++) {
		reads(msr, false);
		writes(msr, 0, false);
	}
#endif
}

/* WRMSR to the register that CPUID names fills a frame with hypercall stubs; not one that is a page table. */
static void hypercall_stubs(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	uint64_t frame = (uint64_t)va_to_mfn(page) << 12;

	writes(0x40000000, (uint64_t)root_mfn() << 12, false);
	writes(0x40000000, 1ull << 50, false);
	writes(0x40000000, frame, true);
	for (unsigned i = 0; i < 32; i++)
		check_eq(page[__HYPERVISOR_xen_version * 32 + i],
			 ((uint8_t *)hypercall_page)[__HYPERVISOR_xen_version * 32 + i]);
}

static void xsetbv(uint32_t reg, uint64_t value)
{
	__asm__ volatile("xsetbv" ::"c"(reg), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static bool cpuid_ecx(unsigned bit)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return c >> bit & 1;
}

static void extended_states(void)
{
	static const uint64_t bad[] = {0, 2, 5, 8 | 1, 1ull << 63 | 1};
	bool has_xsave = cpuid_ecx(26), has_avx = cpuid_ecx(28);

	/* From the start: Linux looks whether it is there before it sets it itself. */
	check_eq(!!(read_cr4() & CR4_OSXSAVE), has_xsave);
	check_eq(cpuid_ecx(27), has_xsave);
	if (has_xsave)
		check(xgetbv() == 1);
	check_no_fault(write_cr4(read_cr4() & ~CR4_OSXSAVE));
	check(!cpuid_ecx(27));
	check_fault(VEC_UD, xgetbv());
	check_fault(VEC_UD, xsetbv(0, 1));
	check_no_fault(write_cr4(read_cr4() | CR4_OSXSAVE));
	check_eq(!!(read_cr4() & CR4_OSXSAVE), has_xsave); /* dropped where there is none */
	check_eq(cpuid_ecx(27), has_xsave);
	if (!has_xsave) {
		check_fault(VEC_UD, xgetbv());
		return;
	}
	check_no_fault(xsetbv(0, 1));
	check(xgetbv() == 1);
	check_no_fault(xsetbv(0, 3));
	check(xgetbv() == 3);
	FAULT_TRY(xsetbv(0, 7));
	check_eq(!fault.happened, has_avx);
	check_no_fault(xsetbv(0, 3));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_fault(VEC_GP, xsetbv(0, bad[i]));
	check_fault(VEC_GP, xsetbv(1, 3));
	check(xgetbv() == 3);
	check_no_fault(write_cr4(read_cr4() & ~CR4_OSXSAVE));
	check_fault(VEC_UD, xgetbv());
}

/* Ring 3, by the argument: 0 RDMSR of the TSC, 1 WRMSR of a base, 2 XSETBV. */
#ifdef __x86_64__
#define ARG "%edi"
#else
#define ARG "%ebx"
#endif
__asm__(".pushsection .rodata\nuser_code: cmp $1, " ARG "; ja 2f; je 1f; mov $0x10, %ecx; rdmsr\n"
	"1: mov $0xc0000100, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr\n"
	"2: xor %ecx, %ecx; mov $3, %eax; xor %edx, %edx; xsetbv\nuser_end:\n.popsection");
extern const char user_code[], user_end[];

static void application(void)
{
	user_map(user_code, user_end - user_code);
	for (unsigned i = 0; i < 3; i++) {
		struct user_exit x = user_run(i);

		check(!x.syscall);
		check(x.vector == VEC_GP ||
		      (i == 2 && x.vector == VEC_UD)); /* without OSXSAVE: by the processor */
	}
}

void test_main(void)
{
	trap_hook = note;
	list();
	values();
	bases();
	hypercall_stubs();
	extended_states();
	trap_hook = NULL;
	application();
}
