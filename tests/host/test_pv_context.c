/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a vCPU of a PV guest is, as others set it, read it, and switch to it (hypervisor/pv/context.c, pv64.c
 * and the rules of memory, pv64_mm.c).
 *   refused   what no kernel may have is refused before anything is changed, each field for itself, to the last value
 *   whole     what was set is read back, in the guest's layout; only what a guest may choose gets in
 *   unsettled tables that take long, or are refused, leave the vCPU without a context
 *   switch    what the processor holds is the vCPU's; segments that cannot be loaded are told by the failsafe callback
 *   memory    which slots are the guest's; what a root gets; CR3 in the guest's form and back
 */
#include "pv_host.h"

static struct vcpu_guest_context context, back;

/* A context that is accepted. */
static struct vcpu_guest_context *fresh(void)
{
	context = (struct vcpu_guest_context){
	    .flags = VGCF_in_kernel | VGCF_i387_valid | VGCF_online,
	    .user_regs = {.rip = 0x400000, .rflags = ~0ul, .cs = 0x10, .ss = 0x18, .rsp = 0x5000, .r15 = 15},
	    .ldt_base = 0x7000,
	    .ldt_ents = 3,
	    .gdt_ents = 4,
	    .kernel_ss = 0x18,
	    .kernel_sp = 0x6000,
	    .ctrlreg = {CR0_TS, 0x3000, 0, 0x2000, CR4_DE},
	    .debugreg = {0x1000, 0x1100, 0x1200, 0x1300, 1, 2, 1, 0},
	    .event_callback_eip = 0x401000,
	    .failsafe_callback_eip = 0x402000,
	    .syscall_callback_eip = 0x403000,
	    .fs_base = 0xf500,
	    .gs_base_kernel = 0x6500,
	    .gs_base_user = 0x6600,
	    .vm_assist = 1 << VMASST_TYPE_architectural_iopl,
	};
	context.gdt_frames[0] = 0x11;
	context.gdt_frames[13] = 0x1e;
	context.trap_ctxt[3] = (struct trap_info){.vector = 3, .flags = 7, .cs = 0x10, .address = 0x404000};
	context.trap_ctxt[255] =
	    (struct trap_info){.vector = 255, .flags = 1, .cs = 0x10, .address = 0x405000};
	context.trap_ctxt[9] = (struct trap_info){.vector = 9, .flags = 4, .cs = 0x10};
	context.fpu_ctxt.x[0] = 0x7f;
	deeds[0] = '\0';
	return &context;
}
static long set(void)
{
	return pv64_set_context(v, &context);
}
#define REFUSED(field, value)                     \
	do {                                      \
		fresh()->field = (value);         \
		assert_int_equal(set(), -EINVAL); \
		assert_done("");                  \
	} while (0)
#define ACCEPTED(field, value)              \
	do {                                \
		fresh()->field = (value);   \
		assert_int_equal(set(), 0); \
	} while (0)

static void refused(void **state)
{
	const uint64_t hole = 1ul << 47;

	v->regs.rip = 0x123;
	REFUSED(gdt_ents, GDT_GUEST_ENTRIES + 1);
	REFUSED(ldt_ents, LDT_MAX_ENTRIES + 1);
	REFUSED(ldt_base, 0x7008);
	REFUSED(trap_ctxt[0].address, hole);
	REFUSED(trap_ctxt[255].address, hole);
	REFUSED(user_regs.rip, hole);
	REFUSED(event_callback_eip, hole);
	REFUSED(failsafe_callback_eip, hole);
	REFUSED(syscall_callback_eip, hole);
	REFUSED(fs_base, hole);
	REFUSED(gs_base_kernel, hole);
	REFUSED(gs_base_user, hole);
	fresh()->flags = 0;
	context.ctrlreg[1] = 0xfff;
	assert_int_equal(set(), -EINVAL); /* an application without tables of its own */
	assert_done("");
	assert_int_equal(v->regs.rip, 0x123);
	ACCEPTED(gdt_ents, GDT_GUEST_ENTRIES);
	ACCEPTED(ldt_ents, LDT_MAX_ENTRIES);
	ACCEPTED(event_callback_eip, 0);
	ACCEPTED(gs_base_user, 0);
	ACCEPTED(gs_base_user, hole - 1);
	ACCEPTED(user_regs.rip, hole - 1);
	ACCEPTED(trap_ctxt[255].address, hole - 1);
	ACCEPTED(ctrlreg[1], 0);
	ACCEPTED(flags, 0);
	assert_true(v->entry.user_mode);
}

static void whole(void **state)
{
	fresh();
	xcr0_mask = 7;
	v->entry.special.nmi = true;
	v->entry.way_back = BACK_BY_SYSRET;
	assert_int_equal(set(), 0);
	assert_done("lose;gdt 4 at 11..1e;ldt 3 at 7000;root 2;user root 3;fpu;fxsave 7f;osxsave 0;");
	assert_false(v->entry.user_mode);
	assert_int_equal(v->regs.rflags, 0x254fd7);
	assert_int_equal(v->dom.iopl, 3);
	assert_true(v->entry.special.iopl);
	assert_false(v->entry.special.nmi);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET);
	assert_true(v->pv.segs_fresh);
	assert_true(v->pv.ts_virtual);
	assert_int_equal(v->regs.cs, 0x13);
	assert_int_equal(v->regs.ss, 0x1b);
	assert_int_equal(v->traps[3].flags, CALLBACKF_mask_events);
	assert_int_equal(v->traps[3].dpl, 3);
	assert_int_equal(v->traps[9].cs, 0); /* not set: without a selector */
	v->mm.root = 2;
	v->mm.user_root = 3;
	v->pv.gdt_frames[0] = 0x11;
	for (unsigned i = 1; i < GDT_GUEST_PAGES; i++)
		v->pv.gdt_frames[i] = INVALID_MFN;
	v->pv.gdt_entries = 4;
	v->pv.ldt_base = 0x7000;
	v->pv.ldt_entries = 3;
	v->state = VCPU_OFFLINE;
	*upcall_mask = 1;
	shared.pv64.arch.cr2 = 0xc2;
	fpu_image[0] = 0x7e;
	memset(&back, 0x5a, sizeof(back));
	pv64_get_context(v, &back);
	assert_int_equal(back.flags, VGCF_i387_valid | VGCF_in_kernel);
	assert_int_equal(back.ctrlreg[5] + back.ctrlreg[7], 0);
	assert_int_equal(back.user_regs.rip, 0x400000);
	assert_int_equal(back.user_regs.r15, 15);
	assert_int_equal(back.user_regs.rflags, 0x257dd7); /* without IF, with IOPL */
	assert_int_equal(back.user_regs.saved_upcall_mask, 1);
	assert_int_equal(back.trap_ctxt[3].flags, 7);
	assert_int_equal(back.trap_ctxt[3].cs, 0x13);
	assert_int_equal(back.trap_ctxt[255].flags, 1);
	assert_int_equal(back.trap_ctxt[255].vector, 255);
	assert_int_equal(back.trap_ctxt[255].address, 0x405000);
	assert_int_equal(back.trap_ctxt[9].flags, 4);
	assert_int_equal(back.gdt_frames[0], 0x11);
	assert_int_equal(back.gdt_frames[13], 0);
	assert_int_equal(back.gdt_ents * 10 + back.ldt_ents, 43);
	assert_int_equal(back.ldt_base, 0x7000);
	assert_int_equal(back.kernel_ss, 0x1b);
	assert_int_equal(back.kernel_sp, 0x6000);
	assert_int_equal(back.ctrlreg[0],
			 CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG | CR0_TS);
	assert_int_equal(back.ctrlreg[1], 0x3000);
	assert_int_equal(back.ctrlreg[2], 0xc2);
	assert_int_equal(back.ctrlreg[3], 0x2000);
	assert_int_equal(back.ctrlreg[4], CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE);
	assert_int_equal(back.debugreg[3], 0x1300);
	assert_int_equal(back.debugreg[4] + back.debugreg[5], 0);
	assert_int_equal(back.debugreg[6], 0xffff0ff1);
	assert_int_equal(back.debugreg[7], 0x400);
	assert_int_equal(back.event_callback_eip, 0x401000);
	assert_int_equal(back.failsafe_callback_eip, 0x402000);
	assert_int_equal(back.syscall_callback_eip, 0x403000);
	assert_int_equal(back.fs_base, 0xf500);
	assert_int_equal(back.gs_base_kernel, 0x6500);
	assert_int_equal(back.gs_base_user, 0x6600);
	assert_int_equal(back.fpu_ctxt.x[0], 0x7e);
	assert_int_equal(back.vm_assist, 1 << VMASST_TYPE_architectural_iopl);
	/* The other values of all that has two. */
	fresh()->flags = VGCF_failsafe_disables_events | VGCF_syscall_disables_events;
	context.ctrlreg[0] = 0;
	context.ctrlreg[4] = CR4_OSXSAVE;
	domain.vm_assist = context.vm_assist = 0;
	assert_int_equal(set(), 0);
	assert_done("lose;gdt 4 at 11..1e;ldt 3 at 7000;root 2;user root 3;fpu;osxsave 1;");
	assert_false(v->entry.special.iopl);
	*upcall_mask = 0;
	v->state = VCPU_BLOCKED;
	v->mm.root = v->mm.user_root = INVALID_MFN;
	pv64_get_context(v, &back);
	assert_int_equal(back.flags, VGCF_i387_valid | VGCF_online | VGCF_failsafe_disables_events |
					 VGCF_syscall_disables_events);
	assert_int_equal(back.user_regs.rflags, 0x254fd7);
	assert_int_equal(back.ctrlreg[0] & CR0_TS, 0);
	assert_int_equal(back.ctrlreg[1] + back.ctrlreg[3], 0);
	assert_int_equal(back.ctrlreg[4], CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
	/* 4 and 5 have no values of their own, whatever there is. */
	fresh()->ctrlreg[4] = 0;
	context.debugreg[4] = 0xf;
	context.debugreg[5] = 0x401;
	context.debugreg[6] = context.debugreg[7] = 1ul << 32; /* not accepted */
	v->pv.debugreg[6] = 0xffff0ff1;
	assert_int_equal(set(), 0);
	assert_int_equal(v->pv.debugreg[6], 0xffff0ff1);
	assert_int_equal(v->pv.debugreg[7], 0x400);
	assert_int_equal(v->pv.cr4, CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
	xcr0_mask = 0; /* a processor without */
	assert_int_equal(context_cr4(CR4_OSXSAVE) & CR4_OSXSAVE, 0);
	assert_int_equal(context_first_cr4(0) & CR4_OSXSAVE, 0);
}

static void unsettled(void **state)
{
	v->regs.rip = 0x123;
	fresh();
	desc_answer = -ERESTART;
	assert_int_equal(set(), -ERESTART);
	assert_done("lose;gdt 4 at 11..1e;");
	desc_answer = 0;
	ldt_answer = -EINVAL;
	assert_int_equal(set(), -EINVAL);
	assert_done("lose;gdt 4 at 11..1e;ldt 3 at 7000;");
	ldt_answer = 0;
	root_answer = PT_LEFT;
	assert_int_equal(set(), -ERESTART);
	assert_done("lose;gdt 4 at 11..1e;ldt 3 at 7000;root 2;");
	root_answer = 0;
	user_root_answer = -EINVAL;
	assert_int_equal(set(), -EINVAL);
	assert_done("lose;gdt 4 at 11..1e;ldt 3 at 7000;root 2;user root 3;");
	assert_int_equal(v->regs.rip, 0x123);
	assert_int_equal(v->entry.event_cb.address, 0);
}

/* ---- Begin and end, switches ---- */

static void begins(void **state)
{
	assert_int_equal(pv64_vcpu_init(v), 0);
	assert_int_equal(v->mm.root, INVALID_MFN);
	assert_int_equal(v->mm.user_root, INVALID_MFN);
	desc_answer = -ENOMEM;
	assert_int_equal(pv64_vcpu_init(v), -ENOMEM);
	pv64_vcpu_free(v);
	assert_done("desc;desc;no desc;");
	pv64_start_regs(v, 0x400000, 0x5000, 0x6000);
	assert_int_equal(v->regs.rip, 0x400000);
	assert_int_equal(v->regs.rsp, 0x5000);
	assert_int_equal(v->regs.rsi, 0x6000);
	assert_int_equal(v->regs.rflags, RFLAGS_IF | RFLAGS_MBS);
}

static void switches(void **state)
{
	v->entry.failsafe_cb.address = 0x402000;
	v->regs.rsp = NOWHERE - 0x1000;
	v->pv.fs_base = 0xf500;
	v->pv.gs_base_kernel = 0x6500;
	v->pv.gs_base_user = 0x6600;
	v->pv.segs_fresh = true;
	v->pv.ts_virtual = true;
	v->pv.debugreg[7] = 0x401;
	pv64_switch_in(v);
	assert_done("desc in 64;protection 1;segments;");
	assert_int_equal(host_cpu.fs_base, 0xf500); /* FS is null and brought none */
	assert_int_equal(host_cpu.gs_base, 0x6500);
	assert_false(v->pv.segs_fresh);
	assert_int_equal(host_cpu.cr0, CR0_TS);
	assert_int_equal(host_cpu.dr[7], 0x401);
	host_cpu.fs_base = 0xf5;
	host_cpu.gs_base = 0x65;
	pv64_switch_out(v);
	assert_done("save;");
	assert_int_equal(host_cpu.cr0, 0);
	assert_int_equal(v->pv.fs_base, 0xf5);
	assert_int_equal(v->pv.gs_base_kernel, 0x65);
	assert_int_equal(v->pv.gs_base_user, 0x6600);
	assert_int_equal(host_cpu.dr[7], 0x400);
	v->entry.user_mode = true;
	v->pv.ts_virtual = false;
	pv64_switch_in(v);
	assert_done("desc in 64;protection 1;segments;");
	assert_int_equal(host_cpu.fs_base, 0xf5);
	assert_int_equal(host_cpu.gs_base, 0x6600);
	v->entry.user_mode = false;
	v->pv.segs_fresh = true;
	v->regs.gs = 4;
	host_cpu.fs_base = host_cpu.gs_base = 0x9500;
	pv64_switch_in(v);
	assert_int_equal(host_cpu.fs_base, 0xf5);
	assert_int_equal(v->pv.gs_base_kernel, 0x9500);
	v->pv.segs_fresh = true;
	v->regs.fs = 4;
	v->regs.gs = 3;
	host_cpu.fs_base = 0x9600;
	pv64_switch_in(v);
	assert_int_equal(v->pv.fs_base, 0x9600);
	assert_int_equal(host_cpu.gs_base, 0x9500);
	v->pv.fs_base = 0xf5;
	v->pv.gs_base_kernel = 0x65;
	deeds[0] = '\0';
	assert_int_equal(host_cpu.cr0, 0);
	assert_int_equal(v->regs.rip, 0);
	deeds[0] = '\0';
	segments_fail = v->pv.segs_fresh = true; /* null ones bring nothing */
	v->entry.user_mode = false;
	pv64_switch_in(v);
	assert_done("desc in 64;protection 1;segments;forget;");
	assert_int_equal(host_cpu.fs_base, 0xf5);
	assert_int_equal(host_cpu.gs_base, 0x65);
	assert_int_equal(v->regs.rip, 0x402000);
}

static void bases(void **state)
{
	assert_int_equal(hc_set_segment_base(SEGBASE_FS, 0x1000), 0);
	assert_int_equal(host_cpu.fs_base, 0x1000);
	assert_int_equal(hc_set_segment_base(SEGBASE_GS_KERNEL, 0x2000), 0);
	assert_int_equal(host_cpu.gs_base, 0x2000);
	assert_int_equal(hc_set_segment_base(SEGBASE_GS_USER, 0x3000), 0);
	assert_int_equal(v->pv.gs_base_user, 0x3000);
	assert_int_equal(hc_set_segment_base(SEGBASE_FS, 1ul << 47), -EINVAL);
	assert_int_equal(host_cpu.fs_base, 0x1000);
	assert_int_equal(hc_set_segment_base(77, 0), -EINVAL);
	assert_int_equal(hc_set_segment_base(SEGBASE_GS_USER_SEL, 1ul << 47 | 0x2b), 0); /* a selector */
	assert_int_equal(v->pv.gs_base_user, 0x2b);
	assert_done("gs 2b;");
	assert_int_equal(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0xbad), 0); /* none: null instead */
	assert_int_equal(v->pv.gs_base_user, 0);
	assert_done("gs bad;gs 0;");
}

/* ---- Memory ---- */

static void memory(void **state)
{
	uint64_t *root = (uint64_t *)guest_base;
	mfn_t mfn = virt_to_mfn(root);

	assert_int_equal(pv64_slot_rule(4, SLOT_FIRST - 1, false), SLOT_GUEST);
	assert_int_equal(pv64_slot_rule(4, SLOT_FIRST, false), SLOT_RESERVED);
	assert_int_equal(pv64_slot_rule(4, SLOT_LAST, false), SLOT_RESERVED);
	assert_int_equal(pv64_slot_rule(4, SLOT_LAST + 1, false), SLOT_GUEST);
	assert_int_equal(pv64_slot_rule(3, SLOT_FIRST, false), SLOT_GUEST);
	assert_int_equal(pv64_root_promote(&domain, mfn), 0);
	assert_done("slots;");
	assert_int_equal(pv64_l2_promote(&domain, mfn, true), 0);
	/* An application does not see the M2P, unless its root is the kernel's. */
	idle_table[SLOT_M2P] = 0x99;
	assert_int_equal(pv64_make_cr3(v, mfn, false), mfn << PAGE_SHIFT);
	assert_int_equal(root[SLOT_M2P], 0x99);
	assert_int_equal(pv64_make_cr3(v, mfn, true), mfn << PAGE_SHIFT);
	assert_int_equal(root[SLOT_M2P], 0);
	v->mm.root = mfn;
	pv64_make_cr3(v, mfn, true);
	assert_int_equal(root[SLOT_M2P], 0x99);
	assert_int_equal(pv64_cr3_to_mfn(0x5018), 5);
	assert_int_equal(pv64_mfn_to_cr3(5), 0x5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(refused, setup),   cmocka_unit_test_setup(whole, setup),
	    cmocka_unit_test_setup(unsettled, setup), cmocka_unit_test_setup(begins, setup),
	    cmocka_unit_test_setup(switches, setup),  cmocka_unit_test_setup(bases, setup),
	    cmocka_unit_test_setup(memory, setup),
	};

	return cmocka_run_group_tests_name("pv_context", tests, NULL, NULL);
}
