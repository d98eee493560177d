/* SPDX-License-Identifier: MIT */
/* The guest test framework: what a test may call. One vCPU, no interrupts unless a test asks for them. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xen/xen.h"
#include "xen/callback.h"
#include "xen/errno.h"
#include "xen/event_channel.h"
#include "xen/grant_table.h"
#include "xen/memory.h"
#include "xen/sched.h"
#include "xen/vcpu.h"
#include "xen/version.h"

/* Each error that a hypercall returns is one of those that its row in abi/hypercalls.def lists; all others are failures.
 * Not in the bench, which counts instructions. */
#ifndef HYPERCALL_SEEN
void hypercall_failed(unsigned nr, long result);
static inline __attribute__((always_inline)) long hypercall_seen(unsigned nr, long result)
{
	if (result < 0 && result > -1024)
		hypercall_failed(nr, result);
	return result;
}
#define HYPERCALL_SEEN(nr, result) hypercall_seen(nr, result)
#endif
#include "hypercall_stubs.h"

#define PAGE_SIZE     4096ul
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier()     __asm__ volatile("" ::: "memory")

#ifdef __x86_64__
#define KIND       "pv64"
#define ROOT_LEVEL 4
#define VIRT_BASE  0xffffffff80000000ul
#define BAD_POINTERS                                                                                       \
	{                                                                                                  \
		8, 0x00007ffffffff000ul, 0x0000800000000000ul, 0xffff800000000000ul, 0xffff820000000000ul, \
		    0xffff830000000000ul, 0xffff87fffffff000ul, 0xfffffffffffffff8ul                       \
	}
#else
#define KIND       "pv32"
#define ROOT_LEVEL 3
#define VIRT_BASE  0xc0000000ul
#define BAD_POINTERS                                                                    \
	{                                                                               \
		8, 0x7ffff000ul, 0xf5800000ul, 0xf6000000ul, 0xfffff000ul, 0xfffffff8ul \
	}
#endif

/* ---- the test itself ---- */
extern const char test_title[];
void test_main(void);

/* ---- report.c ---- */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void error(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void failure(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* noted; the test goes on */
void finish(void) __attribute__((noreturn)); /* print the result line and power off */

/* A condition that must hold; the text names it if it does not. */
#define check(cond)                                                      \
	do {                                                             \
		if (!(cond))                                             \
			failure("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
/* A call whose result must be @want; both are printed if not. */
#define check_eq(expr, want)                                                                          \
	do {                                                                                          \
		long got_ = (long)(expr), want_ = (long)(want);                                       \
		if (got_ != want_)                                                                    \
			failure("%s:%d: %s is %ld, not %ld", __FILE__, __LINE__, #expr, got_, want_); \
	} while (0)

/* For assembly in a test: the address of hypercall @n's stub. */
#define ASM_TEXT(n)       #n
#define HYPERCALL_STUB(n) "hypercall_page + " ASM_TEXT(n) " * 32"

/* ---- start of day ---- */
extern struct start_info *start_info;
extern struct shared_info *shared;

/* ---- trap.c ---- */

/* The registers of an interrupted context, as entry.asm saves them. */
struct frame {
#ifdef __x86_64__
	unsigned long r15, r14, r13, r12, r11, r10, r9, r8;
#endif
	unsigned long bp, di, si, dx, cx, bx, ax;
	unsigned long vector, error, ip, cs, flags;
	unsigned long sp, ss; /* pv32: only if the interrupted code was in ring 3 */
};

/* What the last expected exception was. */
struct fault {
	bool happened;
	unsigned vector;
	unsigned long error, ip, cr2;
};
extern struct fault fault;

#define VEC_DE 0
#define VEC_DB 1
#define VEC_BP 3
#define VEC_OF 4
#define VEC_UD 6
#define VEC_NM 7
#define VEC_TS 10
#define VEC_NP 11
#define VEC_SS 12
#define VEC_GP 13
#define VEC_PF 14

struct recovery {
	unsigned long ip, sp, bp, bx;
#ifdef __x86_64__
	unsigned long r12, r13, r14, r15;
#else
	unsigned long si, di;
#endif
};
extern struct recovery *recovery;
int recovery_set(struct recovery *r) __attribute__((returns_twice)); /* 0; 1 after an exception */

/* Run a statement that may fault; afterwards `fault` tells. Any instruction will do, jumps into nowhere too.
 */
#define FAULT_TRY(statement)                         \
	do {                                         \
		struct recovery recovery_;           \
		fault = (struct fault){0};           \
		if (recovery_set(&recovery_) == 0) { \
			recovery = &recovery_;       \
			barrier();                   \
			statement;                   \
			barrier();                   \
		}                                    \
		recovery = NULL;                     \
	} while (0)

/* The statement must raise exception @vec. */
#define check_fault(vec, statement)                                                                       \
	do {                                                                                              \
		FAULT_TRY(statement);                                                                     \
		if (!fault.happened || fault.vector != (vec))                                             \
			failure("%s:%d: %s: wanted exception %d, got %d", __FILE__, __LINE__, #statement, \
				(int)(vec), fault.happened ? (int)fault.vector : -1);                     \
	} while (0)
/* The statement must not fault. */
#define check_no_fault(statement)                                                                            \
	do {                                                                                                 \
		FAULT_TRY(statement);                                                                        \
		if (fault.happened)                                                                          \
			failure("%s:%d: %s: exception %u error %lx cr2 %lx", __FILE__, __LINE__, #statement, \
				fault.vector, fault.error, fault.cr2);                                       \
	} while (0)

void trap_init(void);
/* A test's own handler for an exception: return true if it dealt with it. */
extern bool (*trap_hook)(struct frame *f);
/* Called for each upcall after the pending byte is cleared; NULL: the default marks ports in event_seen[]. */
extern void (*event_hook)(struct frame *f);
extern volatile unsigned long upcalls;
void events_on(void), events_off(void);
bool event_test_and_clear(unsigned port); /* pending bit of a port, taken */
void event_mask(unsigned port, bool masked);

/* ---- paging.c ---- */
typedef uint64_t pte_t;
#define PTE_P    0x001ull
#define PTE_RW   0x002ull
#define PTE_U    0x004ull
#define PTE_PWT  0x008ull
#define PTE_PCD  0x010ull
#define PTE_A    0x020ull
#define PTE_D    0x040ull
#define PTE_PS   0x080ull
#define PTE_G    0x100ull
#define PTE_NX   (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

void *page_alloc(void);                  /* a zeroed page of the image, mapped writable */
unsigned long va_to_mfn(const void *va); /* of the boot mapping */
void *mfn_to_va(unsigned long mfn);      /* the same backwards, by the M2P */
pte_t *pte_of(unsigned long va,
	      int level); /* current entry of @va at @level (1: leaf); NULL if absent above */
uint64_t pte_maddr(unsigned long va, int level); /* its machine address; 0 if absent */
int pte_write(uint64_t maddr, pte_t value);      /* one mmu_update; its result */
int page_set_ro(void *page, bool readonly);      /* remap a page of the image */
/* Make a filled page a table: read-only, ready to be hooked or pinned. */
void table_ready(void *page);
int mmuext1(unsigned cmd, unsigned long arg1, unsigned long arg2);
unsigned long root_mfn(void);
void *root_page(void);

/* ---- domain.c ---- */
domid_t own_domid(void);
/* The number behind @name ("seed=") on the command line, or @value. */
unsigned long option(const char *name, unsigned long value);
/* The first frame of our grant table, mapped. */
struct grant_entry_v1 *grant_table(void);

/* ---- vcpu.c ---- */
/* For VCPUOP_initialise: a vCPU that runs @fn, which never returns, in our address space. One for all. */
struct vcpu_guest_context *vcpu_context(void (*fn)(void));

/* ---- user.c ---- */
/* For assembly in ring 3 that touches memory: IRET has emptied the data segments of a 32-bit application. */
#ifdef __x86_64__
#define USER_SEGMENTS ""
#else
#define USER_SEGMENTS "push %ss; pop %ds; push %ss; pop %es\n"
#endif
#define USER_CODE  0x400000ul
#define USER_STACK 0x402000ul /* one page below this address... USER_STACK + PAGE_SIZE is the top */
/* How a stay in ring 3 ended. */
struct user_exit {
	bool syscall; /* by syscall (pv64) or int 0x80 (pv32); otherwise by an exception: see vector */
	unsigned vector;
	unsigned long error, ip, cr2, cs, ax;
};
/* Map the code between two labels at USER_CODE and a stack; once per test. */
void user_map(const void *code, size_t len);
/* Run it from its start, @arg in RDI/EBX, until it leaves ring 3. */
struct user_exit user_run(unsigned long arg);
unsigned long user_root_mfn(void);
/* Called with the frame of each entry from ring 3. */
extern void (*user_hook)(const struct frame *f);
