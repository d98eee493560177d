/* SPDX-License-Identifier: MIT */
/*
 * The Xen notes of a kernel: in PT_NOTE segments, else in SHT_NOTE sections, else as the comma-separated
 * string of the old section __xen_guest. Features that a kernel requires ('!' before the name) need only be known:
 * some ask for what no hypervisor has offered for years, and run without.
 */
#include "dom/elf.h"
#include "lib/string.h"
#include "xen/elfnote.h"
#include "xen/features.h"

#define PT_NOTE   4
#define SHT_NOTE  7
#define NOTE_HEAD 12 /* namesz, descsz, type */

static uint64_t number(const uint8_t *desc, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, desc, MIN(n, sizeof(v)));
	return v;
}

static bool begins(const void *text, size_t n, const char *with)
{
	return n >= strlen(with) && !memcmp(text, with, strlen(with));
}

/* A feature of "a|!b|c" that is required and that Xen has never had. */
static bool has_odd_feature(const char *s, size_t n)
{
	static const char *const known[] = {"writable_page_tables",    "writable_descriptor_tables",
					    "auto_translated_physmap", "supervisor_mode_kernel",
					    "pae_pgdir_above_4gb",     "dom0"};
	const char *end = s + strnlen(s, n), *next;
	bool odd = false;

	for (; s < end; s = next) {
		for (next = s; next < end && *next != '|'; next++)
			;
		bool found = *s != '!';
		size_t len = next - s - 1;

		for (unsigned i = 0; i < ARRAY_SIZE(known) && !found; i++)
			found = len == strlen(known[i]) && !memcmp(s + 1, known[i], len);
		odd |= !found;
		next += next < end;
	}
	return odd;
}

static void note(struct elf_notes *notes, uint32_t type, const uint8_t *desc, size_t n)
{
	switch (type) {
	case XEN_ELFNOTE_LOADER:
		notes->generic = begins(desc, n, "generic");
		break;
	case XEN_ELFNOTE_GUEST_OS:
		notes->for_linux = begins(desc, n, "linux");
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		notes->xen3 = begins(desc, n, "xen-3.0");
		break;
	case XEN_ELFNOTE_FEATURES:
		notes->odd_feature |= has_odd_feature((const char *)desc, n);
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		notes->not_dom0 = !(number(desc, n) >> XENFEAT_dom0 & 1);
		break;
	case XEN_ELFNOTE_PHYS32_ENTRY:
		notes->pvh = true;
		break;
	case XEN_ELFNOTE_ENTRY:
		notes->entry = number(desc, n);
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		notes->hypercall_page = number(desc, n);
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		notes->virt_base = number(desc, n);
		notes->has_virt_base = true;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		notes->paddr_offset = number(desc, n);
		notes->has_paddr_offset = true;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		notes->init_p2m = number(desc, n);
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		notes->mod_start_pfn = number(desc, n);
		break;
	case XEN_ELFNOTE_PAE_MODE:
		/* "yes", "yes,bimodal", "bimodal": a kernel with this note knows the folded CR3. */
		notes->pae = notes->extended_cr3 = n >= 2 && memcmp(desc, "no", 2);
		break;
	case XEN_ELFNOTE_BSD_SYMTAB:
		notes->bsd_symtab = n >= 3 && !memcmp(desc, "yes", 3);
		break;
	}
	notes->found = true;
}

/* All notes of one part. Sizes of name and descriptor are rounded up to 4; a descriptor that the file's end
 * cuts off (GRUB has one) counts as far as it goes. */
static void parse_notes(const struct elf *e, const struct elf_part *p, struct elf_notes *notes)
{
	const uint8_t *at = e->data + p->offset, *end = at + p->filesz;

	while (end - at >= NOTE_HEAD) {
		uint32_t namesz = number(at, 4), descsz = number(at + 4, 4), type = number(at + 8, 4);
		uint64_t name_len = ROUND_UP((uint64_t)namesz, 4), desc_len = ROUND_UP((uint64_t)descsz, 4);
		const uint8_t *name = at + NOTE_HEAD, *desc;

		if (name_len > (uint64_t)(end - name))
			return;
		desc = name + name_len;
		if (namesz == 4 && !memcmp(name, "Xen", 4))
			note(notes, type, desc, MIN((uint64_t)descsz, (uint64_t)(end - desc)));
		at = desc + MIN(desc_len, (uint64_t)(end - desc));
	}
}

/* Does the string begin with "@key="? Then *value is what follows. */
static bool has_key(const char *s, const char *key, const char **value)
{
	size_t len = strlen(key);

	if (strncmp(s, key, len) || s[len] != '=')
		return false;
	*value = s + len + 1;
	return true;
}

/* One "KEY=value" of __xen_guest. @s is zero-ended. */
static void legacy_item(struct elf_notes *notes, const char *s, size_t n)
{
	const char *value, *end;

	if (has_key(s, "LOADER", &value)) {
		notes->generic = begins(value, strlen(value), "generic");
	} else if (has_key(s, "GUEST_OS", &value)) {
		notes->for_linux = begins(value, strlen(value), "linux");
	} else if (has_key(s, "XEN_VER", &value)) {
		notes->xen3 = begins(value, strlen(value), "xen-3.0");
	} else if (has_key(s, "FEATURES", &value)) {
		notes->odd_feature |= has_odd_feature(value, s + n - value);
	} else if (has_key(s, "VIRT_BASE", &value)) {
		notes->virt_base = parse_number(value, &end);
		notes->has_virt_base = true;
	} else if (has_key(s, "ELF_PADDR_OFFSET", &value)) {
		notes->paddr_offset = parse_number(value, &end);
		notes->has_paddr_offset = true;
	} else if (has_key(s, "VIRT_ENTRY", &value)) {
		notes->entry = parse_number(value, &end);
	} else if (has_key(s, "HYPERCALL_PAGE", &value)) {
		notes->hypercall_page =
		    (parse_number(value, &end) << PAGE_SHIFT) | 1; /* a frame number: see below */
	} else if (has_key(s, "PAE", &value)) {
		notes->pae = !strncmp(value, "yes", 3);
		notes->extended_cr3 = !strncmp(value, "yes[extended-cr3]", 17);
	} else if (!strncmp(s, "BSD_SYMTAB", 10)) { /* with a value or without */
		notes->bsd_symtab = true;
	}
}

/* A copy of the string is walked, so that every number has an end. */
static void parse_legacy(const struct elf *e, const struct elf_part *p, struct elf_notes *notes)
{
	char text[512];
	size_t n = MIN(p->filesz, sizeof(text) - 1);
	char *s = text;

	memcpy(text, e->data + p->offset, n);
	text[n] = 0;
	notes->found = true;
	while (*s) {
		char *comma = strchr(s, ',');
		size_t len = comma ? (size_t)(comma - s) : strlen(s);

		legacy_item(notes, s, len);
		s += len + (comma != NULL);
	}
	if (!notes->has_paddr_offset)
		notes->paddr_offset = notes->virt_base;
	if (notes->hypercall_page)
		notes->hypercall_page += notes->virt_base - 1;
}

const char *elf_read_notes(const struct elf *e, struct elf_notes *notes)
{
	struct elf_part p;

	notes->entry = e->entry;
	for (uint32_t i = 0; elf_segment(e, i, &p); i++)
		if (p.type == PT_NOTE)
			parse_notes(e, &p, notes);
	for (uint32_t i = 0; !notes->found && elf_section(e, i, &p); i++)
		if (p.type == SHT_NOTE)
			parse_notes(e, &p, notes);
	for (uint32_t i = 0; !notes->found && elf_section(e, i, &p); i++)
		if (!strcmp(p.name, "__xen_guest"))
			parse_legacy(e, &p, notes);
	if (!notes->found)
		return "it has no Xen notes, so it is not a kernel for a paravirtual machine";
	return NULL;
}

const char *elf_notes_judge(const struct elf *e, const struct elf_notes *notes)
{
	if (!notes->generic && !notes->for_linux)
		return notes->pvh ? "it can only be started as a PVH guest, on a processor that virtualises"
				  : "its note LOADER does not say \"generic\"";
	if (!notes->xen3)
		return "its note XEN_VERSION does not say \"xen-3.0\"";
	if (e->class == ELF_CLASS32 && !notes->pae)
		return "it is a 32-bit kernel without PAE";
	if (notes->odd_feature)
		return "its note FEATURES requires a feature that no hypervisor has";
	if (notes->has_paddr_offset && !notes->has_virt_base)
		return "it has a note PADDR_OFFSET, but no VIRT_BASE";
	return NULL;
}
