/* SPDX-License-Identifier: MIT */
/*
 * What the loader passes: the multiboot information (Multiboot Specification 0.6.96, 3.3, Boot information
 * format). It lies somewhere in low memory and is not read again after boot_read().
 */
#include "x86/internal.h"
#include "kern/lib/string.h"

#define MBI_CMDLINE (1u << 2)
#define MBI_MODULES (1u << 3)
#define MBI_MMAP    (1u << 6)
#define MBI_LOADER  (1u << 9)

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
};

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_mmap {
	uint32_t size; /* of the rest */
	uint64_t addr, len;
	uint32_t type;
} __attribute__((packed));
#define MMAP_RAM 1u

extern char image_start[], image_end[]; /* kernel.lds */

static char cmdline[1024];

static void *phys_to_virt(uint64_t addr)
{
	return (char *)pfn_to_virt(0) + addr;
}

/* GRUB 2 hands over the arguments only; other loaders put the kernel's file name before them. */
static bool loader_is_grub2(const struct multiboot_info *mbi)
{
	return mbi->flags & MBI_LOADER && !strncmp(phys_to_virt(mbi->boot_loader_name), "GRUB 2", 6);
}

static void read_cmdline(const struct multiboot_info *mbi)
{
	const char *text = mbi->flags & MBI_CMDLINE ? phys_to_virt(mbi->cmdline) : "";

	if (!loader_is_grub2(mbi)) {
		while (*text && *text != ' ')
			text++;
		while (*text == ' ')
			text++;
	}
	strlcpy(cmdline, text, sizeof(cmdline));
	boot_info.cmdline = cmdline;
}

static void read_initrd(const struct multiboot_info *mbi)
{
	if (mbi->flags & MBI_MODULES && mbi->mods_count) {
		const struct multiboot_module *mod = phys_to_virt(mbi->mods_addr);

		boot_info.initrd = phys_to_virt(mod->start);
		boot_info.initrd_len = mod->end - mod->start;
	}
}

static void read_memory(const struct multiboot_info *mbi)
{
	uint32_t end = mbi->mmap_addr + mbi->mmap_length;
	const struct multiboot_mmap *e;
	pfn_t initrd = virt_to_pfn(boot_info.initrd);
	struct frame_range used[] = {
	    {0, 256}, /* the first MiB: firmware data, VGA, nothing the kernel needs */
	    {image_to_pfn(image_start), image_to_pfn(image_end + PAGE_SIZE - 1)},
	    {initrd, initrd + (boot_info.initrd_len + PAGE_SIZE - 1) / PAGE_SIZE},
	};

	if (!(mbi->flags & MBI_MMAP))
		return;
	for (uint32_t at = mbi->mmap_addr; at < end; at += e->size + sizeof(e->size)) {
		uint64_t first, last;

		e = phys_to_virt(at);
		if (e->type != MMAP_RAM)
			continue;
		first = ROUND_UP(e->addr, (uint64_t)PAGE_SIZE);
		last = ROUND_DOWN(MIN(e->addr + e->len, (uint64_t)LINEAR_MAX), (uint64_t)PAGE_SIZE);
		if (first >= last)
			continue;
		boot_add_free(first >> PAGE_SHIFT, last >> PAGE_SHIFT, used,
			      ARRAY_SIZE(used) - !boot_info.initrd_len);
		boot_info.pages = MAX(boot_info.pages, (pfn_t)(last >> PAGE_SHIFT));
	}
}

static void identify(void)
{
#ifdef __x86_64__
	boot_info.build = "native64";
	boot_info.ring = "native64, ring 0";
#else
	boot_info.build = "native32";
	boot_info.ring = "native32, ring 0";
#endif
	boot_info.platform = "bare machine";
	boot_info.privileged = true;
	boot_info.host = boot_info.build;
}

/* boot_record: the multiboot information's physical address. */
void boot_read(const void *boot_record)
{
	const struct multiboot_info *mbi = phys_to_virt((uintptr_t)boot_record);

	read_cmdline(mbi);
	read_initrd(mbi);
	read_memory(mbi);
	identify();
}
