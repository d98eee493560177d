/* SPDX-License-Identifier: MIT */
/*
 * set_trap_table: handlers are called for the vectors of the list, which ends with a zero address. INT n from
 * the kernel reaches a handler of DPL 1 (pv32) or any (the kernel's virtual privilege); from ring 3 it takes
 * DPL 3 and is a #GP with the vector's error code otherwise. A list at a bad address gives -EFAULT.
 */
#include "fw.h"

const char test_title[] = "hc-set-trap-table";

__asm__(".pushsection .rodata\nuser_int3: int3\nuser_int20: int $0x20\nuser_end:\n.popsection");
extern const char user_int3[], user_int20[], user_end[];

static unsigned seen;

static bool count(struct frame *f)
{
	if (f->vector != VEC_BP && f->vector != VEC_UD)
		return false;
	seen = f->vector;
	if (f->vector == VEC_UD)
		f->ip += 2;
	return true;
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;

	trap_hook = count;
	__asm__ volatile("int3");
	check_eq(seen, VEC_BP);
	__asm__ volatile("ud2");
	check_eq(seen, VEC_UD);
	trap_hook = NULL;

	/* No handler was ever given for 0x20: a #GP that names the vector in its error code. */
	check_fault(VEC_GP, __asm__ volatile("int $0x20"));
	check_eq(fault.error, 0x20 * 8 + 2);

	user_map(user_int20, user_end - user_int20);
	struct user_exit x = user_run(0);
	check_eq(x.vector, VEC_GP);
	check_eq(x.error, 0x20 * 8 + 2);
	check_eq(x.ip, USER_CODE);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_set_trap_table((void *)bad[i]), -XEN_EFAULT);
	trap_init();
	check_eq(hypercall_set_trap_table(NULL), 0);
	trap_init();
	check_fault(VEC_UD, __asm__ volatile("ud2"));
}
