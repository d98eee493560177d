/* SPDX-License-Identifier: MIT */
/*
 * The symbol table of a kernel that asks for it by a note (XEN_ELFNOTE_BSD_SYMTAB): behind its image, from the first
 * multiple of a word on, lie a size and an ELF file of that size with two sections, the symbols and their names. In it
 * the kernel finds its own functions. Nothing else lies over it: it is whole, and the memory behind it is mapped.
 */
#include "fw.h"
#include "xen/elfnote.h"

const char test_title[] = "pv-symbols";

#define STRING(x)  STRING_(x)
#define STRING_(x) #x
__asm__(".pushsection .note.xen, \"a\"; .balign 4; .long 4, 4, " STRING(
    XEN_ELFNOTE_BSD_SYMTAB) "; .ascii \"Xen\\0yes\\0\"; .popsection");

/* System V ABI, 4 Object Files: the fields that matter, in words of the class. */
struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	unsigned long entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_section {
	uint32_t name, type;
	unsigned long flags, addr, offset, size;
	uint32_t link, info;
	unsigned long align, entsize;
};

#ifdef __x86_64__
struct elf_symbol {
	uint32_t name;
	uint8_t info, other;
	uint16_t section;
	unsigned long value, size;
};
#else
struct elf_symbol {
	uint32_t name;
	unsigned long value, size;
	uint8_t info, other;
	uint16_t section;
};
#endif

extern char image_end[]; /* guest.lds.S */

static const void *within(const struct elf_header *h, uint32_t size, const struct elf_section *s)
{
	check_eq(s->offset % sizeof(long), 4 % sizeof(long)); /* with the size word, a multiple of a word */
	check(s->offset < size && s->size <= size - s->offset);
	return (const char *)h + s->offset;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static unsigned long lookup(const struct elf_symbol *symbol, unsigned long n, const char *names,
			    const char *name)
{
	for (unsigned long i = 0; i < n; i++)
		if (same(names + symbol[i].name, name))
			return symbol[i].value;
	return 0;
}

void test_main(void)
{
	const uint32_t *size = (const void *)(((unsigned long)image_end + sizeof(long) - 1) & -sizeof(long));
	const struct elf_header *h = (const void *)(size + 1);
	const struct elf_section *s = (const void *)((const char *)h + sizeof(*h));
	const struct elf_symbol *symbols;
	const char *names;

	check_eq(h->ident[0] | h->ident[1] << 8 | h->ident[2] << 16 | h->ident[3] << 24, 0x464c457f);
	check_eq(h->shoff, sizeof(*h));
	check_eq(h->shentsize, sizeof(*s));
	check_eq(h->shnum, 3);
	check_eq(h->phnum, 0);
	check_eq(s[0].type, 0);
	check_eq(s[1].type, 2);
	check_eq(s[2].type, 3);
	check_eq(s[1].link, 2);
	symbols = within(h, *size, &s[1]);
	names = within(h, *size, &s[2]);
	check_eq(s[2].offset + s[2].size, *size);
	check_eq(names[0], 0);
	check_eq(names[s[2].size - 1], 0);
	check_eq(lookup(symbols, s[1].size / sizeof(*symbols), names, "test_main"), (unsigned long)test_main);
	check_eq(lookup(symbols, s[1].size / sizeof(*symbols), names, "image_end"), (unsigned long)image_end);
	check_eq(lookup(symbols, s[1].size / sizeof(*symbols), names, "no such symbol"), 0);
	check(start_info->pt_base >= (unsigned long)h + *size);
	check(start_info->mfn_list >= (unsigned long)h + *size);
}
