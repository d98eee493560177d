/* SPDX-License-Identifier: MIT */
/* A good kernel, of which tests make bad ones. Included by one file of a test, after cmocka.h. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "xen/elfnote.h"
#include "dom/elf.c"
#include "dom/elf_notes.c"
#include "dom/elf_symbols.c"

/* lib/string.h's, for which the C library has no equal. */
uint64_t parse_number(const char *s, const char **end)
{
	return strtoull(s, (char **)end, 0);
}

static uint8_t image[4096];

static void poke(size_t at, uint64_t value, unsigned bytes)
{
	memcpy(image + at, &value, bytes);
}

static size_t put_note(size_t at, uint32_t type, const void *desc, uint32_t n)
{
	poke(at, 4, 4);
	poke(at + 4, n, 4);
	poke(at + 8, type, 4);
	memcpy(image + at + 12, "Xen", 4);
	memcpy(image + at + 16, desc, n);
	return at + 16 + (n + 3) / 4 * 4;
}

static size_t put_number(size_t at, uint32_t type, uint64_t value)
{
	return put_note(at, type, &value, 8);
}

/* A 64-bit kernel of one segment at 0x200, 0x100 bytes in the file and 0x3000 in memory, notes at 0x400. */
static size_t make_elf64(uint64_t paddr)
{
	size_t end;

	memset(image, 0, sizeof(image));
	memcpy(image, "\177ELF\2\1\1", 7);
	poke(18, EM_X86_64, 2);
	poke(24, 0x1234, 8); /* for a loader that ignores notes */
	poke(32, 64, 8);     /* phoff */
	poke(54, 56, 2);
	poke(56, 2, 2);
	poke(64, PT_LOAD, 4);
	poke(64 + 8, 0x200, 8);
	poke(64 + 24, paddr, 8);
	poke(64 + 32, 0x100, 8);
	poke(64 + 40, 0x3000, 8);
	end = put_note(0x400, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	end = put_note(end, XEN_ELFNOTE_LOADER, "generic", 8);
	end = put_number(end, XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000);
	end = put_number(end, XEN_ELFNOTE_ENTRY, 0xffffffff80000000 + paddr + 0x1000);
	end = put_number(end, XEN_ELFNOTE_HYPERCALL_PAGE, 0xffffffff80002000);
	end = put_note(end, XEN_ELFNOTE_PAE_MODE, "yes", 4);
	poke(120, PT_NOTE, 4);
	poke(120 + 8, 0x400, 8);
	poke(120 + 32, end - 0x400, 8);
	return end;
}
