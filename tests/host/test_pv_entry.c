/* SPDX-License-Identifier: MIT */
/*
 * Specification: into the kernel of a PV guest and out of it (hypervisor/pv/bounce.c, pv64_entry.c, flags.h).
 *   frames    have the words that the ABI draws, on the kernel's stack; what a guest sees in IF and IOPL; the handler begins
 *             with the flags of an interrupt gate, with events masked if it says so
 *   modes     the other page tables and GS base are in force, and what they were is kept
 *   stacks    one that is not the guest's, or not there, ends the domain, and so does an entry point that is not set
 *   doors     a SYSCALL without a callback is no instruction; an NMI waits for the end of another
 *   restarts  the hypercall's instruction is executed again, with the new arguments
 *   iret      reads its frame as the ABI draws it, and nothing of the hypervisor's; only what a guest may choose is taken
 */
#include "pv_host.h"
#include "pv_calls.h"

static const struct callback handler = {.address = 0x401000, .cs = SEL_COMPAT_KERNEL_CS};
static const struct callback masking = {
    .address = 0x402000, .cs = SEL_COMPAT_KERNEL_CS, .flags = CALLBACKF_mask_events};
#define ALL_FLAGS 0x257fd7ul /* what a guest may have set, IF, and IOPL 3 */

static void regs(void)
{
	v->regs = (struct cpu_user_regs){.rip = 0x400123,
					 .cs = SEL_GUEST_CS64,
					 .ss = SEL_GUEST_DS,
					 .rsp = STACK + 8,
					 .rflags = 0x254fd7,
					 .rcx = 0xc,
					 .r11 = 0xb};
	v->entry.way_back = BACK_BY_IRET;
	*upcall_mask = 0;
}

static void frames(void **state)
{
	regs();
	pv64_enter(v, &handler, 0);
	FRAME64(STACK - 56, 0xc, 0xb, 0x400123, SEL_GUEST_CS64 & ~3, 0x254fd7, STACK + 8, SEL_GUEST_DS);
	assert_int_equal(v->regs.rsp, STACK - 56);
	assert_int_equal(v->regs.rip, 0x401000);
	assert_int_equal(v->regs.cs, SEL_GUEST_CS64);
	assert_int_equal(v->regs.ss, SEL_GUEST_DS);
	assert_int_equal(v->regs.rflags, 0x200ed7 & ~0x100ul); /* without AC, RF, NT, TF */
	assert_int_equal(v->entry.way_back, BACK_BY_SYSRET);
	assert_int_equal(*upcall_mask, 0);
	/* With an error code, events masked before, and IOPL to be seen. */
	regs();
	*upcall_mask = 1;
	v->entry.special.iopl = true;
	v->dom.iopl = 2;
	v->pv.entry_words[0] = 0xe;
	pv64_enter(v, &masking, 1);
	FRAME64(STACK - 64, 0xc, 0xb, 0xe, 0x400123, (SEL_GUEST_CS64 & ~3) | 1ul << 32, 0x256dd7, STACK + 8,
		SEL_GUEST_DS);
	assert_int_equal(*upcall_mask, 1);
	/* Masked by the gate; the frame says how it was. IOPL alone is seen as well. */
	regs();
	pv64_enter(v, &masking, 0);
	FRAME64(STACK - 56, 0xc, 0xb, 0x400123, SEL_GUEST_CS64 & ~3, 0x256fd7, STACK + 8, SEL_GUEST_DS);
	assert_int_equal(*upcall_mask, 1);
	v->entry.special.iopl = false;
	regs();
	*upcall_mask = 1;
	pv64_enter(v, &handler, 0);
	FRAME64(STACK - 24, 0x254dd7);
	assert_int_equal(*upcall_mask, 1);
	/* Failsafe: four words. */
	regs();
	v->entry.failsafe_cb = handler;
	bounce_failsafe(v, &(struct segment_selectors){1, 2, 3, 4});
	FRAME64(STACK - 88, 0xc, 0xb, 1, 2, 3, 4, 0x400123);
	assert_int_equal(v->regs.rsp, STACK - 88);
	assert_done("");
}

static void modes(void **state)
{
	regs();
	v->entry.user_mode = true;
	v->entry.kernel_sp = STACK;
	v->mm.kernel_cr3 = 0x1000;
	v->mm.user_cr3 = 0x2000;
	v->mm.user_root = 5;
	v->pv.gs_base_kernel = 0x77;
	host_cpu.gs_base = 0x88;
	host_percpu.cr3 = 0x2000;
	assert_false(pv64_in_kernel(v));
	pv64_enter(v, &handler, 0);
	FRAME64(STACK - 40, 0x400123, SEL_GUEST_CS64, 0x254fd7, STACK + 8, SEL_GUEST_DS);
	assert_true(pv64_in_kernel(v));
	assert_int_equal(v->pv.gs_base_user, 0x88);
	assert_int_equal(host_cpu.gs_base, 0x77);
	assert_int_equal(host_cpu.cr3, 0x1000);
	assert_int_equal(host_percpu.cr3, 0x1000);
	assert_int_equal(host_cpu.cr3_loads, 1);
	/* And back. */
	host_cpu.gs_base = 0x99;
	v->regs.rsp = STACK;
	PUT64(STACK, 0xa, 0xb, 0xc, 0, 0x400123, 0x33, 0x202, 0x5000, 0x2b);
	assert_int_equal(pv64_iret(v), 0xa);
	assert_false(pv64_in_kernel(v));
	assert_int_equal(v->pv.gs_base_kernel, 0x99);
	assert_int_equal(host_cpu.gs_base, 0x88);
	assert_int_equal(host_cpu.cr3, 0x2000);
	assert_int_equal(host_percpu.cr3, 0x2000);
	/* The same tables for both: they are not loaded again. */
	v->mm.kernel_cr3 = 0x2000;
	regs();
	pv64_enter(v, &handler, 0);
	assert_int_equal(host_cpu.cr3_loads, 2);
}

static void bad_stacks(void **state)
{
	static const gva_t bad[] = {1ul << 47, (1ul << 47) + 0x1000, PV64_HIGH_START - 16};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[80];

		regs();
		v->regs.rsp = bad[i] + 56 + 8; /* rounded down */
		pv64_enter(v, &handler, 0);
		snprintf(text, sizeof(text),
			 "crash: its kernel stack at %016lx cannot take an exception frame;",
			 ROUND_DOWN(bad[i] + 64, 16));
		assert_done(text);
		assert_int_equal(v->regs.rip, 0x400123);
	}
	regs();
	guest_absent = STACK - PAGE_SIZE;
	pv64_enter(v, &handler, 0);
	assert_done("crash: its kernel stack at 000000006ffff000 cannot take an exception frame;");
	assert_int_equal(v->regs.rip, 0x400123);
	guest_absent = 0;
	v->regs.rsp = PV64_HIGH_START + 64; /* the guest's upper part, from its first word on */
	pv64_enter(v, &handler, 1);
	assert_done("");
	assert_int_equal(v->regs.rip, 0x401000);
	assert_int_equal(v->regs.rsp, PV64_HIGH_START);
}

static void nowhere(void **state)
{
	struct {
		struct callback before;
		struct vcpu v;
		struct callback after;
	} *at = aligned_alloc(64, ROUND_UP(sizeof(*at), 64));

	regs();
	bounce_trap(v, TRAP_BP);
	assert_done("crash: exception 3 (error code 0), for which it has set no handler;");
	bounce_trap_error(v, TRAP_GP, 0x18);
	assert_done("crash: exception 13 (error code 18), for which it has set no handler;");
	bounce_trap_error(v, 255, 1);
	assert_done("crash: exception 255 (error code 1), for which it has set no handler;");
	bounce_trap_error(v, 0, 1);
	assert_done("crash: exception 0 (error code 1), for which it has set no handler;");
	v->traps[3].address = 0x5000; /* pv32: its selector is null */
	bounce_nowhere(v, &v->traps[3], 0);
	assert_done("crash: an entry point at 00005000 with a null code selector;");
	memset(at, 0, sizeof(*at));
	at->v.domain = &domain;
	bounce_nowhere(&at->v, &at->before, 0);
	assert_done("crash: an entry point at 00000000 with a null code selector;");
	bounce_nowhere(&at->v, (struct callback *)(at->v.traps + 256), 0);
	assert_done("crash: an entry point at 00000000 with a null code selector;");
	bounce_nowhere(&at->v, &at->after, 0);
	assert_done("crash: an entry point at 00000000 with a null code selector;");
	free(at);
	tracepoint = tracepoint_report;
	bounce_event(v);
	tracepoint = NULL;
	assert_done("crash: an event for which it has set no callback;");
	bounce_failsafe(v, &(struct segment_selectors){1, 2, 3, 4});
	assert_done(
	    "crash: segments ds 0001 es 0002 fs 0003 gs 0004 cannot be loaded, and there is no failsafe "
	    "callback;");
}

/* An application at a SYSCALL instruction. */
static void application(void)
{
	regs();
	v->entry.user_mode = true;
	v->entry.kernel_sp = STACK;
}

static void system_calls(void **state)
{
	application();
	v->traps[TRAP_UD] = handler;
	bounce_syscall(v); /* no callback: as on a processor without the instruction */
	FRAME64(STACK - 40, 0x400121);
	assert_int_equal(v->regs.rip, 0x401000);
	application();
	bounce_syscall32(v);
	FRAME64(STACK - 40, 0x400121);
	v->entry.syscall_cb = masking;
	application();
	bounce_syscall(v);
	FRAME64(STACK - 40, 0x400123, SEL_GUEST_CS64, 0x254fd7);
	assert_int_equal(v->regs.rip, 0x402000);
	assert_false(v->regs.rflags & RFLAGS_DF);
	v->entry.syscall_cb = (struct callback){0};
	v->entry.syscall32_cb = handler;
	application();
	bounce_syscall32(v);
	FRAME64(STACK - 40, 0x400123, SEL_GUEST_CS64, 0x254fd7);
	assert_int_equal(v->regs.rip, 0x401000);
	assert_false(v->regs.rflags & RFLAGS_DF);
	/* The event callback always masks. */
	v->entry.event_cb = handler;
	application();
	tracepoint = tracepoint_report;
	bounce_event(v);
	tracepoint = NULL;
	assert_int_equal(v->regs.rip, 0x401000);
	assert_int_equal(*upcall_mask, 1);
	assert_done("upcall;");
}

static void nmis(void **state)
{
	regs();
	v->entry.nmi_pending = true;
	bounce_nmi(v); /* no handler: it is lost */
	assert_false(v->entry.nmi_pending);
	assert_false(v->entry.special.nmi);
	assert_int_equal(v->regs.rip, 0x400123);
	v->traps[TRAP_NMI] = masking;
	v->entry.nmi_pending = true;
	bounce_nmi(v);
	assert_false(v->entry.nmi_pending);
	assert_true(v->entry.special.nmi);
	assert_int_equal(v->regs.rip, 0x402000);
	v->regs.rsp = STACK;
	PUT64(STACK, 0xa, 0xb, 0xc, 0, 0x400123, 0x30, 0x202, 0x5000, 0x2b);
	assert_int_equal(hc_iret(), 0xa);
	assert_int_equal(v->multicall_interrupted, MULTICALL_STOP);
	assert_false(v->entry.special.nmi);
	assert_done("");
	v->entry.special.nmi = v->entry.nmi_pending = true; /* another waits for the end of the first */
	v->regs.rsp = STACK;
	hc_iret();
	assert_true(v->entry.nmi_pending);
	assert_done("raise 1;");
	v->regs.rsp = STACK;
	hc_iret(); /* not out of a handler */
	assert_done("");
}

static void irets(void **state)
{
	regs();
	v->regs.rsp = STACK;
	PUT64(STACK, 0xa, 0xb, 0xc, 0, 0x400456, 0x10, ~0ul, 0x5000, 0x18);
	*upcall_mask = 1;
	assert_int_equal(pv64_iret(v), 0xa);
	assert_int_equal(v->regs.rax, 0xa);
	assert_int_equal(v->regs.r11, 0xb);
	assert_int_equal(v->regs.rcx, 0xc);
	assert_int_equal(v->regs.rip, 0x400456);
	assert_int_equal(v->regs.cs, 0x13);
	assert_int_equal(v->regs.ss, 0x1b);
	assert_int_equal(v->regs.rsp, 0x5000);
	assert_int_equal(v->regs.rflags, FLAGS_SETTABLE | RFLAGS_IF | RFLAGS_MBS);
	assert_int_equal(v->regs.rflags, ALL_FLAGS & ~0x3000ul);
	assert_int_equal(*upcall_mask, 0);
	assert_int_equal(v->dom.iopl, 0);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET);
	assert_true(pv64_in_kernel(v));
	/* As from a system call: rcx and r11 are not in the frame. */
	PUT64(STACK, 0xa, 0xbb, 0xcc, VGCF_in_syscall, 0x400456, 0x10, 0x2000, 0x5000, 0x18);
	v->regs.rsp = STACK;
	v->entry.special.iopl = true;
	pv64_iret(v);
	assert_int_equal(v->regs.r11, 0xb);
	assert_int_equal(v->regs.rcx, 0xc);
	assert_int_equal(v->regs.cs, SEL_GUEST_CS64);
	assert_int_equal(v->regs.ss, SEL_GUEST_DS);
	assert_int_equal(v->entry.way_back, BACK_BY_SYSRET);
	assert_int_equal(v->regs.rflags, RFLAGS_IF | RFLAGS_MBS);
	assert_int_equal(*upcall_mask, 1);
	assert_int_equal(v->dom.iopl, 2);
	/* To an application that has no tables; one that has. */
	PUT64(STACK + 40, 0x13);
	v->regs.rsp = STACK;
	assert_int_equal(pv64_iret(v), 0);
	assert_done("crash: iret to an application without user page tables;");
	assert_int_equal(v->regs.rsp, STACK);
	v->mm.user_root = 5;
	assert_int_equal(pv64_iret(v), 0xa);
	assert_false(pv64_in_kernel(v));
	/* Frames that are not there, or not the guest's. */
	v->regs.rsp = (1ul << 47) - 64; /* one word behind */
	assert_int_equal(pv64_iret(v), 0);
	assert_done("crash: iret: the frame at 00007fffffffffc0 cannot be read;");
	guest_absent = STACK;
	v->regs.rsp = STACK - 8;
	assert_int_equal(pv64_iret(v), 0);
	assert_done("crash: iret: the frame at 000000006fffeff8 cannot be read;");
	assert_int_equal(v->regs.rip, 0x400456);
}

static void page_faults(void **state)
{
	regs();
	v->traps[TRAP_PF] = handler;
	bounce_page_fault(v, 0xabc000, 7);
	assert_int_equal(shared.pv64.arch.cr2, 0xabc000);
	assert_int_equal(pv64_get_cr2(v), 0xabc000);
	FRAME64(STACK - 48, 3, 0x400123); /* the guest's kernel is no user to itself */
	application();
	bounce_page_fault(v, 0xabd000, 3);
	assert_int_equal(pv64_get_cr2(v), 0xabd000);
	FRAME64(STACK - 48, 7, 0x400123);
}

static void restarts(void **state)
{
	const uint64_t words[] = {1, 2, 3, 4, 5, 6};
	uint64_t out[6] = {0};

	v->regs.rip = 0x400123;
	pv64_hypercall_rewind(v, 7, words, 5);
	assert_int_equal(v->regs.rip, 0x400121);
	assert_int_equal(v->regs.rax, 7);
	assert_int_equal(v->regs.rdi + 10 * v->regs.rsi + 100 * v->regs.rdx, 321);
	assert_int_equal(v->regs.r10 + 10 * v->regs.r8 + 100 * v->regs.r9, 54);
	pv64_hypercall_join(out, words, 1, 1);
	assert_memory_equal(out, words, sizeof(words));
	memset(out, 0, sizeof(out));
	assert_int_equal(pv64_hypercall_split(out, words, 3, 1), 3);
	assert_int_equal(out[2] + 10 * out[3], 3);
}

static void hypercalls(void **state)
{
	page_has_calls(pv64_fill_hypercall_page, 3, 0x0f05);
	multicall(pv64_multicall, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(frames, setup),       cmocka_unit_test_setup(modes, setup),
	    cmocka_unit_test_setup(bad_stacks, setup),   cmocka_unit_test_setup(nowhere, setup),
	    cmocka_unit_test_setup(system_calls, setup), cmocka_unit_test_setup(nmis, setup),
	    cmocka_unit_test_setup(irets, setup),        cmocka_unit_test_setup(page_faults, setup),
	    cmocka_unit_test_setup(restarts, setup),     cmocka_unit_test_setup(hypercalls, setup),
	};

	return cmocka_run_group_tests_name("pv_entry", tests, NULL, NULL);
}
