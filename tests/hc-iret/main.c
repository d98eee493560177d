/* SPDX-License-Identifier: MIT */
/*
 * iret: returns to ring 3 with the registers the frame says, and to the kernel. The virtual interrupt flag
 * follows the frame's IF. In the frame of an exception CS says by its low bits whether ring 3 or the kernel
 * was interrupted. With VGCF_in_syscall an application (pv64) finds in RCX and R11 what SYSRET leaves there, without it
 * what the frame has; an address that is not canonical, or not the guest's, is the application's fault in either case.
 */
#include "fw.h"

const char test_title[] = "hc-iret";

#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: test %rdi, %rdi; js 1f; lea 0x1234(%rdi), %rax; syscall\n"
	"1: mov $6, %edx; mov $7, %r8d; syscall\n"
	"after_syscall: mov %rcx, %rbx; mov %r11, %r12; pushf; pop %r13; ud2\nuser_end:\n.popsection");
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

#ifdef __x86_64__
extern const char after_syscall[];
extern char returning_entry[], syscall_entry[];
unsigned long returning_vgcf, returning_ip; /* 0: where it came from */
static struct frame seen;

__asm__(".pushsection .text\nreturning_entry: pop %rcx; pop %r11; mov returning_ip(%rip), %rcx; test %rcx, "
	"%rcx; jz 1f\n"
	"mov %rcx, (%rsp)\n"
	"1: mov $0x1111, %ecx; mov $0x2222, %r11d; mov $0x3333, %eax; push returning_vgcf(%rip)\n"
	"jmp " HYPERCALL_STUB(__HYPERVISOR_iret) "\n.popsection");

static void record(const struct frame *f)
{
	seen = *f;
}

static void enter_at(const char *entry)
{
	struct callback_register reg = {.type = CALLBACKTYPE_syscall, .address = (unsigned long)entry};

	check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), 0);
}

static void return_to_application(void)
{
	static const unsigned long bad[] = {0x0000800000000000ul, 0xffff7ffffffffff0ul, 0xffff830000000000ul,
					    1ul << 63};
	const unsigned long after = USER_CODE + (after_syscall - user_code);

	user_hook = record;
	enter_at(returning_entry);
	for (returning_vgcf = 0; returning_vgcf <= 0x100; returning_vgcf += 0x100) {
		struct user_exit x = user_run(-1ul);

		check_eq(x.vector, VEC_UD);
		check_eq(seen.bx, returning_vgcf ? after : 0x1111);
		check_eq(seen.r12, returning_vgcf ? seen.r13 : 0x2222);
		check_eq(seen.ax, 0x3333);
		check_eq(seen.dx, 6);
		check_eq(seen.r8, 7);
		check_eq(seen.sp, USER_STACK + PAGE_SIZE);
		check_eq(seen.ss & 3, 3);
		for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
			returning_ip = bad[i];
			x = user_run(-1ul);
			check(x.vector == VEC_GP || x.vector == VEC_PF);
			check_eq(x.ip, bad[i]);
		}
		returning_ip = 0;
	}
	enter_at(syscall_entry);
	user_hook = NULL;
}
#endif

void test_main(void)
{
	user_map(user_code, user_end - user_code);
	struct user_exit x = user_run(0x1000);
	check(x.syscall);
	check_eq(x.ax, 0x2234);
	check_eq(x.cs & 3, 3);
#ifdef __x86_64__
	return_to_application();
#endif

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
