/* SPDX-License-Identifier: MIT */
/*
 * VMASST_TYPE_writable_pagetables: a kernel's write to the read-only mapping of a live L1 is emulated, for
 * plain moves and locked read-modify-writes of any size, as if it were an mmu_update. A value that mmu_update
 * would refuse and a write to an upper table are page faults and change nothing.
 */
#include "fw.h"

const char test_title[] = "pv-writable-pagetables";

static char target[4096] __attribute__((aligned(4096)));
static char other[4096] __attribute__((aligned(4096)));

/* By a MOV from one register to where another points. */
#define STORE(where, value) __asm__ volatile("mov %1, (%0)" ::"r"(where), "r"(value) : "memory")

/* Parts of an entry change at their own places only. */
static void not_aligned(volatile pte_t *entry)
{
	pte_t before = *entry;

	for (unsigned offset = 1; offset < 8; offset++)
		if (offset % sizeof(long)) {
			check_fault(VEC_PF, STORE((char *)entry + offset, 0ul));
			check(*entry == before);
			check_fault(VEC_PF,
				    __asm__ volatile("lock andl $0, (%0)" ::"r"((char *)entry + offset % 4)));
			check(*entry == before);
			offset += offset % 4 == 3;
		}
}

/* Ring 3: a store to the address in the argument. */
#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: mov %eax, (%rdi)\n syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code: " USER_SEGMENTS
	"mov %eax, (%ebx)\n int $0x80\nuser_end:\n.popsection");
#endif
extern const char user_code[], user_end[];

/* An application that is shown its kernel's table may not use what is allowed to the kernel alone. */
static void application(volatile pte_t *entry)
{
	unsigned long at = (USER_CODE + USER_STACK) / 2, offset = (unsigned long)entry & 4095;
	pte_t before = *entry;
	struct user_exit x;

	user_map(user_code, user_end - user_code);
	check_eq(pte_write(pte_maddr(at, 1),
			   (pte_t)va_to_mfn((void *)((unsigned long)entry & ~4095ul)) << 12 | PTE_P | PTE_U),
		 0);
	check_eq(*(volatile pte_t *)(at + offset), before); /* so it is there */
	x = user_run(at + offset);
	check(!x.syscall);
	check_eq(x.vector, VEC_PF);
	check_eq(x.error, 7);
	check(*entry == before);
}

/* A store that begins in a page of data and ends in the table behind it: neither changes. */
static void across_pages(unsigned long table)
{
	static char pair[2][4096] __attribute__((aligned(4096)));
	volatile unsigned long *store = (void *)(pair[1] - sizeof(long) / 2);
	unsigned long own = va_to_mfn(pair[1]);
	pte_t before;

	check_eq(hypercall_update_va_mapping((unsigned long)pair[1], (pte_t)table << 12 | PTE_P, UVMF_INVLPG),
		 0);
	before = *(volatile pte_t *)pair[1];
	check_fault(VEC_PF, STORE(store, 0x5a5a5000ul));
	check_eq(fault.cr2, (unsigned long)pair[1]);
	check(*(volatile pte_t *)pair[1] == before);
	check_eq(*(volatile unsigned *)(pair[1] - 4), 0);
	check_eq(hypercall_update_va_mapping((unsigned long)pair[1], (pte_t)own << 12 | PTE_P | PTE_RW,
					     UVMF_INVLPG),
		 0);
}

void test_main(void)
{
	unsigned long va = (unsigned long)target;
	volatile pte_t *entry = pte_of(va, 1);
	volatile unsigned long *low = (volatile unsigned long *)entry;
	const pte_t mine = *entry;
	const unsigned long to_other = va_to_mfn(other) << 12 | (mine & 0xfff);

	target[0] = 1;
	other[0] = 2;

	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	/* Plain moves. */
	check_no_fault(*low = to_other);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_eq(*(volatile char *)target, 2);
	check_no_fault(*low = (unsigned long)mine);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_eq(*(volatile char *)target, 1);

	/* With an index, whose byte says more than where: to another page and back. */
	check_no_fault(
	    __asm__ volatile("mov %2, (%0,%1,8)" ::"r"((unsigned long)low - 24), "r"(3ul), "r"(to_other)
			     : "memory"));
	check_eq(*low, to_other);
	check_no_fault(__asm__ volatile("mov %2, 8(%0,%1)" ::"r"(low), "r"(-8ul), "r"((unsigned long)mine)
					: "memory"));
	check_eq(*low, (unsigned long)mine);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);

	/* Locked ones. The entry is read-only, then not present, then whole again. */
	check_no_fault(__asm__ volatile("lock andb $0xfd, %0" : "+m"(*(volatile char *)entry)));
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_fault(VEC_PF, *(volatile char *)target = 3);
	check_no_fault(__asm__ volatile("lock btrl $0, %0" : "+m"(*(volatile uint32_t *)entry)));
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_fault(VEC_PF, *(volatile char *)target);
	pte_t was = 0;
	check_no_fault(was = __atomic_exchange_n(low, (unsigned long)mine, __ATOMIC_SEQ_CST));
	check((was & (PTE_P | PTE_RW)) == 0);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_eq(*(volatile char *)target, 1);

	/* cmpxchg: with the wrong old value nothing changes, with the right one it does. */
	unsigned long expect = 0;
	check_no_fault(
	    __atomic_compare_exchange_n(low, &expect, to_other, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	check((*entry & PTE_ADDR) == (mine & PTE_ADDR));
	bool swapped = false;
	check_no_fault(swapped = __atomic_compare_exchange_n(low, &expect, to_other, false, __ATOMIC_SEQ_CST,
							     __ATOMIC_SEQ_CST));
	check(swapped);
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);
	check_eq(*(volatile char *)target, 2);
	*low = (unsigned long)mine;
	mmuext1(MMUEXT_INVLPG_LOCAL, va, 0);

	/* Refused: a writable mapping of the page table itself, and of the root. */
	unsigned long self = va_to_mfn((void *)((unsigned long)entry & ~4095ul)) << 12 | (mine & 0xfff);
	check_fault(VEC_PF, *low = self);
	check((*entry & PTE_ADDR) == (mine & PTE_ADDR));
	check_fault(VEC_PF, *low = root_mfn() << 12 | (mine & 0xfff));
	check((*entry & PTE_ADDR) == (mine & PTE_ADDR));

	not_aligned(entry);
	application(entry);
	across_pages(va_to_mfn((void *)((unsigned long)entry & ~4095ul)));

	/* Upper tables are not covered. */
	volatile unsigned long *upper = (volatile unsigned long *)pte_of(va, 2);
	check_fault(VEC_PF, *upper = *upper);
}
