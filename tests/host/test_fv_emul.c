/* SPDX-License-Identifier: MIT */
/*
 * Specification of what the trapping instructions of an fv domain do, as bytes that the guest executes in ring 1 or 3:
 *   - each has the effect of ring 0, on the guest's own state, with the operand's size; registers move only if all went well;
 *   - an application gets what the processor would give it: its own pages, ports by IOPL, nothing privileged;
 *   - memory that is not there is the guest's page fault, at the byte where it begins, and nothing else has happened.
 */
#include "fv_emul_host.h"

/* ---- flags, stack ---- */

static void flags(void **state)
{
	done("\x9c");
	assert_int_equal(r->rsp, STACK - 4);
	assert_int_equal(word(STACK - 4, 4), SEEN);
	done("\x66\x9c");
	assert_int_equal(r->rsp, STACK - 6);
	assert_int_equal(word(STACK - 6, 2), SEEN & 0xffff);
	set_word(STACK - 6, 0x12345678);
	done("\x66\x9d");
	assert_int_equal(r->rsp, STACK - 4);
	assert_int_equal(did.flags, 0x5678);
	assert_int_equal(did.mask, 0x7fd5);
	set_word(STACK - 4, 0x89abcdef);
	done("\x9d");
	assert_int_equal(r->rsp, STACK);
	assert_int_equal(did.flags, 0x89abcdef);
	assert_int_equal(did.mask, 0x247fd5);
	r->rsp = END + 4;
	faults("\x9c", END, PF_WRITE);
	faults("\x9d", END + 4, 0);
	assert_int_equal(r->rsp, END + 4);
	in_user();
	r->rsp = STACK;
	done("\x9d");
	assert_int_equal(did.mask, 0x247fd5 & ~(RFLAGS_IF | RFLAGS_IOPL));
}

static void selectors_seen(void **state)
{
	done("\x0e"); /* push cs */
	assert_int_equal(word(STACK - 4, 4), 0x08);
	done("\x16");
	assert_int_equal(word(STACK - 8, 4), 0x10);
	r->rax = ~0ull;
	done("\x66\x8c\xc8"); /* mov ax, cs */
	assert_int_equal(r->rax, 0xffffffffffff0008);
	done("\x8c\xd0"); /* mov eax, ss */
	assert_int_equal(r->rax, 0x10);
	refused("\x8c\xd8"); /* ds: it does not trap, and is not emulated */
	set_word(DATA, 0xeeeeeeee);
	done("\x8c\x0d\x00\x40\x00\x00"); /* to memory: 16 bits */
	assert_int_equal(word(DATA, 4), 0xeeee0008);
	faults("\x8c\x0d\xff\x8f\x00\x00", END, PF_WRITE);
	in_user();
	done("\x8c\xc8");
	assert_int_equal(r->rax, 0x1b);
	done("\x8c\xd0");
	assert_int_equal(r->rax, 0x23);
}

/* ---- segments and tables ---- */

static void stack_segments(void **state)
{
	descriptor[3] = STACK_SEGMENT;
	descriptor[4] = STACK_SEGMENT & ~DESC_P;
	r->rax = 0x18;
	done("\x8e\xd0"); /* mov ss, eax */
	assert_int_equal(r->ss, 0x19);
	for (unsigned rpl = 1; rpl < 4; rpl++) {
		r->rax = 0x18 | rpl;
		refused("\x8e\xd0");
	}
	r->rax = 0x20; /* not present */
	refused("\x8e\xd0");
	r->rax = 0x28; /* none */
	refused("\x8e\xd0");
	r->rax = 0x18;
	refused("\x8e\xd8"); /* ds */
	r->ss = 0x11;
	set_word(DATA, 0x18);
	done("\x8e\x15\x00\x40\x00\x00");
	assert_int_equal(r->ss, 0x19);
	faults("\x8e\x15\xff\x8f\x00\x00", END, 0);
	r->ss = 0x11;
	set_word(STACK, 0x18);
	done("\x17");
	assert_int_equal(r->ss, 0x19);
	assert_int_equal(r->rsp, STACK + 4);
	set_word(STACK + 4, 0x20);
	refused("\x17");
	assert_int_equal(r->rsp, STACK + 4);
	r->rsp = END - 2;
	faults("\x17", END, 0);
	in_user();
	refused("\x17");
	refused("\x8e\xd0");
}

static void task_and_ldt(void **state)
{
	fv.tr = 0x30;
	fv.ldtr = 2;
	r->rax = ~0ull;
	done("\x0f\x00\xc0"); /* sldt eax */
	assert_int_equal(r->rax, 2);
	done("\x0f\x00\xc8"); /* str eax */
	assert_int_equal(r->rax, 0x30);
	done("\x0f\x00\x0d\x00\x40\x00\x00");
	assert_int_equal(word(DATA, 2), 0x30);
	/* A TSS that is available and present. */
	descriptor[5] = 0x1200893456780067ull;
	r->rax = 0x28;
	done("\x0f\x00\xd8"); /* ltr ax */
	assert_int_equal(fv.tr, 0x28);
	assert_int_equal(fv.tss.base, 0x12345678);
	assert_int_equal(fv.tss.limit, 0x67);
	fv.tr = 0;
	for (unsigned type = 0; type < 32; type++) {
		descriptor[5] = (0x1200893456780067ull & ~DESC_SYSTEM) | (uint64_t)type << 40;
		assert_int_equal(meets("\x0f\x00\xd8", 3), type == 9 ? EMUL_DONE : EMUL_REFUSED);
	}
	descriptor[5] = 0x1200893456780067ull & ~DESC_P;
	refused("\x0f\x00\xd8");
	r->rax = 0x30;
	refused("\x0f\x00\xd8"); /* none */
	descriptor[5] = 0x1200893456780067ull;
	set_word(DATA, 0x28);
	fv.tr = 0;
	done("\x0f\x00\x1d\x00\x40\x00\x00");
	assert_int_equal(fv.tr, 0x28);
	refused("\x0f\x00\x1d\xff\x8f\x00\x00");
	/* No LDT but the null one. */
	for (r->rax = 0; r->rax <= 3; r->rax++) {
		done("\x0f\x00\xd0");
		assert_int_equal(fv.ldtr, r->rax);
	}
	refused("\x0f\x00\xd0");
	refused("\x0f\x00\xe0"); /* VERR */
	in_user();
	done("\x0f\x00\xc0");
	r->rax = 0;
	refused("\x0f\x00\xd0");
	r->rax = 0x28;
	refused("\x0f\x00\xd8");
}

static void tables(void **state)
{
	fv.gdtr = (struct fv_table){0x11223344, 0x5566};
	fv.idtr = (struct fv_table){0x778899aa, 0xbbcc};
	done("\x0f\x01\x05\x00\x40\x00\x00"); /* sgdt */
	assert_int_equal(word(DATA, 2), 0x5566);
	assert_int_equal(word(DATA + 2, 4), 0x11223344);
	assert_int_equal(ram[DATA + 6], 0x90);
	done("\x0f\x01\x0d\x10\x40\x00\x00"); /* sidt */
	assert_int_equal(word(DATA + 0x12, 4), 0x778899aa);
	done("\x0f\x01\x15\x10\x40\x00\x00"); /* lgdt */
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	assert_int_equal(fv.gdtr.limit, 0xbbcc);
	assert_int_equal(fv.idtr.limit, 0xbbcc);
	assert_int_equal(did.syncs, 1);
	done("\x66\x0f\x01\x1d\x00\x40\x00\x00"); /* lidt with a base of 24 bits */
	assert_int_equal(fv.idtr.base, 0x223344);
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	faults("\x0f\x01\x15\xfd\x8f\x00\x00", END, 0);
	faults("\x0f\x01\x05\xfd\x8f\x00\x00", END, PF_WRITE);
	assert_int_equal(fv.gdtr.base, 0x778899aa);
	for (unsigned reg = 2; reg < 4; reg++) { /* VMCALL and others lie there */
		char bytes[] = {0x0f, 0x01, 0xc0 | reg << 3};

		assert_int_equal(meets(bytes, 3), EMUL_REFUSED);
	}
	refused("\x0f\x01\xf8");
	refused("\x0f\x01\x2d\x00\x40\x00\x00");
	done("\x0f\x01\x3d\x78\x56\x34\x12");
	assert_int_equal(did.invlpg, 0x12345678);
	in_user();
	done("\x0f\x01\x05\x00\x40\x00\x00");
	refused("\x0f\x01\x15\x10\x40\x00\x00");
	refused("\x0f\x01\x3d\x78\x56\x34\x12");
	refused("\x0f\x01\xf0"); /* lmsw */
}

/* LMSW sets PE and never clears it; the rest below TS is its own. */
static void machine_status(void **state)
{
	fv.cr0 = CR0_PG | CR0_WP | CR0_PE | CR0_TS;
	r->rbx = 0;
	done("\x0f\x01\xe3"); /* smsw ebx */
	assert_int_equal(r->rbx, CR0_PG | CR0_WP | CR0_PE | CR0_TS);
	r->rax = CR0_MP | 0x20;
	done("\x0f\x01\xf0");
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_MP);
	set_word(DATA, CR0_TS | CR0_EM);
	done("\x0f\x01\x35\x00\x40\x00\x00");
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_TS | CR0_EM);
	refused("\x0f\x01\x35\xff\x8f\x00\x00");
	done("\x0f\x06"); /* clts */
	assert_int_equal(fv.cr0, CR0_PG | CR0_WP | CR0_PE | CR0_EM);
	in_user();
	done("\x0f\x01\xe3");
	refused("\x0f\x06");
}

/* LAR and LSL, of every descriptor that there can be, for each CPL and RPL (SDM 2A). */
static void looking_at_segments(void **state)
{
	for (unsigned n = 0; n < 1u << 13; n++) {
		unsigned type = n & 15, s = n >> 4 & 1, dpl = n >> 5 & 3, rpl = n >> 7 & 3, lsl = n >> 9 & 1;
		unsigned user = n >> 10 & 1, big = n >> 11 & 1, none = n >> 12 & 1, cpl = user ? 3 : 0;
		bool conforming = s && (type & 12) == 12;
		bool known =
		    s || (type != 0 && type != 8 && type != 10 && type != 13 && type != 6 && type != 7 &&
			  type != 14 && type != 15 && (!lsl || (type != 4 && type != 5 && type != 12)));
		bool ok = !none && known && (conforming || (cpl <= dpl && rpl <= dpl));
		uint32_t want;

		setup(NULL);
		if (user)
			in_user();
		descriptor[2] = none ? 0
				     : 0x00090000ffffull | (uint64_t)type << 40 | (uint64_t)s << 44 |
					   (uint64_t)dpl << 45 | DESC_P | (uint64_t)big << 55 | 5ull << 48;
		want = lsl ? (big ? 0x5ffff << 12 | 0xfff : 0x5ffff)
			   : (type << 8 | s << 12 | dpl << 13 | 1 << 15 | big << 23);
		r->rbx = 0x10 | rpl;
		r->rax = 0x77;
		r->rflags |= ok ? 0 : RFLAGS_ZF;
		assert_int_equal(meets(lsl ? "\x0f\x03\xc3" : "\x0f\x02\xc3", 3), EMUL_DONE);
		if (!!(r->rflags & RFLAGS_ZF) != ok || r->rax != (ok ? want : 0x77))
			fail_msg("%s: type %u, s %u, dpl %u, rpl %u, cpl %u: %lx", lsl ? "LSL" : "LAR", type,
				 s, dpl, rpl, cpl, r->rax);
	}
	setup(NULL);
	descriptor[2] = STACK_SEGMENT;
	set_word(DATA, 0x10);
	done("\x0f\x02\x05\x00\x40\x00\x00");
	assert_int_equal(r->rax, 0x00c09200);
	faults("\x0f\x02\x05\xff\x8f\x00\x00", END, 0);
}

/* ---- what an application may ---- */

static void pages_of_applications(void **state)
{
	in_user();
	done("\x0f\x01\x05\xfa\x5f\x00\x00"); /* sgdt: all six bytes before the kernel's page */
	faults("\x0f\x01\x05\xfb\x5f\x00\x00", KERNEL, PF_PRESENT | PF_USER | PF_WRITE);
	faults("\x0f\x01\x05\x10\x60\x00\x00", KERNEL + 0x10, PF_PRESENT | PF_USER | PF_WRITE);
	faults("\x0f\x01\x05\x00\x70\x00\x00", READONLY, PF_PRESENT | PF_USER | PF_WRITE);
	r->rsp = READONLY;
	done("\x9d");
	r->rsp = READONLY - 2;
	faults("\x9d", READONLY - 2, PF_PRESENT | PF_USER);
	r->rsp = END - 2; /* the first of its bytes is there */
	faults("\x9d", END, PF_USER);
	setup(NULL); /* and the kernel anything */
	done("\x0f\x01\x05\x10\x60\x00\x00");
	done("\x0f\x01\x05\x00\x70\x00\x00");
}

static void only_for_kernels(void **state)
{
	static const struct {
		char bytes[3];
		unsigned n;
	} list[] = {{"\xf4", 1},         {"\xfa", 1},         {"\xfb", 1},         {"\x0f\x06", 2},
		    {"\x0f\x08", 2},     {"\x0f\x09", 2},     {"\x0f\x30", 2},     {"\x0f\x32", 2},
		    {"\x0f\x20\xc0", 3}, {"\x0f\x22\xc0", 3}, {"\x0f\x21\xc0", 3}, {"\x0f\x23\xc0", 3},
		    {"\xcf", 1}};

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		setup(NULL);
		assert_int_equal(meets(list[i].bytes, list[i].n),
				 list[i].bytes[0] == '\xcf' ? EMUL_AGAIN : EMUL_DONE);
		setup(NULL);
		in_user();
		assert_int_equal(meets(list[i].bytes, list[i].n), EMUL_REFUSED);
		assert_int_equal(did.others + did.blocks + did.irets, 0);
	}
	setup(NULL);
	in_user();
	assert_int_equal(meets("\x0f\xa2", 2), EMUL_DONE); /* CPUID is everybody's */
	assert_int_equal(did.others, 1);
	setup(NULL);
	others = EMUL_REFUSED;
	dr_result = EMUL_REFUSED;
	refused("\x0f\x22\xc0");
	refused("\x0f\x21\xc0");
	refused("\x0f\x30");
	refused("\x0f\x32");
	refused("\x0f\x01\xd1"); /* xsetbv */
	refused("\x0f\x01\xd0");
	assert_int_equal(did.others, 5);
	dr_result = EMUL_UNDEFINED; /* one that CR4.DE takes away */
	assert_int_equal(meets("\x0f\x21\xe0", 3), EMUL_UNDEFINED);
	refused("\x90");
	refused("\xcd\x80");
	iret_fails = true;
	refused("\xcf");
	assert_true(did.wide);
	iret_fails = false;
	put("\x66\xcf", 2);
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_AGAIN);
	assert_false(did.wide);
}

/* CLI and STI ask for the I/O privilege, as ports do. */
static void interrupt_flag_of_applications(void **state)
{
	in_user();
	for (vcpu.dom.iopl = 0; vcpu.dom.iopl < 3; vcpu.dom.iopl++) {
		refused("\xfa");
		refused("\xfb");
	}
	done("\xfa");
	assert_int_equal(shared.upcall_mask, 1);
	done("\xfb");
	assert_int_equal(shared.upcall_mask, 0);
}

static void ports_by_privilege(void **state)
{
	r->rax = 0xffffffff11223344;
	r->rdx = 0xaaaa0abc;
	done("\xe4\x60"); /* in al, 0x60 */
	assert_int_equal(did.port, 0x60);
	assert_int_equal(did.size, 1);
	assert_int_equal(r->rax, 0xffffffff11223321);
	done("\xed"); /* in eax, dx */
	assert_int_equal(did.port, 0x0abc);
	assert_int_equal(did.size, 4);
	assert_int_equal(r->rax, 0x87654321);
	done("\xe6\xf0"); /* out 0xf0, al */
	assert_int_equal(did.port, 0xf0);
	assert_int_equal(did.value, 0x21);
	done("\x66\xef"); /* out dx, ax: nothing else of EAX */
	assert_int_equal(did.size, 2);
	assert_int_equal(did.value, 0x4321);
	assert_int_equal(did.reads, 2);
	assert_int_equal(did.writes, 2);
	in_user();
	for (vcpu.dom.iopl = 0; vcpu.dom.iopl < 3; vcpu.dom.iopl++) {
		refused("\xe4\x60");
		refused("\xef");
		refused("\x6c");
		refused("\x6f");
	}
	assert_int_equal(did.reads + did.writes, 4);
	done("\xe4\x60");
	done("\xef");
	r->rdi = r->rsi = DATA;
	done("\x6c");
	done("\x6f");
}

/* ---- strings of ports ---- */

static void strings(void **state)
{
	r->rdx = 0x3f8;
	r->rdi = DATA;
	r->rsi = DATA + 0x100;
	set_word(DATA + 0x100, 0x55667788);
	done("\x6d"); /* insd */
	assert_int_equal(word(DATA, 4), 0x87654321);
	assert_int_equal(r->rdi, DATA + 4);
	done("\x66\x6f"); /* outsw */
	assert_int_equal(did.value, 0x7788);
	assert_int_equal(did.size, 2);
	assert_int_equal(r->rsi, DATA + 0x102);
	r->rflags |= RFLAGS_DF;
	done("\x6e"); /* outsb */
	assert_int_equal(did.value, 0x66);
	assert_int_equal(r->rsi, DATA + 0x101);
	r->rflags &= ~RFLAGS_DF;
	/* As often as ECX says, one at a time. */
	r->rcx = 2;
	assert_int_equal(meets("\xf3\x6c", 2), EMUL_ROUND);
	assert_int_equal(r->rcx, 1);
	done("\xf3\x6c");
	assert_int_equal(r->rcx, 0);
	assert_int_equal(r->rdi, DATA + 6);
	did.reads = did.writes = 0;
	done("\xf3\x6c");
	done("\xf2\x6e");
	assert_int_equal(did.reads + did.writes, 0);
	assert_int_equal(r->rdi, DATA + 6);
	/* With addresses of 16 bits. */
	r->rdi = 0xabcd4000;
	r->rcx = 0xabcd0001;
	done("\xf3\x67\x6c");
	assert_int_equal(r->rdi, 0xabcd4001);
	assert_int_equal(r->rcx, 0xabcd0000);
	/* Memory first, then the device. */
	did.reads = did.writes = 0;
	r->rdi = r->rsi = END - 2;
	r->rcx = 5;
	faults("\xf3\x6d", END, PF_WRITE); /* INS writes */
	faults("\xf3\x6f", END, 0);
	assert_int_equal(r->rcx, 5);
	vcpu.dom.iopl = 3;
	in_user();
	r->rdi = READONLY;
	faults("\x6c", READONLY, PF_PRESENT | PF_USER | PF_WRITE);
	r->rsi = KERNEL;
	faults("\x6e", KERNEL, PF_PRESENT | PF_USER);
	assert_int_equal(did.reads + did.writes, 0);
	assert_int_equal(r->rdi, READONLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(flags, setup),
	    cmocka_unit_test_setup(selectors_seen, setup),
	    cmocka_unit_test_setup(stack_segments, setup),
	    cmocka_unit_test_setup(task_and_ldt, setup),
	    cmocka_unit_test_setup(tables, setup),
	    cmocka_unit_test_setup(machine_status, setup),
	    cmocka_unit_test_setup(looking_at_segments, setup),
	    cmocka_unit_test_setup(pages_of_applications, setup),
	    cmocka_unit_test_setup(only_for_kernels, setup),
	    cmocka_unit_test_setup(interrupt_flag_of_applications, setup),
	    cmocka_unit_test_setup(ports_by_privilege, setup),
	    cmocka_unit_test_setup(strings, setup),
	};

	return cmocka_run_group_tests_name("fv instructions", tests, NULL, NULL);
}
