/* SPDX-License-Identifier: MIT */
/*
 * What protects what. An application in ring 3 touches its kernel's memory: it must get a page fault, by the
 * U/S bit in pv32 (page present, error code 5) and by the other page tables in pv64 (page absent, error code
 * 4). The same for the table of machine frames, which the kernel may read. The kernel touches the hypervisor's
 * memory: page fault, nothing read, nothing written.
 */
#include "fw.h"

const char test_title[] = "attack-ring-compression";

#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: " USER_SEGMENTS
	"user_load: mov (%rdi), %rax\n syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code: " USER_SEGMENTS
	"user_load: mov (%ebx), %eax\n int $0x80\nuser_end:\n.popsection");
#endif
extern const char user_code[], user_load[], user_end[];

static volatile unsigned long secret = 0x5ec7e7;

void test_main(void)
{
	struct user_exit x;

	user_map(user_code, user_end - user_code);

	/* Its own stack: fine, and back by the system call. */
	x = user_run(USER_STACK);
	check(x.syscall);
	check_eq(x.cs & 3, 3);

	/* The kernel's data. */
	x = user_run((unsigned long)&secret);
	check(!x.syscall);
	check_eq(x.vector, VEC_PF);
	check_eq(x.error, ROOT_LEVEL == 4 ? 4 : 5);
	check_eq(x.cr2, (unsigned long)&secret);
	check_eq(x.ip, USER_CODE + (user_load - user_code));
	printk("application reads kernel memory: page fault, error %lx\n", x.error);

	/* What the hypervisor shows the kernel, after the kernel has looked at it. */
	check_no_fault(*(volatile unsigned long *)MACH2PHYS_VIRT_START);
	x = user_run(MACH2PHYS_VIRT_START);
	check(!x.syscall);
	check_eq(x.vector, VEC_PF);
	check_eq(x.error, ROOT_LEVEL == 4 ? 4 : 5);

#ifdef __x86_64__
	/* The hypervisor from the kernel: direct map, image, descriptor windows. */
	static const unsigned long mine[] = {0xffff830000000000ul, 0xffff828000000000ul,
					     0xffff820000000000ul};
	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
		check_fault(VEC_PF, *(volatile unsigned long *)mine[i]);
		check_fault(VEC_PF, *(volatile unsigned long *)mine[i] = 0);
	}
#endif
	/* The M2P may be read, never written. */
	volatile unsigned long *m2p = (void *)MACH2PHYS_VIRT_START;
	check_no_fault(m2p[0]);
	check_fault(VEC_PF, m2p[0] = 0);
	check_eq(secret, 0x5ec7e7);
}
