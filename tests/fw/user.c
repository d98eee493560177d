/* SPDX-License-Identifier: MIT */
/*
 * Ring 3. The code and a stack page are mapped at low addresses, with U. pv64 gets a second root table that
 * holds these alone: that, and nothing else, is what keeps the application out of the kernel there. In pv32
 * one tree serves both, and the kernel's pages are without U.
 */
#include "fw.h"

void user_enter(unsigned long ip, unsigned long sp, unsigned long arg, unsigned long cs, unsigned long ss);

void (*user_hook)(const struct frame *f);
static unsigned long user_root;
static struct user_exit last;
static char trap_stack[8192] __attribute__((aligned(16)));

static pte_t entry_for(void *page, pte_t flags)
{
	return ((pte_t)va_to_mfn(page) << 12) | flags;
}

unsigned long user_root_mfn(void)
{
	return user_root;
}

/* Hook L1 into fresh tables up to just below the root; the topmost one is returned. */
static pte_t *build_branch(void *code, void *stack)
{
	pte_t flags = PTE_P | PTE_RW | PTE_U | PTE_A;
	pte_t *table = page_alloc();

	table[(USER_CODE >> 12) & 511] = entry_for(code, PTE_P | PTE_U | PTE_A);
	table[(USER_STACK >> 12) & 511] = entry_for(stack, flags | PTE_D);
	for (int level = 2; level < ROOT_LEVEL; level++) {
		pte_t *upper = page_alloc();
		upper[(USER_CODE >> (12 + 9 * (level - 1))) & 511] = entry_for(table, flags);
		table_ready(table);
		table = upper;
	}
	table_ready(table);
	return table;
}

void user_map(const void *code, size_t len)
{
	void *text = page_alloc(), *stack = page_alloc();
	pte_t *top;

	__builtin_memcpy(text, code, len);
	top = build_branch(text, stack);
	/* PAE root entries know P alone (SDM 3A 4.4.1, PDPTE Registers); the 64-bit root takes all flags. */
	if (pte_write(pte_maddr(USER_CODE, ROOT_LEVEL),
		      entry_for(top, ROOT_LEVEL == 4 ? PTE_P | PTE_RW | PTE_U | PTE_A : PTE_P)))
		error("cannot hook the user tables");
#ifdef __x86_64__
	pte_t *root = page_alloc();
	root[0] = entry_for(top, PTE_P | PTE_RW | PTE_U | PTE_A);
	table_ready(root);
	user_root = va_to_mfn(root);
	if (mmuext1(MMUEXT_PIN_L4_TABLE, user_root, 0) || mmuext1(MMUEXT_NEW_USER_BASEPTR, user_root, 0))
		error("cannot load the user root");
#endif
	if (hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)trap_stack + sizeof(trap_stack)))
		error("stack_switch");
}

static struct recovery home;
void recovery_resume(struct recovery *r) __attribute__((noreturn));

static bool leave_user(struct frame *f)
{
	if ((f->cs & 3) != 3)
		return false;
	if (user_hook)
		user_hook(f);
	last = (struct user_exit){.syscall = f->vector == 128,
				  .vector = f->vector,
				  .error = f->error,
				  .ip = f->ip,
				  .cr2 = shared->vcpu_info[0].arch.cr2,
				  .cs = f->cs & 0xffff,
				  .ax = f->ax};
	recovery_resume(&home);
}

struct user_exit user_run(unsigned long arg)
{
	trap_hook = leave_user;
	if (recovery_set(&home) == 0)
		user_enter(USER_CODE, USER_STACK + PAGE_SIZE, arg, FLAT_USER_CS, FLAT_USER_SS);
	trap_hook = NULL;
	return last;
}
