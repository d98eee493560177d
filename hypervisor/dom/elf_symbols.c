/* SPDX-License-Identifier: MIT */
/* The symbol table behind a kernel's image: the form is described at struct elf_symbols. */
#include "dom/elf_layout.h"
#include "lib/string.h"

#define SHT_SYMTAB 2
#define SHT_STRTAB 3
#define SECTIONS   3

static void put_field(uint8_t *at, uint64_t value, unsigned bytes)
{
	memcpy(at, &value, bytes);
}

static uint32_t link_of(const struct elf *e, uint32_t section)
{
	const struct header_layout *l = &elf_layouts[e->class];
	uint32_t link;

	memcpy(&link, elf_section_header(e, section) + l->sh_size + l->word, sizeof(link));
	return link;
}

/* Section @i of @type, all of it in the image? */
static bool find(const struct elf *e, uint32_t i, uint32_t type, struct elf_part *p)
{
	const struct header_layout *l = &elf_layouts[e->class];
	uint64_t size = 0;

	if (!elf_section(e, i, p) || p->type != type)
		return false;
	memcpy(&size, elf_section_header(e, i) + l->sh_size, l->word);
	return p->filesz == size;
}

bool elf_symbols_find(const struct elf *e, uint32_t index[2], struct elf_part part[2])
{
	for (uint32_t i = 0; i < e->shnum; i++)
		if (find(e, i, SHT_SYMTAB, &part[0])) {
			index[0] = i;
			index[1] = link_of(e, i);
			return find(e, index[1], SHT_STRTAB, &part[1]);
		}
	return false;
}

/* The file header says that there are three sections and nothing to load. */
static void make_header(uint8_t *header, const struct elf *e)
{
	const struct header_layout *l = &elf_layouts[e->class];

	memcpy(header, e->data, l->ehsize);
	put_field(header + l->phoff, 0, l->word);
	put_field(header + l->shoff, l->ehsize, l->word);
	put_field(header + l->phesize, 0, 4); /* and phnum */
	put_field(header + l->phesize + 4, l->shentsize, 2);
	put_field(header + l->phesize + 6, SECTIONS, 2);
	put_field(header + l->phesize + 8, 0, 2); /* no names of sections */
}

uint64_t elf_symbols_make(struct elf_symbols *s, const struct elf *e, uint64_t end)
{
	const struct header_layout *l = &elf_layouts[e->class];
	uint8_t *section = s->head + sizeof(uint32_t) + l->ehsize + l->shentsize;
	struct elf_part part[2];
	uint64_t header, at;
	uint32_t index[2];

	if (!elf_symbols_find(e, index, part))
		return end;
	s->start = ROUND_UP(end, l->word);
	s->head_size = sizeof(uint32_t) + l->ehsize + SECTIONS * l->shentsize;
	header = s->start + sizeof(uint32_t);
	at = s->start + s->head_size;
	make_header(s->head + sizeof(uint32_t), e);
	for (unsigned i = 0; i < 2; i++, section += l->shentsize) {
		at = ROUND_UP(at, l->word);
		s->piece[i] =
		    (struct elf_piece){.at = at, .data = e->data + part[i].offset, .size = part[i].filesz};
		memcpy(section, elf_section_header(e, index[i]), l->shentsize);
		put_field(section, 0, 4); /* its name is not there */
		put_field(section + l->sh_offset, at - header, l->word);
		at += part[i].filesz;
	}
	put_field(section - 2 * l->shentsize + l->sh_size + l->word, 2,
		  4); /* symbols are named by section 2 */
	put_field(s->head, at - header, sizeof(uint32_t));
	return ROUND_UP(at, l->word);
}
