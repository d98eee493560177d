/* SPDX-License-Identifier: MIT */
/*
 * Debug registers against the hypervisor. A breakpoint on an address of the hypervisor's, or an invalid one, is refused
 * and changes nothing, by hypercall and by MOV; so are general detect, breakpoints on ports without CR4.DE, and bits
 * that the registers do not have. Watching the guest's own memory while the hypervisor reads and writes it (frames it
 * pushes, arguments, IRET frames, descriptors), or letting a trap wait behind MOV SS until the hypervisor is entered,
 * does no harm. Registers 4 and 5 are other names of 6 and 7 until the guest sets CR4.DE, and then do not exist.
 */
#include "cr4.h"
#include "fw.h"

const char test_title[] = "attack-debug-registers";

#define DR7_WATCH0 0x000f0001ul /* register 0: four bytes, reading and writing */
#define FLAG_TF    0x100ul

#ifdef __x86_64__
static const unsigned long forbidden[] = {0xffff800000000000ul, 0xffff828000000000ul, 0xffff830000000000ul,
					  0xffff87fffffffff8ul, 0x0000800000000000ul, 0xffff7ffffffffff8ul,
					  0x8000000000000000ul};
#else
static const unsigned long forbidden[] = {0xf5800000ul, 0xf6000000ul, 0xfffffffcul};
#endif

#define MOV_TO_DR(n, value) __asm__ volatile("mov %0, %%db" #n ::"r"((unsigned long)(value)))
#define MOV_FROM_DR(n)                                             \
	({                                                         \
		unsigned long v_;                                  \
		__asm__ volatile("mov %%db" #n ", %0" : "=r"(v_)); \
		v_;                                                \
	})

static volatile uint32_t words[64] __attribute__((aligned(64)));
static volatile unsigned hits;

static bool on_debug(struct frame *f)
{
	if (f->vector != VEC_DB && f->vector != VEC_BP)
		return false;
	hits++;
	f->flags &= ~FLAG_TF;
	return true;
}

static void refusals(void)
{
	check_eq(hypercall_set_debugreg(0, 0x1000), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(forbidden); i++) {
		for (unsigned reg = 0; reg < 4; reg++)
			check_eq(hypercall_set_debugreg(reg, forbidden[i]), -XEN_EPERM);
		check_fault(VEC_GP, MOV_TO_DR(0, forbidden[i]));
	}
	check_eq(hypercall_get_debugreg(0), 0x1000);
	check_no_fault(MOV_TO_DR(0, 0x2000));
	check_eq(MOV_FROM_DR(0), 0x2000);

	check_eq(hypercall_set_debugreg(7, 0x2401), -XEN_EPERM); /* general detect */
	check_fault(VEC_GP, MOV_TO_DR(7, 0x2401));
	for (unsigned n = 0; n < 4; n++)
		check_eq(hypercall_set_debugreg(7, 1ul << 2 * n | 2ul << (16 + 4 * n)), -XEN_EPERM); /* I/O */
	check_eq(hypercall_set_debugreg(7, 0xd800), 0); /* reserved: not kept */
	check_eq(hypercall_get_debugreg(7), 0x400);
	check_eq(hypercall_set_debugreg(6, 0xffffffff), 0);
	check_eq(hypercall_get_debugreg(6) & 0x1000, 0);
#ifdef __x86_64__
	check_eq(hypercall_set_debugreg(7, 1ul << 32), -XEN_EINVAL);
	check_eq(hypercall_set_debugreg(6, 1ul << 63), -XEN_EINVAL);
	check_fault(VEC_GP, MOV_TO_DR(7, 1ul << 32));
#endif
	check_eq(hypercall_set_debugreg(6, 0), 0);
	check_no_fault(MOV_TO_DR(5, 0x700));
	check_eq(MOV_FROM_DR(7), 0x700);
	check_eq(MOV_FROM_DR(4), MOV_FROM_DR(6));
	check_eq(hypercall_set_debugreg(5, 0), 0);
	check_eq(read_cr4() & CR4_DE, 0);
	write_cr4(read_cr4() | CR4_DE);
	check_eq(read_cr4() & CR4_DE, CR4_DE);
	check_fault(VEC_UD, MOV_TO_DR(4, 0));
	check_fault(VEC_UD, MOV_FROM_DR(5));
	check_eq(hypercall_set_debugreg(4, 0), -XEN_ENODEV);
	check_eq(hypercall_set_debugreg(7, 0x20001), 0); /* a port now, */
	check_eq(hypercall_set_debugreg(7, 0x22001), -XEN_EPERM);
	write_cr4(read_cr4() & ~CR4_DE);
	check_eq(hypercall_set_debugreg(7, 0x20001), -XEN_EPERM);
	check_eq(hypercall_set_debugreg(7, 0), 0);
}

static void watch(volatile void *at)
{
	check_eq(hypercall_set_debugreg(0, (unsigned long)at & ~3ul), 0);
	check_eq(hypercall_set_debugreg(7, DR7_WATCH0), 0);
}

/* The hypervisor at work on watched memory: arguments, results, the frames of exceptions and of IRET. */
static void watched_by_hypervisor(void)
{
	unsigned long sp = 0;
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

	watch(words);
	check_eq(hypercall_xen_version(XENVER_extraversion, (void *)words), 0);
	watch(&op);
	check_eq(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
	/* Every word below the stack pointer, where frames come to lie. */
	for (unsigned i = 0; i < 32; i++) {
#ifdef __x86_64__
		__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#else
		__asm__ volatile("mov %%esp, %0" : "=r"(sp));
#endif
		watch((void *)((sp & ~15ul) - 4 * i));
		__asm__ volatile("int3");
		FAULT_TRY(__asm__ volatile("hlt"));
		check_eq(fault.vector, VEC_GP);
		hypercall_sched_op(SCHEDOP_yield, NULL);
	}
	/* vcpu_info, which every entry of an event writes. */
	watch(&shared->vcpu_info[0]);
	events_on();
	hypercall_sched_op(SCHEDOP_yield, NULL);
	events_off();
	check_eq(hypercall_set_debugreg(7, 0), 0);
}

/* MOV SS from a watched word holds the trap back over the next instruction: an entry to the hypervisor. */
static void behind_mov_ss(void)
{
	unsigned long nr = __HYPERVISOR_xen_version, got;

	words[8] = FLAT_KERNEL_SS;
	for (unsigned step = 0; step < 2; step++) {
		watch(&words[8]);
#ifdef __x86_64__
#define FLAGS "pushf; orq %q2, (%%rsp); popf\n"
#define ENTER "syscall"
#define FIRST "D"
#define LOST  "rcx", "r11",
#else
#define FLAGS "pushf; orl %k2, (%%esp); popf\n"
#define ENTER "int $0x82"
#define FIRST "b"
#define LOST  "ecx",
#endif
		got = nr;
		__asm__ volatile(FLAGS "mov %1, %%ss; " ENTER
				 : "+a"(got)
				 : "m"(words[8]), "r"(step * FLAG_TF), FIRST(XENVER_version)
				 : LOST "memory", "cc");
		check_eq(got, hypercall_xen_version(XENVER_version, NULL));
		__asm__ volatile("mov %0, %%ss; int3" ::"m"(words[8]));
		FAULT_TRY(__asm__ volatile("mov %0, %%ss; hlt" ::"m"(words[8])));
		check_eq(fault.vector, VEC_GP);
		FAULT_TRY(__asm__ volatile("mov %0, %%ss; int $0x80" ::"m"(words[8])));
		FAULT_TRY(__asm__ volatile("mov %0, %%ss; ud2" ::"m"(words[8])));
		check_eq(fault.vector, VEC_UD);
	}
	check_eq(hypercall_set_debugreg(7, 0), 0);
}

void test_main(void)
{
	trap_hook = on_debug;
	refusals();
	watched_by_hypervisor();
	behind_mov_ss();
	printk("%u traps\n", hits);
}
