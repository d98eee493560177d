/* SPDX-License-Identifier: MIT */
/*
 * Read the loader's information (multiboot specification 0.6.96, 3.3). Everything needed later is copied: the
 * structures lie anywhere in RAM, and nothing reserves them.
 */
#include "boot/boot.h"
#include "cpu/panic.h"
#include "lib/image.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/page.h"

#define LOADER_MAGIC 0x2badb002
#define INFO_MEMORY  (1u << 0)
#define INFO_CMDLINE (1u << 2)
#define INFO_MODULES (1u << 3)
#define INFO_MMAP    (1u << 6)
#define INFO_LOADER  (1u << 9)
#define LOW_END      0x100000

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
};

struct mod_entry {
	uint32_t start, end, string, reserved;
};

struct __packed mmap_entry {
	uint32_t size; /* of the rest */
	uint64_t base, length;
	uint32_t type;
};

struct module boot_modules[MAX_MODULES];
unsigned boot_module_count;
char boot_cmdline[CMDLINE_MAX];

static void parse_map(const struct info *info)
{
	const uint8_t *p = paddr_to_virt(info->mmap_addr), *end = p + info->mmap_length;

	if (!(info->flags & INFO_MMAP)) { /* only the two sizes, in KiB */
		boot_ram_add(0, (paddr_t)info->mem_lower << 10, MEM_RAM);
		boot_ram_add(LOW_END, LOW_END + ((paddr_t)info->mem_upper << 10), MEM_RAM);
		return;
	}
	while (p < end) {
		const struct mmap_entry *e = (const struct mmap_entry *)p;

		boot_ram_add(e->base, e->base + e->length, e->type);
		p += e->size + sizeof(e->size);
	}
}

/* GRUB 2 hands over arguments only; other loaders put the file's name before them. */
static void copy_cmdline(char *dst, uint32_t string, bool has_name)
{
	const char *s = string ? paddr_to_virt(string) : "";

	while (*s == ' ')
		s++;
	if (has_name) {
		while (*s && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
	strlcpy(dst, s, CMDLINE_MAX);
}

static bool loader_is_grub2(const struct info *info)
{
	const char *name = info->flags & INFO_LOADER ? paddr_to_virt(info->loader_name) : "";

	return !strncmp(name, "GRUB ", 5);
}

static void parse_modules(const struct info *info, bool has_name)
{
	const struct mod_entry *m = paddr_to_virt(info->mods_addr);

	if (!(info->flags & INFO_MODULES))
		return;
	for (uint32_t i = 0; i < info->mods_count && boot_module_count < MAX_MODULES; i++, m++) {
		struct module *to = &boot_modules[boot_module_count++];

		to->start = m->start;
		to->end = m->end;
		copy_cmdline(to->cmdline, m->string, has_name);
		boot_reserve(m->start, m->end);
	}
}

void multiboot_parse(uint32_t magic, paddr_t where)
{
	const struct info *info = paddr_to_virt(where);
	bool has_name;

	if (magic != LOADER_MAGIC)
		panic("not started by a multiboot loader (eax %08x)", magic);
	has_name = !loader_is_grub2(info);
	boot_reserve(0, LOW_END);
	boot_reserve(image_phys(image_start), image_phys(image_end));
	parse_map(info);
	parse_modules(info, has_name);
	if (info->flags & INFO_CMDLINE)
		copy_cmdline(boot_cmdline, info->cmdline, has_name);
}
