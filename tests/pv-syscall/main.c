/* SPDX-License-Identifier: MIT */
/*
 * System calls of applications: SYSCALL (pv64) and INT 0x80 (both) reach the kernel with every register as it
 * was, the address behind the instruction, RPL 3, on the stack that stack_switch named; the direction flag is
 * clear for SYSCALL. Where SYSCALL enters, on which stack and whether with events off is what was said last, by
 * whichever hypercall; without an entry point it is a #UD. An INT that the trap table does not allow to applications is a #GP that names the gate.
 */
#include "fw.h"

const char test_title[] = "pv-syscall";

static struct frame seen;
static char *stack_at;
static bool masked;

static void record(const struct frame *f)
{
	seen = *f;
	stack_at = __builtin_frame_address(0);
	masked = shared->vcpu_info[0].evtchn_upcall_mask;
}

/* Argument 0: SYSCALL; 1: INT 0x80; 2: INT 6, which is the kernel's alone. */
#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code:\n"
	"mov %edi, %eax\n"
	"mov $2, %ebx; mov $4, %edx; mov $5, %esi; mov $6, %edi; mov $7, %ebp; mov $8, %r8d; mov $9, %r9d\n"
	"mov $10, %r10d; mov $12, %r12d; mov $13, %r13d; mov $14, %r14d; mov $15, %r15d\n"
	"cmp $1, %eax; je 1f; cmp $2, %eax; je 2f\n"
	"std; syscall\nafter_syscall: ud2\n"
	"1: int $0x80\nafter_int: ud2\n"
	"2: bad_int: int $6\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code:\n"
	"mov %ebx, %eax\n"
	"mov $2, %ebx; mov $3, %ecx; mov $4, %edx; mov $5, %esi; mov $6, %edi; mov $7, %ebp\n"
	"cmp $2, %eax; je 2f\n"
	"after_syscall: int $0x80\nafter_int: ud2\n"
	"2: bad_int: int $6\nuser_end:\n.popsection");
#endif
extern const char user_code[], after_syscall[], after_int[], bad_int[], user_end[];

static void check_registers(unsigned long arg, const char *after)
{
	check_eq(seen.ax, arg);
	check_eq(seen.bx, 2);
	check_eq(seen.dx, 4);
	check_eq(seen.si, 5);
	check_eq(seen.di, 6);
	check_eq(seen.bp, 7);
#ifdef __x86_64__
	check_eq(seen.r8, 8);
	check_eq(seen.r9, 9);
	check_eq(seen.r10, 10);
	check_eq(seen.r12, 12);
	check_eq(seen.r13, 13);
	check_eq(seen.r14, 14);
	check_eq(seen.r15, 15);
#else
	check_eq(seen.cx, 3);
#endif
	check_eq(seen.ip, USER_CODE + (after - user_code));
	check_eq(seen.cs & 3, 3);
	check_eq(seen.ss & 3, 3);
	check_eq(seen.sp, USER_STACK + PAGE_SIZE);
}

#ifdef __x86_64__
extern char event_entry[], failsafe_entry[], syscall_entry[];

static void set_entry(unsigned flags)
{
	struct callback_register reg = {
	    .type = CALLBACKTYPE_syscall, .flags = flags, .address = (unsigned long)syscall_entry};

	check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), 0);
}

static void set_entries(const char *syscall)
{
	check_eq(hypercall_set_callbacks((unsigned long)event_entry, (unsigned long)failsafe_entry,
					 (unsigned long)syscall, 0),
		 0);
}

static void set_stack(unsigned long top)
{
	check_eq(hypercall_stack_switch(FLAT_KERNEL_SS, top), 0);
}

static void enters(bool with_events_off)
{
	struct user_exit x = user_run(0);

	check(x.syscall);
	check_registers(0, after_syscall);
	check_eq(masked, with_events_off);
}

static void refused(void)
{
	struct user_exit x = user_run(0);

	check_eq(x.vector, VEC_UD);
	check_eq(x.ip, USER_CODE + (after_syscall - user_code) - 2);
}

/* Each change holds for the next system call, and none outlasts the next change. */
static void changes(char *stack)
{
	struct callback_unregister un = {.type = CALLBACKTYPE_syscall};

	enters(false);
	set_entry(CALLBACKF_mask_events);
	enters(true);
	set_entry(0);
	enters(false);
	check_eq(hypercall_callback_op(CALLBACKOP_unregister, &un), 0);
	refused();
	set_entry(0);
	enters(false);
	set_entries(NULL);
	refused();
	set_entries(syscall_entry);
	enters(false);
	set_stack(HYPERVISOR_VIRT_START);
	set_stack((unsigned long)stack + 4096 + 8); /* is aligned down */
	enters(false);
	check(stack_at > stack && stack_at < stack + 4096);
	set_stack((unsigned long)stack + 8192);
	enters(false);
	check(stack_at > stack + 4096 && stack_at < stack + 8192);
	check_eq(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	check_eq(mmuext1(MMUEXT_NEW_USER_BASEPTR, user_root_mfn(), 0), 0);
	enters(false);
}
#endif

void test_main(void)
{
	static char stack[8192] __attribute__((aligned(16)));
	struct user_exit x;

	user_map(user_code, user_end - user_code);
	user_hook = record;
	check_eq(hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)stack + sizeof(stack)), 0);

#ifdef __x86_64__
	x = user_run(0);
	check(x.syscall);
	check_registers(0, after_syscall);
	check_eq(seen.cx, seen.ip);
	check(!(seen.flags & 0x100)); /* TF */
	check(stack_at > stack && stack_at < stack + sizeof(stack));
	changes(stack);
#endif
	x = user_run(1);
	check(x.syscall); /* the framework's vector 0x80 */
	check_registers(1, after_int);
	check(stack_at > stack && stack_at < stack + sizeof(stack));

	x = user_run(2);
	check_eq(x.vector, VEC_GP);
	check_eq(x.error, 6 * 8 + 2); /* QEMU says 6 * 16 + 2, and Xen on QEMU passes that on */
	check_eq(x.ip, USER_CODE + (bad_int - user_code));
}
