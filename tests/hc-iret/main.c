/* SPDX-License-Identifier: MIT */
/*
 * iret: returns to ring 3 with the registers the frame says, and to the kernel. The virtual interrupt flag
 * follows the frame's IF. In the frame of an exception CS says by its low bits whether ring 3 or the kernel
 * was interrupted.
 */
#include "fw.h"

const char test_title[] = "hc-iret";

#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: lea 0x1234(%rdi), %rax\n syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code: lea 0x1234(%ebx), %eax\n int $0x80\nuser_end:\n.popsection");
#endif
extern const char user_code[], user_end[];

static unsigned long kernel_cs;
static bool set_mask;

static bool on_ud(struct frame *f)
{
	if (f->vector != VEC_UD)
		return false;
	kernel_cs = f->cs & 0xffff;
	f->ip += 2;
	if (set_mask)
		f->flags &= ~0x200ul;
	else
		f->flags |= 0x200;
	return true;
}

/* Within a multicall too it is the end of the call: RAX is the frame's. */
static unsigned long in_multicall(void)
{
	static struct multicall_entry list[] = {{.op = __HYPERVISOR_iret}, {.op = ~0u, .result = 7}};
	unsigned long ax;

#ifdef __x86_64__
	__asm__ volatile("mov %%rsp, %%rbx\n"
			 "push %2; push %%rbx; pushf; push %3; lea 1f(%%rip), %%rax; push %%rax\n"
			 "push $0; push $0; push $0; push $0x77\n"
			 "mov $2, %%esi; mov $13, %%eax; syscall\n"
			 "ud2\n1:"
			 : "=&a"(ax)
			 : "D"(list), "r"((unsigned long)FLAT_KERNEL_SS), "r"(FLAT_KERNEL_CS & ~3ul)
			 : "rbx", "rcx", "rsi", "r11", "memory", "cc");
#else
	__asm__ volatile("pushf; push %%cs; push $1f; push $0x77\n"
			 "mov $2, %%ecx; mov $13, %%eax; int $0x82\n"
			 "ud2\n1:"
			 : "=&a"(ax)
			 : "b"(list)
			 : "ecx", "memory", "cc");
#endif
	check_eq(list[1].result, 7); /* what comes behind it never runs */
	return ax;
}

void test_main(void)
{
	user_map(user_code, user_end - user_code);
	struct user_exit x = user_run(0x1000);
	check(x.syscall);
	check_eq(x.ax, 0x2234);
	check_eq(x.cs & 3, 3);

	trap_hook = on_ud;
	set_mask = false;
	__asm__ volatile("ud2");
	check((kernel_cs & 3) != 3);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	set_mask = true;
	__asm__ volatile("ud2");
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 1);
	check_eq(in_multicall(), 0x77);
}
