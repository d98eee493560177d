/* SPDX-License-Identifier: MIT */
/*
 * The seam between the portable kernel (kern/) and the machine under it. Two implementations stand side by
 * side with the same files and the same functions in the same order: native/ executes privileged
 * instructions in ring 0, pv/ makes hypercalls from ring 1 (32 bit) or ring 3 (64 bit). x86/ holds what both
 * share. Nothing above this header knows which one it was linked with.
 *
 * Everything is called with interrupts off and the kernel lock held (section 6) unless the comment says
 * otherwise; nothing here sleeps. Addresses of user space are below USER_END.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "kern/lib/types.h"
#include "x86/pagetable.h" /* pfn_t, pte_t, PTE_*, USER_END, the linear map */
#include "x86/trapframe.h" /* struct trapframe and how to read system call arguments from it */

/* ---- 1. What the machine found at boot ---------------------------------------------------------------- */

struct boot_info {
	pfn_t pages; /* page frames 0 .. pages-1 are in the linear map; holes between them are never free */
	unsigned free_count;
	struct frame_range {
		pfn_t first, end; /* half open */
	} free[16];               /* unused frames: for the page allocator */
	const char *cmdline;      /* never NULL */
	void *initrd;             /* in the linear map, page aligned; NULL if there is none. Not in free[] */
	size_t initrd_len;
	const char *build;    /* "native64" */
	const char *host;     /* the machine's name until it gets another: "dom0", or as build */
	const char *ring;     /* "native64, ring 0": for demonstrations and /proc/version */
	const char *platform; /* "bare machine" or "Xen 4.17", as the hypervisor names itself */
	bool privileged;      /* bare machine or Dom0: this kernel may end the whole machine */
};

extern struct boot_info boot_info; /* complete before kernel_main() is called */

/* ---- 2. Console: works from the first instruction of kernel_main to the last of machine_crash ---------- */

/* Write characters as they are ("\n" is sent as "\r\n"), waiting for the device. Any context. Typed
 * characters come by console_input(), after drivers_init(). */
void console_write(const char *text, size_t len);

/* ---- 3. Interrupts ------------------------------------------------------------------------------------- */

/* Turn interrupts off; the value returned tells irq_restore() whether they were on. */
unsigned long irq_save(void);
void irq_restore(unsigned long was);
void irq_enable(void);
void irq_disable(void);

/* Called with interrupts off, without the lock: let interrupts in and sleep until one was handled, with no
 * moment between where an interrupt could be missed. Returns with interrupts off. */
void cpu_idle(void);

/* Let handler(data) be called, with interrupts off, for each interrupt of this line: a PIC line, or an event
 * channel port. Drivers use this; kern/ has no need to. Devices interrupt processor 0. */
void irq_register(unsigned line, void (*handler)(void *data), void *data);
void irq_unregister(unsigned line);

/* ---- 4. Processors --------------------------------------------------------------------------------------
 */

#define CPU_MAX 8u
typedef uint32_t cpuset_t; /* a bit for each */

#define KERNEL_STACK_SIZE (2 * PAGE_SIZE)
#define STACK_GUARD       0x57ac6a4dUL

/* The lowest words of every kernel stack, which is aligned to its size: so the stack pointer tells which
 * task runs and where, without a segment register that an application could have changed. */
struct stack_base {
	unsigned long guard;
	struct task *task; /* NULL on the boot stack, until it is made the idle task's */
	unsigned cpu;      /* the processor that uses this stack now */
};

static inline struct stack_base *stack_base(void)
{
	return (struct stack_base *)((uintptr_t)__builtin_frame_address(0) & ~(KERNEL_STACK_SIZE - 1));
}

static inline unsigned cpu_id(void)
{
	return stack_base()->cpu;
}

/* How many there are, at most CPU_MAX. Number 0 is the one that booted. */
unsigned cpu_count(void);

/* Start one that has never run: it calls kernel_main_cpu() on this stack. False if it does not answer. */
bool cpu_start(unsigned cpu, void *stack_top);

/* The calling processor sleeps until cpu_resume() is called for it (or, perhaps, something else happens).
 * Called without the lock. */
void cpu_stop(void);
void cpu_resume(unsigned cpu);

/* Let ipi_interrupt() be called on another processor, in user mode or in cpu_idle(). */
void ipi_send(unsigned cpu);

/* One round of waiting for the lock, called without it. It may sleep, if called again without the lock having been
 * free in between: so a processor that gives the lock back calls cpu_spin_end(). */
void cpu_spin(unsigned round);
void cpu_spin_end(void);

/* ---- 5. Kernel stacks and the first way to user mode ----------------------------------------------------
 */

/* A kernel thread of control that is not running: its saved stack pointer. */
struct context {
	uintptr_t sp;
};

/* Make a context which starts by calling start() on the stack that ends at stack_top (16-byte aligned). When
 * start() returns, the trapframe_of(stack_top) is returned to (fill it before); a kernel thread never
 * returns. start() is entered with interrupts off. */
void context_prepare(struct context *c, void *stack_top, void (*start)(void));

/* Save the running context in *from, go on with *to. */
void context_switch(struct context *from, struct context *to);

/* The next trap from user mode starts at this stack top: call it on each switch of process. */
void kernel_stack_set(void *stack_top);

/* The frame that a trap from user mode leaves at the top of the process's kernel stack. */
static inline struct trapframe *trapframe_of(void *stack_top)
{
	return (struct trapframe *)stack_top - 1;
}

/* Zero the frame, then make it enter user mode at ip with stack sp and interrupts on. */
void trapframe_init_user(struct trapframe *tf, uintptr_t ip, uintptr_t sp);

/* Registers were written by a user (sigreturn): force segments and flags to what user mode may have. */
void trapframe_sanitise(struct trapframe *tf);

/* ---- 6. Traps: the machine calls these, kern/ has them --------------------------------------------------
 */

/* The kernel lock: taken before any of the functions below is called for a trap from user mode or for an
 * interrupt, given back before the return. An exception in the kernel happens with the lock held. */
void kernel_lock(void);
void kernel_unlock(void);

/* Long operations call this now and then, where other tasks may intervene: lets interrupts, tasks and processors have
 * their turn if the lock has been held for LOCK_HELD_NS. Returns whether it did. */
bool kernel_breathe(void);
bool kernel_held_long(void);

/* The first thing after every trap, system call or interrupt, from user or kernel mode. Interrupts are off. */
void trap_enter(struct trapframe *tf);

/* An exception (tf->trapno 0..31, tf->error). Interrupts are off. For a page fault (14) read fault_address()
 * before turning them on; PF_* in tf->error. From kernel mode: resolve a fault on a user address as if it
 * came from user mode (COW and demand paging inside user_copy()), else call trap_fixup(tf), else panic. */
void trap(struct trapframe *tf);

/* The processor had no place for an exception's frame: the kernel stack, which ended at sp, is too short. */
void kernel_stack_overflow(uintptr_t ip, uintptr_t sp) noreturn;

/* A system call: sc_number(tf), sc_arg(tf, 0..5); put the result by sc_set_result(). Interrupts are off;
 * they may be turned on at once. */
void syscall(struct trapframe *tf);

/* The last thing before every return from a trap, system call or interrupt, to user or kernel mode
 * (trapframe_user(tf) tells): deliver signals, reschedule. Called and to be left with interrupts off. */
void trap_exit(struct trapframe *tf);

/* The timer set by timer_arm() has fired (it may be early: look at time_ns()). Interrupts off. */
void timer_interrupt(void);

/* Another processor has called ipi_send() for this one. Interrupts off. */
void ipi_interrupt(void);

/* A character was typed at the console. Interrupts off. */
void console_input(char c);

/* The kernel proper: called once, on a boot stack, interrupts off, boot_info complete, memory mapped,
 * console_write() and time_ns() working. Never returns. */
void kernel_main(void) noreturn;

/* The same on a processor that cpu_start() started, without the lock. */
void kernel_main_cpu(void) noreturn;

/* A page frame for a page table, all zero, or 0 when there is none. Also called before the first root. */
pfn_t table_alloc(void);
void table_free(pfn_t pfn);

/* A bug of the kernel: print the sentence, then machine_crash(). */
void panic(const char *fmt, ...) noreturn __attribute__((format(printf, 1, 2)));

/* The linear address that the page fault being handled was about. */
uintptr_t fault_address(void);

/* ---- 7. User memory -------------------------------------------------------------------------------------
 */

/* Copy n bytes where one side is user memory of the current root, letting page faults be resolved by trap().
 * The caller has checked that the user range is below USER_END. Returns the number of bytes NOT copied: 0 if
 * all went well. */
size_t user_copy(void *to, const void *from, size_t n);

/* If the kernel faulted inside user_copy() (or at the return to user mode with a bad segment selector), make
 * tf continue at its failure path and return true. */
bool trap_fixup(struct trapframe *tf);

/* ---- 8. Thread-local storage and the floating point unit ------------------------------------------------
 */

/* Base of the running process's TLS segment: FS base in 64 bit (arch_prctl), GDT entry TLS_GDT_ENTRY in 32
 * bit (set_thread_area; the process then loads it into GS, which lives in its trapframe). On each switch. */
void tls_load(uintptr_t base);

#define FPU_AREA_SIZE 512     /* FXSAVE's; 16-byte aligned */
void fpu_init(void *area);    /* state of a new program, into area */
void fpu_save(void *area);    /* registers -> area */
void fpu_restore(void *area); /* area -> registers */
/* The area was written by a user: make it safe for fpu_restore(). */
void fpu_sanitise(void *area);

/* What the processor has loaded while a task runs, and what is saved here while it does not; changed by its processor, and
 * at fork. */
struct task_registers {
	struct context context;
	uintptr_t tls; /* base of the thread's TLS segment */
	uint8_t fpu[FPU_AREA_SIZE] __attribute__((aligned(16)));
};

/* ---- 9. Page tables (types and flags: x86/pagetable.h) ---------------------------------------------------
 */

/* A user address space as the processor sees it. Native: one table. pv64 needs two: with kernel and
 * application both in ring 3, only a second root without the kernel's half hides the kernel. */
struct root {
	pfn_t kernel, user;
	cpuset_t cpus;   /* processors that have it as current root, kept by root_switch() */
	uint32_t tables; /* of the user half */
};

/* A leaf entry for the frame with flags PTE_* and back. Only for present entries; an empty entry is 0. The
 * frame number in a PV entry is a machine frame, so never compute on a pte_t. pte_pfn of an entry with
 * PTE_FOREIGN has no meaning. */
pte_t pte_make(pfn_t pfn, pte_t flags);
pfn_t pte_pfn(pte_t pte);
static inline pte_t pte_flags(pte_t pte)
{
	return pte & PTE_FLAGS;
}

/* New address space with the kernel's half mapped and the user's half empty. -ENOMEM. */
int root_create(struct root *r);

/* Give back the root and all page tables of the user half, whose entries the caller has cleared. A few roots are kept
 * with their tables, for root_create(). Must not be the current root. */
void root_destroy(struct root *r);

/* Make it this processor's current one (and flush what the TLB held). NULL: the kernel's own, without a user
 * half. */
void root_switch(struct root *r);

/* The leaf entry for user address va; missing tables are made if create. NULL: no table (or no memory).
 * The entry may be read, but is written by pte_set() only: a PV kernel's page tables are read-only. */
pte_t *pte_find(struct root *r, uintptr_t va, bool create);

/* The leaf entry for the first address from *va on, below end, that has a table; *va becomes this address. NULL: there is
 * none, and *va is at or past end. Missing tables are skipped whole, at the highest level possible. */
pte_t *pte_find_next(struct root *r, unsigned long *va, unsigned long end);

/* Write a leaf entry; takes effect at once, except inside pte_batch_begin() ... pte_batch_end(), where writes
 * may be delayed until the end (so do not read back, and do not reuse the frames meanwhile). May nest. */
void pte_set(pte_t *ptep, pte_t pte);
void pte_batch_begin(void);
void pte_batch_end(void);

/* After pte_set() took rights away or changed the frame: forget translations of the current root, on all
 * processors that have it. */
void tlb_flush_page(uintptr_t va);
void tlb_flush_all(void);

/* Called when the lock has been taken: other processors' changes of the kernel's half take effect here too. */
void tlb_catch_up(void);

/* A page of the linear map below a kernel stack: while `on`, nothing is mapped there, so a stack that grows too long
 * faults. False: no memory for that. Natively this is a double fault, and a panic that says so; a PV kernel's
 * hypervisor finds no place for an exception frame, and ends the domain with a sentence. */
bool page_guard(void *page, bool on);

/* ---- 10. Time ---------------------------------------------------------------------------------------------
 */

uint64_t time_ns(void);      /* monotonic, since boot, the same on all processors */
uint64_t time_wall_ns(void); /* since 1970-01-01 UTC */

/* A counter of this processor that is read in a few instructions, and the nanoseconds that some of its ticks take. */
uint64_t time_ticks(void);
uint64_t time_ticks_ns(uint64_t ticks);

/* For how long a hypervisor kept this processor waiting while it ran others; 0 on the bare machine. */
uint64_t time_stolen_ns(unsigned cpu);

/* One timer_interrupt() on this processor at or soon after this value of time_ns(); replaces the one set
 * before. */
void timer_arm(uint64_t deadline_ns);

/* ---- 11. The end, and devices -----------------------------------------------------------------------------
 */

void machine_poweroff(void) noreturn;
void machine_reboot(void) noreturn;
/* After a panic: stop, so that what was printed stays readable (a PV guest tells its hypervisor). */
void machine_crash(void) noreturn;

/* Line i of a trap frame as text, without a newline; false when there are no more. */
bool show_registers_line(const struct trapframe *tf, int i, char *buf, size_t size);

/* The processor's names for its maker and itself. */
#define CPU_NAME_MAX 49
void cpu_vendor(char name[CPU_NAME_MAX]);
void cpu_model(char name[CPU_NAME_MAX]);

/* Register the drivers' device files (drivers/): called once by kern/ when devfs and memory work. */
void drivers_init(void);
/* Sleeps until the devices that were there at boot work, or it is clear that they do not. Process 1 calls it. */
void drivers_settle(void);

/* ---- 12. What the machine's own operations cost (kern/sys/cost.c repeats and times them) ------------------
 */

/* What an operation may use: the TABLE_ENTRIES entries of a leaf table of the current root, which map `va` and
 * what follows, and two values for them that map a frame each. */
struct cost_room {
	struct root *root;
	uintptr_t va;
	pte_t *entries, pte[2];
};

/* One of the operations of user/cost/operations.def, `rounds` times in a row. */
struct cost_op {
	const char *name;
	void (*run)(const struct cost_room *room, unsigned rounds);
};

extern const struct cost_op machine_cost_ops[]; /* the last has no name */

/* Around a number of runs. Root, timer, kernel stack and TLS are set again by the caller. 0 or -errno. */
int cost_begin(void);
void cost_end(void);

#endif
