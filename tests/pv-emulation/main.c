/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a guest kernel do what the ABI promises: control registers show the guest's own
 * view, CLTS clears the virtual TS, the harmless MSRs can be read and written, CPUID with the
 * forced-emulation prefix names the hypervisor (in applications too), ports obey the virtual IOPL. What follows is the next
 * instruction, also in a segment of code that is the kernel's own. All else is #GP, and for an application everything but the
 * prefixed CPUID is.
 */
#include "fw.h"
#include "cr4.h"
#include "msr.h"
#include "xen/arch-x86/cpuid.h"
#include "xen/physdev.h"

const char test_title[] = "pv-emulation";

#define MSR_EFER    0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define CR0_TS      8ul

#define READ_CR(n)                                                 \
	({                                                         \
		unsigned long v_;                                  \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v_)); \
		v_;                                                \
	})
#define WRITE_CR(n, value) __asm__ volatile("mov %0, %%cr" #n ::"r"((unsigned long)(value)))

static void control_registers(void)
{
	volatile unsigned long cr;

	check_no_fault(cr = READ_CR(0));
	check((cr & 0x80000001) == 0x80000001); /* PG, PE */
	check(!(cr & CR0_TS));
	check_eq(hypercall_fpu_taskswitch(1), 0);
	check(READ_CR(0) & CR0_TS);
	check_no_fault(__asm__ volatile("clts"));
	check(!(READ_CR(0) & CR0_TS));
	check_no_fault(WRITE_CR(0, READ_CR(0) | CR0_TS));
	check(READ_CR(0) & CR0_TS);
	for (unsigned bit = 0; bit < 32; bit++) /* all but TS are as they are */
		if (1ul << bit != CR0_TS)
			check_fault(VEC_GP, WRITE_CR(0, READ_CR(0) ^ 1ul << bit));
	check_fault(VEC_NM, __asm__ volatile("fnop"));
	check_no_fault(__asm__ volatile("fnop")); /* TS was cleared by the trap */

	check_fault(VEC_PF, *(volatile char *)24);
	check_eq(READ_CR(2), 24);
	check_no_fault(WRITE_CR(2, 4096));
	check_eq(READ_CR(2), 4096);
	check_eq(READ_CR(3), xen_pfn_to_cr3(root_mfn()));
	check_no_fault(cr = READ_CR(4));
	check_no_fault(WRITE_CR(4, cr));
	check_eq(READ_CR(4), cr);
	check_no_fault(WRITE_CR(4, ~0ul)); /* what is not the guest's is dropped */
	check_eq((READ_CR(4) ^ cr) & ~(CR4_DE | CR4_OSXSAVE), 0);
	check_no_fault(WRITE_CR(4, cr));
}

static void msrs(void)
{
	check(rdmsr(MSR_EFER) & 1 << 8 || ROOT_LEVEL == 3); /* LME */
	check_fault(VEC_GP, rdmsr(0x12345678));
	check_fault(VEC_GP, wrmsr(0x12345678, 0));
#ifdef __x86_64__
	static unsigned long word = 0x1234;
	unsigned long got;

	check_no_fault(wrmsr(MSR_FS_BASE, (unsigned long)&word));
	check_eq(rdmsr(MSR_FS_BASE), (unsigned long)&word);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	check_eq(got, 0x1234);
	check_fault(VEC_GP, wrmsr(MSR_FS_BASE, 1ull << 63));
#endif
}

static void cpuid(void)
{
	uint32_t a = XEN_CPUID_LEAF(0), b, c = 0, d;

	check_no_fault(__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d)));
	check(a >= XEN_CPUID_LEAF(2));
	check_eq(b, XEN_CPUID_SIGNATURE_EBX);
	check_eq(c, XEN_CPUID_SIGNATURE_ECX);
	check_eq(d, XEN_CPUID_SIGNATURE_EDX);
	/* Without the prefix the processor answers, or, where it can be told to fault, the hypervisor. */
	a = 0x40000000;
	c = 0;
	check_no_fault(__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)));
	if (b == XEN_CPUID_SIGNATURE_EBX)
		check_eq(a, XEN_CPUID_LEAF(2));
	/* The prefix with another instruction is what it looks like: UD2. */
	check_fault(VEC_UD, __asm__ volatile(XEN_EMULATE_PREFIX "nop"));
}

static void ports(void)
{
	struct physdev_set_iopl iopl = {1};
	uint8_t value;

	check_fault(VEC_GP, __asm__ volatile("inb $0x80, %0" : "=a"(value)));
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	check_no_fault(__asm__ volatile("inb $0x80, %0" : "=a"(value)));
	check_no_fault(__asm__ volatile("outb %0, $0x80" ::"a"((uint8_t)0)));
	/* Real devices answer Dom0: the CMOS clock's seconds are BCD. */
	__asm__ volatile("outb %0, $0x70" ::"a"((uint8_t)0));
	__asm__ volatile("inb $0x71, %0" : "=a"(value));
	check(value < 0x60 && (value & 15) < 10);
	iopl.iopl = 0;
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
}

static void others(void)
{
	check_no_fault(__asm__ volatile("wbinvd"));
	check_fault(VEC_GP, __asm__ volatile("hlt"));
	check_fault(VEC_GP, __asm__ volatile("invlpg (%0)" ::"r"(0ul)));
	check_fault(VEC_GP, __asm__ volatile("ltr %w0" ::"r"(8)));
	check_fault(VEC_GP, __asm__ volatile("lldt %w0" ::"r"(8)));
	static char table[16];
	check_fault(VEC_GP, __asm__ volatile("lgdt %0" ::"m"(table)));
	check_fault(VEC_GP, __asm__ volatile("lidt %0" ::"m"(table)));
}

/* Ring 3: a prefixed CPUID and a system call with EBX in EAX; or, from the address in the argument, one instruction that
 * must fault itself, and a system call behind it. */
#ifdef __x86_64__
#define ARG     "%rdi"
#define AX      "%rax"
#define SYSCALL "syscall\n"
#else
#define ARG     "%ebx"
#define AX      "%eax"
#define SYSCALL "int $0x80\n"
#endif
#define FORBIDDEN(X)                     \
	X(clts, "clts")                  \
	X(in, "in $0x80, %al")           \
	X(out, "out %al, $0x80")         \
	X(ins, "insb")                   \
	X(read_cr0, "mov %cr0, " AX)     \
	X(write_cr0, "mov " AX ", %cr0") \
	X(read_cr2, "mov %cr2, " AX)     \
	X(write_cr2, "mov " AX ", %cr2") \
	X(read_cr3, "mov %cr3, " AX)     \
	X(write_cr3, "mov " AX ", %cr3") \
	X(read_cr4, "mov %cr4, " AX)     \
	X(write_cr4, "mov " AX ", %cr4") \
	X(read_dr7, "mov %dr7, " AX)     \
	X(write_dr7, "mov " AX ", %dr7") \
	X(rdmsr, "rdmsr")                \
	X(wrmsr, "wrmsr")                \
	X(cli, "cli")                    \
	X(sti, "sti")                    \
	X(hlt, "hlt")                    \
	X(wbinvd, "wbinvd")              \
	X(invd, "invd")                  \
	X(invlpg, "invlpg 0")            \
	X(lmsw, "lmsw %ax")

#define CODE(name, text)    "user_" #name ": " text "\n" SYSCALL
#define DECLARE(name, text) extern const char user_##name[];
#define ROW(name, text)     {user_##name, #name},
__asm__(".pushsection .rodata\nuser_code:\n"
	"mov $0xc0000100, %ecx; xor %eax, %eax; xor %edx, %edx\n" /* FS_BASE, for RDMSR and WRMSR */
	"test " ARG ", " ARG "; je 1f; jmp *" ARG "\n"
	"1: mov $0x40000000, %eax; xor %ecx, %ecx\n" XEN_CPUID "\n"
	"mov %ebx, %eax\n" SYSCALL FORBIDDEN(CODE) "user_end:\n.popsection");
extern const char user_code[], user_end[];
FORBIDDEN(DECLARE)

static void application(void)
{
	static const struct {
		const char *at, *name;
	} forbidden[] = {FORBIDDEN(ROW)};
	struct user_exit x;

	user_map(user_code, user_end - user_code);
	x = user_run(0);
	check(x.syscall);
	check_eq((uint32_t)x.ax, XEN_CPUID_SIGNATURE_EBX);
	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++) {
		unsigned long at = USER_CODE + (forbidden[i].at - user_code);

		x = user_run(at);
		if (x.syscall || x.vector != VEC_GP || x.error || x.ip != at)
			failure("an application's %s: %s, vector %u, error %lx, at %lx, not at %lx",
				forbidden[i].name, x.syscall ? "nothing" : "an exception", x.vector, x.error,
				x.ip, at);
	}
}

#ifdef __x86_64__
/* As Linux's further vCPUs begin: 64-bit code in a segment of the kernel's own. The next instruction is the next. */
static void own_segment(void)
{
	uint64_t *gdt = page_alloc();
	unsigned long frame = va_to_mfn(gdt), cr = 0;

	gdt[2] = 0x00affb000000ffffull; /* code, DPL 3, L */
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(&frame, 512), 0);
	check_no_fault(__asm__ volatile("push %2; lea 1f(%%rip), %0; push %0; lretq\n"
					"1:\tmov %%cr4, %0\n\t"
					"push %1; lea 2f(%%rip), %%rcx; push %%rcx; lretq\n"
					"2:"
					: "=&r"(cr)
					: "r"((unsigned long)FLAT_KERNEL_CS), "r"(2ul * 8 + 3)
					: "rcx", "memory"));
	check_eq(cr, READ_CR(4));
	check_eq(hypercall_set_gdt(&frame, 0), 0);
}
#endif

void test_main(void)
{
	control_registers();
	msrs();
	cpuid();
	ports();
	others();
	application();
#ifdef __x86_64__
	own_segment();
#endif
}
