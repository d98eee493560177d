/* SPDX-License-Identifier: MIT */
/* stack_switch: the stack on which entries from ring 3 arrive is the one set last. */
#include "fw.h"

const char test_title[] = "hc-stack-switch";

__asm__(".pushsection .rodata\nuser_code: ud2\nuser_end:\n.popsection");
extern const char user_code[], user_end[];

static char stacks[2][4096] __attribute__((aligned(16)));
static unsigned long seen;

static void note_frame(const struct frame *f)
{
	seen = (unsigned long)f;
}

void test_main(void)
{
	user_map(user_code, user_end - user_code);
	user_hook = note_frame;
	for (int i = 0; i < 2; i++) {
		unsigned long low = (unsigned long)stacks[i];

		check_eq(hypercall_stack_switch(FLAT_KERNEL_SS, low + 4096), 0);
		struct user_exit x = user_run(0);
		check_eq(x.vector, VEC_UD);
		check(seen >= low && seen < low + 4096);
	}
}
