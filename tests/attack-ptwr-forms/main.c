/* SPDX-License-Identifier: MIT */
/*
 * Stores into a read-only L1 in every form that the emulator knows, against the processor: each instruction is executed
 * twice with the same registers, on an entry of a live L1 by way of the emulator, and on a copy of the page in ordinary
 * memory. Either both leave the same memory, flags and registers, or the first is a page fault and changes nothing. Bit
 * instructions by a register reach up to 2^31 bits to either side of their operand; CMPXCHG8B and XCHG with any value;
 * the words beside the entry never change. The entry is not present, so that every value without the P bit is legal.
 */
#include "fw.h"

const char test_title[] = "attack-ptwr-forms";

#define ROUNDS 6000
#define ENTRY  100 /* the one that is written; all around it are watched */
#define FLAGS  0x8d5ul

struct registers {
	unsigned long a, b, c, d, at, flags;
};

#ifdef __x86_64__
#define SI "rsi"
#else
#define SI "esi"
#endif

static uint32_t seed = 4711;
static uint64_t movs_from __asm__("word") __attribute__((used)); /* what MOVS stores */
static pte_t copy[512] __attribute__((aligned(4096)));
static pte_t *live; /* read-only */

static uint32_t random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8 ^ seed << 24;
}

static uint64_t random64(void)
{
	return (uint64_t)random() << 32 | random();
}

/* The instruction with its memory operand at r->at, registers as named, flags before and behind. */
#ifdef __x86_64__
#define AT      "(%%rdi)"
#define POINTER "D"
#else
#define AT      "(%%edi)"
#define POINTER "D"
#endif
#define FORM(name, insn)                                                                               \
	static void name(struct registers *r)                                                          \
	{                                                                                              \
		__asm__ volatile("push %[f]; popf; " insn "; pushf; pop %[f]"                          \
				 : "+a"(r->a), "+c"(r->c), "+d"(r->d), "+D"(r->at), [f] "+S"(r->flags) \
				 : "b"(r->b)                                                           \
				 : "memory", "cc");                                                    \
	}
FORM(bts_l, "btsl %%ecx, " AT)
FORM(btr_l, "lock btrl %%ecx, " AT)
FORM(btc_l, "btcl %%ecx, " AT)
FORM(bts_w, "btsw %%cx, " AT)
FORM(bts_8, "lock btsl $77, " AT)
FORM(btc_8, "btcw $200, " AT)
FORM(add_l, "lock addl %%ecx, " AT)
FORM(sub_w, "subw %%cx, " AT)
FORM(and_b, "andb %%cl, " AT)
FORM(or_l, "orl $0x5a5a5a, " AT)
FORM(xor_b, "lock xorb $0x7e, " AT)
FORM(and_s, "andl $-3, " AT)
FORM(mov_b, "movb %%cl, " AT)
FORM(mov_w, "movw %%cx, " AT)
FORM(mov_l, "movl %%ecx, " AT)
FORM(mov_i, "movl $0xabcd00, " AT)
FORM(xchg_l, "xchgl %%ecx, " AT)
FORM(xchg_b, "xchgb %%cl, " AT)
FORM(cas_l, "lock cmpxchgl %%ecx, " AT)
FORM(cas_b, "cmpxchgb %%cl, " AT)
FORM(cas_8, "lock cmpxchg8b " AT)
FORM(stos_b, "cld; stosb")
FORM(stos_l, "std; stosl; cld")
FORM(rep_stos, "cld; and $3, %%ecx; rep stosl")
FORM(movs_l, "movl %%ecx, word; push %%" SI "; mov $word, %%" SI "; cld; movsl; pop %%" SI)
FORM(movs_w, "movw %%cx, word; push %%" SI "; mov $word, %%" SI "; std; movsw; cld; pop %%" SI)
FORM(none, "nop")
#ifdef __x86_64__
FORM(bts_q, "btsq %%rcx, " AT)
FORM(btr_q, "lock btrq %%rcx, " AT)
FORM(mov_q, "movq %%rcx, " AT)
FORM(xchg_q, "xchgq %%rcx, " AT)
FORM(cas_q, "lock cmpxchgq %%rcx, " AT)
FORM(add_q, "addq %%rcx, " AT)
FORM(or_q, "orq $-0x1000, " AT)
FORM(stos_q, "cld; stosq")
FORM(movs_q, "movq %%rcx, word; push %%rsi; mov $word, %%rsi; cld; movsq; pop %%rsi")
#endif

static void (*const forms[])(struct registers *r) = {
    bts_l, btr_l, btc_l,  bts_w,  bts_8, btc_8, add_l, sub_w,  and_b,  or_l,     xor_b,  and_s,  mov_b, mov_w,
    mov_l, mov_i, xchg_l, xchg_b, cas_l, cas_b, cas_8, stos_b, stos_l, rep_stos, movs_l, movs_w, none,
#ifdef __x86_64__
    bts_q, btr_q, mov_q,  xchg_q, cas_q, add_q, or_q,  stos_q, movs_q,
#endif
};
#define BY_REGISTER(f) ((f) == bts_l || (f) == btr_l || (f) == btc_l)

static uint64_t differences(void)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(copy); i++)
		bits |= copy[i] ^ live[i];
	return bits;
}

static void set_live(unsigned i, pte_t value)
{
	if (pte_write(((uint64_t)va_to_mfn(live) << 12) + i * sizeof(pte_t), value))
		error("an entry that is not present is refused");
	copy[i] = value;
}

/* Both executed from the same registers; the operand lies @offset bytes into the page. */
static void compare(unsigned form, const struct registers *start, unsigned long offset)
{
	struct registers ours = *start, real = *start;
	static pte_t before[512];
	bool faulted;

	__builtin_memcpy(before, copy, sizeof(copy));
	ours.at += (unsigned long)live + offset;
	real.at += (unsigned long)copy + offset;
	FAULT_TRY(forms[form](&ours));
	faulted = fault.happened;
	if (faulted) {
		if (fault.vector != VEC_PF || differences())
			failure("form %u: exception %u, and memory changed", form, fault.vector);
		return;
	}
	forms[form](&real);
	if (differences())
		failure("form %u, registers a %lx b %lx c %lx d %lx: memory differs in bits %llx", form,
			start->a, start->b, start->c, start->d, (unsigned long long)differences());
	if (ours.a != real.a || ours.c != real.c || ours.d != real.d || ours.flags != real.flags ||
	    ours.at - (unsigned long)live != real.at - (unsigned long)copy)
		failure("form %u: registers %lx %lx %lx flags %lx, not %lx %lx %lx %lx", form, ours.a, ours.c,
			ours.d, ours.flags, real.a, real.c, real.d, real.flags);
	for (unsigned i = 0; i < ARRAY_SIZE(copy); i++) /* the next one begins with legal entries */
		if (copy[i] != before[i])
			set_live(i, copy[i] & ~PTE_P);
}

static void one(unsigned form)
{
	struct registers r = {.a = random64(),
			      .b = random64(),
			      .c = random64(),
			      .d = random64(),
			      .flags = 0x202 | (random() & 0x8d5)};
	unsigned long offset = ENTRY * sizeof(pte_t) + (random() % 4 ? 0 : random() % 8);

	set_live(ENTRY, random64() & ~(pte_t)PTE_P);
	if (random() % 2) { /* what compares, finds what it looks for */
		r.a = copy[ENTRY];
		r.d = copy[ENTRY] >> 32;
	}
	if (random() % 2)
		r.c &= ~1ul;
	if (BY_REGISTER(forms[form])) {
		int32_t bit = random();

		r.c = (uint32_t)bit;
		r.at = -(long)(bit >> 5) * 4; /* so that the bit lies in the entry after all */
	} else if (forms[form] == bts_w) {
		r.at = -(long)((int16_t)r.c >> 4) * 2;
#ifdef __x86_64__
	} else if (forms[form] == bts_q || forms[form] == btr_q) {
		r.c = (long)(int32_t)random();
		r.at = -((long)r.c >> 6) * 8;
#endif
	}
	compare(form, &r, offset);
}

void test_main(void)
{
	unsigned done = 0, by_form[ARRAY_SIZE(forms)] = {0};

	live = page_alloc();
	if (page_set_ro(live, true) || mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(live), 0))
		error("no live L1");
	check_eq(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(copy); i++)
		set_live(i, random64() & ~(pte_t)PTE_P);
	for (unsigned i = 0; i < ROUNDS; i++) {
		one(i % ARRAY_SIZE(forms));
		done += !fault.happened;
		by_form[i % ARRAY_SIZE(forms)] += !fault.happened;
	}
	printk("%u of %u stores done, the others refused\n", done, ROUNDS);
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		if (!by_form[i])
			failure("form %u was never done", i);
	check_eq(differences(), 0);
}
