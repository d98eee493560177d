/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables, and a TLB that remembers. An emulated read-modify-write must not believe the translation by
 * which it came: the address may lead to another page table by now. It ends, and works on what the tables say.
 * With one vCPU: the hypervisor itself has read through the address before it was made to lead elsewhere, without a
 * flush. With two, the second one moves the address while the first one's store is being emulated, which takes the mapping
 * of a page away or makes it again, in either table.
 */
#include "time.h"

const char test_title[] = "attack-ptwr-stale";

#define RO     (PTE_P | PTE_A)
#define ENTRY  64 /* of both tables: empty in the first, a mapping in the second */
#define ROUNDS 400

static char window[4096] __attribute__((aligned(4096)));
static char other[4096] __attribute__((aligned(4096)));
static pte_t *first, *second, to_first, to_second;
static volatile unsigned long started, go, done;

static pte_t leaf(const void *page)
{
	return (pte_t)va_to_mfn(page) << 12 | RO;
}

static volatile uint32_t *entry_in_window(void)
{
	return (volatile uint32_t *)(window + ENTRY * sizeof(pte_t));
}

static void swap(uint32_t *value)
{
	FAULT_TRY(__asm__ volatile("xchg %0, %1" : "+r"(*value), "+m"(*entry_in_window())));
}

/* The hypervisor reads an mmu_update request there, and the processor remembers the way for it. */
static void stale_window(void)
{
	check_eq(hypercall_update_va_mapping((unsigned long)window, to_first, UVMF_INVLPG), 0);
	hypercall_mmu_update((void *)entry_in_window(), 1, NULL, DOMID_SELF);
	check_eq(hypercall_update_va_mapping((unsigned long)window, to_second, 0), 0);
}

static void one_vcpu(void)
{
	uint32_t low = second[ENTRY], value = 0;

	stale_window();
	FAULT_TRY(__asm__ volatile("lock orl %1, %0" : "+m"(*entry_in_window()) : "i"(PTE_D)));
	check(!fault.happened);
	check_eq(first[ENTRY], 0);
	check_eq((uint32_t)second[ENTRY], low | PTE_D);

	stale_window();
	swap(&value);
	check(!fault.happened);
	check_eq(value, low | PTE_D); /* what the tables lead to, not what the translation did */
	check_eq(first[ENTRY], 0);
	check_eq((uint32_t)second[ENTRY], 0);
}

/* In each round the way is changed once, some time after the other has begun, and no flush is asked for. */
static void mover(void)
{
	uint64_t at = pte_maddr((unsigned long)window, 1);
	unsigned long round = 0;

	started = 1;
	for (;;) {
		while (go == round)
			;
		round = go;
		for (volatile unsigned i = 0; i < (round * 37 & 255); i++)
			;
		pte_write(at, to_second);
		done = round;
	}
}

static void two_vcpus(void)
{
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, vcpu_context(mover)), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	while (!started)
		;
	for (unsigned long i = 1; i <= ROUNDS; i++) {
		check_eq(hypercall_update_va_mapping((unsigned long)window, to_first, UVMF_INVLPG | UVMF_ALL),
			 0);
		go = i;
		FAULT_TRY(__asm__ volatile("lock xorl %1, %0" : "+m"(*entry_in_window()) : "i"(PTE_P)));
		check(!fault.happened);
		while (done != i)
			;
	}
}

void test_main(void)
{
	first = page_alloc();
	second = page_alloc();
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	second[ENTRY] = leaf(other);
	table_ready(first);
	table_ready(second);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(first), 0), 0);
	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(second), 0), 0);
	to_first = leaf(first);
	to_second = leaf(second);
	one_vcpu();
	check_eq(pte_write(((uint64_t)va_to_mfn(first) << 12) + ENTRY * sizeof(pte_t), leaf(other)), 0);
	check_eq(pte_write(((uint64_t)va_to_mfn(second) << 12) + ENTRY * sizeof(pte_t), leaf(other)), 0);
	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) != -XEN_ENOENT)
		two_vcpus();
}
