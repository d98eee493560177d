/* SPDX-License-Identifier: MIT */
/* See symbols.h. */
#include "symbols.h"
#include "err.h"
#include "kernel.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom/elf_layout.h"

/* Of a table entry: its size, a word, and where its fields lie. */
static const struct entry_layout {
	uint8_t size, word, value, info, section;
} layouts[] = {
    [ELF_CLASS32] = {sizeof(Elf32_Sym), 4, offsetof(Elf32_Sym, st_value), offsetof(Elf32_Sym, st_info),
		     offsetof(Elf32_Sym, st_shndx)},
    [ELF_CLASS64] = {sizeof(Elf64_Sym), 8, offsetof(Elf64_Sym, st_value), offsetof(Elf64_Sym, st_info),
		     offsetof(Elf64_Sym, st_shndx)},
};

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

/* Both classes: name and type, 4 bytes each; then flags, address, offset and size, a word each. */
static void find_texts(struct symbols *s)
{
	unsigned word = layouts[s->elf.class].word;
	const uint8_t *h;

	for (uint32_t i = 0; s->texts < SYMBOLS_TEXTS && (h = elf_section_header(&s->elf, i)); i++) {
		if (!(get(h + 8, word) & SHF_EXECINSTR))
			continue;
		s->text[s->texts].start = get(h + 8 + word, word);
		s->text[s->texts++].size = get(h + 8 + 3 * word, word);
	}
}

const char *symbols_open(struct symbols *s, const uint8_t *data, size_t size)
{
	const char *wrong;
	uint32_t index[2];

	memset(s, 0, sizeof(*s));
	wrong = elf_open(&s->elf, data, size);
	if (wrong)
		return wrong;
	if (!elf_symbols_find(&s->elf, index, s->part))
		return "it has no symbol table";
	if (s->part[0].filesz / layouts[s->elf.class].size > SYMBOLS_MAX)
		return "its symbol table is too long";
	find_texts(s);
	return s->texts ? NULL : "it has no section of code";
}

/* A boot header stands at 0x202 (Linux, Documentation/arch/x86/boot.rst). */
static bool is_linux_image(const char *path)
{
	char magic[4] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && pread(fd, magic, 4, 0x202) == 4 && !memcmp(magic, "HdrS", 4);

	if (fd >= 0)
		close(fd);
	return is;
}

const char *symbols_load(struct symbols *s, const char *path)
{
	const char *wrong;
	uint8_t *file;
	size_t size;

	memset(s, 0, sizeof(*s));
	if (is_linux_image(path)) /* unpacking one takes seconds, for nothing */
		return "a Linux image has no symbols; `rl why -k VMLINUX` takes them from a vmlinux that has";
	fail_quiet(true);
	file = kernel_read_file(path, &size);
	fail_quiet(false);
	if (!file)
		return fail_last();
	wrong = symbols_open(s, file, size);
	if (wrong)
		free(file);
	else
		s->file = file;
	return wrong;
}

void symbols_free(struct symbols *s)
{
	free(s->file);
	memset(s, 0, sizeof(*s));
}

/* Its section's number among the texts; -1: none has it. */
static int text_of(const struct symbols *s, uint64_t address)
{
	for (unsigned i = 0; i < s->texts; i++)
		if (address - s->text[i].start < s->text[i].size)
			return i;
	return -1;
}

bool symbols_in_text(const struct symbols *s, uint64_t address)
{
	return text_of(s, address) >= 0;
}

static unsigned type_of(const struct symbols *s, const uint8_t *symbol)
{
	return symbol[layouts[s->elf.class].info] & 15;
}

/* A place in the code: a function, or a label of assembly, which has no type. */
static bool is_place(const struct symbols *s, const uint8_t *symbol)
{
	unsigned section = get(symbol + layouts[s->elf.class].section, 2), type = type_of(s, symbol);

	return (type == STT_FUNC || type == STT_NOTYPE) && section && section < SHN_LORESERVE;
}

static bool copy_name(const struct symbols *s, uint64_t at, char name[SYMBOL_NAME])
{
	const struct elf_part *names = &s->part[1];
	size_t n = 0;

	for (; n < SYMBOL_NAME - 1 && at < names->filesz; n++, at++) {
		unsigned char c = s->elf.data[names->offset + at];

		if (!c)
			break;
		name[n] = isgraph(c) ? c : '?';
	}
	name[n] = '\0';
	return n;
}

bool symbols_find(const struct symbols *s, uint64_t address, char name[SYMBOL_NAME], uint64_t *start)
{
	const struct entry_layout *l = &layouts[s->elf.class];
	const uint8_t *symbol, *best = NULL;
	int text = text_of(s, address);

	if (text < 0)
		return false;
	*start = 0;
	symbol = s->elf.data + s->part[0].offset;
	for (uint64_t n = s->part[0].filesz / l->size; n; n--, symbol += l->size) {
		uint64_t value = get(symbol + l->value, l->word);

		if (value > address || value < *start || !is_place(s, symbol) || text_of(s, value) != text)
			continue;
		/* Of several at one address the function has the better name. */
		if (best && value == *start &&
		    (type_of(s, best) == STT_FUNC || type_of(s, symbol) != STT_FUNC))
			continue;
		best = symbol;
		*start = value;
	}
	return best && copy_name(s, get(best, 4), name);
}
