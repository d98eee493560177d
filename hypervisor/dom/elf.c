/* SPDX-License-Identifier: MIT */
/* ELF headers (System V ABI, 4. Object Files). Fields of both classes are read by offset, little endian. */
#include "dom/elf_layout.h"
#include "lib/string.h"

#define PT_LOAD       1
#define EM_386        3
#define EM_X86_64     62
#define MAX_IMAGE_END (1ull << 40) /* of pseudo-physical memory: anything above is a broken header */

const struct header_layout elf_layouts[] = {
    [ELF_CLASS32] = {52, 32, 40, 4, 24, 28, 32, 42, 4, 12, 16, 20, 16, 20},
    [ELF_CLASS64] = {64, 56, 64, 8, 24, 32, 40, 54, 8, 24, 32, 40, 24, 32},
};

static uint64_t get(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

/* Entry @i of a table of the image, or NULL if it does not lie inside. */
static const uint8_t *table_entry(const struct elf *e, uint64_t offset, uint32_t i, uint32_t size)
{
	if (offset > e->size || ((uint64_t)i + 1) * size > e->size - offset)
		return NULL;
	return e->data + offset + (uint64_t)i * size;
}

static void clamp(const struct elf *e, struct elf_part *p)
{
	p->offset = MIN(p->offset, e->size);
	p->filesz = MIN(p->filesz, e->size - p->offset);
}

const char *elf_open(struct elf *e, const void *data, size_t size)
{
	const struct header_layout *l;
	const uint8_t *p = data;
	uint16_t machine;

	if (size < elf_layouts[ELF_CLASS32].ehsize || memcmp(p, "\177ELF", 4))
		return "it is not an ELF file";
	e->data = data;
	e->size = size;
	e->class = p[4];
	if ((e->class != ELF_CLASS32 && e->class != ELF_CLASS64) || p[5] != 1)
		return "its ELF class or byte order is unknown";
	l = &elf_layouts[e->class];
	if (size < l->ehsize)
		return "its ELF header is cut off";
	machine = get(p + 18, 2);
	if (machine != (e->class == ELF_CLASS64 ? EM_X86_64 : EM_386))
		return "it is for another processor";
	e->entry = get(p + l->entry, l->word);
	e->phoff = get(p + l->phoff, l->word);
	e->shoff = get(p + l->shoff, l->word);
	e->phentsize = get(p + l->phesize, 2);
	e->phnum = get(p + l->phesize + 2, 2);
	e->shentsize = get(p + l->phesize + 4, 2);
	e->shnum = get(p + l->phesize + 6, 2);
	e->shstrndx = get(p + l->phesize + 8, 2);
	if (e->phentsize < l->phentsize)
		return "its program headers have an impossible size";
	if (e->shentsize < l->shentsize)
		e->shnum = 0;
	return NULL;
}

bool elf_segment(const struct elf *e, uint32_t i, struct elf_part *p)
{
	const struct header_layout *l = &elf_layouts[e->class];
	const uint8_t *h = i < e->phnum ? table_entry(e, e->phoff, i, e->phentsize) : NULL;

	if (!h)
		return false;
	*p = (struct elf_part){
	    .type = get(h, 4),
	    .offset = get(h + l->p_offset, l->word),
	    .filesz = get(h + l->p_filesz, l->word),
	    .paddr = get(h + l->p_paddr, l->word),
	    .memsz = get(h + l->p_memsz, l->word),
	    .name = "",
	};
	clamp(e, p);
	p->filesz = MIN(p->filesz, p->memsz ? p->memsz : p->filesz); /* notes have no memory size */
	return true;
}

const uint8_t *elf_section_header(const struct elf *e, uint32_t i)
{
	return i < e->shnum ? table_entry(e, e->shoff, i, e->shentsize) : NULL;
}

/* The section's name, if its string table holds all of it. */
static const char *section_name(const struct elf *e, uint32_t offset)
{
	const struct header_layout *l = &elf_layouts[e->class];
	const uint8_t *h = elf_section_header(e, e->shstrndx);
	uint64_t at, size;

	if (!h)
		return "";
	at = get(h + l->sh_offset, l->word);
	size = get(h + l->sh_size, l->word);
	if (at > e->size || size > e->size - at || offset >= size)
		return "";
	if (strnlen((const char *)e->data + at + offset, size - offset) == size - offset)
		return "";
	return (const char *)e->data + at + offset;
}

bool elf_section(const struct elf *e, uint32_t i, struct elf_part *p)
{
	const struct header_layout *l = &elf_layouts[e->class];
	const uint8_t *h = elf_section_header(e, i);

	if (!h)
		return false;
	*p = (struct elf_part){
	    .type = get(h + 4, 4),
	    .offset = get(h + l->sh_offset, l->word),
	    .filesz = get(h + l->sh_size, l->word),
	    .name = section_name(e, get(h, 4)),
	};
	clamp(e, p);
	return true;
}

bool elf_loadable(const struct elf_part *p)
{
	return p->type == PT_LOAD && p->memsz;
}

/* The hull of all segments, as pseudo-physical addresses. */
static const char *place(struct elf_kernel *k)
{
	uint64_t offset = k->notes.paddr_offset;
	struct elf_part p;

	k->start = ~0ull;
	for (; elf_segment(&k->elf, k->segments, &p); k->segments++) {
		if (!elf_loadable(&p))
			continue;
		if (p.paddr < offset || p.paddr - offset > MAX_IMAGE_END || p.memsz > MAX_IMAGE_END)
			return "a segment lies outside any memory";
		k->start = MIN(k->start, p.paddr - offset);
		k->end = MAX(k->end, p.paddr - offset + p.memsz);
	}
	return k->end ? NULL : "it has nothing to load";
}

/* Do the addresses of the notes fit the image? */
static const char *judge_addresses(const struct elf_kernel *k)
{
	const struct elf_notes *n = &k->notes;
	uint64_t start = k->start + n->virt_base, last = k->end - 1 + n->virt_base;

	if (n->virt_base % PAGE_SIZE || n->init_p2m % PAGE_SIZE)
		return "its notes name an address inside a page";
	if (start < n->virt_base || last < start || (k->elf.class == ELF_CLASS32 && last >> 32))
		return "its segments leave the address space";
	/* What lies below the start is very far above it, unsigned. */
	if (n->entry - start >= k->end - k->start)
		return "its entry lies outside its image";
	if (n->init_p2m && n->init_p2m - start < k->end - k->start)
		return "its P2M would lie inside its image";
	return NULL;
}

const char *elf_kernel_open(struct elf_kernel *k, const void *data, size_t size)
{
	const char *wrong;

	memset(k, 0, sizeof(*k));
	wrong = elf_open(&k->elf, data, size);
	if (!wrong)
		wrong = elf_read_notes(&k->elf, &k->notes);
	if (!wrong)
		wrong = elf_notes_judge(&k->elf, &k->notes);
	if (!wrong)
		wrong = place(k);
	if (wrong)
		return wrong;
	if (k->notes.bsd_symtab)
		k->end = elf_symbols_make(&k->symbols, &k->elf, k->end);
	return judge_addresses(k);
}

bool elf_kernel_piece(const struct elf_kernel *k, uint32_t i, struct elf_piece *piece)
{
	struct elf_part p;

	if (i < k->segments) {
		*piece = (struct elf_piece){0};
		if (elf_segment(&k->elf, i, &p) && elf_loadable(&p))
			*piece = (struct elf_piece){p.paddr - k->notes.paddr_offset, k->elf.data + p.offset,
						    p.filesz};
		return true;
	}
	i -= k->segments;
	if (i > ARRAY_SIZE(k->symbols.piece))
		return false;
	*piece = i ? k->symbols.piece[i - 1]
		   : (struct elf_piece){k->symbols.start, k->symbols.head, k->symbols.head_size};
	return true;
}
