/* SPDX-License-Identifier: MIT */
/*
 * Every door of the hypervisor with hostile flags: NT, TF, AC, RF, DF, ID in every combination, from the guest's kernel
 * and from an application. The doors: hypercalls by the guest's instruction and by those that are not its, exceptions,
 * emulated instructions, software interrupts through open, closed and the hypervisor's own gates, IRET. What the door is
 * for happens as with plain flags (a step's #DB may come first), handlers begin with NT, TF, AC and RF clear, the flags
 * come back, and the hypervisor goes on: no flag of a guest's is left to it. A number that no hypercall has is -ENOSYS.
 */
#include "fw.h"

const char test_title[] = "attack-doors";

#define TF   0x100ul
#define IF   0x200ul
#define DF   0x400ul
#define NT   0x4000ul
#define RF   0x10000ul
#define AC   0x40000ul
#define ID   0x200000ul
#define KEPT (DF | AC | ID)

static const unsigned long bits[] = {NT, TF, AC, RF, DF, ID};
static unsigned long handlers, bad_handlers;

static unsigned long combination(unsigned n)
{
	unsigned long flags = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		flags |= n >> i & 1 ? bits[i] : 0;
	return flags;
}

/* The handler's own IRET, which is a hypercall where the kernel is in ring 3, is made with NT and AC set. */
static void hostile_return(void)
{
#ifdef __x86_64__
	__asm__ volatile("push %0; popf" ::"r"(NT | AC | IF | 2) : "memory", "cc");
#endif
}

static void look(const struct frame *f)
{
	unsigned long flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags));
	handlers++;
	bad_handlers += !!(flags & (NT | TF | AC | RF)) || !(flags & IF);
	hostile_return();
}

/* ---- from the kernel ---- */

static bool on_trap(struct frame *f)
{
	look(f);
	if (f->vector == VEC_DB) {
		f->flags &= ~TF;
		return true;
	}
	return f->vector == VEC_BP;
}

#ifdef __x86_64__
#define W     "q"
#define IRET  "iretq"
#define SP    "%%rsp"
#define ENTER "syscall"
#define ALIEN "int $0x82"
#define FIRST "D"
#define RAX   "rax"
#define LOST  "rcx", "r11"
#else
#define W     "l"
#define IRET  "iretl"
#define SP    "%%esp"
#define ENTER "int $0x82"
#define ALIEN "syscall"
#define FIRST "b"
#define RAX   "eax"
#define LOST  "ecx"
#endif

/* With @flags, one door; the flags behind it, or those before if it ended in an exception. */
#define THROUGH(insn, flags)                                                                         \
	({                                                                                           \
		unsigned long after_ = (flags) | IF | 2, ax_ = __HYPERVISOR_xen_version;             \
		FAULT_TRY(__asm__ volatile("pushf; push %[f]; popf; " insn "; pushf; pop %[f]; popf" \
					   : [f] "+S"(after_), "+a"(ax_)                             \
					   : FIRST(XENVER_version), "d"(0x80)                        \
					   : LOST, "memory", "cc"));                                 \
		__asm__ volatile("cld");                                                             \
		result = ax_;                                                                        \
		after_;                                                                              \
	})
static unsigned long result;

static void clean(void)
{
	__asm__ volatile("push" W " $0x202; popf" ::: "memory", "cc");
}

/* @wanted: the exception that it ends in, or -1: none. */
#define KERNEL_DOOR(insn, wanted)                                                                  \
	do {                                                                                       \
		unsigned long behind_ = THROUGH(insn, flags);                                      \
		int got_ = fault.happened ? (int)fault.vector : -1;                                \
		clean();                                                                           \
		if (got_ != (wanted))                                                              \
			failure("flags %lx, %s: exception %d, not %d", flags, insn, got_, wanted); \
		else if (got_ < 0 && (behind_ & KEPT) != (flags & KEPT))                           \
			failure("flags %lx, %s: %lx behind it", flags, insn, behind_);             \
	} while (0)

static void kernel(unsigned long flags)
{
	long version = hypercall_xen_version(XENVER_version, NULL);

	trap_hook = on_trap;
	KERNEL_DOOR(ENTER, -1);
	check_eq((int)result, version);
	KERNEL_DOOR("int3", -1);
	KERNEL_DOOR("ud2", VEC_UD);
	KERNEL_DOOR("hlt", VEC_GP);
	KERNEL_DOOR("clts", -1);
	KERNEL_DOOR("wbinvd", -1);
	KERNEL_DOOR("push %%" RAX "; mov %%cr0, %%" RAX "; pop %%" RAX, -1);
	KERNEL_DOOR("inb %%dx, %%al", VEC_GP);
	KERNEL_DOOR("movb $0, 8", VEC_PF);
	KERNEL_DOOR("int $0x20", VEC_GP);
	KERNEL_DOOR("int $2", VEC_GP);
	KERNEL_DOOR("int $8", VEC_GP);
	/* What is not this kind's: nothing, or an exception, but no way in. */
	THROUGH(ALIEN, flags);
	clean();
	THROUGH("sysenter", flags);
	clean();
	THROUGH("int $0x80", flags);
	clean();
	trap_hook = NULL;
}

/* ---- from an application: the flags and, in bits 28-31, the door by the argument ---- */
#ifdef __x86_64__
__asm__(".pushsection .rodata\n"
	"user_code: mov %edi, %ecx; shr $28, %ecx; shl $3, %ecx; lea doors(%rip), %rdx; add %rcx, %rdx\n"
	"mov %edi, %eax; and $0xfffffff, %eax; pushq $0; pushq $0; pushq $0; push %rax; popfq; jmp *%rdx\n"
	".balign 8\ndoors:\n"
#else
__asm__(".pushsection .rodata\n"
	"user_code: mov %ss, %eax; mov %eax, %ds; mov %ebx, %ecx; shr $28, %ecx; shl $3, %ecx; call 1f\n"
	"1: pop %edx; add $doors - 1b, %edx; add %ecx, %edx\n"
	"mov %ebx, %eax; and $0xfffffff, %eax; push $0; push $0; push $0; push %eax; popfl; jmp *%edx\n"
	".balign 8\ndoors:\n"
#endif
	"syscall; hlt; .balign 8\n"
	"int $0x80; hlt; .balign 8\n"
	"int $0x82; hlt; .balign 8\n"
	"sysenter; hlt; .balign 8\n"
	"ud2; .balign 8\n"
	"int3; hlt; .balign 8\n"
	"hlt; .balign 8\n"
	"int $0x20; .balign 8\n"
	"movb $0, 8; .balign 8\n" IRET "; hlt; .balign 8\n"
	"cli; hlt; .balign 8\n"
	"user_end:\n.popsection");
extern const char user_code[], user_end[];

enum {
	DOOR_SYSCALL,
	DOOR_INT80,
	DOOR_INT82,
	DOOR_SYSENTER,
	DOOR_UD2,
	DOOR_INT3,
	DOOR_HLT,
	DOOR_INT20,
	DOOR_STORE,
	DOOR_IRET,
	DOOR_CLI,
	DOORS
};

static void application(unsigned long flags)
{
	static const int vectors[DOORS] = {
	    [DOOR_UD2] = VEC_UD,   [DOOR_INT3] = VEC_BP, [DOOR_HLT] = VEC_GP, [DOOR_INT20] = VEC_GP,
	    [DOOR_STORE] = VEC_PF, [DOOR_IRET] = VEC_GP, [DOOR_CLI] = VEC_GP,
	};

	user_hook = look;
	for (unsigned long door = 0; door < DOORS; door++) {
		struct user_exit x = user_run(flags | IF | 2 | door << 28);

		if (flags & TF) /* its step comes first, or what the door is for */
			continue;
		if (vectors[door] && (x.syscall || x.vector != (unsigned)vectors[door]))
			failure("application, flags %lx, door %lu: exception %u", flags, door, x.vector);
		if (door == (ROOT_LEVEL == 4 ? DOOR_SYSCALL : DOOR_INT80) && !x.syscall)
			failure("application, flags %lx: its system call is exception %u", flags, x.vector);
	}
	user_hook = NULL;
}

/* Numbers beyond the table, whatever lies behind it there; of pv64 all 64 bits count. */
static void numbers(void)
{
	static const unsigned long beyond[] = {64,
					       65,
					       71,
					       100,
					       127,
					       128,
					       129,
					       191,
					       255,
					       256,
					       511,
					       1000,
					       4095,
					       0x7fffffff,
					       ~0ul,
					       -2ul,
					       -64ul,
					       0x80000000,
					       0x80000011,
					       0xffffffff,
#ifdef __x86_64__
					       1ul << 32 | __HYPERVISOR_xen_version,
					       1ul << 63 | __HYPERVISOR_xen_version
#endif
	};

	for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
		unsigned long ax = beyond[i];

		__asm__ volatile(ENTER : "+a"(ax) : FIRST(XENVER_version), "d"(0) : LOST, "memory", "cc");
		if ((long)ax != -XEN_ENOSYS)
			failure("hypercall %lx is %ld", beyond[i], (long)ax);
	}
}

void test_main(void)
{
	numbers();
	user_map(user_code, user_end - user_code);
	for (unsigned n = 0; n < 1u << ARRAY_SIZE(bits); n++) {
		kernel(combination(n));
		application(combination(n));
	}
	printk("%lu handlers entered\n", handlers);
	check_eq(bad_handlers, 0);
	check(handlers > 1000);
}
