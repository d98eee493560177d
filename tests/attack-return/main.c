/* SPDX-License-Identifier: MIT */
/*
 * Returns that the processor refuses: iret to a selector beyond the table, to a data segment, to a system
 * selector of the hypervisor, to an invalid stack segment: the guest gets a fault with that selector, and the
 * hypervisor none. A code segment in an LDT page that the processor has not looked at yet can be returned to. So can an
 * address that is not canonical or is the hypervisor's, with or without VGCF_in_syscall, and the address behind the last
 * canonical one, to which a hypercall, a system call, INT3 or an emulated instruction there leads: the fault is the
 * guest's, at that address. With VGCF_in_syscall the selectors of the frame do not count. A fault by a return does not
 * execute what it was to return to. (Xen 4.17 may: a CLTS there, after #GP by a null SS.)
 */
#include "fw.h"

const char test_title[] = "attack-return";

static unsigned long new_cs, new_ss;
static unsigned long new_ip;
static bool armed;

/* Change where the exception's own iret will go. */
static bool on_ud(struct frame *f)
{
	if (f->vector != VEC_UD || !armed)
		return false;
	armed = false;
	f->ip = new_ip ? new_ip : f->ip + 2;
	if (new_cs)
		f->cs = new_cs;
#ifdef __x86_64__
	if (new_ss)
		f->ss = new_ss;
#endif
	return true;
}

static void return_to(unsigned long cs, unsigned long ss)
{
	new_cs = cs;
	new_ss = ss;
	armed = true;
	__asm__ volatile("ud2" ::: "memory");
}

/* The return itself, or the first fetch behind it, faults at @ip. */
static void return_to_address(unsigned long ip)
{
	new_ip = ip;
	FAULT_TRY(return_to(0, 0));
	new_ip = 0;
	check(fault.happened && (fault.vector == VEC_GP || fault.vector == VEC_PF));
	check_eq(fault.ip, ip);
}

/* CLTS would work; the selector does not, so that it is not to be executed. */
static void not_executed(void)
{
	static const uint8_t code[] __attribute__((aligned(4096))) = {0x0f, 0x06, 0xc3};

	check_eq(hypercall_fpu_taskswitch(1), 0);
	new_ip = (unsigned long)code;
#ifdef __x86_64__
	check_fault(VEC_GP, return_to(0, 3)); /* a null SS has error code 0, as CLTS would */
#else
	check_fault(VEC_GP, return_to(1, 0));
#endif
	new_ip = 0;
	check_eq(fault.ip, (unsigned long)code);
	check_eq(fault.error, 0);
	check_fault(VEC_NM, __asm__ volatile("fnop"));
}

#ifdef __x86_64__
#define CANONICAL_END 0x0000800000000000ul

/* iret with these words in its frame. */
void iret_frame(unsigned long ip, unsigned long cs, unsigned long flags, unsigned long sp, unsigned long ss,
		unsigned long vgcf);
__asm__(".pushsection .text\niret_frame: pop %rax; push %r8; push %rcx; push %rdx; push %rsi; push %rdi; "
	"push %r9\n"
	"jmp " HYPERCALL_STUB(__HYPERVISOR_iret) "\n.popsection");

extern const char landed[];
__asm__(".pushsection .text\nlanded: ud2\n.popsection");

static void in_syscall(void)
{
	static char stack[4096] __attribute__((aligned(16)));
	unsigned long sp = (unsigned long)stack + sizeof(stack);

	check_fault(VEC_UD, iret_frame((unsigned long)landed, 0x4000, 0x200, sp, 0x4003, 0x100));
	check_eq(fault.ip, (unsigned long)landed);
	check_fault(VEC_GP, iret_frame((unsigned long)landed, 0x4000, 0x200, sp, 0xe02b, 0));
	static const unsigned long bad[] = {CANONICAL_END, 0xffff7ffffffffff0ul, 0xffff830000000000ul,
					    1ul << 63};
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		for (unsigned vgcf = 0; vgcf <= 0x100; vgcf += 0x100) {
			FAULT_TRY(iret_frame(bad[i], 0xe030, 0x200, sp, 0xe02b, vgcf));
			check(fault.happened && (fault.vector == VEC_GP || fault.vector == VEC_PF));
			check_eq(fault.ip, bad[i]);
		}
	events_off();
}

static uint8_t *last_page;

/* A page at the end of the lower half, in the kernel's tables. */
static void map_last_page(void)
{
	pte_t flags = PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D, *table = page_alloc();

	last_page = page_alloc();
	table[511] = (pte_t)va_to_mfn(last_page) << 12 | flags;
	for (int level = 2; level < 4; level++) {
		pte_t *upper = page_alloc();

		upper[511] = (pte_t)va_to_mfn(table) << 12 | flags;
		table_ready(table);
		table = upper;
	}
	table_ready(table);
	check_eq(pte_write(pte_maddr(CANONICAL_END - 4096, 4), (pte_t)va_to_mfn(table) << 12 | flags), 0);
}

/* Run @n bytes that end where canonical addresses do. */
static void at_the_end(const char *bytes, unsigned n, unsigned long ax)
{
	__builtin_memcpy(last_page + 4096 - n, bytes, n);
	FAULT_TRY(__asm__ volatile("jmp *%1"
				   :
				   : "a"(ax), "r"(CANONICAL_END - n), "D"(0), "S"(0)
				   : "rcx", "r11", "memory"));
	check(fault.happened && (fault.vector == VEC_GP || fault.vector == VEC_PF));
	check_eq(fault.ip, CANONICAL_END);
}

static bool go_on(struct frame *f)
{
	return f->vector == VEC_BP;
}

static void end_of_canonical(void)
{
	map_last_page();
	at_the_end("\x0f\x05", 2, __HYPERVISOR_xen_version);
	at_the_end("\x0f\x05", 2, 9999);
	at_the_end("\x90", 1, 0);
	at_the_end("\x0f\x06", 2, 0);                              /* CLTS */
	at_the_end("\x0f\x0b\x78\x65\x6e\x0f\xa2", 7, 0x40000000); /* CPUID by the prefix */
	trap_hook = go_on;
	at_the_end("\xcc", 1, 0);
	trap_hook = on_ud;
}
#endif

static uint64_t ldt[1024] __attribute__((aligned(4096)));

static void from_ldt(void)
{
	const unsigned long rpl = ROOT_LEVEL == 4 ? 0 : 1;
	unsigned long va = (unsigned long)ldt;

	ldt[600] = ROOT_LEVEL == 4 ? 0x00affb000000ffffull : 0x00cfbb000000ffffull; /* in the second page */
	for (int page = 0; page < 2; page++, va += PAGE_SIZE)
		check_eq(hypercall_update_va_mapping(va, *pte_of(va, 1) & ~2ull, UVMF_INVLPG), 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, ARRAY_SIZE(ldt)), 0);
	check_no_fault(return_to(600 * 8 + 4 + rpl, 0));
	check_no_fault(return_to((FLAT_KERNEL_CS & ~3ul) + rpl, 0));
	check_fault(VEC_GP, return_to(601 * 8 + 4 + rpl, 0)); /* empty */
	check_fault(VEC_GP, return_to(100 * 8 + 4 + rpl, 0)); /* empty, in the page not looked at yet */
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	check_fault(VEC_GP, return_to(600 * 8 + 4 + rpl, 0));
}

void test_main(void)
{
	const unsigned long rpl = ROOT_LEVEL == 4 ? 0 : 1;

	trap_hook = on_ud;
	check_fault(VEC_GP, return_to(0x4000 + rpl, 0));
	check_eq(fault.error, 0x4000);
	check_fault(VEC_GP, return_to((FLAT_KERNEL_SS & ~3ul) + rpl, 0));
	check_eq(fault.error & 0xfffc, FLAT_KERNEL_SS & 0xfffc);
	check_fault(VEC_GP, return_to(0xe008 + rpl, 0));
	check_fault(VEC_GP, return_to(0xe040 + rpl, 0));
#ifdef __x86_64__
	check_fault(VEC_GP, return_to(0, 0xe033));
	check_fault(VEC_GP, return_to(0, 0xe043));
	check_fault(VEC_GP, return_to(0, 0x4003));
#endif
	check_no_fault(return_to(0, 0));
	from_ldt();
	return_to_address(HYPERVISOR_VIRT_START + 0x1000);
	not_executed();
#ifdef __x86_64__
	return_to_address(CANONICAL_END);
	return_to_address(1ul << 63);
	in_syscall();
	end_of_canonical();
#endif
}
