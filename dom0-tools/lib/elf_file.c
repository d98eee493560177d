/* SPDX-License-Identifier: MIT */
/* See elf_file.h. Field offsets as in the System V ABI, chapter 4, Object Files; both classes differ only in
 * the size and place of fields. */
#include "elf_file.h"

#include <string.h>

#define EM_386    3
#define EM_X86_64 62

static uint64_t get(const struct elf *elf, uint64_t offset, unsigned bytes)
{
	uint64_t value = 0;

	if (offset <= elf->size && bytes <= elf->size - offset)
		memcpy(&value, elf->data + offset, bytes);
	return value;
}

/* A field at one offset in ELF32 and another in ELF64; an address has the class's size. */
static uint64_t word(const struct elf *elf, uint64_t base, unsigned at32, unsigned at64)
{
	return elf->is64 ? get(elf, base + at64, 8) : get(elf, base + at32, 4);
}

bool elf_open(struct elf *elf, const uint8_t *data, size_t size, const char **why)
{
	memset(elf, 0, sizeof(*elf));
	*why = "it is not an ELF file";
	if (size < 52 || memcmp(data, "\177ELF", 4))
		return false;
	*why = "it is not a little-endian ELF file for x86";
	elf->data = data;
	elf->size = size;
	elf->is64 = data[4] == 2;
	elf->machine = get(elf, 18, 2);
	if ((data[4] != 1 && data[4] != 2) || data[5] != 1 ||
	    (elf->machine != EM_386 && elf->machine != EM_X86_64))
		return false;
	elf->entry = word(elf, 0, 24, 24);
	elf->phoff = word(elf, 0, 28, 32);
	elf->shoff = word(elf, 0, 32, 40);
	elf->phentsize = get(elf, elf->is64 ? 54 : 42, 2);
	elf->phnum = get(elf, elf->is64 ? 56 : 44, 2);
	elf->shentsize = get(elf, elf->is64 ? 58 : 46, 2);
	elf->shnum = get(elf, elf->is64 ? 60 : 48, 2);
	elf->shstrndx = get(elf, elf->is64 ? 62 : 50, 2);
	*why = "it has no program headers: an object file, not a kernel";
	return elf->phnum && elf->phentsize >= (elf->is64 ? 56 : 32);
}

static bool inside(const struct elf *elf, uint64_t offset, uint64_t size)
{
	return offset <= elf->size && size <= elf->size - offset;
}

bool elf_segment(const struct elf *elf, unsigned i, struct elf_segment *out)
{
	uint64_t at = elf->phoff + (uint64_t)i * elf->phentsize;

	if (i >= elf->phnum || !inside(elf, at, elf->phentsize))
		return false;
	out->type = get(elf, at, 4);
	out->offset = word(elf, at, 4, 8);
	out->vaddr = word(elf, at, 8, 16);
	out->paddr = word(elf, at, 12, 24);
	out->filesz = word(elf, at, 16, 32);
	out->memsz = word(elf, at, 20, 40);
	return true;
}

bool elf_section(const struct elf *elf, unsigned i, struct elf_section *out)
{
	uint64_t at = elf->shoff + (uint64_t)i * elf->shentsize;
	uint64_t names, name;

	if (i >= elf->shnum || elf->shentsize < (elf->is64 ? 64 : 40) || !inside(elf, at, elf->shentsize))
		return false;
	out->type = get(elf, at + 4, 4);
	out->offset = word(elf, at, 16, 24);
	out->size = word(elf, at, 20, 32);
	names = word(elf, elf->shoff + (uint64_t)elf->shstrndx * elf->shentsize, 16, 24);
	name = names + get(elf, at, 4);
	out->name = "";
	if (name >= names && name < elf->size && memchr(elf->data + name, '\0', elf->size - name))
		out->name = (const char *)elf->data + name;
	return true;
}

static unsigned walk(const struct elf *elf, uint64_t at, uint64_t size,
		     void (*note)(void *, uint32_t, const uint8_t *, size_t), void *arg)
{
	uint64_t end = at + size;
	unsigned found = 0;

	if (at > elf->size)
		return 0;
	if (end < at || end > elf->size)
		end = elf->size;
	while (end - at >= 12) {
		uint64_t namesz = get(elf, at, 4), descsz = get(elf, at + 4, 4);
		uint64_t name = at + 12, desc = name + ((namesz + 3) & ~3ull);

		if (desc > end)
			break;
		if (namesz == 4 && !memcmp(elf->data + name, "Xen", 4)) {
			found++;
			note(arg, get(elf, at + 8, 4), elf->data + desc,
			     descsz < end - desc ? descsz : end - desc);
		}
		if (((descsz + 3) & ~3ull) > end - desc)
			break;
		at = desc + ((descsz + 3) & ~3ull);
	}
	return found;
}

unsigned elf_xen_notes(const struct elf *elf,
		       void (*note)(void *arg, uint32_t type, const uint8_t *desc, size_t size), void *arg)
{
	struct elf_segment segment;
	struct elf_section section;
	unsigned found = 0;

	for (unsigned i = 0; elf_segment(elf, i, &segment); i++)
		if (segment.type == ELF_PT_NOTE)
			found += walk(elf, segment.offset, segment.filesz, note, arg);
	for (unsigned i = 0; !found && elf_section(elf, i, &section); i++)
		if (section.type == ELF_SHT_NOTE)
			found += walk(elf, section.offset, section.size, note, arg);
	return found;
}
