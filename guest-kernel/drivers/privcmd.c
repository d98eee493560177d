/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/privcmd. A tool makes hypercalls with its own memory as arguments: the hypervisor reads and
 * writes it through the current page tables, so every page of an argument must be present (and, if written,
 * not shared copy-on-write), or the call fails with -EFAULT. Mapping takes two steps, as in Linux: mmap()
 * reserves addresses, an ioctl fills them with foreign frames. The hypervisor decides what is allowed.
 *
 * Such an area holds only entries with PTE_FOREIGN; unmapping it clears them, which gives the frames'
 * references back.
 */
#include "drivers/devices.h"
#include "cpu_ops.h"
#include "kern/fs/devfs.h"
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/mm/space.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "xen/sys/privcmd.h"

#define HYPERCALLS (PAGE_SIZE / 32) /* stubs in the hypercall page */
#define CHUNK      64u              /* frames handled at a time */

/* Any hypercall, with all five arguments: through the number's stub. */
static long raw_hypercall(unsigned nr, const uint64_t *args)
{
	unsigned long result = (unsigned long)hypercall_page + nr * 32;
#ifdef __x86_64__
	unsigned long a = args[0], b = args[1], c = args[2];
	register unsigned long d __asm__("r10") = args[3];
	register unsigned long e __asm__("r8") = args[4];

	__asm__ volatile("call *%%rax"
			 : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(d), "+r"(e)::"rcx", "r11", "memory",
			   "cc");
#else
	unsigned long a = args[0], b = args[1], c = args[2], d = args[3], e = args[4];

	__asm__ volatile("call *%%eax"
			 : "+a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)::"memory", "cc");
#endif
	return result;
}

static long do_hypercall(const void *user)
{
	struct privcmd_hypercall call;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (call.op >= HYPERCALLS || call.op == __HYPERVISOR_iret)
		return -ENOSYS;
	return raw_hypercall(call.op, call.arg);
}

static const struct file_ops privcmd_ops;

/* The area of this device that holds all of this range, or NULL. */
static struct area *our_area(ulong addr, ulong pages)
{
	struct area *a = area_at(current->process->mm, addr);

	if (!a || !a->file || a->file->ops != &privcmd_ops || addr & ~PAGE_MASK ||
	    pages > (a->end - addr) >> PAGE_SHIFT)
		return NULL;
	return a;
}

/* Map count frames from addr on; errors[] as pte_set_foreign() says. -ENOMEM: no page table. */
static int map_frames(struct area *a, ulong addr, const xen_pfn_t *mfns, int *errors, unsigned count,
		      domid_t dom)
{
	pte_t flags = PTE_P | PTE_U | PTE_A | PTE_NX | (a->prot & PROT_WRITE ? PTE_W | PTE_D : 0);

	for (unsigned i = 0, n; i < count; i += n, addr += n * PAGE_SIZE) {
		pte_t *ptep = pte_find(&a->mm->root, addr, true);

		if (!ptep)
			return -ENOMEM;
		n = MIN(count - i, TABLE_ENTRIES - table_index(addr, 1));
		pte_set_foreign(ptep, mfns + i, errors + i, n, flags, dom);
	}
	return 0;
}

/* One range of a batch, from user arrays: errors go to out (version 2) or, if that is NULL, into the top bits
 * of the frame numbers (version 1). */
static int map_chunk(struct area *a, ulong addr, const xen_pfn_t *arr, int *out, unsigned count, domid_t dom)
{
	xen_pfn_t mfns[CHUNK];
	int errors[CHUNK], rc;

	if (copy_from_user(mfns, arr, count * sizeof(*mfns)))
		return -EFAULT;
	rc = map_frames(a, addr, mfns, errors, count, dom);
	if (rc)
		return rc;
	if (out)
		return copy_to_user(out, errors, count * sizeof(*errors));
	for (unsigned i = 0; i < count; i++)
		if (errors[i] && put_user(mfns[i] | PRIVCMD_MMAPBATCH_MFN_ERROR, (xen_pfn_t *)&arr[i]))
			return -EFAULT;
	return 0;
}

static long map_batch(ulong addr, const xen_pfn_t *arr, int *out, unsigned num, domid_t dom)
{
	struct area *a = our_area(addr, num);
	int rc = a ? 0 : -EINVAL;

	for (unsigned i = 0; i < num && !rc; i += CHUNK)
		rc = map_chunk(a, addr + i * PAGE_SIZE, arr + i, out ? out + i : NULL, MIN(CHUNK, num - i),
			       dom);
	tlb_flush_all();
	return rc;
}

static long do_mmapbatch(const void *user)
{
	struct privcmd_mmapbatch b;

	if (copy_from_user(&b, user, sizeof(b)))
		return -EFAULT;
	return map_batch(b.addr, b.arr, NULL, b.num, b.dom);
}

static long do_mmapbatch_v2(const void *user)
{
	struct privcmd_mmapbatch_v2 b;

	if (copy_from_user(&b, user, sizeof(b)))
		return -EFAULT;
	return map_batch(b.addr, b.arr, b.err, b.num, b.dom);
}

/* Maps frames in a row: all of them, or an error. */
static int map_entry(const struct privcmd_mmap_entry *e, domid_t dom)
{
	struct area *a = our_area(e->va, e->npages);
	ulong va = e->va;
	xen_pfn_t mfn = e->mfn;

	if (!a)
		return -EINVAL;
	for (ulong left = e->npages; left; left--, mfn++, va += PAGE_SIZE) {
		int error, rc = map_frames(a, va, &mfn, &error, 1, dom);

		if (rc || error)
			return rc ? rc : error;
	}
	return 0;
}

static long do_mmap(const void *user)
{
	struct privcmd_mmap m;
	int rc = 0;

	if (copy_from_user(&m, user, sizeof(m)))
		return -EFAULT;
	for (int i = 0; i < m.num && !rc; i++) {
		struct privcmd_mmap_entry e;

		rc = copy_from_user(&e, &m.entry[i], sizeof(e));
		if (!rc)
			rc = map_entry(&e, m.dom);
	}
	tlb_flush_all();
	return rc;
}

static long privcmd_ioctl(struct file *file, unsigned command, ulong arg)
{
	switch (command) {
	case IOCTL_PRIVCMD_HYPERCALL:
		return do_hypercall((const void *)arg);
	case IOCTL_PRIVCMD_MMAP:
		return do_mmap((const void *)arg);
	case IOCTL_PRIVCMD_MMAPBATCH:
		return do_mmapbatch((const void *)arg);
	case IOCTL_PRIVCMD_MMAPBATCH_V2:
		return do_mmapbatch_v2((const void *)arg);
	}
	return -ENOTTY;
}

static int privcmd_mmap(struct file *file, struct area *area)
{
	area->flags |= AREA_FOREIGN;
	return 0;
}

static const struct file_ops privcmd_ops = {
    .ioctl = privcmd_ioctl,
    .mmap = privcmd_mmap,
};

void privcmd_init(void)
{
	devfs_add("xen/privcmd", MKDEV(DEV_MISC, 60), 0600, &privcmd_ops);
}
