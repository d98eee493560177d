/* SPDX-License-Identifier: MIT */
/* Hostile descriptors and gates, and returns to everywhere. */
#include "hostile.h"

#define OWN_ENTRIES 9   /* those of kernel.asm: what the rest of this program needs */
#define ENTRIES     512 /* as many as an fv domain has; further ones name what the hypervisor lends */
#define OWN_GATES   64
#define CODE0       0x08
#define DATA0       0x10
#define CODE3       0x2b
#define DATA3       0x33
#define P           0x80u
#define S           0x10u

static uint64_t table[ENTRIES] __attribute__((aligned(16)));
static uint64_t gates[256] __attribute__((aligned(16)));

static uint64_t descriptor(uint8_t access, uint8_t flags)
{
	return 0x000f00000000ffffull | (uint64_t)access << 40 | (uint64_t)flags << 52;
}

/* A gate, or a system segment whose base or target is @to. */
static uint64_t gate(uint8_t access, uint16_t selector, uint32_t to)
{
	return (to & 0xffff) | (uint64_t)selector << 16 | (uint64_t)access << 40 | (uint64_t)(to >> 16) << 48;
}

static void load(routine *which, const void *base, uint32_t size)
{
	table_register = (struct table_register){size - 1, (uintptr_t)base};
	attempt(which);
}

/* Descriptor number n: each type, each privilege, each of G, D, L, AVL; gates lead to our landing by our ring 0. */
static uint64_t nasty(unsigned n)
{
	uint8_t access = P | n % 128, flags = n / 128 % 16;

	return access & S ? descriptor(access, flags) : gate(access, CODE0, (uintptr_t)landing);
}

static void fill(unsigned from)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = i < OWN_ENTRIES ? gdt[i] : nasty(from + i);
	load(load_gdtr, table, sizeof(table));
}

/* It came back: as 32-bit code? (hostile.asm, landing) */
static void arrive(routine *how, uint32_t selector)
{
	uint32_t ax;

	fault_vector = 0;
	far_pointer[0] = (uintptr_t)landing;
	far_pointer[1] = selector;
	if (!attempt(how))
		return;
	ax = run(how, 0);
	if (fault_vector < 0 && !(ax & 1))
		wrong("64-bit code by selector", selector);
}

void case_far(void)
{
	static routine *const ways[] = {far_jump, far_call, far_return, far_return_outer, interrupt_return};
	static routine *const loads[] = {load_ds, load_es, load_fs, load_gs, load_ldt, look_at_selector};

	frame_flags = 2;
	frame_esp = 0x90000;
	for (unsigned round = 0; round < 2048; round += ENTRIES - OWN_ENTRIES) {
		fill(round);
		for (unsigned i = OWN_ENTRIES; i < ENTRIES; i += 3) {
			unsigned n = i % 5;

			for (unsigned rpl = 0; rpl < 4; rpl++) {
				frame_ss = rpl == 3 ? DATA3 : DATA0;
				arrive(ways[n], i * 8 | rpl);
			}
			operand = i * 8 | (i & 7);
			attempt(loads[i % COUNT(loads)]);
		}
	}
	/* Beyond the table, in an LDT that does not exist, and where the hypervisor has its own descriptors. */
	for (uint32_t selector = 0; selector < 0x10000; selector += 5)
		if (selector / 8 >= ENTRIES || (selector & 4)) {
			arrive(ways[selector % COUNT(ways)], selector);
			operand = selector;
			attempt(loads[selector / 8 % COUNT(loads)]);
		}
	load(load_gdtr, gdt, OWN_ENTRIES * 8);
}

static void own_gates(void)
{
	for (unsigned i = 0; i < COUNT(gates); i++)
		gates[i] = i < OWN_GATES ? idt[i] : 0;
}

/* An interrupt or trap gate that is present, but leads to no code of ring 0: on the way to its handler a processor finds
 * another fault, and here the domain ends. */
static bool is_slippery(uint64_t g)
{
	uint16_t selector = g >> 16;

	return (g >> 40 & 0x9e) == 0x8e && (selector | 3) != (CODE0 | 3);
}

void case_int(void)
{
	static const uint16_t selectors[] = {CODE0,     CODE0 | 3, CODE3,  DATA0, 0,
					     CODE0 | 4, 0x38,      0xe030, 0xfff8};

	for (unsigned n = 0; n < 32; n++) /* exceptions by number, without the error codes that some have */
		run((routine *)interrupts[n], 0);
	/* Gates of every type and privilege, to every selector, in every place, from every ring. Some are entered; of the others
	 * comes #GP or #NP, by the gates that are as they should be. */
	for (unsigned access = 0; access < 256; access++) {
		own_gates();
		for (unsigned n = OWN_GATES; n < 256; n++)
			gates[n] = gate(access, selectors[n % COUNT(selectors)], (uintptr_t)landing);
		load(load_idtr, gates, sizeof(gates) - access / 16 * 64 - 4);
		for (unsigned n = OWN_GATES; n < 256; n += 7)
			if (!is_slippery(gates[n]))
				for (unsigned ring = 0; ring < 4; ring += 3) {
					run((routine *)interrupts[n], ring);
					if (fault_vector >= 0 && fault_vector != 13 && fault_vector != 11)
						wrong("exception from a gate", fault_vector);
				}
	}
	own_gates();
	load(load_idtr, gates, sizeof(gates));
	/* From ring 3, where no gate allows it. */
	for (unsigned n = 0; n < OWN_GATES; n++)
		if (n != 0x30) {
			run((routine *)interrupts[n], 3);
			if (fault_vector != 13)
				wrong("INT from ring 3", n);
		}
	load(load_idtr, idt, OWN_GATES * 8);
}

void case_iret(void)
{
	static const uint16_t selectors[] = {CODE0, CODE3, 0x18,   DATA0,  0,     CODE0 | 4,
					     0x38,  0x40,  0xe008, 0xe030, 0xfff8};
	static const uint16_t stacks[] = {DATA0, DATA3, 0, 0x22, 0x38, 0xe02b};

	for (unsigned s = 0; s < COUNT(selectors); s++)
		for (unsigned rpl = 0; rpl < 4; rpl++)
			for (unsigned bit = 0; bit < 33; bit++) {
				if (bit == 17 ||
				    bit == 8) /* virtual-8086 mode: die_vm86(); single steps: below */
					continue;
				frame_flags = bit < 32 ? 2u | 1u << bit : 0xfffcfed7;
				frame_ss = stacks[(s + bit) % COUNT(stacks)] | rpl;
				frame_esp = 0x90000;
				far_pointer[0] = (uintptr_t)landing;
				far_pointer[1] = (selectors[s] & ~3u) | rpl;
				attempt(interrupt_return);
				attempt(far_return_outer);
			}
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t got;

		frame_flags = 2u | 1u << bit;
		got = run(flags_pop, 0);
		if (fault_vector < 0 && (got & 0x20000))
			wrong("VM in the flags after POPF of bit", bit);
	}
	frame_flags = 0x102;
	far_pointer[1] = CODE0;
	attempt(interrupt_return);
	attempt(flags_pop);
}

/* ---- what ends it ---- */

/* A table that wraps, or is not there: no handler can be found for what comes next. */
void die_gdt(void)
{
	load(load_gdtr, (void *)0xfffffff0, 0x10000);
	far_pointer[0] = (uintptr_t)landing;
	far_pointer[1] = 0x100;
	attempt(far_jump);
	wrong("a GDT that is not there", 0);
}

void die_idt(void)
{
	load(load_idtr, (void *)0xffffff80, 0x10000);
	attempt((routine *)interrupts[3]);
	wrong("an IDT that is not there", 0);
}

/* No stack for a fault in ring 3. */
void die_tss(void)
{
	tss[1] = NOT_THERE;
	tss[2] = 0x8;
	gdt[7] = 0x0000890000000004; /* five bytes of it, at 0 */
	operand = 0x38;
	attempt(load_tr);
	run((routine *)interrupts[3], 3);
	wrong("a TSS that is none", 0);
}

void die_stack(void)
{
	operand = 6;
	attempt(stack_at);
	operand = 0;
	attempt(stack_at);
	/* Nothing there remembers what is pushed; but no code here returns by it. */
	operand = NOT_THERE;
	attempt(stack_at);
}

/* Stack segments that are not flat: of 16 bits, growing down, with a base, too small. */
void die_ss(void)
{
	static const uint64_t odd[] = {0x008f92000000ffff, 0x00cf96000000ffff, 0x00cf92100000ffff,
				       0x0040920000000000};

	for (unsigned i = 0; i < COUNT(odd); i++)
		table[OWN_ENTRIES + i] = odd[i];
	for (unsigned i = 0; i < OWN_ENTRIES; i++)
		table[i] = gdt[i];
	load(load_gdtr, table, sizeof(table));
	for (unsigned i = 0; i < COUNT(odd); i++) {
		operand = (OWN_ENTRIES + i) * 8;
		attempt(load_ss);
	}
}

void die_vm86(void)
{
	frame_flags = 0x20002;
	frame_esp = 0x8000;
	far_pointer[0] = 0x1000;
	far_pointer[1] = 0x100;
	attempt(interrupt_return);
	wrong("virtual-8086 mode", 0);
}
