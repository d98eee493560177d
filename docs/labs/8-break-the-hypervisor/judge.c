/* SPDX-License-Identifier: MIT */
/*
 * Lab 8: makes a page table, lets one attack loose on it (option attack=table, linear, tlb or pointer), and looks at what it
 * holds then. Prints what became of the attack:
 *	RETURNED n	or	FAULTED vector
 *	LOOT entry slot	or	HELD
 * and tells the same by marks: the vector, or RETURNED - n; LOOT or HELD.
 */
#include "lab.h"
#include "mark.h"

const char test_title[] = "lab 8: break the hypervisor";

enum {
	RETURNED = 32, /* a vector is less; an error number, to 32 + 40 */
	LOOT = 120,
	HELD
};

#define ENTRIES (PAGE_SIZE / sizeof(pte_t))

char own_page[4096] __attribute__((aligned(4096)));
char window[4096] __attribute__((aligned(4096)));

pte_t loot(void)
{
	return (pte_t)root_mfn() << 12 | PTE_P | PTE_RW;
}

long hook_l2(pte_t *l2)
{
#ifdef __x86_64__
	pte_t *l3 = page_alloc();

	l3[HOLE >> 30] = (pte_t)va_to_mfn(l2) << 12 | PTE_P | PTE_RW | PTE_U | PTE_A;
	table_ready(l2);
	table_ready(l3);
	return pte_write(pte_maddr(HOLE, 4), (pte_t)va_to_mfn(l3) << 12 | PTE_P | PTE_RW | PTE_U | PTE_A);
#else
	table_ready(l2);
	return pte_write(pte_maddr(HOLE, 3), (pte_t)va_to_mfn(l2) << 12 | PTE_P);
#endif
}

static void make_table(pte_t *page)
{
	if (mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(page), 0))
		error("the page does not become a table: a writable mapping is left");
}

/* Would the hypervisor write this entry, if it were asked? */
static bool refused(pte_t *table, pte_t pte)
{
	return pte_write((uint64_t)va_to_mfn(table) << 12, pte) != 0;
}

static void look(pte_t *victim, pte_t *table)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (victim[i] & PTE_P && refused(table, victim[i])) {
			printk("LOOT %llx %u\n", (unsigned long long)victim[i], i);
			mark(LOOT);
			return;
		}
	printk("HELD\n");
	mark(HELD);
}

static void attack(long (*how)(pte_t *victim), pte_t *victim)
{
	long rc = 0;

	FAULT_TRY(rc = how(victim));
	if (fault.happened)
		printk("FAULTED %u\n", fault.vector);
	else
		printk("RETURNED %ld\n", rc);
	mark(fault.happened ? fault.vector & 31 : RETURNED + (rc > -40 && rc <= 0 ? (unsigned)-rc : 40));
}

static bool chosen(const char *name)
{
	const char *option = (const char *)start_info->cmd_line;

	for (const char *want = "attack="; *want; want++, option++)
		if (*option != *want)
			error("no option attack=");
	while (*name && *name == *option)
		name++, option++;
	return !*name && !*option;
}

void test_main(void)
{
	pte_t *victim = page_alloc(), *table = page_alloc();

	judge_begins();
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	table_ready(table);
	make_table(table);
	if (chosen("tlb"))
		prepare_tlb(victim);
	else
		table_ready(victim);
	make_table(victim);
	if (chosen("table"))
		attack(attack_table, victim);
	else if (chosen("linear"))
		attack(attack_linear, victim);
	else if (chosen("tlb"))
		attack(attack_tlb, victim);
	else if (chosen("pointer"))
		attack(attack_pointer, victim);
	else
		error("there is no such attack");
	look(victim, table);
}
