/* SPDX-License-Identifier: MIT */
/* See kernel.h. */
#include "kernel.h"
#include "elf_file.h"
#include "err.h"
#include "files.h"
#include "inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

#define KERNEL_MAX (256u << 20)

/* What the notes said; PLAN_NONE where they did not. */
struct wishes {
	uint64_t virt_base, paddr_offset, entry, hypercall_page, init_p2m;
	bool initrd_by_pfn, no_pae, legacy;
	bool bad_version, wants_ring0;
	char os[32];
};

static uint64_t number(const uint8_t *desc, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, desc, size < 8 ? size : 8);
	return value;
}

static bool text_is(const uint8_t *desc, size_t size, const char *prefix)
{
	return size >= strlen(prefix) && !memcmp(desc, prefix, strlen(prefix));
}

static bool text_has(const uint8_t *desc, size_t size, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= size; i++)
		if (!memcmp(desc + i, word, len))
			return true;
	return false;
}

static void take_note(void *arg, uint32_t type, const uint8_t *desc, size_t size)
{
	struct wishes *w = arg;

	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		w->entry = number(desc, size);
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		w->hypercall_page = number(desc, size);
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		w->virt_base = number(desc, size);
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		w->paddr_offset = number(desc, size);
		break;
	case XEN_ELFNOTE_INIT_P2M:
		w->init_p2m = number(desc, size);
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		w->initrd_by_pfn = number(desc, size) & 1;
		break;
	case XEN_ELFNOTE_PAE_MODE:
		w->no_pae = text_is(desc, size, "no");
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		w->bad_version = !text_is(desc, size, "xen-3.");
		break;
	case XEN_ELFNOTE_FEATURES:
		/* Other demands are wishes that no hypervisor fulfils; kernels run without. */
		w->wants_ring0 = text_has(desc, size, "!supervisor_mode_kernel");
		break;
	case XEN_ELFNOTE_GUEST_OS:
		snprintf(w->os, sizeof(w->os), "%.*s", (int)(size < 31 ? size : 31), (const char *)desc);
		break;
	}
}

/* One NAME=VALUE word of the old-style section. HYPERCALL_PAGE counts pages from virt_base, so the caller
 * adds that when all words are known. */
static void take_word(struct wishes *w, const char *word, size_t len)
{
	static const struct {
		const char *name;
		size_t field;
	} words[] = {
	    {"VIRT_BASE=", offsetof(struct wishes, virt_base)},
	    {"ELF_PADDR_OFFSET=", offsetof(struct wishes, paddr_offset)},
	    {"VIRT_ENTRY=", offsetof(struct wishes, entry)},
	    {"HYPERCALL_PAGE=", offsetof(struct wishes, hypercall_page)},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i].name);
		char value[32];

		if (len <= n || memcmp(word, words[i].name, n))
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)(len - n), word + n);
		*(uint64_t *)((char *)w + words[i].field) = strtoull(value, NULL, 0);
	}
	if (len == 6 && !memcmp(word, "PAE=no", 6))
		w->no_pae = true;
	if (len > 9 && !memcmp(word, "GUEST_OS=", 9))
		snprintf(w->os, sizeof(w->os), "%.*s", (int)(len - 9), word + 9);
}

static void take_legacy(struct wishes *w, const struct elf *elf)
{
	struct elf_section s;

	for (unsigned i = 0; elf_section(elf, i, &s); i++) {
		const char *at = (const char *)elf->data + s.offset, *end = at + s.size;

		if (strcmp(s.name, "__xen_guest") || s.offset > elf->size || s.size > elf->size - s.offset)
			continue;
		w->legacy = true;
		while (at < end && *at) {
			const char *stop = at;

			while (stop < end && *stop != ',' && *stop)
				stop++;
			take_word(w, at, stop - at);
			at = stop < end && *stop == ',' ? stop + 1 : end;
		}
	}
	if (w->hypercall_page != PLAN_NONE)
		w->hypercall_page = (w->virt_base == PLAN_NONE ? 0 : w->virt_base) + w->hypercall_page * 4096;
}

static int take_segments(struct kernel *k, const char *name, const struct elf *elf, uint64_t virt_offset)
{
	uint64_t mask = elf->is64 ? ~0ull : 0xffffffff, low = ~0ull, high = 0;
	struct elf_segment s;

	for (unsigned i = 0; elf_segment(elf, i, &s); i++) {
		struct kernel_segment *out = &k->segment[k->segments];
		uint64_t va = (s.paddr + virt_offset) & mask;

		if (s.type != ELF_PT_LOAD || !s.memsz)
			continue;
		if (k->segments == KERNEL_SEGMENTS_MAX)
			return fail("%s: more than %d segments; link the kernel with fewer", name,
				    KERNEL_SEGMENTS_MAX);
		if (s.offset > elf->size || s.filesz > elf->size - s.offset || s.filesz > s.memsz)
			return fail("%s: segment %u reaches past the end of the file; is the file complete?",
				    name, i);
		if (va < k->plan.virt_base || s.memsz > 1u << 30 || va + s.memsz < va ||
		    va - k->plan.virt_base > 1u << 30)
			return fail("%s: segment %u would load at %#llx, but the kernel's area begins at "
				    "%#llx and has 1 GiB; "
				    "check its VIRT_BASE and PADDR_OFFSET notes",
				    name, i, (unsigned long long)va, (unsigned long long)k->plan.virt_base);
		*out = (struct kernel_segment){
		    .va = va, .file_size = s.filesz, .mem_size = s.memsz, .data = elf->data + s.offset};
		k->segments++;
		low = va < low ? va : low;
		high = va + s.memsz > high ? va + s.memsz : high;
	}
	if (!k->segments)
		return fail("%s: nothing to load in it; is it a kernel?", name);
	k->plan.start = low & ~4095ull;
	k->plan.end = (high + 4095) & ~4095ull;
	return 0;
}

int kernel_parse(struct kernel *k, const char *name, const uint8_t *data, size_t size)
{
	struct wishes w = {PLAN_NONE, PLAN_NONE, PLAN_NONE, PLAN_NONE, PLAN_NONE, .os = ""};
	const char *why;
	struct elf elf;

	memset(k, 0, sizeof(*k));
	if (!elf_open(&elf, data, size, &why))
		return fail("%s: %s; needed: a Xen PV kernel as ELF, plain or gzip", name, why);
	if (!elf_xen_notes(&elf, take_note, &w))
		take_legacy(&w, &elf);
	if (w.bad_version)
		return fail("%s: its notes name an unknown interface; needed: xen-3.0", name);
	if (w.wants_ring0)
		return fail("%s: it must run in ring 0 and cannot run as a PV guest", name);
	if (!elf.is64 && w.no_pae)
		return fail("%s: a 32-bit kernel without PAE; needed: one built for PAE", name);
	k->plan.abi = elf.is64 ? &abi_pv64 : &abi_pv32;
	k->plan.virt_base = w.virt_base == PLAN_NONE ? 0 : w.virt_base;
	/* Old-style kernels give virtual addresses as physical ones unless they say otherwise. */
	if (w.paddr_offset == PLAN_NONE)
		w.paddr_offset = w.legacy ? k->plan.virt_base : 0;
	k->plan.init_p2m = w.init_p2m;
	k->plan.initrd_unmapped = w.initrd_by_pfn;
	k->entry = w.entry == PLAN_NONE ? elf.entry : w.entry;
	k->hypercall_page = w.hypercall_page;
	memcpy(k->os, w.os, sizeof(k->os));
	return take_segments(k, name, &elf, k->plan.virt_base - w.paddr_offset);
}

/* A Linux bzImage carries its kernel packed at payload_offset (Linux boot protocol 2.08). */
static bool find_payload(const uint8_t **data, size_t *size)
{
	uint32_t offset, length;
	size_t setup;

	if (*size < 0x250 || memcmp(*data + 0x202, "HdrS", 4))
		return false;
	setup = ((*data)[0x1f1] ? (*data)[0x1f1] : 4) * 512 + 512;
	memcpy(&offset, *data + 0x248, 4);
	memcpy(&length, *data + 0x24c, 4);
	if (setup + offset > *size || length > *size - setup - offset)
		return false;
	*data += setup + offset;
	*size = length;
	return true;
}

int kernel_load(struct kernel *k, const char *path)
{
	size_t size, unpacked_size;
	uint8_t *file = (uint8_t *)file_read(path, KERNEL_MAX, &size);
	const uint8_t *data = file;
	uint8_t *unpacked;
	const char *why;
	bool linux_image;
	int ret;

	memset(k, 0, sizeof(*k));
	if (!file)
		return -1;
	linux_image = find_payload(&data, &size);
	if (gzip_is(data, size)) {
		unpacked = gzip_unpack(data, size, 64u << 20, &unpacked_size, &why);
		free(file);
		if (!unpacked)
			return fail("%s: %s", path, why);
		file = unpacked;
		data = unpacked;
		size = unpacked_size;
	} else if (linux_image) {
		free(file);
		return fail("%s: a Linux image whose kernel is not packed with gzip; needed: ELF or gzip; "
			    "unpack it with "
			    "Linux's scripts/extract-vmlinux",
			    path);
	}
	ret = kernel_parse(k, path, data, size);
	k->file = file;
	if (ret)
		kernel_free(k);
	return ret;
}

void kernel_free(struct kernel *k)
{
	free(k->file);
	k->file = NULL;
}
