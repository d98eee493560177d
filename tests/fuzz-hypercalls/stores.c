/* SPDX-License-Identifier: MIT */
/* Stores by every kind of instruction, aligned or not, into data, into tables through their read-only mappings (which the
 * hypervisor then does by itself), through linear tables, and through addresses that were just mapped to something else
 * without a flush. */
#include "fuzz.h"

#define LINEAR_SLOT \
	400u /* of the L2 that maps the kernel: that L2 once more, so each of its L1s is seen there */

static unsigned long linear;

void stores_init(void)
{
	unsigned long va = VIRT_BASE + ((unsigned long)LINEAR_SLOT << 21);
	uint64_t entry = pte_maddr(VIRT_BASE, 2) + LINEAR_SLOT * sizeof(pte_t);

	if (!pte_write(entry, (entry & PTE_ADDR) | PTE_P | PTE_A | PTE_U))
		linear = va;
}

/* The entry that maps @va, as the linear table shows it. */
static unsigned long linear_entry(unsigned long va)
{
	return linear + ((va - VIRT_BASE) >> 12) * sizeof(pte_t);
}

/* Bits by an offset of up to 2^31 (or, with @wide, 2^63): the base lies so far off that the sum is @va again. */
static void bits(struct fuzz *f, unsigned long va, bool wide)
{
	long offset = wide ? (long)(random64(f) >> below(f, 64)) : (int32_t)(random64(f) >> below(f, 32));
	unsigned long base = va - (offset >> 3);

	switch (below(f, 6)) {
	case 0:
		FAULT_TRY(__asm__ volatile("btsl %1, (%0)" : : "r"(base), "r"((int)offset) : "memory", "cc"));
		break;
	case 1:
		FAULT_TRY(__asm__ volatile("btrl %1, (%0)" : : "r"(base), "r"((int)offset) : "memory", "cc"));
		break;
	case 2:
		FAULT_TRY(__asm__ volatile("lock btcl %1, (%0)"
					   :
					   : "r"(base), "r"((int)offset)
					   : "memory", "cc"));
		break;
	case 3:
		FAULT_TRY(__asm__ volatile("btsw %w1, (%0)"
					   :
					   : "r"(va - ((short)offset >> 3)), "r"(offset)
					   : "memory", "cc"));
		break;
	case 4:
		FAULT_TRY(__asm__ volatile("lock bts %1, (%0)" : : "r"(base), "r"(offset) : "memory", "cc"));
		break;
	default:
		FAULT_TRY(__asm__ volatile("btc %1, (%0)" : : "r"(base), "r"(offset) : "memory", "cc"));
	}
}

static void compare(struct fuzz *f, unsigned long va, uint64_t value)
{
	uint64_t old = 0;

	if (!one_in(f, 4))
		FAULT_TRY(old = *(volatile uint64_t *)va);
#ifdef __x86_64__
	if (one_in(f, 2)) {
		FAULT_TRY(__asm__ volatile("lock cmpxchg16b (%0)"
					   :
					   : "r"(va & (one_in(f, 8) ? ~0ul : ~15ul)), "a"(old), "d"(value),
					     "b"(value), "c"(old)
					   : "memory", "cc"));
		return;
	}
	FAULT_TRY(__asm__ volatile("cmpxchg8b (%0)"
				   :
				   : "r"(va), "a"((uint32_t)old), "d"(old >> 32), "b"((uint32_t)value),
				     "c"(value >> 32)
				   : "memory", "cc"));
#else
	FAULT_TRY(__asm__ volatile("push %%ebx; mov %4, %%ebx; lock cmpxchg8b (%0); pop %%ebx"
				   :
				   : "D"(va), "a"((uint32_t)old), "d"((uint32_t)(old >> 32)),
				     "c"((uint32_t)(value >> 32)), "S"((uint32_t)value)
				   : "memory", "cc"));
#endif
}

/* At most to the end of the arena, from within it. */
static void strings(struct fuzz *f, unsigned long va, uint64_t value)
{
	unsigned long n = 1 + below(f, one_in(f, 8) ? 600 : 6), from = arena_va(f);

	if (va - (unsigned long)arena >= sizeof(arena) - 8 * n ||
	    from - (unsigned long)arena >= sizeof(arena) - 8 * n)
		return;
	switch (below(f, 4)) {
	case 0:
		FAULT_TRY(__asm__ volatile("rep stosb"
					   : "+D"(va), "+c"(n)
					   : "a"((unsigned long)value)
					   : "memory"));
		break;
	case 1:
		FAULT_TRY(__asm__ volatile("rep stosl"
					   : "+D"(va), "+c"(n)
					   : "a"((unsigned long)value)
					   : "memory"));
		break;
	case 2:
		FAULT_TRY(__asm__ volatile("rep movsb" : "+D"(va), "+S"(from), "+c"(n) : : "memory"));
		break;
	default:
		FAULT_TRY(__asm__ volatile("rep movsl" : "+D"(va), "+S"(from), "+c"(n) : : "memory"));
	}
}

static void simple(struct fuzz *f, unsigned long va, unsigned long value)
{
	static uint64_t old;

#define FORM(number, text)                                                                              \
	case number:                                                                                    \
		FAULT_TRY(__asm__ volatile(text : "+a"(value) : "b"(va), "c"(value) : "memory", "cc")); \
		break
	switch (below(f, 16)) {
		FORM(0, "movb %%al, (%1)");
		FORM(1, "movw %%ax, (%1)");
		FORM(2, "movl %%eax, (%1)");
		FORM(3, "xchg %0, (%1)");
		FORM(4, "xchgl %%eax, (%1)");
		FORM(5, "lock xadd %0, (%1)");
		FORM(6, "lock orl %%eax, (%1)");
		FORM(7, "and %0, (%1)");
		FORM(8, "addl $1, (%1)");
		FORM(9, "lock decb (%1)");
		FORM(10, "notw (%1)");
		FORM(11, "lock cmpxchg %2, (%1)");
		FORM(12, "setc (%1)");
		FORM(13, "shldl $3, %%eax, (%1)");
		FORM(14, "movnti %0, (%1)");
	default:
		FAULT_TRY(old = *(volatile uint64_t *)va; *(volatile uint64_t *)va = old ^ value);
	}
#undef FORM
}

/* A read-only mapping of a table, here a second one: of some L1 of ours, or of the arena's own. */
static void map_table(struct fuzz *f, unsigned long va)
{
	int level;
	uint64_t live = live_entry(f, &level);
	pte_t table = one_in(f, 2) ? live & PTE_ADDR : (pte_t)va_to_mfn(arena[page_for(f, 1)]) << 12;

	if (level == 1)
		call_va_mapping(f, va, table | PTE_P | PTE_A | PTE_U, below(f, 3), -1);
}

/* Make @va something else, whose old translation the TLB has: by its entry, without a TLB flush. */
static void remap(struct fuzz *f, unsigned long va)
{
	struct mmu_update *u = buffer(f, sizeof(*u));
	uint32_t seen;

	FAULT_TRY(seen = *(volatile uint32_t *)va; (void)seen);
	u->ptr = arena_entry((va - (unsigned long)arena) / 4096);
	u->val = any_pte(f, 1);
	call(f, __HYPERVISOR_mmu_update, (unsigned long)u, 1, 0, DOMID_SELF, 0);
}

void do_hard_store(struct fuzz *f)
{
	unsigned long va = arena_va(f);
	uint64_t value = one_in(f, 2) ? any_pte(f, 1) : any_word(f);

	if (!f->first || f->queueing)
		return;
	if (!one_in(f, 4))
		hook_arena();
	if (one_in(f, 3))
		map_table(f, va);
	else if (one_in(f, 4))
		call_va_mapping(f, va & ~4095ul,
				(pte_t)va_to_mfn((void *)(va & ~4095ul)) << 12 | PTE_P | PTE_RW | PTE_A,
				UVMF_INVLPG, -1);
	if (one_in(f, 3))
		remap(f, va);
	if (linear && one_in(f, 4))
		va = linear_entry(va) + (one_in(f, 6) ? below(f, 8) : 0);
	f->calls++;
	switch (below(f, 5)) {
	case 0:
		bits(f, va, sizeof(long) == 8 && one_in(f, 4));
		break;
	case 1:
		compare(f, va, value);
		break;
	case 2:
		strings(f, va, value);
		break;
	default:
		simple(f, va, value);
	}
	worked[STORED] += !fault.happened;
}
