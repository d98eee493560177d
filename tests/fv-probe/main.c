/* SPDX-License-Identifier: MIT */
/*
 * Which instructions can a virtual machine monitor see? Each one that shows or changes what only ring 0 should is
 * executed in ring 0, 1 and 3: it faults there, or silently differs from ring 0, or does the same. A processor
 * satisfies Popek and Goldberg's condition for virtualisation (1974) if all of these fault outside of ring 0.
 *
 * A multiboot1 kernel for the bare machine, for Bochs, and for an fv domain of Ringlet, where "ring 0" is ring 1
 * in truth. There the column of ring 0 is the interesting one: is what each tells still true? With fv_patch = 0
 * it is not. (Ring 1 is left out there: `virtual` on the command line.)
 */
#include "kernel.h"

enum {
	SHOWS = 1,       /* something of ring 0's; wrong if it is not what ring 0 has */
	CHANGES = 2,     /* something of ring 0's */
	NOT_IN_RING0 = 4 /* there nothing would come back */
};

/* What ring 0 must be told. */
#define GDT_BASE  ((uintptr_t)gdt)
#define IDT_BASE  ((uintptr_t)idt)
#define ANYTHING  0xdeadbeef
#define IF_SET    0x200
#define IF_CLEAR  0
#define CR0_SHOWN 0x11 /* PE, ET */

#define INSTRUCTIONS(I)                          \
	I(sgdt, SHOWS, GDT_BASE)                 \
	I(sidt, SHOWS, IDT_BASE)                 \
	I(sldt, SHOWS, 0)                        \
	I(str, SHOWS, 0x38)                      \
	I(smsw, SHOWS, CR0_SHOWN)                \
	I(pushf, SHOWS, IF_CLEAR)                \
	I(popf, CHANGES, IF_SET)                 \
	I(iret, CHANGES, IF_SET)                 \
	I(mov_from_cs, SHOWS, 0x08)              \
	I(mov_from_ss, SHOWS, 0x10)              \
	I(push_cs, SHOWS, 0x08)                  \
	I(push_ss, SHOWS, 0x10)                  \
	I(lar, SHOWS, 0)                         \
	I(lsl, SHOWS, 0xffffffff)                \
	I(verr, SHOWS, 1)                        \
	I(verw, SHOWS, 1)                        \
	I(read_cr0, SHOWS, CR0_SHOWN)            \
	I(read_dr7, SHOWS, 0x400)                \
	I(rdmsr, SHOWS, ANYTHING)                \
	I(cli, CHANGES, IF_CLEAR)                \
	I(sti, CHANGES, IF_SET)                  \
	I(hlt, CHANGES | NOT_IN_RING0, ANYTHING) \
	I(lgdt, CHANGES, 0)                      \
	I(lidt, CHANGES, 0)                      \
	I(lldt, CHANGES, 0)                      \
	I(ltr, CHANGES, 0)                       \
	I(lmsw, CHANGES, 0x0b)                   \
	I(clts, CHANGES, 0)                      \
	I(write_cr3, CHANGES, 0x5000)            \
	I(invlpg, CHANGES, 0)                    \
	I(wbinvd, CHANGES, 0)                    \
	I(in, SHOWS, 0xff)                       \
	I(out, CHANGES, 0xfe)                    \
	I(ins, SHOWS, 0xffffff)                  \
	I(outs, CHANGES, 0xfd)                   \
	I(mov_ds, 0, 0)                          \
	I(rdtsc, 0, 0)

#define DECLARE(name, flags, truth) void i_##name(void);
INSTRUCTIONS(DECLARE)
#undef DECLARE
void i_limit(void);

static const struct instruction {
	const char *name;
	void (*code)(void);
	unsigned flags;
	uint32_t truth;
} instructions[] = {
#define ENTRY(name, flags, truth) {#name, i_##name, flags, truth},
    INSTRUCTIONS(ENTRY)
#undef ENTRY
};

#define COUNT (sizeof(instructions) / sizeof(*instructions))

static unsigned wrong, silent[4];

/* Returns what ring 0 was told, for comparison. */
static uint32_t in_ring0(const struct instruction *i)
{
	uint32_t value;

	if (i->flags & NOT_IN_RING0) {
		put("-", 16);
		return ANYTHING;
	}
	outb(0x21, 0xff);
	value = run(i->code, 0);
	if (fault_vector >= 0) {
		put("FAULTS", 16);
		wrong++;
	} else if (i->truth != ANYTHING && value != i->truth) {
		put("WRONG", 16);
		wrong++;
	} else {
		put("right", 16);
	}
	return value;
}

static void in_ring(const struct instruction *i, unsigned ring, uint32_t in_ring_0)
{
	uint32_t value;

	outb(0x21, 0xff);
	value = run(i->code, ring);
	if (fault_vector >= 0) {
		put("faults", 16);
		return;
	}
	put(value == in_ring_0 || (i->flags & NOT_IN_RING0) ? "same" : "differs", 16);
	silent[ring] += i->flags != 0;
}

static void probe(const struct instruction *i, bool all_rings)
{
	uint32_t value;

	put("  ", 0);
	put(i->name, 16);
	value = in_ring0(i);
	if (all_rings)
		in_ring(i, 1, value);
	in_ring(i, 3, value);
	put(i->flags & SHOWS ? "shows" : i->flags ? "changes" : "harmless", 0);
	put("\r\n", 0);
}

/* CR4.UMIP, where there is one. */
static bool enable_umip(void)
{
	uint32_t a = 7, b, c = 0, d, cr4;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c & 4))
		return false;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1u << 11));
	return true;
}

static void table(bool all_rings)
{
	put("  instruction     ring 0          ", 0);
	put(all_rings ? "ring 1          " : "", 0);
	put("ring 3          ring 0's state\r\n", 0);
	for (unsigned i = 0; i < COUNT; i++)
		probe(&instructions[i], all_rings);
}

/* What kept a guest of ring 1 from the hypervisor before there were 64 bits: its segments ended below. */
static void limits(void)
{
	run(i_limit, 3);
	put(fault_vector >= 0 ? "segment limits: enforced\r\n" : "segment limits: not enforced\r\n", 0);
}

static void verdict(unsigned ring)
{
	put("silent outside of ring 0, in ring ", 0);
	put(number(ring), 0);
	put(": ", 0);
	put(number(silent[ring]), 0);
	put(silent[ring] ? ": Popek and Goldberg are not satisfied\r\n"
			 : ": Popek and Goldberg are satisfied\r\n",
	    0);
	silent[ring] = 0;
}

void main(const uint32_t *mbi)
{
	const char *cmdline = mbi[0] & 4 ? (const char *)mbi[4] : "";
	bool bare = !has_word(cmdline, "virtual");

	outb(COM1 + 3, 3); /* eight bits */

	put(bare ? "probe: bare machine, without UMIP\r\n" : "probe: virtual machine\r\n", 0);
	table(bare);
	if (bare) {
		verdict(1);
		verdict(3);
		if (enable_umip()) {
			put("probe: bare machine, with UMIP\r\n", 0);
			table(true);
			verdict(1);
			verdict(3);
		}
	}
	limits();
	put("wrong in ring 0: ", 0);
	put(number(wrong), 0);
	put("\r\nprobe: end\r\n", 0);
	power_off();
}
