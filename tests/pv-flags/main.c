/* SPDX-License-Identifier: MIT */
/*
 * RFLAGS across the crossings. A handler of the kernel begins without TF, NT, RF, AC, by exception, event and system
 * call, and a system call's also without DF; the frame keeps them, and IRET gives them back. Bits that are not the
 * guest's to set (IOPL, VM, VIF, VIP, IF itself) IRET leaves out: interrupts stay on for the processor, ports stay closed.
 * So alignment checks, which AC turns on in ring 3, hit an application and never its pv64 kernel's handlers. QEMU's
 * translator raises no #AC; a machine that does is asked for one.
 */
#include "fw.h"

const char test_title[] = "pv-flags";

#define TF   0x100ul
#define IF   0x200ul
#define DF   0x400ul
#define IOPL 0x3000ul
#define NT   0x4000ul
#define RF   0x10000ul
#define VM   0x20000ul
#define AC   0x40000ul
#define VI   0x180000ul
#define ID   0x200000ul
#define KEPT (0x8d5ul | DF | AC | ID)

#define VEC_AC 17

static unsigned long inside, framed, set_flags, alignment_checks;
static bool long_way;

static unsigned long flags_now(void)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	return flags;
}

/* The entry code has executed CLD; the rest is as the hypervisor left it. */
static void look(const struct frame *f)
{
	inside = flags_now();
	framed = f->flags;
}

static bool on_trap(struct frame *f)
{
	look(f);
	if (f->vector == VEC_UD)
		f->ip += 2;
	else if (f->vector != VEC_BP)
		return false;
	f->flags |= set_flags;
	return true;
}

static void on_event(struct frame *f)
{
	look(f);
}

/* With @flags set, run an instruction that enters the kernel's handler; the flags behind it. */
#ifdef __x86_64__
#define OR_FLAGS "pushf; or %1, (%%rsp); popf\n"
#else
#define OR_FLAGS "pushf; or %1, (%%esp); popf\n"
#endif
#define CROSS(insn, flags)                                                       \
	({                                                                       \
		unsigned long after_;                                            \
		__asm__ volatile("pushf\n" OR_FLAGS insn "\npushf; pop %0; popf" \
				 : "=&r"(after_)                                 \
				 : "r"((unsigned long)(flags))                   \
				 : "memory", "cc");                              \
		after_;                                                          \
	})

static void exceptions(void)
{
	unsigned long after = CROSS("int3", KEPT);

	check_eq(after & KEPT, KEPT);
	check_eq(framed & KEPT, KEPT);
	check_eq(inside & (AC | NT | TF | RF | IOPL | VM), 0);
	after = CROSS("ud2", NT);
	check(after & NT);
	check(framed & NT);
	check_eq(inside & NT, 0);
	check(flags_now() & IF); /* the processor's, whatever the frame shows */
	check_eq(framed & IF, 0);
}

static void not_to_be_set(void)
{
	unsigned long after;

	set_flags = IOPL | VI | (ROOT_LEVEL == 4 ? VM : 0) | IF;
	after = CROSS("ud2", 0);
	events_off();
	check_eq(after & (IOPL | VI | VM), 0);
	check(after & IF);
	if (!long_way)
		check_fault(VEC_GP, __asm__ volatile("inb $0x80, %%al" ::: "eax"));
	set_flags = 0;
}

static void events(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	unsigned long after;

	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	event_hook = on_event;
	events_on();
	inside = ~0ul;
	__asm__ volatile("" ::: "memory");
	/* The upcall comes on the way back from the exception, so that its flags are those that IRET set. */
	trap_hook = on_trap;
	check_eq(hypercall_event_channel_op(EVTCHNOP_send, &ipi.port), 0);
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	after = CROSS("int3", KEPT);
	check(upcalls >= 2);
	check_eq(after & KEPT, KEPT);
	check_eq(framed & KEPT, KEPT);
	check_eq(inside & (AC | NT | TF | RF | IOPL), 0);
	events_off();
	event_hook = NULL;
}

/* Ring 3: flags by the argument, then a system call; with bit 0 of it, a look at an address that is not aligned. */
#ifdef __x86_64__
__asm__(".pushsection .rodata\nuser_code: push %rdi; popf; test $4, %dil; jz 1f; mov -7(%rsp), %eax\n"
	"1: pushf; pop %rax; syscall\nuser_end:\n.popsection");
#else
__asm__(".pushsection .rodata\nuser_code: push %ebx; popf; test $4, %bl; jz 1f; mov %ss:-7(%esp), %eax\n"
	"1: pushf; pop %eax; int $0x80\nuser_end:\n.popsection");
#endif
extern const char user_code[], user_end[];

static void application(void)
{
	struct user_exit x;

	user_hook = look;
	x = user_run(KEPT & ~4ul);
	check(x.syscall);
	check_eq(framed & (DF | AC | ID), DF | AC | ID);
	check_eq(inside & (AC | NT | TF | RF | IOPL), 0);
	check_eq(x.ax & IF, IF);
	x = user_run(KEPT | 4);
	if (!x.syscall) {
		check_eq(x.vector, VEC_AC);
		check_eq(x.error, 0);
		alignment_checks++;
	}
	check_eq(inside & AC, 0);
	check(framed & AC);
	user_hook = NULL;
}

/* IRET has two ways, a short one for what is common; a guest that wants to see IOPL is not. */
void test_main(void)
{
	user_map(user_code, user_end - user_code);
	for (unsigned i = 0; i < 2; i++) {
		long_way = i;
		check_eq(hypercall_vm_assist(long_way ? VMASST_CMD_enable : VMASST_CMD_disable,
					     VMASST_TYPE_architectural_iopl),
			 0);
		upcalls = 0;
		events_off();
		trap_hook = on_trap;
		exceptions();
		not_to_be_set();
		events();
		application();
	}
	printk("%lu alignment checks\n", alignment_checks);
}
