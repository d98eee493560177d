/* SPDX-License-Identifier: MIT */
/*
 * /dev/crash. Write one of these words into it, as `echo stack >/dev/crash`, and see what notices it:
 *
 *	panic      the kernel gives up by itself, and tells the hypervisor that it crashed
 *	pagetable  the kernel writes its own page table, which it may only read: a page fault that it
 *		   cannot handle
 *	hypervisor the kernel writes the hypervisor's M2P table, which it may only read: a page fault too
 *	overflow   the kernel stack grows too long: see page_guard() in machine.h
 *	stack      the kernel loses its stack and meets an exception: the hypervisor has no place for the
 *		   exception frame, and ends the domain
 *
 * "hypervisor" and "stack" need a hypervisor; on the bare machine "pagetable" does nothing, as a page table is plain
 * memory there. In all cases other domains go on. Only root can write.
 */
#include "drivers/devices.h"
#include "cpu_ops.h"
#include "kern/fs/devfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/user.h"
#include "x86/internal.h"

static void crash_panic(void)
{
	panic("requested: \"panic\" was written into /dev/crash");
}

static void crash_pagetable(void)
{
	volatile pte_t *root = pfn_to_virt(kernel_root);

	*root = *root;
}

static int crash_deep(int level)
{
	volatile char room[256];

	room[0] = level;
	return room[0] < 0 ? 0 : crash_deep(1) + room[0];
}

static void crash_overflow(void)
{
	crash_deep(0);
}

#ifdef MACH2PHYS_VIRT_START /* not on the bare machine */
static void crash_hypervisor(void)
{
	*(volatile unsigned long *)MACH2PHYS_VIRT_START = 0;
}

static void crash_stack(void)
{
#ifdef __x86_64__
	__asm__ volatile("mov %0, %%rsp; ud2" ::"r"(HYPERVISOR_VIRT_START + PAGE_SIZE));
#else
	__asm__ volatile("mov %0, %%esp; ud2" ::"r"(HYPERVISOR_VIRT_START + PAGE_SIZE));
#endif
}
#endif

static const struct {
	const char *word;
	void (*go)(void);
} ways[] = {
    {"panic", crash_panic},           {"pagetable", crash_pagetable}, {"overflow", crash_overflow},
#ifdef MACH2PHYS_VIRT_START
    {"hypervisor", crash_hypervisor}, {"stack", crash_stack},
#endif
};

static long crash_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	char word[16];
	size_t len = MIN(n, sizeof(word) - 1);

	if (copy_from_user(word, buf, len))
		return -EFAULT;
	while (len && word[len - 1] == '\n')
		len--;
	word[len] = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
		if (!strcmp(word, ways[i].word))
			ways[i].go();
	return -EINVAL; /* no such word, or it did not work */
}

static const struct file_ops crash_ops = {.write = crash_write};

void crash_init(void)
{
	devfs_add("crash", MKDEV(DEV_MISC, 59), 0600, &crash_ops);
}
