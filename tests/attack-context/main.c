/* SPDX-License-Identifier: MIT */
/*
 * The context of a new vCPU, full of what a guest may not have. Addresses that are invalid, or the hypervisor's, as
 * entry points, handlers, bases or RIP; an LDT that is too long or not aligned; a GDT of frames that are page tables;
 * roots that are no tables, an application without page tables: refused, and the vCPU stays as it was, and cannot be
 * brought up until a context is whole. Flags (IOPL, VM, VIF, VIP), ring 0 selectors, debug registers on the
 * hypervisor, bits of MXCSR that are not there: left out, as it finds when it runs. It finds no register full of what
 * another vCPU had. Skipped where Dom0 has one vCPU.
 */
#include "time.h"

const char test_title[] = "attack-context";

#define FLAGS_EVIL 0x1a3202ul /* VIF and VIP, VM, IOPL 3, IF */

#ifdef __x86_64__
#define IP    rip
#define SP    rsp
#define FLAGS rflags
#define BAD   0x0000800000000000ul
#else
#define IP    eip
#define SP    esp
#define FLAGS eflags
#define BAD   0xf6000000ul
#endif

#define CR4_OSXSAVE (1ul << 18)

static char memory[8192]; /* writable, and no table */
static volatile unsigned long started, registers, flags, cs, ss, debugreg[8], cr4, xcr0;
static volatile uint32_t mxcsr;
static volatile uint16_t fcw;
unsigned long foreign_bits; /* what the general registers held that the context did not give */

void second(void);
void second_entry(void);
#ifdef __x86_64__
__asm__(".pushsection .text\nsecond_entry:\n"
	"or %rcx, %rax; or %rdx, %rax; or %rbx, %rax; or %rbp, %rax; or %rsi, %rax; or %rdi, %rax\n"
	"or %r8, %rax; or %r9, %rax; or %r10, %rax; or %r11, %rax\n"
	"or %r12, %rax; or %r13, %rax; or %r14, %rax; or %r15, %rax\n"
	"mov %rax, foreign_bits(%rip)\njmp second\n.popsection");
#else
__asm__(".pushsection .text\nsecond_entry:\n"
	"or %ecx, %eax; or %edx, %eax; or %ebx, %eax; or %ebp, %eax; or %esi, %eax; or %edi, %eax\n"
	"mov %eax, foreign_bits\njmp second\n.popsection");
#endif

/* vCPU 1 says what it has become. */
void second(void)
{
	unsigned long f, c, s;
	uint32_t low = 1, high;

	registers = foreign_bits;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	__asm__ volatile("mov %%cr4, %0" : "=r"(c));
	cr4 = c;
	if (cr4 & CR4_OSXSAVE) /* it was promised */
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	xcr0 = low;
	__asm__ volatile("pushf; pop %0" : "=r"(f));
	__asm__ volatile("mov %%cs, %0" : "=r"(c));
	__asm__ volatile("mov %%ss, %0" : "=r"(s));
	flags = f;
	cs = c & 0xffff;
	ss = s & 0xffff;
	for (unsigned i = 0; i < 8; i++)
		debugreg[i] = hypercall_get_debugreg(i);
	barrier();
	started = 1;
	hypercall_vcpu_op(VCPUOP_down, 1, NULL);
}

/* That vCPU with one thing changed in its context. */
#define REFUSED(change)                                                            \
	do {                                                                       \
		struct vcpu_guest_context *c = vcpu_context(second_entry);         \
		change;                                                            \
		check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, c), -XEN_EINVAL); \
		check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);      \
		check_eq(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);             \
	} while (0)

static void refusals(void)
{
	REFUSED(c->user_regs.IP = BAD);
	REFUSED(c->trap_ctxt[VEC_GP].address = BAD);
	REFUSED(c->trap_ctxt[255].address = HYPERVISOR_VIRT_START);
	REFUSED((c->ldt_base = (unsigned long)memory & ~4095ul, c->ldt_ents = 8193));
	REFUSED((c->ldt_base = ((unsigned long)memory & ~4095ul) + 8, c->ldt_ents = 1));
	REFUSED((c->ldt_base = BAD, c->ldt_ents = 512));
	REFUSED(c->gdt_ents = FIRST_RESERVED_GDT_ENTRY + 1);
	REFUSED((c->gdt_ents = 512, c->gdt_frames[0] = root_mfn()));
	REFUSED((c->gdt_ents = 512, c->gdt_frames[0] = ~0ul));
	REFUSED(c->ctrlreg[3] = xen_pfn_to_cr3(va_to_mfn(memory)));
	REFUSED(c->ctrlreg[3] = ~0ul);
#ifdef __x86_64__
	REFUSED(c->event_callback_eip = BAD);
	REFUSED(c->failsafe_callback_eip = BAD);
	REFUSED(c->syscall_callback_eip = HYPERVISOR_VIRT_START);
	REFUSED(c->fs_base = BAD);
	REFUSED(c->gs_base_kernel = 1ul << 63);
	REFUSED(c->gs_base_user = BAD);
	REFUSED(c->ctrlreg[1] = xen_pfn_to_cr3(va_to_mfn(memory)));
	/* An application, and nothing that it could run on. */
	REFUSED(c->flags = 0);
	REFUSED((c->flags = 0, c->ctrlreg[1] = 0x800)); /* no frame, but bits */
	REFUSED((c->flags = 0, c->ctrlreg[1] = xen_pfn_to_cr3(va_to_mfn(memory))));
	REFUSED((c->flags = VGCF_online, c->user_regs.rip = 0x400000));
#endif
}

/* Of this processor. */
static uint32_t mxcsr_mask(void)
{
	static uint32_t fxsave[128] __attribute__((aligned(16)));

	__asm__ volatile("fxsave %0" : "=m"(fxsave));
	return fxsave[7] ? fxsave[7] : 0xffbf;
}

static void left_out(void)
{
	struct vcpu_guest_context *c = vcpu_context(second_entry);
	uint64_t until = system_time() + 20000000000ull;
	uint32_t *fxsave = (uint32_t *)&c->fpu_ctxt, mask = mxcsr_mask();

	c->user_regs.FLAGS = FLAGS_EVIL;
	c->user_regs.cs &= ~3;
	c->user_regs.ss &= ~3;
	c->debugreg[0] = 0x1000;
	c->debugreg[1] = HYPERVISOR_VIRT_START;
	c->debugreg[2] = BAD;
	c->debugreg[7] = 0x24ff; /* general detect, all enabled */
	c->ctrlreg[0] = c->ctrlreg[4] = ~0ul & ~8ul;
	c->flags |= VGCF_i387_valid;
	__builtin_memset(&c->fpu_ctxt, 0, sizeof(c->fpu_ctxt));
	fxsave[0] = 0x27f;
	fxsave[6] = ~0u; /* MXCSR */
	check_eq(hypercall_vcpu_op(VCPUOP_initialise, 1, c), 0);
	check_eq(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
	while (!started && system_time() < until)
		hypercall_sched_op(SCHEDOP_yield, NULL);
	check(started);
	check_eq(registers, 0);
	check_eq(mxcsr, mask);
	check_eq(fcw, 0x27f);
	check_eq(xcr0, 1);
	check_eq(flags & 0x1a3000, 0);
	check(flags & 0x200);
	check_eq(cs, FLAT_KERNEL_CS);
	check_eq(ss & ~3, FLAT_KERNEL_SS & ~3);
	check_eq(debugreg[0], 0x1000);
	check_eq(debugreg[1], 0);
	check_eq(debugreg[2], 0);
	check_eq(debugreg[7] & 0x20ff, 0);
}

void test_main(void)
{
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	if (hypercall_vcpu_op(VCPUOP_is_up, 1, NULL) == -XEN_ENOENT)
		skip("Dom0 has one vCPU");
	refusals();
	left_out();
}
