/* SPDX-License-Identifier: MIT */
/*
 * Specification: into the kernel of a pv32 guest and out of it (hypervisor/pv/pv32_entry.c, as test_pv_entry.c for pv64).
 *   frames    have the words that the ABI draws, on the kernel's stack, at the base of its segment
 *   stacks    one that is not the guest's, or not there, ends the domain, and so does a null selector
 *   iret      reads its frame as the ABI draws it, two words less to the kernel; ring 0 and virtual 8086 mode end the domain
 *   words     an argument of 64 bits makes two
 */
#define HOST_PV32
#include "pv_host.h"
#include "pv_calls.h"

static const struct callback handler = {.address = 0x401000, .cs = SEL_COMPAT_KERNEL_CS};
static const struct callback masking = {
    .address = 0x402000, .cs = SEL_COMPAT_KERNEL_CS, .flags = CALLBACKF_mask_events};
#define ALL_FLAGS 0x257fd7ul /* what a guest may have set, IF, and IOPL 3 */

static void regs(unsigned ring)
{
	v->regs = (struct cpu_user_regs){.rip = 0x400123,
					 .cs = ring == 1 ? SEL_COMPAT_KERNEL_CS : SEL_COMPAT_USER_CS,
					 .ss = ring == 1 ? SEL_COMPAT_KERNEL_DS : SEL_COMPAT_USER_DS,
					 .rsp = STACK + 4,
					 .rflags = 0x254fd7};
	v->entry.way_back = BACK_BY_IRET;
	*upcall_mask = 0;
}

static void frames(void **state)
{
	regs(1);
	assert_true(pv32_in_kernel(v));
	pv32_enter(v, &handler, 0);
	FRAME32(STACK + 4 - 12, 0x400123, SEL_COMPAT_KERNEL_CS, 0x254fd7);
	assert_int_equal(v->regs.rsp, STACK + 4 - 12);
	assert_int_equal(v->regs.rip, 0x401000);
	assert_int_equal(v->regs.cs, SEL_COMPAT_KERNEL_CS);
	assert_int_equal(v->regs.ss, SEL_COMPAT_KERNEL_DS);
	assert_int_equal(v->regs.rflags, 0x200ed7 & ~0x100ul);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET32);
	assert_int_equal(*upcall_mask, 0);
	/* From an application, with an error code, masked. */
	regs(3);
	assert_false(pv32_in_kernel(v));
	v->entry.kernel_sp = STACK;
	v->entry.kernel_ss = SEL_COMPAT_KERNEL_DS;
	*upcall_mask = 1;
	v->pv.entry_words[0] = 0xe;
	pv32_enter(v, &masking, 1);
	FRAME32(STACK - 24, 0xe, 0x400123, SEL_COMPAT_USER_CS | 1 << 16, 0x254dd7, STACK + 4,
		SEL_COMPAT_USER_DS);
	assert_int_equal(v->regs.rsp, STACK - 24);
	assert_int_equal(v->regs.ss, SEL_COMPAT_KERNEL_DS);
	/* Failsafe, and the mask that its gate brings. */
	regs(1);
	v->entry.failsafe_cb = masking;
	bounce_failsafe(v, &(struct segment_selectors){1, 2, 3, 4});
	FRAME32(STACK + 4 - 28, 1, 2, 3, 4, 0x400123, SEL_COMPAT_KERNEL_CS);
	assert_int_equal(*upcall_mask, 1);
	/* A stack segment with a base of its own, which the kernel's and the applications' flat ones have not. */
	regs(1);
	segment_base = 0x1000;
	pv32_enter(v, &handler, 0);
	FRAME32(STACK + 4 - 12, 0x400123);
	regs(1);
	v->regs.ss = SEL_COMPAT_USER_DS;
	pv32_enter(v, &handler, 0);
	FRAME32(STACK + 4 - 12, 0x400123);
	regs(1);
	v->regs.ss = 0x11;
	v->regs.rsp = STACK - 0x2000;
	pv32_enter(v, &handler, 0);
	FRAME32(STACK - 0x1000 - 12, 0x400123);
	assert_int_equal(v->regs.rsp, STACK - 0x2000 - 12);
	segment_base = 0;
	regs(1);
	v->regs.ss = 0x11; /* of none */
	pv32_enter(v, &masking, 0);
	FRAME32(STACK + 4 - 12, 0x400123);
	assert_int_equal(*upcall_mask, 1);
	assert_done("");
}

static void bad_stacks(void **state)
{
	struct callback null = {.address = 0x401000, .cs = 3};

	regs(1);
	v->regs.rsp = PV32_LOW_END + 12; /* the frame begins where the hypervisor does */
	pv32_enter(v, &handler, 0);
	assert_done("crash: its kernel stack at e021:f5800000 cannot take an exception frame;");
	regs(1);
	guest_absent = STACK - PAGE_SIZE;
	pv32_enter(v, &handler, 0);
	assert_done("crash: its kernel stack at e021:6fffeff8 cannot take an exception frame;");
	assert_int_equal(v->regs.rip, 0x400123);
	guest_absent = 0;
	pv32_enter(v, &null, 0);
	assert_done("crash: an entry point at 00401000 with a null code selector;");
	null.cs = 4;
	pv32_enter(v, &null, 0);
	assert_done("");
	assert_int_equal(v->regs.cs, 4);
}

static void irets(void **state)
{
	regs(1);
	v->regs.rsp = STACK;
	*upcall_mask = 1;
	PUT32(STACK, 0xa, 0x400456, 0xabcd0000 | SEL_COMPAT_KERNEL_CS, ~RFLAGS_VM, 0x5000, 0x18);
	assert_int_equal(pv32_iret(v), 0xa);
	assert_int_equal(v->regs.rax, 0xa);
	assert_int_equal(v->regs.rip, 0x400456);
	assert_int_equal(v->regs.cs, SEL_COMPAT_KERNEL_CS);
	assert_int_equal(v->regs.rsp, STACK + 16); /* its own stack goes on */
	assert_int_equal(v->regs.ss, SEL_COMPAT_KERNEL_DS);
	assert_int_equal(v->regs.rflags, ALL_FLAGS & ~0x3000ul);
	assert_int_equal(*upcall_mask, 0);
	/* To an application. */
	v->entry.way_back = BACK_BY_IRET32;
	v->regs.rsp = STACK;
	PUT32(STACK, 0xa, 0x400456, SEL_COMPAT_USER_CS, 0, 0x5000, 0x33);
	pv32_iret(v);
	assert_int_equal(v->regs.rsp, 0x5000);
	assert_int_equal(v->regs.ss, 0x33);
	assert_int_equal(*upcall_mask, 1);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET);
	/* Ring 2 has a stack of its own as well. Ring 0 and virtual 8086 mode are no places. */
	regs(1);
	v->entry.way_back = BACK_BY_IRET32;
	v->regs.rsp = STACK;
	PUT32(STACK + 8, 0x1a);
	pv32_iret(v);
	assert_int_equal(v->regs.rsp, 0x5000);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET);
	regs(1);
	v->regs.rsp = STACK;
	PUT32(STACK + 8, 0x18);
	pv32_iret(v);
	assert_done("crash: iret to selector 0018 with eflags 00000000;");
	PUT32(STACK + 8, 0x19, RFLAGS_VM);
	pv32_iret(v);
	assert_done("crash: iret to selector 0019 with eflags 00020000;");
	assert_int_equal(v->regs.rip, 0x400123);
	v->regs.rsp = PV32_LOW_END - 20; /* one word behind */
	pv32_iret(v);
	assert_done("crash: iret: the frame at f57fffec cannot be read;");
	/* Four words are enough for the kernel; an application's other two are read too. */
	guest_absent = STACK;
	v->regs.rsp = STACK - 16;
	PUT32(STACK - 16, 0xa, 0x400456, SEL_COMPAT_KERNEL_CS, 0);
	v->entry.way_back = BACK_BY_IRET32;
	pv32_iret(v);
	assert_done("");
	assert_int_equal(v->entry.way_back, BACK_BY_IRET32);
	PUT32(STACK - 8, SEL_COMPAT_USER_CS);
	v->regs.rsp = STACK - 16;
	pv32_iret(v);
	assert_done("crash: iret: the frame at 6fffeff0 cannot be read;");
	/* A stack with a base. */
	guest_absent = 0;
	segment_base = 0x1000;
	v->regs.ss = 0x11;
	v->regs.rsp = STACK - 0x1000 - 16;
	PUT32(STACK - 16, 0xd, 0x400456, SEL_COMPAT_KERNEL_CS, 0);
	assert_int_equal(pv32_iret(v), 0xd);
}

static void page_faults(void **state)
{
	regs(1);
	v->traps[TRAP_PF] = handler;
	bounce_page_fault(v, 0xabc000, 7);
	assert_int_equal(pv32_get_cr2(v), 0xabc000);
	assert_int_equal(shared.pv32.cr2, 0xabc000);
	FRAME32(STACK + 4 - 16, 3, 0x400123);
	regs(3);
	v->entry.kernel_sp = STACK;
	v->entry.kernel_ss = SEL_COMPAT_KERNEL_DS;
	bounce_page_fault(v, 0xabd000, 2);
	FRAME32(STACK - 24, 6, 0x400123);
}

static void restarts(void **state)
{
	const uint64_t words[] = {1, 2, 3, 4, 5, 6};

	v->regs.rip = 1;
	pv32_hypercall_rewind(v, 8, words, 6);
	assert_int_equal(v->regs.rip, 0xffffffff); /* 32 bits */
	assert_int_equal(v->regs.rax, 8);
	assert_int_equal(v->regs.rbx + 10 * v->regs.rcx + 100 * v->regs.rdx, 321);
	assert_int_equal(v->regs.rsi + 10 * v->regs.rdi + 100 * v->regs.rbp, 654);
}

/* Arguments of 64 bits make two words. */
static void words(void **state)
{
	const uint64_t words[] = {0x1111111100000001, 2, 3, 4, 5, 6},
		       args[] = {0x1000000002, 3, 4, 0x500000006};
	uint64_t out[6] = {0};

	pv32_hypercall_join(out, words, 4, 2); /* update_va_mapping */
	assert_int_equal(out[0], 1);
	assert_int_equal(out[1], 3ul << 32 | 2);
	assert_int_equal(out[2] * 10 + out[3], 45);
	pv32_hypercall_join(out, words, 2, 1);
	assert_int_equal(out[0], 2ul << 32 | 1);
	assert_int_equal(out[1], 3);
	pv32_hypercall_join(out, words, 6, 5);
	assert_int_equal(out[0], 2ul << 32 | 1);
	assert_int_equal(out[1], 3);
	assert_int_equal(out[2], 5ul << 32 | 4);
	assert_int_equal(out[3], 6);
	assert_int_equal(out[4] + out[5], 0); /* there are no more words */
	pv32_hypercall_join(out, words, 6, 0x20);
	assert_int_equal(out[5], 6);
	assert_int_equal(pv32_hypercall_split(out, args, 4, 9), 6);
	assert_int_equal(out[0], 2);
	assert_int_equal(out[1], 0x10);
	assert_int_equal(out[2], 3);
	assert_int_equal(out[3], 4);
	assert_int_equal(out[4], 6);
	assert_int_equal(out[5], 5);
}

static void hypercalls(void **state)
{
	page_has_calls(pv32_fill_hypercall_page, 0, 0xcd82);
	multicall(pv32_multicall, 4);
	put_words(STACK, 4, 8, (uint64_t[]){__HYPERVISOR_set_timer_op, 0, 1, 2, 3, 4, 5, 6});
	guest_absent = 0;
	assert_int_equal(multicall_step(v, STACK), 0);
	assert_done("call 15 1 6;");
	words_are(STACK + 4, 4, 1, (uint64_t[]){77});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(frames, setup),     cmocka_unit_test_setup(bad_stacks, setup),
	    cmocka_unit_test_setup(irets, setup),      cmocka_unit_test_setup(page_faults, setup),
	    cmocka_unit_test_setup(restarts, setup),   cmocka_unit_test_setup(words, setup),
	    cmocka_unit_test_setup(hypercalls, setup),
	};

	return cmocka_run_group_tests_name("pv_entry32", tests, NULL, NULL);
}
