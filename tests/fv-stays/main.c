/* SPDX-License-Identifier: MIT */
/*
 * A kernel for an fv domain of 64 MiB that is as heavy as it can be on the hypervisor under it: code that is nothing but
 * instructions to be patched, hundreds of page tables dropped at once or searched for one frame, tables that are shared,
 * mapped everywhere, or all of one kind; long strings of I/O, and descriptor tables that change whole. What it causes
 * the hypervisor measures itself (option `stays`; tests/system/fv_stays.py). It writes the name of each part and `end`.
 */
#include <stdbool.h>
#include <stdint.h>

#define COM1   0x3f8
#define PAGE   4096u
#define P      0x001u
#define RW     0x002u
#define A_D    0x060u
#define PS     0x080u
#define CR0_PG 0x80000000u
#define CR0_WP 0x00010000u

/* Where things lie in memory: nothing of it is the image's. */
#define CODE   0x0800000u /* one page, and later many */
#define DATA   0x0900000u
#define ROOTS  0x1000000u /* 32 bytes each */
#define L2S    0x1100000u
#define L1S    0x1800000u
#define TABLES 140u
#define OWN    32u /* large pages that show all memory one to one */

void main(void);

static inline void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void say(const char *s)
{
	for (; *s; s++) {
		while (!(inb(COM1 + 5) & 0x20))
			;
		outb(COM1, *s);
	}
}

static inline uint32_t read_cr0(void)
{
	uint32_t v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	return v;
}

static inline void write_cr0(uint32_t v)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static inline void write_cr3(uint32_t v)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static inline void write_cr4(uint32_t v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static void entry(uint32_t table, unsigned slot, uint32_t to, uint32_t flags)
{
	((volatile uint64_t *)table)[slot] = to | flags;
}

static inline uint32_t touch(uint32_t at)
{
	return *(volatile uint32_t *)at;
}

/* ---- code ---- */

/* The whole page is @byte; at its end it returns, with the flags put back that one of them pushed. */
static void code_page(uint32_t at, uint8_t byte)
{
	volatile uint8_t *page = (volatile uint8_t *)at;

	for (unsigned i = 0; i < PAGE; i++)
		page[i] = byte;
	page[PAGE - 3] = 0x9c;
	page[PAGE - 2] = 0x9d;
	page[PAGE - 1] = 0xc3;
}

static void call(uint32_t at)
{
	((void (*)(void))at)();
}

static void code(void)
{
	static const uint8_t bytes[] = {0x9c, 0x9d, 0x0e, 0x16, 0x0f, 0x8c, 0x66, 0x90};

	for (unsigned i = 0; i < sizeof(bytes); i++) {
		code_page(CODE, bytes[i]);
		call(CODE + PAGE - 3);
	}
	for (unsigned n = 0; n < 8; n++) {
		code_page(CODE + n * PAGE, 0x9c);
		call(CODE + (n + 1) * PAGE - 3);
	}
}

/* ---- shadows ---- */

static uint32_t root(unsigned n)
{
	return ROOTS + n * 32;
}

/* TABLES address spaces, each of which has all L1 tables, behind memory itself; these show one page of data. */
static void build(void)
{
	for (unsigned n = 0; n < TABLES; n++) {
		uint32_t l2 = L2S + n * PAGE;

		for (unsigned i = 0; i < 512; i++)
			entry(l2, i, 0, 0);
		entry(root(n), 0, l2, P);
		for (unsigned i = 1; i < 4; i++)
			entry(root(n), i, 0, 0);
		for (unsigned i = 0; i < OWN; i++)
			entry(l2, i, i << 21, P | RW | A_D | PS);
		for (unsigned i = 0; i < TABLES; i++)
			entry(l2, OWN + i, L1S + i * PAGE, P | RW | A_D);
	}
	for (unsigned i = 0; i < TABLES; i++)
		for (unsigned k = 0; k < 512; k++)
			entry(L1S + i * PAGE, k, DATA, P | RW | A_D);
}

static void paging_on(void)
{
	write_cr4(0x20); /* PAE */
	write_cr3(root(0));
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
}

static uint32_t window(unsigned table)
{
	return (OWN + table) << 21;
}

/* As many shadows as there can be: of every L2, and of every L1 below two of them. */
static void many_shadows(void)
{
	for (unsigned n = 0; n < TABLES; n++)
		write_cr3(root(n)), touch(0x100000);
	for (unsigned n = 0; n < 2; n++) {
		write_cr3(root(n));
		for (unsigned i = 0; i < TABLES; i++)
			touch(window(i));
	}
}

static void drop_all(void)
{
	for (unsigned n = 0; n < 3; n++) {
		many_shadows();
		write_cr0(read_cr0() ^ CR0_WP);
		write_cr0(read_cr0() ^ CR0_WP);
		many_shadows();
		write_cr4(0x20 | 0x80);
		write_cr4(0x20);
	}
}

/* Many address spaces use one L1 table, which is then written. */
static void shared_table(unsigned spaces)
{
	for (unsigned n = 0; n < spaces; n++)
		write_cr3(root(n)), touch(window(5));
	write_cr3(root(0));
	entry(L1S + 5 * PAGE, 1, DATA, P | RW | A_D);
	touch(window(5));
}

/* A page that is mapped writable by @tables tables times @each entries becomes a table, and later code. */
static void many_writers(unsigned tables, unsigned each)
{
	write_cr3(root(0));
	write_cr0(read_cr0() ^ CR0_WP); /* begin with none */
	write_cr0(read_cr0() ^ CR0_WP);
	for (unsigned i = 0; i < tables; i++)
		for (unsigned k = 0; k < each; k++)
			*(volatile uint32_t *)(window(i) + k * PAGE + 64) = DATA | P;
	/* As a table: another space has it for its first window. */
	entry(L2S + PAGE, OWN, DATA, P | RW | A_D);
	write_cr3(root(1));
	touch(window(0) + 8 * PAGE);
	write_cr3(root(0));
	entry(L2S + PAGE, OWN, L1S, P | RW | A_D);
	for (unsigned i = 0; i < tables; i++)
		for (unsigned k = 0; k < each; k++)
			*(volatile uint32_t *)(window(i) + k * PAGE + 4) = 0;
	/* As code: it returns at once. */
	*(volatile uint8_t *)(window(0) + 2048) = 0xc3;
	call(window(tables - 1) + 2048);
	for (unsigned i = 0; i < tables; i++)
		for (unsigned k = 0; k < each; k += 100)
			touch(window(i) + k * PAGE);
	*(volatile uint8_t *)(window(0) + 2049) = 0xc3;
}

/* Large pages whose shadows fall together: the same remainder of everything. */
static void large_pages(void)
{
	for (unsigned i = 0; i < 100; i++)
		entry(L2S + 2 * PAGE, 300 + i, (i % 30) << 21,
		      P | PS | A_D | (i & 32 ? RW : 0) | (i & 64 ? 4 : 0));
	write_cr3(root(2));
	for (unsigned i = 0; i < 100; i++)
		touch((300 + i) << 21);
}

/* ---- the rest ---- */

static void strings(void)
{
	uint32_t count = 20000, at = DATA;

	__asm__ volatile("rep outsb" : "+c"(count), "+S"(at) : "d"(0x80) : "memory");
	count = 20000;
	at = DATA;
	__asm__ volatile("cld; rep insb" : "+c"(count), "+D"(at) : "d"(0x80) : "memory");
}

/* The loader's selectors, and 8000 more descriptors, each of which changes each time. */
static void descriptors(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint32_t base;
	} gdtr = {0xffff, 0x0a00000};
	volatile uint64_t *gdt = (volatile uint64_t *)gdtr.base;

	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 8192; i++)
			gdt[i] = 0x00cf92000000ffffull | (uint64_t)(round & 1) << 40;
		gdt[1] = 0x00cf9a000000ffffull;
		__asm__ volatile("lgdt %0" : : "m"(gdtr));
		__asm__ volatile("mov %0, %%es; mov %1, %%es" : : "r"(0x800), "r"(0x10));
		__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(0x10));
	}
	__asm__ volatile("ljmp $8, $1f; 1:");
}

static void flags(void)
{
	for (unsigned i = 0; i < 1000; i++)
		__asm__ volatile("cli; cli; cli; cli; cli; cli; cli; cli; cli; cli; cli; cli");
}

void main(void)
{
	say("descriptors\n");
	descriptors();
	say("code\n");
	code();
	say("strings\n");
	strings();
	flags();
	say("tables\n");
	build();
	paging_on();
	say("drop all\n");
	drop_all();
	say("shared\n");
	shared_table(TABLES);
	shared_table(12);
	say("writers\n");
	many_writers(14, 512);
	many_writers(60, 100);
	many_writers(TABLES, 20);
	say("large\n");
	large_pages();
	say("end\n");
}
