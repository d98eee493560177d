/* SPDX-License-Identifier: MIT */
/* Addresses at the end of the address space, page tables that map themselves, and code everywhere. */
#include "hostile.h"

#define PTE_P    1ull
#define PTE_RW   2ull
#define PTE_PS   0x80ull
#define POOL     0x300u /* frames to play with */
#define POOL_END 0x340u
#define SELF     0x300u /* the table that is its own directory */
#define WINDOW   0x40000000u
#define OWN_SLOT 511u /* of it: itself */
#define CODE_END 0x780000u

static uint64_t root[4] __attribute__((aligned(32)));
static uint64_t flat[512] __attribute__((aligned(PAGE)));

void case_wrap(void)
{
	static const uint32_t ends[] = {0xffffffff, 0xfffffffe, 0xfffffffc,  0xfffffff8,
					0xfffff000, NOT_THERE,  RAM_END - 1, RAM_END};

	for (unsigned i = 0; i < COUNT(ends); i++)
		for (unsigned n = 0; n < 40; n += 13) {
			operand = ends[i];
			value[0] = n;
			attempt(string_out);
			operand = n * 4; /* downwards over 0: into what is not there */
			if (n == 0)
				attempt(string_in);
		}
	/* A GDT that wraps, for as long as nothing needs it. */
	table_register = (struct table_register){0xffff, 0xffffffc0};
	attempt(look_at_selector);
}

/* Code where no memory is, and at the end of the address space. */
void die_nowhere(void)
{
	operand = 0xffffffff;
	attempt(jump_to);
	operand = NOT_THERE;
	attempt(call_to);
}

static volatile uint64_t *frame_at(uint32_t pfn)
{
	return (volatile uint64_t *)(pfn * PAGE);
}

static void set_cr3(uint32_t v)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static void invlpg(uint32_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Everything where it is, by large pages; in the second GiB the table that maps itself. */
static void paging_on(void)
{
	for (unsigned i = 0; i < 512; i++)
		flat[i] = (uint64_t)i << 21 | PTE_P | PTE_RW | PTE_PS;
	for (uint32_t pfn = POOL; pfn < POOL_END; pfn++)
		for (unsigned i = 0; i < 512; i++)
			frame_at(pfn)[i] = 0;
	frame_at(SELF)[OWN_SLOT] = (uint64_t)SELF << 12 | PTE_P | PTE_RW;
	root[0] = (uintptr_t)flat | PTE_P;
	root[1] = (uint64_t)SELF << 12 | PTE_P;
	__asm__ volatile("mov %0, %%cr4" : : "r"(0x20u));
	set_cr3((uintptr_t)root);
	__asm__ volatile("mov %0, %%cr0" : : "r"(0x80000011u) : "memory");
}

static void paging_off(void)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(0x11u) : "memory");
}

static uint32_t touched, stored;

static void touch(void)
{
	*(volatile uint32_t *)touched;
}

static void store(void)
{
	*(volatile uint32_t *)touched = stored;
}

static uint64_t random_entry(void)
{
	static const uint32_t nowhere[] = {0x800, 0xfffff, 0xffffff, RAM_END >> 12};
	uint32_t pfn = random32() % 8 ? POOL + random32() % (POOL_END - POOL) : nowhere[random32() % 4];

	return (uint64_t)pfn << 12 | (random32() & 0xfff) | (random32() % 8 ? 0 : 1ull << 63);
}

/* By whatever tables there are at the moment. */
static void chaos(void)
{
	volatile uint64_t *table = frame_at(random32() % 3 ? SELF : POOL + random32() % (POOL_END - POOL));

	switch (random32() % 6) {
	case 0:
		table[random32() % OWN_SLOT] = random_entry();
		break;
	case 1:
		touched = WINDOW + random32() % WINDOW;
		attempt(touch);
		break;
	case 2: /* through itself, too */
		touched = WINDOW +
			  (random32() % 2 ? OWN_SLOT << 21 | (random32() & 0x1ffffc) : random32() % WINDOW);
		stored = random_entry();
		attempt(store);
		break;
	case 3:
		invlpg(WINDOW + random32() % WINDOW);
		break;
	case 4:
		set_cr3((uintptr_t)root);
		break;
	default:
		touched = WINDOW | OWN_SLOT << 21 | (random32() % 512) << 12;
		attempt(touch);
	}
}

/* After all that the rules of the processor still hold: what is mapped and flushed is what is seen. */
static void sane(unsigned i)
{
	uint32_t va = WINDOW | OWN_SLOT << 21 | i << 12, pfn = POOL + 1 + i % (POOL_END - POOL - 1);
	volatile uint64_t *self = frame_at(SELF);

	self[OWN_SLOT] = (uint64_t)SELF << 12 | PTE_P | PTE_RW;
	self[i] = (uint64_t)pfn << 12 | PTE_P | PTE_RW;
	root[1] = (uint64_t)SELF << 12 | PTE_P;
	set_cr3((uintptr_t)root);
	frame_at(pfn)[7] = 0x1122334400000000ull | i;
	touched = va + 56;
	if (!attempt(touch)) {
		wrong("a page that is mapped", i);
		return;
	}
	if (*(volatile uint32_t *)(va + 56) != i)
		wrong("what a page shows", i);
	*(volatile uint32_t *)(va + 56) = i + 1;
	if ((uint32_t)frame_at(pfn)[7] != i + 1)
		wrong("what a store did", i);
	/* Through itself: entry i names another frame from now on. */
	*(volatile uint64_t *)(WINDOW + (OWN_SLOT << 21) + (OWN_SLOT << 12) + i * 8) =
	    (uint64_t)(POOL + 1 + (i + 1) % (POOL_END - POOL - 1)) << 12 | PTE_P | PTE_RW;
	invlpg(va);
	if (*(volatile uint32_t *)(va + 56) !=
	    (uint32_t)frame_at(POOL + 1 + (i + 1) % (POOL_END - POOL - 1))[7])
		wrong("what a page shows after it was moved", i);
}

void case_selfmap(void)
{
	paging_on();
	for (unsigned i = 0; i < OWN_SLOT; i++)
		sane(i);
	for (unsigned n = 0; n < 30000; n++) {
		chaos();
		if (n % 1000 == 999)
			sane(n / 1000);
	}
	/* The same frame as root, directory and table. */
	for (unsigned i = 0; i < 4; i++)
		frame_at(POOL + 2)[i] = i ? (uint64_t)(POOL + 2) << 12 | PTE_P : (uintptr_t)flat | PTE_P;
	set_cr3((POOL + 2) * PAGE);
	for (unsigned n = 0; n < 2000; n++) {
		touched = WINDOW + random32() % (2 * WINDOW);
		stored = random_entry() & ~1ull; /* its first entry, which maps this code, stays */
		if ((touched & 0xfff) >= 8)
			attempt(n % 2 ? touch : store);
		if (n % 50 == 0) {
			frame_at(POOL + 2)[0] = (uintptr_t)flat | PTE_P;
			set_cr3((POOL + 2) * PAGE);
		}
	}
	paging_off();
}

/* Each page of memory becomes code with instructions that have to be patched, over and over. Does not end. */
void case_code(void)
{
	for (;;) {
		for (uint32_t at = POOL * PAGE; at < CODE_END; at += PAGE) {
			uint8_t *page = (uint8_t *)at;

			for (unsigned i = 0; i < 64; i++)
				page[i] = 0x90;
			page[64] = 0x9c; /* pushf */
			page[65] = 0x9d; /* popf */
			page[66] = 0xc3;
			operand = at;
			if (!attempt(call_to))
				wrong("code at", at);
		}
		put_char('!');
	}
}
