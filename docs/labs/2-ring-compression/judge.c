/* SPDX-License-Identifier: MIT */
/*
 * Lab 2: runs the application against its kernel's secret while the page tables are as they should be, and while one
 * entry is not. Each experiment prints what came of it; what should have come of it is not said here.
 */
#include "lab.h"

const char test_title[] = "lab 2";

#define LEAF (PTE_P | PTE_RW | PTE_A | PTE_D)

static unsigned long *secret;

/* Tables that a door may be in: those that lead to the secret, and the application's own root. */
static pte_t *tables[ROOT_LEVEL + 1], before[ROOT_LEVEL + 1][512];

static void tables_note(void)
{
	for (int level = 1; level <= ROOT_LEVEL; level++)
		tables[level - 1] =
		    (pte_t *)((unsigned long)pte_of((unsigned long)secret, level) & ~(PAGE_SIZE - 1));
	if (user_root_mfn())
		tables[ROOT_LEVEL] = mfn_to_va(user_root_mfn());
	for (int t = 0; t <= ROOT_LEVEL; t++)
		if (tables[t])
			__builtin_memcpy(before[t], tables[t], PAGE_SIZE);
}

/* Entries that differ from what was noted; the processor's own marks do not count. */
static unsigned tables_changed(void)
{
	unsigned changed = 0;

	for (int t = 0; t <= ROOT_LEVEL; t++)
		for (unsigned i = 0; tables[t] && i < (ROOT_LEVEL == 3 && t == 2 ? 4 : 512); i++)
			changed += ((tables[t][i] ^ before[t][i]) & ~(PTE_A | PTE_D)) != 0;
	return changed;
}

/* The application reads at @address, where it should find @value. */
static void experiment(const char *name, unsigned long address, unsigned long value)
{
	struct user_exit x;

	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	x = user_run(address);
	if (x.syscall)
		printk("EXPERIMENT %s: %s\n", name, x.ax == value ? "reads" : "gets-it-wrong");
	else if (x.vector == VEC_PF && x.cr2 == address)
		printk("EXPERIMENT %s: faults %lu\n", name, x.error);
	else
		printk("EXPERIMENT %s: exception %u at %lx\n", name, x.vector, x.ip);
}

/* The kernel's own entry for the secret, with the bit U or without. */
static void secret_map(pte_t user)
{
	hypercall_update_va_mapping((unsigned long)secret, (pte_t)va_to_mfn(secret) << 12 | LEAF | user,
				    UVMF_INVLPG);
}

/* The hypervisor's map of all memory, from the kernel. A 32-bit guest has no address for it. */
static void kernel_reads_hypervisor(void)
{
#ifdef __x86_64__
	FAULT_TRY(*(volatile unsigned long *)0xffff830000000000ul);
	if (fault.happened)
		printk("EXPERIMENT hypervisor: faults %lu\n", fault.error);
	else
		printk("EXPERIMENT hypervisor: reads\n");
#else
	printk("EXPERIMENT hypervisor: no-address\n");
#endif
}

/* Open, and tell how many entries it took. */
static void open_and_tell(void)
{
	int result;

	tables_note();
	result = open_door(secret);
	printk("DOOR result %d, %u entries changed\n", result, tables_changed());
}

void test_main(void)
{
	unsigned long hidden, m2p = MACH2PHYS_VIRT_START, code = 0;
	size_t length =
	    attack_end - attack_begin; /* maybe less than a word: zeros follow in the application */

	secret = page_alloc();
	__asm__ volatile("rdtsc" : "=a"(hidden) : : "edx");
	*secret = hidden;
	secret_map(0);
	user_map(attack_begin, length);
	__builtin_memcpy(&code, attack_begin, length < sizeof(code) ? length : sizeof(code));

	experiment("own", USER_CODE, code);
	experiment("closed", (unsigned long)secret, hidden);
	experiment("m2p", m2p, *(unsigned long *)m2p);
	kernel_reads_hypervisor();

	open_and_tell();
	experiment("open", (unsigned long)secret, hidden);
	close_door(secret);
	experiment("closed-again", (unsigned long)secret, hidden);

	open_and_tell();
	secret_map(0);
	experiment("open-without-u", (unsigned long)secret, hidden);
	secret_map(PTE_U);
	experiment("open-with-u", (unsigned long)secret, hidden);
	close_door(secret);
	secret_map(PTE_U);
	experiment("closed-with-u", (unsigned long)secret, hidden);
}
