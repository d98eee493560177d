/* SPDX-License-Identifier: MIT */
/* The ELF loader: maps a static program's segments; pages are read when they are touched. */
#include "kern/proc/elf.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "x86/linux_abi.h"

#define MAX_SEGMENTS 16
#define PIE_BASE     0x400000UL /* where a static position-independent program goes */

int elf_check(struct file *file, struct elf_header *h)
{
	struct inode *inode = file->inode;

	if (!inode->ops->peek || inode->ops->peek(inode, 0, h, sizeof(*h)) != sizeof(*h))
		return -ENOEXEC;
	if (memcmp(h->ident, "\177ELF", 4) || h->ident[4] != ELF_CLASS || h->machine != ELF_MACHINE)
		return -ENOEXEC;
	if ((h->type != ET_EXEC && h->type != ET_DYN) || h->phentsize != sizeof(struct elf_segment) ||
	    !h->phnum || h->phnum > MAX_SEGMENTS)
		return -ENOEXEC;
	return 0;
}

static u32 protection(u32 flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

static int load_segment(struct mm *mm, struct file *file, const struct elf_segment *s, ulong bias)
{
	ulong at = s->vaddr + bias, start = ROUND_DOWN(at, PAGE_SIZE), data_end = at + s->filesz;
	ulong file_end = ROUND_UP(data_end, PAGE_SIZE), end = ROUND_UP(at + s->memsz, PAGE_SIZE);
	u32 prot = protection(s->flags);

	if (s->vaddr > USER_END - bias || at < PAGE_SIZE || s->memsz > USER_END - at ||
	    s->filesz > s->memsz || ((s->vaddr ^ s->offset) & ~PAGE_MASK) || !area_range_free(mm, start, end))
		return -ENOEXEC;
	if (s->filesz && !area_add(mm, start, file_end, prot, 0, file, ROUND_DOWN(s->offset, PAGE_SIZE)))
		return -ENOMEM;
	if (!s->filesz)
		file_end = start;
	if (end > file_end && !area_add(mm, file_end, end, prot, 0, NULL, 0))
		return -ENOMEM;
	/* The file's bytes after the data in the last page must read as zeros. */
	if (s->memsz > s->filesz && s->filesz && (prot & PROT_WRITE))
		return clear_user((void *)data_end, file_end - data_end);
	return 0;
}

static int read_segments(struct file *file, const struct elf_header *h, struct elf_segment *s)
{
	long size = h->phnum * sizeof(*s);

	return file->inode->ops->peek(file->inode, h->phoff, s, size) == size ? 0 : -ENOEXEC;
}

int elf_load(struct mm *mm, struct file *file, const struct elf_header *h, struct elf_image *image)
{
	struct elf_segment segments[MAX_SEGMENTS], *s;
	ulong bias = h->type == ET_DYN ? PIE_BASE : 0;
	int rc = read_segments(file, h, segments);

	*image = (struct elf_image){.entry = h->entry + bias, .phnum = h->phnum};
	for (s = segments; !rc && s < segments + h->phnum; s++) {
		if (s->type == PT_INTERP) {
			log_warn("%s[%d]: dynamic programs are not supported: build with -static\n",
				 current->process->comm, current->process->pid);
			return -ELIBACC;
		}
		if (s->type != PT_LOAD || !s->memsz)
			continue;
		rc = load_segment(mm, file, s, bias);
		if (h->phoff >= s->offset && h->phoff < s->offset + s->filesz)
			image->phdr = s->vaddr + bias + (h->phoff - s->offset);
		image->brk = MAX(image->brk, ROUND_UP(s->vaddr + bias + s->memsz, PAGE_SIZE));
	}
	return rc;
}
