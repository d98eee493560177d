/* SPDX-License-Identifier: MIT */
/*
 * What the loader passes: struct start_info, written by the domain builder. Until paging_init() everything is
 * reached through the builder's mapping, image base + frame number; pointers kept are linear ones already.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "kern/lib/string.h"

const struct start_info *start_info;

static char cmdline[MAX_GUEST_CMDLINE];
static char platform[32];

static void read_cmdline(void)
{
	strlcpy(cmdline, (const char *)start_info->cmd_line, sizeof(cmdline));
	boot_info.cmdline = cmdline;
}

static void read_initrd(void)
{
	if (start_info->mod_len) {
		pfn_t pfn = start_info->flags & SIF_MOD_START_PFN
				? start_info->mod_start
				: image_to_pfn((const void *)start_info->mod_start);

		boot_info.initrd = pfn_to_virt(pfn);
		boot_info.initrd_len = start_info->mod_len;
	}
}

static pfn_t frames_end(const void *first, size_t len)
{
	return image_to_pfn((const char *)first + len + PAGE_SIZE - 1);
}

/* The builder put everything in a row: image, initrd, frame list, start_info, rings, page tables, boot stack.
 * What lies behind is free. The rings are found separately, in case a builder has put them elsewhere. */
static void read_memory(void)
{
	pfn_t end = frames_end((const void *)start_info->pt_base, start_info->nr_pt_frames * PAGE_SIZE) + 1;
	pfn_t initrd_end =
	    boot_info.initrd_len ? virt_to_pfn((char *)boot_info.initrd + boot_info.initrd_len - 1) + 1 : 0;
	pfn_t list_end = frames_end((const void *)start_info->mfn_list, start_info->nr_pages * sizeof(long));
	pfn_t in_use = MAX(initrd_end, list_end);
	struct frame_range used[3] = {{0, MAX(end, in_use)}};
	bool rings = !(start_info->flags & SIF_INITDOMAIN);
	pfn_t store = rings && start_info->store_mfn ? mfn_to_pfn(start_info->store_mfn) : 0;
	pfn_t console = rings && start_info->console.domU.mfn ? mfn_to_pfn(start_info->console.domU.mfn) : 0;

	used[1] = (struct frame_range){MIN(store, console), MIN(store, console) + 1};
	used[2] = (struct frame_range){MAX(store, console), MAX(store, console) + 1};
	boot_info.pages = MIN(start_info->nr_pages, LINEAR_MAX >> PAGE_SHIFT);
	boot_add_free(used[0].end, boot_info.pages, used, ARRAY_SIZE(used));
}

static void identify(void)
{
	xen_extraversion_t extra = "";
	long version = hypercall_xen_version(XENVER_version, NULL);

#ifdef __x86_64__
	boot_info.build = "pv64";
	boot_info.ring = "pv64, ring 3";
#else
	boot_info.build = "pv32";
	boot_info.ring = "pv32, ring 1";
#endif
	hypercall_xen_version(XENVER_extraversion, extra);
	snprintf(platform, sizeof(platform), "Xen %ld.%ld%.15s", version >> 16, version & 0xffff, extra);
	boot_info.platform = platform;
	boot_info.privileged = start_info->flags & SIF_INITDOMAIN;
	boot_info.host = boot_info.privileged ? "dom0" : boot_info.build;
}

/* boot_record: the start_info page. */
void boot_read(const void *boot_record)
{
	start_info = boot_record;
	read_cmdline();
	read_initrd();
	read_memory();
	identify();
}
