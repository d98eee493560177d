/* SPDX-License-Identifier: MIT */
/* set_segment_base: FS and GS bases take effect at once; non-canonical and hypervisor addresses are refused.
 */
#include "fw.h"

const char test_title[] = "hc-set-segment-base";

static unsigned long cell = 0x1122334455667788ull & ~0ul;

#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: movq $0x5a, 0x402000; mov %gs:0, %rax; "
	"syscall\nuser_end:\n.popsection");
extern const char user_code[], user_end[];

/* An application's GS base is its own, whichever way leads to it and back: the long ones are for guests that want to see
 * IOPL. */
static void application(void)
{
	user_map(user_code, user_end - user_code);
	for (unsigned i = 0; i < 4; i++) {
		unsigned long got;
		struct user_exit x;

		check_eq(hypercall_vm_assist(i & 1 ? VMASST_CMD_enable : VMASST_CMD_disable,
					     VMASST_TYPE_architectural_iopl),
			 0);
		check_eq(hypercall_set_segment_base(SEGBASE_GS_USER, USER_STACK), 0);
		check_eq(hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&cell - 8), 0);
		x = user_run(0);
		check(x.syscall);
		check_eq(x.ax, 0x5a);
		__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
		check_eq(got, cell);
	}
}
#endif

void test_main(void)
{
#ifdef __x86_64__
	unsigned long got;

	check_eq(hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&cell), 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(got));
	check_eq(got, cell);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&cell - 8), 0);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
	check_eq(got, cell);
	/* The user's GS base is kept apart. */
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER, 0x1000), 0);
	__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
	check_eq(got, cell);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);

	check(hypercall_set_segment_base(SEGBASE_FS, 0x0000800000000000ul) < 0);
	check(hypercall_set_segment_base(SEGBASE_GS_KERNEL, 0x8000000000000000ul) < 0);
	check(hypercall_set_segment_base(9, 0) < 0);
	application();
#else
	check(hypercall_set_segment_base(0, (unsigned long)&cell) < 0);
#endif
}
