/* SPDX-License-Identifier: MIT */
/*
 * Lab 2: runs the application against its kernel's secret while the page tables are as they should be, and while one
 * entry is not. What came of each experiment is told by two marks, its number and its outcome, and printed; what should have
 * come of it is not said here.
 */
#include "lab.h"
#include "mark.h"

const char test_title[] = "lab 2";

/* The grader knows these numbers. */
enum experiment {
	OWN,
	CLOSED,
	M2P,
	HYPERVISOR,
	OPEN,
	CLOSED_AGAIN,
	OPEN_WITHOUT_U,
	OPEN_WITH_U,
	CLOSED_WITH_U
};
enum outcome {
	FAULTS = 32, /* and the error code, to 32 + 31 */
	READS = 64,
	GETS_IT_WRONG,
	EXCEPTION,
	NO_ADDRESS,
	DOOR_REFUSED,
	DOOR_CHANGED = 96 /* and the number of entries, to 96 + 31 */
};

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

static void tell(enum experiment number, unsigned outcome)
{
	static const char *const names[] = {
	    "own",          "closed",         "m2p",         "hypervisor",   "open",
	    "closed-again", "open-without-u", "open-with-u", "closed-with-u"};

	if (outcome < READS)
		printk("EXPERIMENT %s: faults %u\n", names[number], outcome - FAULTS);
	else
		printk("EXPERIMENT %s: %s\n", names[number],
		       outcome == READS           ? "reads"
		       : outcome == GETS_IT_WRONG ? "gets it wrong"
		       : outcome == NO_ADDRESS    ? "no-address"
						  : "raises another exception");
	mark(outcome);
}

static unsigned fault_outcome(unsigned long code)
{
	return FAULTS + (code & 31);
}

/* The application reads at @address, where it should find @value. */
static void experiment(enum experiment number, unsigned long address, unsigned long value)
{
	struct user_exit x;

	mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	mark(number);
	x = user_run(address);
	if (x.syscall)
		tell(number, x.ax == value ? READS : GETS_IT_WRONG);
	else if (x.vector == VEC_PF && x.cr2 == address)
		tell(number, fault_outcome(x.error));
	else
		tell(number, EXCEPTION);
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
	mark(HYPERVISOR);
#ifdef __x86_64__
	FAULT_TRY(*(volatile unsigned long *)0xffff830000000000ul);
	tell(HYPERVISOR, fault.happened ? fault_outcome(fault.error) : READS);
#else
	tell(HYPERVISOR, NO_ADDRESS);
#endif
}

/* Open, and tell how many entries it took. */
static void open_and_tell(void)
{
	unsigned changed;
	int rc;

	tables_note();
	rc = open_door(secret);
	changed = tables_changed();
	printk("DOOR result %d, %u entries changed\n", rc, changed);
	mark(rc ? DOOR_REFUSED : DOOR_CHANGED + (changed < 31 ? changed : 31));
}

void test_main(void)
{
	unsigned long hidden, m2p = MACH2PHYS_VIRT_START, code = 0;
	size_t length =
	    attack_end - attack_begin; /* maybe less than a word: zeros follow in the application */

	judge_begins();
	secret = page_alloc();
	__asm__ volatile("rdtsc" : "=a"(hidden) : : "edx");
	*secret = hidden;
	secret_map(0);
	user_map(attack_begin, length);
	__builtin_memcpy(&code, attack_begin, length < sizeof(code) ? length : sizeof(code));

	experiment(OWN, USER_CODE, code);
	experiment(CLOSED, (unsigned long)secret, hidden);
	experiment(M2P, m2p, *(unsigned long *)m2p);
	kernel_reads_hypervisor();

	open_and_tell();
	experiment(OPEN, (unsigned long)secret, hidden);
	close_door(secret);
	experiment(CLOSED_AGAIN, (unsigned long)secret, hidden);

	open_and_tell();
	secret_map(0);
	experiment(OPEN_WITHOUT_U, (unsigned long)secret, hidden);
	secret_map(PTE_U);
	experiment(OPEN_WITH_U, (unsigned long)secret, hidden);
	close_door(secret);
	secret_map(PTE_U);
	experiment(CLOSED_WITH_U, (unsigned long)secret, hidden);
}
