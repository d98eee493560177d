/* SPDX-License-Identifier: MIT */
/*
 * Debugging in a guest. A breakpoint on an instruction stops before it, and RF in the frame goes on over it; a watch on
 * memory stops behind the access, of the watched size and kind only; with CR4.DE one on ports too; DR6 says which. TF steps by one instruction: also
 * over those that the hypervisor executes in the guest's stead, over each round of a REP, over hypercalls, and in an
 * application over its system calls, while the kernel's handlers run at full speed. The registers follow their vCPU
 * through a time of sleep. (Xen 4.17 raises no trap behind an emulated IN.)
 */
#include "cr4.h"
#include "fw.h"
#include "time.h"
#include "xen/arch-x86/cpuid.h"
#include "xen/physdev.h"

const char test_title[] = "pv-debug";

#define FLAG_TF 0x100ul
#define FLAG_RF 0x10000ul
#define DR6_BS  0x4000ul
#define MAX_IPS 64

static volatile unsigned long ips[MAX_IPS], dr6, mark[2];
static volatile unsigned hits, steps_seen;

static void set_dr(unsigned reg, unsigned long value)
{
	check_eq(hypercall_set_debugreg(reg, value), 0);
}

/* DR7 that enables register @n: @kind 0 execute, 1 write, 3 access; @size in bytes. */
static unsigned long dr7(unsigned n, unsigned kind, unsigned size)
{
	static const uint8_t length[] = {0, 0, 1, 0, 3, 0, 0, 0, 2};

	return 1ul << 2 * n | (unsigned long)(kind | length[size] << 2) << (16 + 4 * n);
}

static bool on_debug(struct frame *f)
{
	if (f->vector != VEC_DB)
		return false;
	dr6 = hypercall_get_debugreg(6);
	hypercall_set_debugreg(6, 0);
	if (dr6 & DR6_BS)
		steps_seen++;
	if (hits < MAX_IPS)
		ips[hits] = f->ip;
	hits++;
	f->flags |= FLAG_RF; /* over a breakpoint on an instruction */
	return true;
}

static void arm(unsigned n, const volatile void *at, unsigned kind, unsigned size)
{
	hits = steps_seen = 0;
	dr6 = 0;
	set_dr(6, 0);
	for (unsigned other = 0; other < 4; other++)
		set_dr(other, 0); /* a match of one that is not enabled may be reported beside the other */
	set_dr(n, (unsigned long)at);
	set_dr(7, dr7(n, kind, size));
}

/* That breakpoint @n, and nothing else, was met @times. */
static void check_hits(unsigned n, unsigned times)
{
	check_eq(hits, times);
	if (times)
		check_eq(dr6 & 0xe00f, 1ul << n);
	hits = 0;
	dr6 = 0;
}

static volatile uint64_t watched[4];

/* One instruction and its address. */
__asm__(".pushsection .text\nbump: incl counter\nbumped: ret\n.popsection");
extern const char bump[], bumped[];
volatile unsigned counter;

static void breakpoints(void)
{
	for (unsigned n = 0; n < 4; n++) {
		counter = 0;
		arm(n, bump, 0, 1);
		((void (*)(void))bump)();
		check_eq(counter, 1);
		check_eq(ips[0], (unsigned long)bump);
		check_hits(n, 1);
		set_dr(n, (unsigned long)bumped);
		((void (*)(void))bump)();
		check_eq(ips[0], (unsigned long)bumped);
		check_hits(n, 1);
		set_dr(7, 0);
		((void (*)(void))bump)();
		check_hits(n, 0);
	}
}

static void watches(void)
{
	volatile uint8_t *byte = (volatile uint8_t *)watched;
	uint8_t sink;

	for (unsigned n = 0; n < 4; n++) {
		arm(n, &watched[n], 1, 4);
		*(volatile uint32_t *)&watched[n] = 1;
		check_hits(n, 1);
		sink = *(volatile uint8_t *)&watched[n]; /* a read */
		byte[n * 8 + 4] = 1;                     /* behind it */
		check_hits(n, 0);
		byte[n * 8 + 3] = 1; /* its last byte */
		check_hits(n, 1);
	}
	arm(1, &byte[5], 1, 1);
	byte[4] = byte[6] = 1;
	check_hits(1, 0);
	byte[5] = 1;
	check_hits(1, 1);
	arm(2, &watched[1], 3, 2);
	sink = byte[9];
	check_hits(2, 1);
	byte[8] = sink;
	check_hits(2, 1);
	arm(3, &watched[2], 1, 8);
	byte[23] = 1;
	check_hits(3, 1);
	set_dr(7, 0);
	byte[23] = 1;
	check_hits(3, 0);
}

#ifdef __x86_64__
#define PUSHF_TF "pushf; orq $0x100, (%%rsp); popf\n"
#define NO_TF    "pushf; andq $~0x100, (%%rsp); popf\n"
#else
#define PUSHF_TF "pushf; orl $0x100, (%%esp); popf\n"
#define NO_TF    "pushf; andl $~0x100, (%%esp); popf\n"
#endif

/* Steps between POPF and the end of the second PUSHF, AND, POPF, except for these three: POPF's own comes first. */
#define STEPS(code, ...)                                                \
	({                                                              \
		hits = steps_seen = 0;                                  \
		__asm__ volatile(PUSHF_TF code "\n" NO_TF __VA_ARGS__); \
		if (steps_seen != hits)                                 \
			failure("not all of them are steps");           \
		(int)hits - 3;                                          \
	})

static void in_byte(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "d"(port));
}

/* Breakpoints on ports: with CR4.DE alone, of the watched ports only, behind the access, with every form of it. */
static void ports(void)
{
	static uint8_t buffer[4];
	struct physdev_set_iopl iopl = {1};
	unsigned long to = (unsigned long)buffer, count = 3;

	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	check_eq(read_cr4() & CR4_DE, 0);
	check_eq(hypercall_set_debugreg(7, dr7(0, 2, 1)), -XEN_EPERM);
	write_cr4(read_cr4() | CR4_DE);
	for (unsigned n = 0; n < 4; n++) {
		arm(n, (void *)0x80, 2, 1);
		in_byte(0x80);
		check_hits(n, 1);
		in_byte(0x7f);
		in_byte(0x81);
		*(volatile uint8_t *)&watched[0] = 1;
		check_hits(n, 0);
		__asm__ volatile("outb %%al, $0x80; nop" ::"a"(0));
		check_hits(n, 1);
		__asm__ volatile("inw %%dx, %%ax" ::"d"(0x7f) : "eax"); /* its second byte */
		check_hits(n, 1);
	}
	arm(1, (void *)0x82, 2, 4); /* 0x80 to 0x83 */
	in_byte(0x83);
	check_hits(1, 1);
	in_byte(0x84);
	check_hits(1, 0);
	arm(2, (void *)0x80, 2, 2);
	__asm__ volatile("cld; rep insb" : "+D"(to), "+c"(count) : "d"(0x81) : "memory");
	check_hits(2, 3);
	/* A step over such an access is one trap, with both reasons. */
	check_eq(STEPS("inb $0x80, %%al", ::: "eax", "memory", "cc"), 1);
	set_dr(7, 0);
	in_byte(0x80);
	check_eq(hits, 4);
	arm(3, (void *)0x80, 2, 1);
	write_cr4(read_cr4() & ~CR4_DE);
	in_byte(0x80);
	check_hits(3, 0);
	set_dr(7, 0);
}

/* Asleep the vCPU's registers are not the processor's. */
static void sleep(void)
{
	arm(0, &watched[3], 1, 4);
	nap(bind_timer());
	check_hits(0, 0);
	watched[3] = 1;
	check_hits(0, 1);
	check_eq(hypercall_get_debugreg(7) & 0xff, 1);
	set_dr(7, 0);
}

/* The hypervisor's own accesses for the guest disturb nothing. */
static void hypervisor_access(void)
{
	arm(0, watched, 3, 4);
	check_eq(hypercall_xen_version(XENVER_extraversion, (void *)watched), 0);
	hits = 0; /* whether it counts as one is left open */
	watched[0] = 0;
	check_eq(hits, 1);
	set_dr(7, 0);
}

static void steps(void)
{
	static uint8_t buffer[4] = {0x5a, 0x5a, 0x5a, 0x5a};
	unsigned long a, b, c, d;
	struct physdev_set_iopl iopl = {1};

	check_eq(STEPS("nop; nop", ::: "memory", "cc"), 2);
	check_eq(STEPS("clts", ::: "memory", "cc"), 1);
	check_eq(STEPS("mov %%cr0, %0; nop", : "=r"(a)::"memory", "cc"), 2);
	a = XEN_CPUID_LEAF(0);
	check_eq(STEPS(XEN_CPUID, : "+a"(a), "=b"(b), "=c"(c), "=d"(d)::"memory", "cc"), 1);
	check_eq(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
	check_eq(STEPS("inb $0x80, %%al", : "=a"(a)::"memory", "cc"), 1);
	b = (unsigned long)buffer;
	c = 3;
	check_eq(STEPS("rep insb", : "+D"(b), "+c"(c) : "d"(0x80) : "memory", "cc"), 3);
	check_eq(c, 0);
	check(buffer[2] != 0x5a);
	check_eq(buffer[3], 0x5a);

	/* A store into a live page table. */
	if (!hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables)) {
		static uint64_t page[512] __attribute__((aligned(4096)));
		uint32_t *entry = (uint32_t *)pte_of((unsigned long)page, 1);

		check_eq(STEPS("mov %0, %1", ::"r"(*entry), "m"(*entry) : "memory", "cc"), 1);
		hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
	}
}

/* Nothing but the guest's own instructions is stepped, and the call works. */
static void step_hypercall(void)
{
	unsigned long slot = (unsigned long)hypercall_page + __HYPERVISOR_xen_version * 32;
	long version;

	hits = steps_seen = 0;
#ifdef __x86_64__
	__asm__ volatile(PUSHF_TF "call *%1\n" NO_TF
			 : "=a"(version)
			 : "r"(slot), "D"(XENVER_version), "S"(0)
			 : "rcx", "r11", "memory", "cc");
#else
	__asm__ volatile(PUSHF_TF "call *%1\n" NO_TF
			 : "=a"(version)
			 : "r"(slot), "b"(XENVER_version), "c"(0)
			 : "memory", "cc");
#endif
	check_eq(version, hypercall_xen_version(XENVER_version, NULL));
	/* CALL, the stub, RET, and what ends it; the trap of the call itself may be one with the next. */
	check_eq(hits / 2, ROOT_LEVEL == 4 ? 10 / 2 : 6 / 2);
	check_eq(ips[0], slot);
	for (unsigned i = 1; i + 4 < hits; i++)
		check(ips[i] > ips[i - 1] && ips[i] < slot + 32);
}

/* ---- in an application ---- */
#ifdef __x86_64__
#define SYSCALL "syscall"
#else
#define SYSCALL "int $0x80"
#endif
__asm__(".pushsection .rodata\nuser_code: ud2; nop; nop\nuser_call: " SYSCALL "; nop; nop; " SYSCALL
	"\nuser_end:\n.popsection");
extern const char user_code[], user_call[], user_end[];
void user_enter(unsigned long ip, unsigned long sp, unsigned long arg, unsigned long cs, unsigned long ss);
void recovery_resume(struct recovery *r) __attribute__((noreturn));

static struct recovery home;
static unsigned calls;

static bool in_application(struct frame *f)
{
	if (f->vector == VEC_UD) {
		f->flags |= FLAG_TF;
		f->ip += 2;
		return true;
	}
	if (f->vector == VEC_DB) {
		check_eq(f->cs & 3, 3); /* never the kernel */
		return on_debug(f);
	}
	if (f->vector != 128)
		return false;
	mark[calls++] = hits;
	check(f->flags & FLAG_TF);
	if (calls == 2)
		recovery_resume(&home);
	return true;
}

static void application(void)
{
	unsigned long call = USER_CODE + (user_call - user_code);

	user_map(user_code, user_end - user_code);
	hits = steps_seen = 0;
	trap_hook = in_application;
	if (recovery_set(&home) == 0)
		user_enter(USER_CODE, USER_STACK + PAGE_SIZE, 0, FLAT_USER_CS, FLAT_USER_SS);
	trap_hook = NULL;
	check_eq(calls, 2);
	check_eq(steps_seen, hits);
	/* Behind each NOP; the step that began with the system call may end at it or at the NOP behind. */
	check_eq(mark[0], 2);
	check_eq(ips[0], USER_CODE + 3);
	check_eq(ips[1], call);
	check(hits == 4 || hits == 5);
	check_eq(ips[hits - 1], call + 4);
}

void test_main(void)
{
	trap_hook = on_debug;
	breakpoints();
	watches();
	ports();
	sleep();
	hypervisor_access();
	steps();
	step_hypercall();
	application();
}
