/* SPDX-License-Identifier: MIT */
/*
 * The failsafe callback. A segment register whose descriptor has gone cannot be loaded again when the vCPU comes back
 * from a time of sleep: the kernel is entered at its failsafe callback, with a frame that says which selectors were
 * wanted, with all four registers null, and goes on from there where it was. CALLBACKF_mask_events masks events for it.
 * A 64-bit kernel has the bases of FS and GS that it had. Descriptors of an LDT that was set again are found again, too.
 * (Xen 4.17 keeps a sleeping vCPU's segments while no other domain wants the processor: run as its only one, this fails.)
 * A selector given to set_segment_base that cannot be loaded becomes the null one, without a callback.
 */
#include "time.h"

const char test_title[] = "pv-failsafe";

#define GONE 0x43 /* entry 8 of our table, DPL 3 */

static uint64_t gdt[512] __attribute__((aligned(4096)));
static unsigned port;

/* By failsafe below: how often, the frame's selectors, what the registers held on entry. */
volatile unsigned long failsafes, wanted[4], held[4], mask_inside;
extern const char failsafe_here[];

/* Nothing can be stored on entry but by way of SS and CS: DS is null. */
#ifdef __x86_64__
__asm__(".pushsection .text\nfailsafe_here:\n"
	"pop %rcx; pop %r11; pop wanted; pop wanted + 8; pop wanted + 16; pop wanted + 24\n"
	"push %rax; mov %ds, %eax; mov %rax, held; mov %es, %eax; mov %rax, held + 8\n"
	"mov %fs, %eax; mov %rax, held + 16; mov %gs, %eax; mov %rax, held + 24\n"
	"mov shared, %rax; movzbl 1(%rax), %eax; mov %rax, mask_inside; pop %rax\n"
	"incq failsafes; push $0; jmp " HYPERCALL_STUB(__HYPERVISOR_iret) "\n.popsection");
#else
__asm__(".pushsection .text\nfailsafe_here:\n"
	"popl %ss:wanted; popl %ss:wanted + 4; popl %ss:wanted + 8; popl %ss:wanted + 12\n"
	"push %eax; mov %ds, %eax; mov %eax, %ss:held; mov %es, %eax; mov %eax, %ss:held + 4\n"
	"mov %fs, %eax; mov %eax, %ss:held + 8; mov %gs, %eax; mov %eax, %ss:held + 12\n"
	"push %ss; pop %ds; push %ss; pop %es\n"
	"mov shared, %eax; movzbl 1(%eax), %eax; mov %eax, mask_inside; pop %eax\n"
	"incl failsafes; jmp " HYPERCALL_STUB(__HYPERVISOR_iret) "\n.popsection");
#endif

static void set_callback(unsigned flags)
{
	struct callback_register reg = {.type = CALLBACKTYPE_failsafe, .flags = flags};

#ifdef __x86_64__
	reg.address = (unsigned long)failsafe_here;
#else
	reg.address.cs = FLAT_KERNEL_CS;
	reg.address.eip = (unsigned long)failsafe_here;
#endif
	check_eq(hypercall_callback_op(CALLBACKOP_register, &reg), 0);
}

static void descriptor(uint64_t value)
{
	uint64_t at = ((uint64_t)va_to_mfn(gdt) << 12) + (GONE & ~7);

	check_eq(hypercall_update_descriptor(at, value), 0);
}

#define READ(reg)                                                  \
	({                                                         \
		unsigned v_;                                       \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(v_)); \
		(unsigned long)v_;                                 \
	})
#define LOAD(reg, sel) __asm__ volatile("mov %0, %%" #reg ::"r"(sel))

#ifdef __x86_64__
static unsigned long fs_word = 0xf5, gs_word = 0x65;

static void bases_set(void)
{
	check_eq(hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&fs_word), 0);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&gs_word), 0);
}

static void bases_kept(void)
{
	unsigned long fs, gs;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	__asm__ volatile("mov %%gs:0, %0" : "=r"(gs));
	check_eq(fs, fs_word);
	check_eq(gs, gs_word);
}
#else
static void bases_set(void)
{
}
static void bases_kept(void)
{
}
#endif

/* Register @i of DS, ES, FS, GS gets the selector that goes while we sleep. */
static void lose(unsigned i)
{
	unsigned long was[4] = {READ(ds), READ(es), READ(fs), READ(gs)}, before = failsafes;

	was[i] = GONE;
	bases_set();
	switch (i) {
	case 0:
		LOAD(ds, GONE);
		break;
	case 1:
		LOAD(es, GONE);
		break;
	case 2:
		LOAD(fs, GONE);
		break;
	case 3:
		LOAD(gs, GONE);
		break;
	}
	bases_set(); /* not those of the descriptor */
	descriptor(0);
	check_eq(failsafes, before);
	nap(port);
	check_eq(failsafes, before + 1);
	for (unsigned r = 0; r < 4; r++) {
		check_eq(wanted[r] & 0xffff, was[r]);
		check_eq(held[r], 0);
	}
	bases_kept();
	nap(port); /* null now, so that nothing is missed any more */
	check_eq(failsafes, before + 1);
	descriptor(0x00cff3000000ffffull);
}

static void selector_base(void)
{
#ifdef __x86_64__
	unsigned long before = failsafes;

	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, GONE), 0);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0x4003), 0);
	check_eq(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
	check_eq(failsafes, before);
#endif
}

/* The page of an LDT is looked up when the processor needs it. This may be while the vCPU gets its registers back. */
static void from_ldt(void)
{
	static uint64_t ldt[512] __attribute__((aligned(4096)));
	unsigned long before = failsafes;

	ldt[1] = ldt[2] = 0x00cff3000000ffffull;
	check_eq(page_set_ro(ldt, true), 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0);
	LOAD(fs, 0x0f);
	LOAD(gs, 0x17);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0); /* its page is not on show any more */
	LOAD(fs, 0); /* so that GS is the first that needs it, the next time FS */
	nap(port);
	check_eq(READ(gs), 0x17);
	LOAD(fs, 0x0f);
	check_eq(mmuext1(MMUEXT_SET_LDT, (unsigned long)ldt, 512), 0);
	nap(port);
	check_eq(READ(fs), 0x0f);
	check_eq(READ(gs), 0x17);
	check_eq(failsafes, before);
	LOAD(fs, 0);
	LOAD(gs, 0);
	check_eq(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
	check_eq(page_set_ro(ldt, false), 0);
}

void test_main(void)
{
	unsigned long frames[1] = {va_to_mfn(gdt)};

	port = bind_timer();
	gdt[GONE / 8] = 0x00cff3000000ffffull; /* flat data */
	check_eq(page_set_ro(gdt, true), 0);
	check_eq(hypercall_set_gdt(frames, 512), 0);
	set_callback(0);
	for (unsigned i = 0; i < 4; i++)
		lose(i);
	selector_base();
	from_ldt();
	events_on();
	lose(2);
	check_eq(mask_inside, 0);
	set_callback(CALLBACKF_mask_events);
	lose(3);
	check_eq(mask_inside, 1);
	check_eq(shared->vcpu_info[0].evtchn_upcall_mask, 0);
	events_off();
	check_eq(hypercall_set_gdt(frames, 0), 0);
}
