/* SPDX-License-Identifier: MIT */
/*
 * RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE are undefined for kernels and applications, and neither CPUID nor CR4 shows
 * them, whatever the processor has: a kernel that does not know of them finds its applications' bases where it put them.
 * An attempt to set CR4.FSGSBASE changes nothing.
 */
#include "fw.h"
#include "cr4.h"

const char test_title[] = "attack-fsgsbase";

#ifdef __x86_64__
#define WORD "0xf3, 0x48"
#else
#define WORD "0xf3"
#endif
/* Instruction @n of the group: RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE; register AX. */
#define BASES(n) ".byte " WORD ", 0x0f, 0xae, 0xc0 + " #n " * 8\n"

/* An application: the instruction at 16 times the argument, and one that is #GP. */
__asm__(".pushsection .rodata\n.balign 16\nuser_code:\n"
#ifdef __x86_64__
	"shl $4, %edi; add $0x400010, %edi; xor %eax, %eax; jmp *%rdi\n"
#else
	"shl $4, %ebx; add $0x400010, %ebx; xor %eax, %eax; jmp *%ebx\n"
#endif
	".balign 16\n" BASES(0) "hlt\n.balign 16\n" BASES(1) "hlt\n.balign 16\n" BASES(
	    2) "hlt\n.balign 16\n" BASES(3) "hlt\nuser_end:\n.popsection");
extern const char user_code[], user_end[];

static void undefined(void)
{
	check_fault(VEC_UD, __asm__ volatile(BASES(0)::: "ax"));
	check_fault(VEC_UD, __asm__ volatile(BASES(1)::: "ax"));
	check_fault(VEC_UD, __asm__ volatile(BASES(2)::: "ax"));
	check_fault(VEC_UD, __asm__ volatile(BASES(3)::: "ax"));
	for (unsigned n = 0; n < 4; n++) {
		struct user_exit x = user_run(n);

		check(!x.syscall);
		check_eq(x.vector, VEC_UD);
		check_eq(x.ip, USER_CODE + 16 + 16 * n);
	}
}

void test_main(void)
{
	uint32_t ax = 7, bx, cx = 0, dx;

	user_map(user_code, user_end - user_code);
	__asm__ volatile(XEN_CPUID : "+a"(ax), "=b"(bx), "+c"(cx), "=d"(dx));
	check(!(bx & 1));
	check(!(read_cr4() & CR4_FSGSBASE));
	undefined();
	write_cr4(read_cr4() | CR4_FSGSBASE);
	check(!(read_cr4() & CR4_FSGSBASE));
	undefined();
}
