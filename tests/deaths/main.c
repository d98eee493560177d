/* SPDX-License-Identifier: MIT */
/*
 * Ways for a guest to become one that cannot go on: the hypervisor finds no place for a frame, no handler to enter, or
 * no way back. Each is the domain's end with a sentence, and nothing worse. The command line names the way
 * (system/deaths.py tries them all and knows the sentences); a guest that lives on has failed.
 */
#include "time.h"

const char test_title[] = "deaths";

#ifdef __x86_64__
#define SYSCALL "syscall"
#define SET_SP  "mov %0, %%rsp\n"
#else
#define SYSCALL "int $0x80"
#define SET_SP  "mov %0, %%esp\n"
#endif
__asm__(".pushsection .rodata\nuser_fault: ud2\nuser_call: " SYSCALL "\nuser_end:\n.popsection");
extern const char user_fault[], user_call[], user_end[];

static char page[4096] __attribute__((aligned(4096)));

/* ---- where the kernel's stack may not be ---- */

static void enter_with_stack(unsigned long sp, const char *code)
{
	user_map(code, user_end - code);
	trap_init(); /* the callbacks again: with the stack that user_map() set, system calls could take the short way */
	check_eq(hypercall_stack_switch(FLAT_KERNEL_SS, sp), 0);
	user_run(0);
}

static void stack_missing(void)
{
	enter_with_stack(0x1000, user_fault);
}

static void stack_missing_syscall(void)
{
	enter_with_stack(0x1000, user_call);
}

static void stack_readonly(void)
{
	check_eq(page_set_ro(page, true), 0);
	enter_with_stack((unsigned long)page + 4096, user_fault);
}

/* In memory that the hypervisor itself can write: only a check keeps the frame out. (pv32 cannot name any.) */
#ifdef __x86_64__
#define HYPERVISOR_MEMORY 0xffff830000a00000ul
#else
#define HYPERVISOR_MEMORY (HYPERVISOR_VIRT_START + 0x1000)
#endif

static void stack_of_hypervisor(void)
{
	enter_with_stack(HYPERVISOR_MEMORY, user_fault);
}

static void stack_of_hypervisor_syscall(void)
{
	enter_with_stack(HYPERVISOR_MEMORY, user_call);
}

static void stack_in_m2p(void)
{
	enter_with_stack(HYPERVISOR_VIRT_START + 0x1000, user_fault);
}

static void kernel_stack_of_hypervisor(void)
{
	__asm__ volatile(SET_SP "ud2" ::"r"(HYPERVISOR_MEMORY));
}

static void event_stack_of_hypervisor(void)
{
	shared->vcpu_info[0].evtchn_upcall_mask = 0;
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	__asm__ volatile(SET_SP "1: jmp 1b" ::"r"(HYPERVISOR_MEMORY));
}

static void stack_at_top(void)
{
	enter_with_stack(8, user_fault);
}

static void stack_page_table(void)
{
	enter_with_stack((unsigned long)root_page() + 4096, user_fault);
}

/* The frame would reach over the page's lower end. */
static void stack_half_missing(void)
{
	unsigned long va = (unsigned long)page;

	check_eq(hypercall_update_va_mapping(va - 4096, 0, UVMF_INVLPG), 0);
	enter_with_stack(va + 16, user_fault);
}

static void kernel_stack_lost(void)
{
	__asm__ volatile(SET_SP "ud2" ::"r"(0x1000ul));
}

static void event_stack_lost(void)
{
	shared->vcpu_info[0].evtchn_upcall_mask = 0;
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	__asm__ volatile(SET_SP "1: jmp 1b" ::"r"(0x1000ul));
}

/* ---- no handler ---- */

static void no_handler(void)
{
	check_eq(hypercall_set_trap_table(NULL), 0);
	__asm__ volatile("ud2");
}

static void no_callback(void)
{
	check_eq(hypercall_set_callbacks(0, 0, 0, 0), 0);
	shared->vcpu_info[0].evtchn_upcall_pending = 1;
	events_on();
}

/* A selector whose descriptor has gone when the vCPU has slept, and no failsafe callback. */
static void no_failsafe(void)
{
	static uint64_t gdt[512] __attribute__((aligned(4096)));
	unsigned long frames[1] = {va_to_mfn(gdt)};
	struct evtchn_bind_ipi ipi = {.vcpu = 0};

	gdt[8] = 0x00cff3000000ffffull; /* flat data */
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(frames, 512), 0);
	check_eq(hypercall_set_callbacks(0, 0, 0, 0), 0);
	check_eq(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
	__asm__ volatile("mov %0, %%fs" ::"r"(0x43));
	check_eq(hypercall_update_descriptor(((uint64_t)frames[0] << 12) + 0x40, 0), 0);
	nap(ipi.port);
}

#ifdef __x86_64__
#define CANONICAL_END 0x0000800000000000ul

static void stack_not_canonical(void)
{
	enter_with_stack(CANONICAL_END + 0x1000, user_fault);
}

static void stack_not_canonical_syscall(void)
{
	enter_with_stack(CANONICAL_END + 0x1000, user_call);
}

static void stack_in_hole(void)
{
	enter_with_stack(0xffff800000000000ul + 16, user_fault); /* begins behind, ends in the M2P */
}
#endif

/* ---- no way back ---- */

static void iret_unreadable(void)
{
#ifdef __x86_64__
	__asm__ volatile(SET_SP "mov %1, %%eax; syscall" ::"r"(0x1000ul), "i"(__HYPERVISOR_iret));
#else
	__asm__ volatile(SET_SP "mov %1, %%eax; int $0x82" ::"r"(0x1000ul), "i"(__HYPERVISOR_iret));
#endif
}

static void iret_of_hypervisor(void)
{
#ifdef __x86_64__
	__asm__ volatile(SET_SP "mov %1, %%eax; syscall" ::"r"(HYPERVISOR_MEMORY), "i"(__HYPERVISOR_iret));
#else
	__asm__ volatile(SET_SP "mov %1, %%eax; int $0x82" ::"r"(HYPERVISOR_MEMORY), "i"(__HYPERVISOR_iret));
#endif
}

#ifdef __x86_64__
static void came_back(void)
{
	error("iret took its frame from the hypervisor's mapping of our memory");
}

/* A good frame in a page of ours, named by the hypervisor's address of it, by the short way (events on, none pending). */
static void iret_of_alias(void)
{
	static char stack[4096] __attribute__((aligned(16)));
	unsigned long *frame = (unsigned long *)page, alias = 0xffff830000000000ul + (va_to_mfn(page) << 12);
	const unsigned long good[] = {0,
				      0,
				      0,
				      0,
				      (unsigned long)came_back,
				      FLAT_KERNEL_CS & ~3ul,
				      0x202,
				      (unsigned long)stack + 4088,
				      FLAT_KERNEL_SS};

	__builtin_memcpy(frame, good, sizeof(good));
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	events_on();
	__asm__ volatile(SET_SP "mov %1, %%eax; syscall" ::"r"(alias), "i"(__HYPERVISOR_iret));
}
#endif

static unsigned long new_cs, new_flags;

static bool change_frame(struct frame *f)
{
	f->ip += 2;
	if (new_cs)
		f->cs = new_cs;
	f->flags |= new_flags;
	return true;
}

static void iret_with(unsigned long cs, unsigned long flags)
{
	new_cs = cs;
	new_flags = flags;
	trap_hook = change_frame;
	__asm__ volatile("ud2");
}

#ifdef __x86_64__
static void iret_no_user_tables(void)
{
	iret_with(FLAT_USER_CS, 0);
}
#else
static void iret_ring0(void)
{
	iret_with(FLAT_KERNEL_CS & ~3, 0);
}

static void iret_virtual_8086(void)
{
	iret_with(0, 0x20000);
}

/* The instruction, not the hypercall: QEMU obeys it (docs/tricks.md, "Virtual-8086 mode"). Segments, stack and code of real
 * mode lie in our image's first page or in none; whatever is there, the way into the hypervisor is next. */
static void enter_8086(unsigned cs)
{
	__asm__ volatile("pushl $0; pushl $0; pushl $0; pushl $0; pushl $0x100; pushl $0x8000; pushl %0; "
			 "pushl %1; pushl $0\n\t"
			 "iretl"
			 :
			 : "r"(1ul << 17 | 2), "r"((unsigned long)cs)
			 : "memory");
}

static void instruction_virtual_8086(void)
{
	enter_8086(0x100);
}

static void instruction_virtual_8086_rpl3(void)
{
	enter_8086(0x103);
}

/* Handlers that raise another exception each: #GP by a selector beyond the table, #NP by one that is not present. */
static void handlers_in_turn(void)
{
	static uint64_t gdt[512] __attribute__((aligned(4096)));
	unsigned long frames[1] = {va_to_mfn(gdt)};
	struct trap_info table[] = {{VEC_GP, 0, 9, (unsigned long)stack_missing},
				    {VEC_NP, 0, 0x4001, (unsigned long)stack_missing},
				    {0}};

	gdt[1] = 0x00cf3b000000ffffull; /* code of ring 1, absent */
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(frames, 512), 0);
	check_eq(hypercall_set_trap_table(table), 0);
	__asm__ volatile("hlt");
}

/* #PF by a selector in an LDT that is not there, whose own handler is in it too. */
static void handlers_in_missing_ldt(void)
{
	struct trap_info table[] = {{VEC_PF, 0, 13, (unsigned long)stack_missing}, {0}};

	check_eq(mmuext1(MMUEXT_SET_LDT, 0x1000, 512), 0);
	check_eq(hypercall_set_trap_table(table), 0);
	*(volatile char *)16 = 0;
}

static void handler_null(void)
{
	struct trap_info table[] = {{VEC_UD, 0, 0, (unsigned long)stack_missing}, {0}};

	check_eq(hypercall_set_trap_table(table), 0);
	__asm__ volatile("ud2");
}

static void stack_selector_bad(void)
{
	user_map(user_fault, user_end - user_fault);
	check_eq(hypercall_stack_switch(0x4001, (unsigned long)page + 4096), 0);
	user_run(0);
}
#endif

static const struct {
	const char *name;
	void (*die)(void);
} ways[] = {
    {"stack-missing", stack_missing},
    {"stack-missing-syscall", stack_missing_syscall},
    {"stack-readonly", stack_readonly},
    {"stack-of-hypervisor", stack_of_hypervisor},
    {"stack-of-hypervisor-syscall", stack_of_hypervisor_syscall},
    {"stack-in-m2p", stack_in_m2p},
    {"kernel-stack-of-hypervisor", kernel_stack_of_hypervisor},
    {"event-stack-of-hypervisor", event_stack_of_hypervisor},
    {"stack-at-top", stack_at_top},
    {"stack-page-table", stack_page_table},
    {"stack-half-missing", stack_half_missing},
    {"kernel-stack-lost", kernel_stack_lost},
    {"event-stack-lost", event_stack_lost},
    {"no-handler", no_handler},
    {"no-callback", no_callback},
    {"no-failsafe", no_failsafe},
    {"iret-unreadable", iret_unreadable},
    {"iret-of-hypervisor", iret_of_hypervisor},
#ifdef __x86_64__
    {"stack-not-canonical", stack_not_canonical},
    {"stack-not-canonical-syscall", stack_not_canonical_syscall},
    {"stack-in-hole", stack_in_hole},
    {"iret-of-alias", iret_of_alias},
    {"iret-no-user-tables", iret_no_user_tables},
#else
    {"iret-ring0", iret_ring0},
    {"iret-virtual-8086", iret_virtual_8086},
    {"instruction-virtual-8086", instruction_virtual_8086},
    {"instruction-virtual-8086-rpl3", instruction_virtual_8086_rpl3},
    {"handlers-in-turn", handlers_in_turn},
    {"handlers-in-missing-ldt", handlers_in_missing_ldt},
    {"handler-null", handler_null},
    {"stack-selector-bad", stack_selector_bad},
#endif
};

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

void test_main(void)
{
	const char *way = (const char *)start_info->cmd_line;

	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
		if (same(way, ways[i].name)) {
			ways[i].die();
			error("%s: still alive", way);
		}
	error("%s: no such way", way);
}
