/* SPDX-License-Identifier: MIT */
/*
 * Exceptions reach the guest with the vector, error code, instruction pointer and CR2 that a real machine
 * would show, from its kernel and from its applications; all registers survive the round trip; the frame
 * tells the privilege (RPL 0 or 1 for the kernel, 3 for an application) and the event mask, of which IF is
 * the inverse.
 */
#include "fw.h"

const char test_title[] = "pv-exceptions";

static struct frame seen;

/* Record the frame and go on behind the two bytes of the instruction. */
static bool skip_two(struct frame *f)
{
	seen = *f;
	f->ip += 2;
	return true;
}

/* Fill the registers, UD2, and count those that changed. */
static int changed_registers(void)
{
	int changed = 0;

#ifdef __x86_64__
	__asm__ volatile(
	    "push %%rbx; push %%rbp\n"
	    "mov $1, %%eax; mov $2, %%ebx; mov $3, %%ecx; mov $4, %%edx; mov $5, %%esi\n"
	    "mov $6, %%edi; mov $7, %%ebp; mov $8, %%r8d; mov $9, %%r9d; mov $10, %%r10d\n"
	    "mov $11, %%r11d; mov $12, %%r12d; mov $13, %%r13d; mov $14, %%r14d; mov $15, %%r15d\n"
	    "ud2\n"
	    "sub $1, %%rax; sub $2, %%rbx; sub $3, %%rcx; sub $4, %%rdx; sub $5, %%rsi; sub $6, %%rdi\n"
	    "sub $7, %%rbp; sub $8, %%r8; sub $9, %%r9; sub $10, %%r10; sub $11, %%r11; sub $12, %%r12\n"
	    "sub $13, %%r13; sub $14, %%r14; sub $15, %%r15\n"
	    "or %%rbx, %%rax; or %%rcx, %%rax; or %%rdx, %%rax; or %%rsi, %%rax; or %%rdi, %%rax\n"
	    "or %%rbp, %%rax; or %%r8, %%rax; or %%r9, %%rax; or %%r10, %%rax; or %%r11, %%rax\n"
	    "or %%r12, %%rax; or %%r13, %%rax; or %%r14, %%rax; or %%r15, %%rax\n"
	    "pop %%rbp; pop %%rbx"
	    : "=a"(changed)::"rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	      "memory", "cc");
#else
	__asm__ volatile(
	    "push %%ebx; push %%ebp\n"
	    "mov $1, %%eax; mov $2, %%ebx; mov $3, %%ecx; mov $4, %%edx; mov $5, %%esi; mov $6, %%edi\n"
	    "mov $7, %%ebp\n"
	    "ud2\n"
	    "sub $1, %%eax; sub $2, %%ebx; sub $3, %%ecx; sub $4, %%edx; sub $5, %%esi; sub $6, %%edi\n"
	    "sub $7, %%ebp\n"
	    "or %%ebx, %%eax; or %%ecx, %%eax; or %%edx, %%eax; or %%esi, %%eax; or %%edi, %%eax\n"
	    "or %%ebp, %%eax\n"
	    "pop %%ebp; pop %%ebx"
	    : "=a"(changed)::"ecx", "edx", "esi", "edi", "memory", "cc");
#endif
	return changed;
}

static void kernel_exceptions(void)
{
	static const unsigned long readonly_word = 1;
	static unsigned long code_page[512] __attribute__((aligned(4096)));
	volatile int zero = 0;

	check_fault(VEC_DE, __asm__ volatile("divl %0" ::"m"(zero), "a"(1), "d"(0)));
	check_fault(VEC_UD, __asm__ volatile("ud2"));
	check_fault(VEC_BP, __asm__ volatile("int3"));
	check_fault(VEC_GP, __asm__ volatile("mov %%ax, %%fs" ::"a"(0xf003)));
	check_eq(fault.error, 0xf000);
	check_fault(VEC_GP, __asm__ volatile("hlt"));
	check_eq(fault.error, 0);

	check_fault(VEC_PF, *(volatile char *)16);
	check_eq(fault.error, 0);
	check_eq(fault.cr2, 16);
	check_fault(VEC_PF, *(volatile char *)17 = 1);
	check_eq(fault.error, 2);
	check_eq(fault.cr2, 17);
	if (page_set_ro((void *)((unsigned long)&readonly_word & ~4095ul), true) == 0) {
		check_fault(VEC_PF, *(volatile unsigned long *)&readonly_word = 2);
		check_eq(fault.error, 3);
		check_eq(fault.cr2, (unsigned long)&readonly_word);
	}

	code_page[0] = 0xc3; /* ret */
	check_no_fault(((void (*)(void))code_page)());
	pte_t nx = *pte_of((unsigned long)code_page, 1) | PTE_NX;
	check_eq(hypercall_update_va_mapping((unsigned long)code_page, nx, UVMF_INVLPG), 0);
	check_fault(VEC_PF, ((void (*)(void))code_page)());
	check_eq(fault.error, 0x11);
	check_eq(fault.ip, (unsigned long)code_page);

	/* Single step: one instruction after TF was set. */
#ifdef __x86_64__
	check_fault(VEC_DB, __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop" ::: "memory", "cc"));
#else
	check_fault(VEC_DB, __asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop" ::: "memory", "cc"));
#endif
}

static void frames(void)
{
	unsigned long flags_if = 0x200;

	trap_hook = skip_two;
	check_eq(changed_registers(), 0);
	check_eq(seen.vector, VEC_UD);
	check_eq(seen.cs & 3, ROOT_LEVEL == 4 ? 0 : 1);
	check_eq(seen.cs & 0xfffc, FLAT_KERNEL_CS & 0xfffc);
	check(!(seen.flags & flags_if));
	check_eq(seen.cs >> (ROOT_LEVEL == 4 ? 31 : 15) >> 1 & 0xff, 1); /* saved_upcall_mask */
	events_on();
	__asm__ volatile("ud2");
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	events_off();
	check(seen.flags & flags_if);
	check_eq(seen.cs >> (ROOT_LEVEL == 4 ? 31 : 15) >> 1 & 0xff, 0);
	trap_hook = NULL;
}

/* In ring 3, by the argument: 0 UD2, 1 division, 2 INT3, 3 HLT, 4 a read of address 0x10, 5 a write to its
 * code. */
#ifdef __x86_64__
#define ARG    "%edi"
#define BY_ARG "(%rdi)"
#else
#define ARG    "%ebx"
#define BY_ARG "(%ebx)"
#endif
__asm__(".pushsection .rodata\nuser_code:\n" USER_SEGMENTS "cmp $1, " ARG "; je 1f; cmp $2, " ARG
	"; je 2f; cmp $3, " ARG "; je 3f; cmp $4, " ARG "; je 4f\n"
	"cmp $5, " ARG "; je 5f\n"
	"ud2\n"
	"1: xor %ecx, %ecx; div %ecx\n"
	"2: int3\n"
	"3: hlt\n"
	"4: mov 12" BY_ARG ", %eax\n"
	"5: movb $0, 0x400000 - 5" BY_ARG "\n"
	"user_end:\n.popsection");
extern const char user_code[], user_end[];

static void application_exceptions(void)
{
	static const struct {
		unsigned vector, error;
		unsigned long cr2;
	} want[] = {{VEC_UD, 0, 0}, {VEC_DE, 0, 0},    {VEC_BP, 0, 0},
		    {VEC_GP, 0, 0}, {VEC_PF, 4, 0x10}, {VEC_PF, 7, USER_CODE}};

	user_map(user_code, user_end - user_code);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		struct user_exit x = user_run(i);
		check_eq(x.vector, want[i].vector);
		check_eq(x.error, want[i].error);
		check_eq(x.cs & 3, 3);
		if (want[i].vector == VEC_PF)
			check_eq(x.cr2, want[i].cr2);
	}
}

void test_main(void)
{
	kernel_exceptions();
	frames();
	application_exceptions();
}
