/* SPDX-License-Identifier: MIT */
/* Code: made somewhere in the arena, where every page is code at some time and data at another, and run. */
#include "fuzz.h"

static uint32_t code_start, code_at;

void code_begin(void)
{
	do
		code_start = one_in(3) ? arena_address() : ARENA + (below(64) << 12) + below(PAGE);
	while (code_start > RAM_END - 512 || code_start - POOL < POOL_SIZE * PAGE);
	code_at = code_start;
}

void emit(const char *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		((volatile uint8_t *)code_at++)[0] = bytes[i];
}

void emit32(uint32_t v)
{
	emit((const char *)&v, 4);
}

void code_run(unsigned ring)
{
	static const uint8_t done[] = {0xcd, DONE};

	emit((const char *)done, 2);
	for (unsigned i = 0; i < 8; i++)
		regs[i] = any_word();
	regs[3] = RAM_END - PAGE; /* ESP of ring 3 */
	enter(code_start, ring);
	outb(0x20, 0x20); /* if it was the timer, let it come again */
}

/* ---- single instructions ---- */

/* Each with EAX, ECX, EDX, ESI, EDI as they come. None moves the stack: in ring 0 it would be the end. */
static const struct {
	unsigned length;
	const char *bytes;
} instructions[] = {
#define I(bytes)                         \
	{                                \
		sizeof(bytes) - 1, bytes \
	}
    I("\x0f\x22\xd0"),

    I("\x0f\x22\xe0"),
    I("\x0f\x22\xc8"), /* MOV CR2, 4, 1 */
    I("\x0f\x20\xc0"),
    I("\x0f\x20\xd2"),
    I("\x0f\x20\xdb"),
    I("\x0f\x20\xe1"), /* MOV from CR */
    I("\x0f\x23\xc0"),
    I("\x0f\x23\xc8"),
    I("\x0f\x23\xd0"),
    I("\x0f\x23\xd8"),
    I("\x0f\x23\xf0"),
    I("\x0f\x23\xf8"),
    I("\x0f\x21\xc1"),
    I("\x0f\x21\xf9"), /* debug registers */
    I("\x0f\x01\xf0"),
    I("\x0f\x01\xe0"),
    I("\x0f\x01\x27"),
    I("\x0f\x06"), /* LMSW, SMSW, CLTS */
    I("\x0f\x01\x38"),
    I("\x0f\x01\x3f"),
    I("\x0f\x01\x3c\x37"), /* INVLPG */
    I("\x0f\x01\x07"),
    I("\x0f\x01\x0f"),

    /* SGDT, SIDT */
    I("\x0f\x00\xd0"),
    I("\x0f\x00\xd8"),
    I("\x0f\x00\xc0"),
    I("\x0f\x00\xc8"), /* LLDT, LTR, SLDT, STR */
    I("\x0f\x00\x17"),
    I("\x0f\x00\x1f"),
    I("\x0f\x00\x07"),
    I("\x0f\x30"),
    I("\x0f\x32"),
    I("\x0f\x31"),
    I("\x0f\x33"),
    I("\x0f\x01\xf9"), /* WRMSR, RDMSR, RDTSC... */
    I("\xec"),
    I("\xed"),
    I("\x66\xed"),
    I("\xe4\x21"),
    I("\xe5\x40"), /* IN */
    I("\x6c"),
    I("\x6d"),
    I("\xf3\x6c"),
    I("\xf3\x6e"),
    I("\xf3\x66\x6f"),
    I("\xf3\x6d"), /* INS, OUTS */
    I("\xfa"),
    I("\xfb"),
    I("\xfb\xf4"),
    I("\x9c\x58"),
    I("\x9c\x9d"),
    I("\x66\x9c\x66\x9d"),
    I("\x0e\x58"),
    I("\x16\x58"),
    I("\x1e\x1f"),
    I("\x06\x07"),
    I("\x0f\xa0\x0f\xa1"),
    I("\x16\x17"),
    I("\x8e\xd8"),
    I("\x8e\xc0"),
    I("\x8e\xe0"),
    I("\x8e\xe8"),
    I("\x8c\xc8"),
    I("\x8c\xd0"),
    I("\x8c\x1f"),
    I("\x0f\x02\xc8"),
    I("\x0f\x03\xc8"),
    I("\x0f\x00\xe0"),
    I("\x0f\x00\xe8"),
    I("\x0f\x02\x0f"),
    I("\x0f\xa2"),
    I("\x0f\x09"),
    I("\x0f\x08"),
    I("\x0f\x0b"),
    I("\xcc"),
    I("\xce"),
    I("\xf1"),
    I("\x0f\x05"),
    I("\x0f\x07"),
    I("\x0f\x34"),
    I("\x0f\x35"),
    I("\x0f\xaa"),
    I("\x0f\x01\xc1"),
    I("\x0f\x01\xd9"),
    I("\x0f\x01\xd1"),
    I("\x0f\x01\xd0"),
    I("\x0f\x01\xc8"),
    I("\x0f\x01\xf8"),
    I("\x0f\x78\xc8"),
    I("\xc5\x07"),
    I("\xc4\x07"),
    I("\x0f\xb4\x07"),
    I("\x62\x07"),
    I("\x63\xc8"),
    I("\x9b\xdb\xe3"),
    I("\x0f\x77"),
    I("\x0f\xae\x07"),
    I("\x0f\xae\x0f"),
    I("\x0f\xae\x17"),
    I("\x0f\xae\xe8"),
    I("\x0f\xae\x27"),
    I("\xf3\xa4"),
    I("\xf3\xab"),
    I("\x0f\xab\x07"),
    I("\xf0\x0f\xb1\x0f"),
    I("\xf0\x0f\xc7\x0f"),
    I("\x37"),
    I("\xd4\x00"),
#undef I
};

#define VM       0x20000u /* the domain's end */
#define DEADLY   3
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* MOV to a register of EAX, ECX, EDX, ESI, EDI. */
static void load(unsigned reg, uint32_t v)
{
	char op = 0xb8 + reg;

	emit(&op, 1);
	emit32(v);
}

/* Ports, MSRs, selectors, bits of registers: what the next instruction may find worth looking at. */
static uint32_t operand(void)
{
	static const uint32_t msrs[] = {0x10,       0x1b,       0x174,      0x175,      0x176,
					0x1a0,      0x277,      0xc0000080, 0xc0000081, 0xc0000082,
					0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102};

	switch (below(6)) {
	case 0:
		return msrs[below(COUNT(msrs))];
	case 1:
		return below(64 * 8); /* a selector */
	case 2:
		return 0x11 | 1u << below(32);
	case 3:
		return good_cr3 + (one_in(4) ? below(32) : 0);
	default:
		return any_word();
	}
}

/* ECX: for ports, MSRs, and how often a string instruction goes on, which in ring 0 seldom writes over all of memory. */
static uint32_t count_for(const char *bytes, unsigned ring)
{
	bool string = (uint8_t)bytes[0] == 0xf3;

	return one_in(2) && (!string || ring || one_in(200)) ? operand() : below(40);
}

void do_privileged(void)
{
	unsigned ring = one_in(3) ? 3 : 0;

	code_begin();
	for (unsigned i = 0, n = 1 + below(4); i < n; i++) {
		unsigned which = one_in(4000) ? below(DEADLY) : DEADLY + below(COUNT(instructions) - DEADLY);

		load(0, operand());
		load(1, count_for(instructions[which].bytes, ring));
		load(2, one_in(4) ? below(0x400) : operand());
		load(6, any_word());
		load(7, any_word());
		emit(instructions[which].bytes, instructions[which].length);
	}
	code_run(ring);
}

/* Whatever bytes there are: seldom in ring 0, which has no other stack to come back on. */
void do_random(void)
{
	code_begin();
	for (unsigned i = 0, n = 1 + below(12); i < n; i++) {
		emit32(random32());
		if (one_in(3)) /* two-byte opcodes */
			emit("\x0f", 1);
	}
	code_run(one_in(200) ? 0 : 3);
}

/* ---- other segments ---- */

static void push(uint32_t v)
{
	emit("\x68", 1);
	emit32(v);
}

static uint32_t any_selector(void)
{
	return one_in(6) ? random32() : below(64) * 8 + below(8);
}

/* RETF, IRET with frames of three and five words, JMP and CALL far, INT n: to any selector, with any flags. */
void do_far(void)
{
	uint32_t to, back = one_in(3);

	code_begin();
	to = one_in(4) ? any_word() : code_start + 64;
	if (back) { /* a stack for another ring, too */
		push(any_selector());
		push(one_in(4) ? any_word() : RAM_END - 64);
	}
	switch (below(5)) {
	case 0:
		push(any_selector());
		push(to);
		emit("\xcb", 1);
		break;
	case 1:
		push(one_in(2) ? 0x202 : one_in(100) ? random32() : random32() & ~VM);
		push(any_selector());
		push(to);
		emit("\xcf", 1);
		break;
	case 2:
		emit("\xea", 1);
		emit32(to);
		emit32(any_selector());
		break;
	case 3:
		emit("\x9a", 1);
		emit32(to);
		emit32(any_selector());
		break;
	default:
		emit("\xcd", 1);
		emit32(below(256));
	}
	while (code_at < code_start + 64)
		emit("\x90", 1);
	code_run(one_in(100) ? 0 : 3); /* what our ring 0 has no way back from is most of it */
}

static uint64_t any_descriptor(void)
{
	uint64_t d = one_in(3) ? (uint64_t)random32() << 32 | random32() : 0x00cf80000000ffffull;

	return d | (uint64_t)below(256) << 40 | (uint64_t)below(16) << 52;
}

/* Those that nothing of ours needs. */
void do_descriptors(void)
{
	for (unsigned i = 0, n = 1 + below(8); i < n; i++)
		gdt[8 + below(56)] = any_descriptor();
}

/* Gates of vectors that only INT reaches. */
void do_gates(void)
{
	gates();
	for (unsigned i = 0; i < 8; i++)
		idt[0x80 + below(0x80)] ^= (uint64_t)below(256) << 40 | (one_in(4) ? below(128) << 16 : 0);
}
