/* SPDX-License-Identifier: MIT */
/*
 * Returns that the processor refuses. iret to a selector beyond the table, to a data segment, to a system
 * selector of the hypervisor, to a stack segment that is none, to an address that is not canonical: the
 * guest gets a fault with that selector, and the hypervisor none. A code segment in an LDT page that the
 * processor has not looked at yet can be returned to.
 */
#include "fw.h"

const char test_title[] = "attack-return";

static unsigned long new_cs, new_ss;
static bool armed;

/* Change where the exception's own iret will go. */
static bool on_ud(struct frame *f)
{
	if (f->vector != VEC_UD || !armed)
		return false;
	armed = false;
	f->ip += 2;
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
}
