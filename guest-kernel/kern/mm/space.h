/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: a list of areas, sorted by address, and the page tables below the seam. Pages come in when
 * they are touched (mm/fault.c).
 *
 * What a leaf entry may be: empty; present; parked (not present, PTE_SOFT and the frame number: the page of
 * an area that PROT_NONE hides); foreign (PTE_FOREIGN: put there by a driver, not a frame of the allocator). Present
 * and parked entries hold one reference on their frame.
 */
#ifndef KERN_MM_SPACE_H
#define KERN_MM_SPACE_H

#include "kern/fs/vfs.h"
#include "kern/lib/list.h"
#include "machine.h"

#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_SHARED          0x01
#define MAP_PRIVATE         0x02
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_FIXED_NOREPLACE 0x100000

#define AREA_SHARED  1
#define AREA_HEAP    2
#define AREA_STACK   4
#define AREA_FOREIGN 8 /* a driver fills it; not inherited by fork, and a fault in it is an error */

struct area;

/* A driver that maps something special sets these in file_ops.mmap. */
struct area_ops {
	/* The area, or a part of it, goes away; entries are still there. Called before they are cleared. */
	void (*unmap)(struct area *a, ulong start, ulong end);
};

struct area {
	struct list list;
	struct mm *mm;
	ulong start, end;
	u32 prot, flags;
	struct file *file; /* NULL: anonymous memory */
	u64 offset;        /* in the file, of start */
	const struct area_ops *ops;
	void *private;
};

struct mm {
	u32 refs;
	struct root root;
	struct list areas;
	ulong brk_start, brk;
	ulong pages; /* frames mapped, for ps */
	u32 area_count;
	ulong arg_start, arg_end, stack_top;
	struct inode *program; /* counted in its `running`; NULL before the first */
};

/* mm/space.c */
struct mm *mm_create(void);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm);
void mm_switch(struct mm *mm); /* NULL: the kernel's own */
struct mm *mm_fork(struct mm *old);
void mm_set_program(struct mm *mm, struct inode *program); /* once: the file cannot be written from now on */
ulong mm_size(const struct mm *mm);                        /* bytes in areas */

/* mm/area.c. Unmapping, protecting and moving let other tasks run in between (kernel_breathe()): look up again what was
 * known of the areas before. */
struct area *area_find(struct mm *mm, ulong addr); /* the first that ends above addr, or NULL */
struct area *area_at(struct mm *mm, ulong addr);   /* the one that contains addr, or NULL */
bool area_range_free(struct mm *mm, ulong start, ulong end);
ulong area_find_gap(struct mm *mm, ulong len); /* 0: none */
/* Adds an area to a free range; takes its own reference on file. */
struct area *area_add(struct mm *mm, ulong start, ulong end, u32 prot, u32 flags, struct file *file,
		      u64 offset);
int area_split(struct mm *mm, ulong at);
int area_unmap(struct mm *mm, ulong start, ulong end);
int area_protect(struct mm *mm, ulong start, ulong end, u32 prot);
/* Moves a whole area, no driver's, to a free range of new_len bytes, which is not shorter. */
int area_move(struct mm *mm, ulong from, ulong to, ulong new_len);

/* mm/pte.c: leaf entries and the frames they hold */
bool pte_is_parked(pte_t pte);
bool pte_holds_frame(pte_t pte); /* present or parked, and not foreign */
pfn_t pte_frame(pte_t pte);      /* of an entry that holds one */
pte_t pte_park(pfn_t pfn);
pte_t pte_for(const struct area *a, pfn_t pfn, bool writable);
ulong pte_table_end(ulong va); /* of the part of the address space that the leaf table of va maps */
void pte_clear_range(struct mm *mm, ulong start, ulong end);
/* Clears the first leaf table from start on, as far as it lies below end. Returns where to go on, in the end `end`. */
ulong pte_clear_some(struct mm *mm, ulong start, ulong end);

/* mm/fault.c */
/* Resolves a page fault at addr; 0, or the signal the program deserves. */
int mm_fault(struct mm *mm, ulong addr, u32 error);
/* Copies from another address space, as far as its pages are there. Bytes copied. */
size_t mm_peek(struct mm *mm, ulong addr, void *buf, size_t n);

#endif
