/* SPDX-License-Identifier: MIT */
/* Four address spaces. In all of them memory is shown as it is, ourselves for ring 0 alone; above, a pool of frames are
 * tables of both levels for one another, which are written through their windows, through themselves and as data. */
#include "fuzz.h"

#define P       1u
#define RW      2u
#define U       4u
#define A_D     0x60u
#define PS      0x80u
#define CR0_PG  0x80000000u
#define CR0_WP  0x00010000u
#define CR4_PAE 0x20u
#define SPACES  4u
#define OWN     (RAM_END >> 21) /* large pages that show memory */

static uint64_t roots[SPACES][4] __attribute__((aligned(32)));
static uint64_t lowest[SPACES][512] __attribute__((aligned(PAGE))); /* the first GiB of each */

static uint32_t pool_frame(void)
{
	return POOL + below(POOL_SIZE) * PAGE;
}

static uint64_t any_entry(void)
{
	uint64_t flags = P | (one_in(4) ? 0 : RW) | (one_in(3) ? 0 : U) | (one_in(2) ? A_D : 0);
	uint32_t to = one_in(3) ? arena_address() & ~(PAGE - 1) : pool_frame();

	if (one_in(12))
		flags |= PS;
	if (one_in(16))
		flags ^=
		    1ull << (one_in(2) ? below(12) : 23 + below(41)); /* not so near that it is ourselves */
	if (one_in(20))
		to = any_word() | ARENA;
	return one_in(10) ? 0 : (to & ~(PAGE - 1)) | flags;
}

void memory_init(void)
{
	for (unsigned s = 0; s < SPACES; s++) {
		for (unsigned i = 0; i < OWN; i++)
			lowest[s][i] = i << 21 | P | RW | PS | A_D | (i ? U : 0);
		for (unsigned i = OWN; i < 512; i++)
			lowest[s][i] = any_entry() & ~(uint64_t)PS;
		roots[s][0] = (uint32_t)lowest[s] | P;
		for (unsigned i = 1; i < 4; i++)
			roots[s][i] = pool_frame() | P;
	}
	good_cr4 = CR4_PAE;
	good_cr3 = (uint32_t)roots[0];
	__asm__ volatile("mov %0, %%cr4; mov %1, %%cr3" : : "r"(good_cr4), "r"(good_cr3) : "memory");
	good_cr0 |= CR0_PG | CR0_WP;
	__asm__ volatile("mov %0, %%cr0" : : "r"(good_cr0) : "memory");
}

/* A window of the pool's: behind our own memory, in the first GiB or above. */
static uint32_t window(void)
{
	return one_in(2) ? (OWN + below(8)) * 0x200000u + below(16) * PAGE + below(PAGE)
			 : 0x40000000u + below(0xc0000000u);
}

void do_entry(void)
{
	for (unsigned i = 0, n = 1 + below(4); i < n; i++) {
		if (one_in(4))
			lowest[below(SPACES)][OWN + below(one_in(2) ? 8 : 512 - OWN)] = any_entry();
		else
			((volatile uint64_t *)pool_frame())[one_in(2) ? below(16) : below(512)] = any_entry();
	}
	if (one_in(3)) {
		uint32_t at = window();

		__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
	}
	do_touch();
}

/* Read, write, add, execute there. */
void do_touch(void)
{
	static const char forms[][5] = {"\xff\xe7", "\x8b\x07", "\x89\x07", "\x01\x07",
					"\x87\x07", "\x88\x07", "\xff\x37"};
	unsigned ring = one_in(2) ? 3 : 0;
	uint32_t at = window();
	uint64_t entry = any_entry();

	code_begin();
	for (unsigned i = 0, n = 1 + below(6); i < n; i++) {
		emit("\xbf", 1); /* MOV EDI */
		emit32(at);
		emit("\xb8", 1); /* MOV EAX */
		emit32(entry);
		emit(forms[one_in(50) ? 0 : 1 + below(sizeof(forms) / sizeof(*forms) - 1)],
		     2); /* JMP leads anywhere */
		at = one_in(2) ? at + 4 : window();
		entry >>= 32;
	}
	code_run(ring);
}

/* Another space; CR0.WP and bits of CR4, which say what all entries allow; now and then none of it. */
void do_space(void)
{
	static const uint32_t bits[] = {0x10, 0x80, 0x04, 0x200};

	switch (below(8)) {
	case 0:
		good_cr0 ^= CR0_WP;
		break;
	case 1:
		good_cr4 ^= bits[below(4)];
		break;
	case 2:
		roots[below(SPACES)][1 + below(3)] = pool_frame() | (one_in(8) ? 0 : P);
		break;
	case 3:
		if (one_in(20))
			good_cr0 ^= CR0_PG;
		break;
	default:
		good_cr3 = (uint32_t)roots[below(SPACES)];
	}
	code_begin();
	code_run(0);
}

/* A page is executed, written, executed: also by itself. */
void do_change_code(void)
{
	code_begin();
	emit("\xe8\0\0\0\0\x5f", 6); /* CALL the next; POP EDI: where we are */
	for (unsigned i = 0, n = 1 + below(4); i < n; i++) {
		static const char patched[] = "\x9c\x58\x0e\x58\x9c\x9d";

		char at[2] = {below(80), random32()};

		emit("\xc6\x47", 2); /* MOV byte [EDI + n], m */
		emit(at, 2);
		emit(patched + 2 * below(3), 2);
	}
	code_run(one_in(2) ? 3 : 0);
}
