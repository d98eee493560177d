/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the machine layer need from each other, below the seam. Everything declared here exists
 * once in native/ and once in pv/, except what is marked x86/.
 */
#ifndef X86_INTERNAL_H
#define X86_INTERNAL_H

#include "machine.h"

/* Start-up, in the order machine_start() (x86/start.c) calls them. */
void machine_start(const void *boot_record) noreturn;
void boot_read(const void *boot_record); /* boot.c: fill boot_info */
void paging_init(void);                  /* paging.c: the linear map; after it memory can be reached */
void console_init(void);
void console_put(const char *text, size_t len); /* console.c: what console_write() does, under its lock */
void segments_init(void);
void traps_init(void);
void interrupts_init(void);
void time_init(void);
void cpus_init(void); /* cpus.c: find the processors */

/* The same on a processor that cpu_start() started; segments_init() and traps_init() are called there too. */
void machine_start_cpu(void) noreturn;
void cpu_init(void); /* cpus.c: interrupts and timer of this processor */

/* x86/trap.c: called by every entry path with interrupts off. */
void machine_trap(struct trapframe *tf);
/* interrupts.c: call the handlers of pending interrupts. */
void irq_dispatch(unsigned vector);

/* entry.asm: pops the trapframe at the stack pointer. Not to be called: jumped or returned to. */
void trap_return(void);
/* entry.asm: addresses of the entry points for vectors 0 .. TRAP_ENTRIES-1. */
extern const uintptr_t trap_entries[];

/* First vector that is not an exception. Native: PIC line 0; PV: the event upcall. */
#define VECTOR_IRQ          32u
#define VECTOR_DOUBLE_FAULT 8u

/* A frame for the machine's own tables while there is no allocator yet: taken from boot_info.free. x86/ */
pfn_t boot_take_frames(unsigned count);
/* Free frames are those of [first, end) outside the sorted list of frames in use. x86/boot_memory.c */
void boot_add_free(pfn_t first, pfn_t end, const struct frame_range *used, unsigned used_count);

/* paging.c: what x86/pagetable.c builds on. */
extern pfn_t kernel_root;
void root_load(const struct root *r); /* into the processor; NULL: the kernel's own */
/* x86/: the processors besides this one that have this one's current root. */
cpuset_t root_sharers(void);
void table_enter(pfn_t pfn); /* the frame is about to become a page table */
void table_leave(pfn_t pfn); /* it no longer is one */
/* Let the entry *slot of a table of this level point to the table `pfn` one level below. */
void table_hook(struct root *r, unsigned level, pte_t *slot, pfn_t pfn);
/* Copy the kernel's half into a new root's empty frame(s), and make them usable as a root. */
int root_enter(struct root *r);
void root_leave(struct root *r); /* to the hypervisor nothing below it is a page table any more */
void root_free(struct root *r);  /* frames of the root itself, after the tables below it are gone */

/* Prints to the console without the log. x86/start.c */
void early_print(const char *text);

#endif
