/* SPDX-License-Identifier: MIT */
/* Contexts of further vCPUs, good except for a thing or two: every flag, roots that are missing or no roots,
 * applications that have none, descriptor tables of the wrong frames, hostile images of the FPU. The vCPUs go up and
 * down while the first two do what they do; whatever interrupts them leads back to going down. Whatever interrupts the
 * second leads back to its beginning. */
#include "fuzz.h"

#define FIRST_EXTRA 2 /* of the vCPUs: those that a context made here may have */
#define EXTRA       6
#define STACK       1024

static char stacks[EXTRA][STACK] __attribute__((aligned(16)));

/* What such a vCPU runs: it yields, uses the FPU, makes a hypercall or two, goes down; and again when it is up. It touches
 * no memory but its stack. It knows its number from R12 (EBP) and the top of its stack from R13 (ESI). */
void extra_entry(void), extra_trap(void), second_trap(void);
unsigned long second_sp;
#ifdef __x86_64__
#define ASM_CALL(nr, a1, a2) \
	"mov $" #nr ", %eax; mov " a1 ", %rdi; mov " a2 ", %rsi; xor %edx, %edx; syscall\n"
#define STACK_BACK  "mov %r13, %rsp\n"
#define SECOND_BACK "mov second_sp(%rip), %rsp\n"
#define NUMBER      "%r12"
#define IP          rip
#define SP          rsp
#else
#define ASM_CALL(nr, a1, a2) \
	"mov $" #nr ", %eax; mov " a1 ", %ebx; mov " a2 ", %ecx; xor %edx, %edx; int $0x82\n"
#define STACK_BACK  "mov %esi, %esp\n"
#define SECOND_BACK "mov second_sp, %esp\n"
#define NUMBER      "%ebp"
#define IP          eip
#define SP          esp
#endif
/* clang-format off */
__asm__(".pushsection .text\n"
	"extra_trap:\n" STACK_BACK
	"extra_entry:\n"
	"fld1; fstp %st(0); xor %ecx, %ecx; mov %ecx, %fs\n"
	ASM_CALL(29, "$0", "$0")      /* sched_op: yield */
	ASM_CALL(25, "$2", "$0x1000") /* set_segment_base */
	ASM_CALL(5, "$1", "$0")       /* fpu_taskswitch */
	ASM_CALL(24, "$2", NUMBER)    /* vcpu_op: down */
	"jmp extra_entry\n"
	"second_trap:\n" SECOND_BACK
	"jmp second\n"
	".popsection");
/* clang-format on */

/* Every exception and event of the vCPU leads there. */
static void lead_to(struct vcpu_guest_context *c, void (*entry)(void))
{
	for (unsigned i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++)
		c->trap_ctxt[i] =
		    (struct trap_info){.vector = i, .cs = FLAT_KERNEL_CS, .address = (unsigned long)entry};
	c->event_callback_eip = c->failsafe_callback_eip = (unsigned long)entry;
#ifdef __x86_64__
	c->syscall_callback_eip = (unsigned long)entry;
#else
	c->event_callback_cs = c->failsafe_callback_cs = FLAT_KERNEL_CS;
#endif
}

void start_second(void)
{
	struct vcpu_guest_context *c = vcpu_context(second);

	second_sp = c->user_regs.SP;
	lead_to(c, second_trap);
	if (!hypercall_vcpu_op(VCPUOP_initialise, 1, c))
		hypercall_vcpu_op(VCPUOP_up, 1, NULL);
}

/* One that runs, and comes back from whatever interrupts it. */
static void good_context(struct vcpu_guest_context *c, unsigned vcpu)
{
	unsigned long top = (unsigned long)stacks[vcpu - FIRST_EXTRA] + STACK - 16;

	c->flags = VGCF_in_kernel;
	c->user_regs.IP = (unsigned long)extra_entry;
	c->user_regs.SP = top;
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = c->kernel_ss = FLAT_KERNEL_SS;
	c->kernel_sp = top;
	c->ctrlreg[3] = xen_pfn_to_cr3(root_mfn());
	lead_to(c, extra_trap);
#ifdef __x86_64__
	c->user_regs.r12 = vcpu;
	c->user_regs.r13 = top;
	c->ctrlreg[1] = xen_pfn_to_cr3(root_mfn());
#else
	c->user_regs.ebp = vcpu;
	c->user_regs.esi = top;
	c->user_regs.ds = c->user_regs.es = FLAT_KERNEL_DS;
#endif
}

static void random_bytes(struct fuzz *f, void *p, unsigned size)
{
	for (unsigned i = 0; i < size / 4; i++)
		((uint32_t *)p)[i] = one_in(f, 4) ? ~0u : random64(f);
}

static unsigned long any_root(struct fuzz *f)
{
	switch (below(f, 5)) {
	case 0:
		return 0;
	case 1:
		return any_mfn(f);
	case 2:
		return root_mfn();
	default:
		return va_to_mfn(arena[page_for(f, 1 + below(f, ROOT_LEVEL))]);
	}
}

/* Contexts that the vCPU may survive. */
static void spoil(struct fuzz *f, struct vcpu_guest_context *c)
{
	switch (below(f, 9)) {
	case 0:
		c->flags = one_in(f, 2) ? below(f, 64) : any_word(f);
		break;
	case 1: /* an application, with or without page tables */
		c->flags &= ~(unsigned long)VGCF_in_kernel;
		c->user_regs.cs = one_in(f, 2) ? c->user_regs.cs : any_word(f);
		/* fall through */
	case 2:
		c->ctrlreg[1] = one_in(f, 8) ? any_word(f) : xen_pfn_to_cr3(any_root(f));
		break;
	case 3:
		c->gdt_ents = one_in(f, 8) ? any_word(f) : below(f, 7200);
		for (unsigned i = 0; i < ARRAY_SIZE(c->gdt_frames); i++)
			c->gdt_frames[i] = one_in(f, 16) ? any_mfn(f) : va_to_mfn(arena[page_for(f, 0)]);
		break;
	case 4:
		c->ldt_base = arena_va(f) & (one_in(f, 8) ? ~0ul : ~4095ul);
		c->ldt_ents = one_in(f, 4) ? any_word(f) : below(f, 1100);
		break;
	case 5:
		c->flags |= VGCF_i387_valid;
		random_bytes(f, &c->fpu_ctxt, sizeof(c->fpu_ctxt));
		break;
	case 6:
		c->debugreg[below(f, 8)] = any_word(f);
		break;
	case 7:
		c->ctrlreg[one_in(f, 2) ? 0 : 4] = any_word(f);
		break;
	default:
		random_bytes(f, one_in(f, 2) ? (void *)&c->user_regs.ds : (void *)&c->user_regs.fs, 4);
	}
}

/* Contexts that may well end the domain. */
static void ruin(struct fuzz *f, struct vcpu_guest_context *c)
{
	switch (below(f, 5)) {
	case 0:
		c->ctrlreg[3] = one_in(f, 8) ? any_word(f) : xen_pfn_to_cr3(any_root(f));
		break;
	case 1:
		c->kernel_sp = any_word(f);
		break;
	case 2:
		c->user_regs.IP = any_word(f);
		c->user_regs.SP = any_word(f);
		break;
	case 3:
		random_bytes(f, &c->trap_ctxt[below(f, 200)], 32);
		*(one_in(f, 2) ? &c->user_regs.cs : &c->user_regs.ss) ^= 1u << below(f, 16);
		break;
	default:
		random_bytes(f, c, sizeof(*c));
	}
}

static void make(struct fuzz *f, unsigned vcpu)
{
	struct vcpu_guest_context *c = buffer(f, sizeof(*c));

	good_context(c, vcpu);
	if (!one_in(f, 4))
		for (unsigned i = 0, n = 1 + below(f, 3); i < n; i++)
			spoil(f, c);
	if (!f->dom0 && one_in(f, 200))
		ruin(f, c);
	call(f, __HYPERVISOR_vcpu_op, VCPUOP_initialise, vcpu, pointer(f, c), 0, 0);
}

void do_context(struct fuzz *f)
{
	unsigned vcpu = FIRST_EXTRA + below(f, EXTRA);

	switch (below(f, 4)) {
	case 0:
		make(f, vcpu);
		break;
	case 1:
		call(f, __HYPERVISOR_vcpu_op, VCPUOP_down, vcpu, 0, 0, 0);
		break;
	default:
		if (!f->alone && !call(f, __HYPERVISOR_vcpu_op, VCPUOP_up, vcpu, 0, 0, 0))
			worked[WENT_UP]++;
	}
}

/* Where a vCPU's state is written at each switch to it: anywhere, and what is there changes afterwards. */
void do_areas(struct fuzz *f)
{
	uint64_t *area = buffer(f, 16);
	unsigned cmd =
	    one_in(f, 2) ? VCPUOP_register_runstate_memory_area : VCPUOP_register_vcpu_time_memory_area;
	struct vcpu_register_vcpu_info *info = buffer(f, sizeof(*info));
	unsigned long va = arena_va(f);

	area[0] = one_in(f, 6) ? any_word(f) : va;
	call(f, __HYPERVISOR_vcpu_op, cmd, below(f, FIRST_EXTRA + EXTRA), pointer(f, area), 0, 0);
	if (one_in(f, 2)) /* the page there becomes another, or none */
		call_va_mapping(f, va, any_pte(f, 1), below(f, 3), -1);
	if (!one_in(f, 3))
		return;
	info->mfn = any_mfn(f);
	info->offset = one_in(f, 4) ? any_word(f) : below(f, 64) * 64;
	call(f, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, FIRST_EXTRA + below(f, EXTRA),
	     pointer(f, info), 0, 0);
}
