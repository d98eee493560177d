/* SPDX-License-Identifier: MIT */
/* The system calls that shape an address space. */
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/page.h"
#include "kern/mm/space.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED   2
#define MADV_DONTNEED  4

static bool user_pages(ulong addr, ulong len)
{
	return !(addr & ~PAGE_MASK) && len && addr < USER_END && len <= USER_END - addr;
}

long sys_brk(ulong wanted)
{
	struct mm *mm = current->process->mm;
	ulong old = ROUND_UP(mm->brk, PAGE_SIZE), new = ROUND_UP(wanted, PAGE_SIZE);

	if (wanted < mm->brk_start || wanted >= USER_END)
		return mm->brk;
	if (new > old) {
		if (!area_range_free(mm, old, new + PAGE_SIZE) || !limit_allows_memory(mm, new - old) ||
		    !area_add(mm, old, new, PROT_READ | PROT_WRITE, AREA_HEAP, NULL, 0))
			return mm->brk;
	} else if (new < old && area_unmap(mm, new, old)) {
		return mm->brk;
	}
	mm->brk = wanted;
	return wanted;
}

/* Finds the place of a new mapping; a negative errno in case of error. */
static long place(struct mm *mm, ulong addr, ulong len, u32 flags)
{
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (!user_pages(addr, len))
			return -EINVAL;
		if ((flags & MAP_FIXED_NOREPLACE) && !area_range_free(mm, addr, addr + len))
			return -EEXIST;
		while (!area_range_free(mm, addr, addr + len)) /* another thread may have been faster */
			if (area_unmap(mm, addr, addr + len))
				return -ENOMEM;
		return addr;
	}
	if (addr && user_pages(addr, len) && area_range_free(mm, addr, addr + len))
		return addr;
	addr = area_find_gap(mm, len);
	return addr ? (long)addr : -ENOMEM;
}

static int check_file(const struct file *file, u32 prot, u32 flags)
{
	const struct inode *inode = file->inode;
	u32 mode = file->flags & O_ACCMODE;

	if (file->flags & O_PATH)
		return -EBADF;
	if (mode == O_WRONLY || ((flags & MAP_SHARED) && (prot & PROT_WRITE) && mode != O_RDWR))
		return -EACCES;
	if (!file->ops->mmap && ((inode->mode & S_IFMT) != S_IFREG || !inode->ops->page))
		return -ENODEV;
	/* What is prepared for mappings is not written back. */
	return (flags & MAP_SHARED) && mode == O_RDWR && inode->ops->prepare ? -EINVAL : 0;
}

static long do_mmap(ulong addr, ulong len, u32 prot, u32 flags, int fd, u64 offset)
{
	struct mm *mm = current->process->mm;
	struct file *file = NULL;
	struct area *a;
	long at;
	int rc = 0;

	len = ROUND_UP(len, PAGE_SIZE);
	if (!len || len > USER_END || !(flags & (MAP_SHARED | MAP_PRIVATE)))
		return -EINVAL;
	if (!limit_allows_memory(mm, len))
		return -ENOMEM;
	/* Memory is promised before it is allocated, but not more than the machine has: malloc() may fail. */
	if ((flags & MAP_ANONYMOUS) && (prot & PROT_WRITE) && len >> PAGE_SHIFT > page_total_count())
		return -ENOMEM;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_file(fd);
		rc = file ? check_file(file, prot, flags) : -EBADF;
		if (!rc) {
			file_get(file);
			rc = inode_prepare(file->inode);
			if (rc)
				file_put(file);
		}
	} else if (flags & MAP_SHARED) {
		file = ramfs_anonymous_file(len); /* shared memory is a file without a name */
		rc = file ? 0 : -ENOMEM;
		offset = 0;
	}
	if (rc)
		return rc;
	at = place(mm, addr, len, flags);
	if (at < 0 && at >= -4095) {
		a = NULL;
	} else {
		a = area_add(mm, at, at + len, prot & 7, flags & MAP_SHARED ? AREA_SHARED : 0, file, offset);
		if (!a)
			at = -ENOMEM;
	}
	if (a && file && file->ops->mmap) {
		rc = file->ops->mmap(file, a);
		if (rc) {
			area_unmap(mm, at, at + len);
			at = rc;
		}
	}
	if (file)
		file_put(file); /* the area holds it now */
	return at;
}

long sys_mmap(ulong addr, ulong len, ulong prot, ulong flags, int fd, ulong offset)
{
	return offset & ~PAGE_MASK ? -EINVAL : do_mmap(addr, len, prot, flags, fd, offset);
}

long sys_mmap2(ulong addr, ulong len, ulong prot, ulong flags, int fd, ulong page)
{
	return do_mmap(addr, len, prot, flags, fd, (u64)page << PAGE_SHIFT);
}

long sys_munmap(ulong addr, ulong len)
{
	len = ROUND_UP(len, PAGE_SIZE);
	return user_pages(addr, len) ? area_unmap(current->process->mm, addr, addr + len) : -EINVAL;
}

long sys_mprotect(ulong addr, ulong len, ulong prot)
{
	len = ROUND_UP(len, PAGE_SIZE);
	if (!len)
		return 0;
	return user_pages(addr, len) ? area_protect(current->process->mm, addr, addr + len, prot & 7)
				     : -EINVAL;
}

long sys_mremap(ulong addr, ulong old_len, ulong new_len, ulong flags)
{
	struct mm *mm = current->process->mm;
	struct area *a;
	ulong to;

	old_len = ROUND_UP(old_len, PAGE_SIZE);
	new_len = ROUND_UP(new_len, PAGE_SIZE);
	if (!user_pages(addr, old_len) || !new_len || new_len > USER_END || (flags & MREMAP_FIXED))
		return -EINVAL;
	if (new_len <= old_len) {
		if (new_len < old_len && area_unmap(mm, addr + new_len, addr + old_len))
			return -ENOMEM;
		return addr;
	}
	a = area_at(mm, addr);
	if (!a || addr + old_len > a->end || (a->flags & AREA_FOREIGN) || a->ops)
		return -EFAULT;
	if (!limit_allows_memory(mm, new_len - old_len))
		return -ENOMEM;
	if (new_len <= USER_END - addr && area_range_free(mm, addr + old_len, addr + new_len)) {
		return area_add(mm, addr + old_len, addr + new_len, a->prot, a->flags, a->file,
				a->offset + (addr + old_len - a->start))
			   ? (long)addr
			   : -ENOMEM;
	}
	if (!(flags & MREMAP_MAYMOVE) || area_split(mm, addr) || area_split(mm, addr + old_len))
		return -ENOMEM;
	to = area_find_gap(mm, new_len);
	return to && !area_move(mm, addr, to, new_len) ? (long)to : -ENOMEM;
}

/* Advice is taken where it has a visible effect: dropped anonymous memory reads as zeros again. */
long sys_madvise(ulong addr, ulong len, int advice)
{
	struct mm *mm = current->process->mm;
	struct area *a;
	ulong end;

	len = ROUND_UP(len, PAGE_SIZE);
	if (!user_pages(addr, len))
		return -EINVAL;
	if (advice != MADV_DONTNEED)
		return 0;
	for (end = addr + len; addr < end && (a = area_find(mm, addr)) && a->start < end; kernel_breathe())
		addr = a->flags & AREA_FOREIGN ? a->end
					       : pte_clear_some(mm, MAX(a->start, addr), MIN(a->end, end));
	return 0;
}

/* All files live in memory: there is nothing to write back, and nothing is ever swapped out. */
long sys_msync(ulong addr, ulong len, int flags)
{
	return user_pages(addr, ROUND_UP(len, PAGE_SIZE)) ? 0 : -EINVAL;
}

long sys_mlock(ulong addr, ulong len)
{
	return 0;
}
