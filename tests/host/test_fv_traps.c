/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's traps: instructions that follow each other are carried out in one visit, up to a bound, and
 * no interrupt or single step is lost; each exception goes where it belongs.
 */
#include "fv_emul_host.h"

/* ---- one visit ---- */

static void visit(const char *bytes, unsigned n, unsigned executed)
{
	put(bytes, n);
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_DONE);
	assert_int_equal(r->rip, CODE + executed);
}

static void halting(void **state)
{
	shared.upcall_mask = 1;
	visit("\xfb\xf4\xfa", 3, 2); /* sti; hlt: together, and no further */
	assert_int_equal(did.blocks, 1);
	assert_int_equal(shared.upcall_mask, 0);
	done("\xfa");
	assert_int_equal(shared.upcall_mask, 1);
	done("\xf4");
	assert_int_equal(did.blocks, 1);
	assert_int_equal(did.crashes, 1);
}

static void many_in_one_visit(void **state)
{
	visit("\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa\xfa", 12, MAX_ROUNDS + 1);
	assert_false(r->rflags & RFLAGS_RF);
	visit("\xfa\x90\xfa", 3, 1);
	visit("\xe4\x60\xec\xed\xe6\x80\xee\xfb\x90", 9, 8);
	visit("\xfa\x66\xed", 3, 1); /* nor is looked behind prefixes */
	visit("\xfa\x9c", 2, 1);     /* PUSHF does not trap by itself */
	r->rflags |= RFLAGS_TF;
	visit("\xfa\xfa", 2, 1);
	r->rflags &= ~RFLAGS_TF;
	domain.dom.shut_down = true;
	visit("\xfa\xfa", 2, 1);
	domain.dom.shut_down = false;
	/* An interrupt that waits comes first, if they are on. */
	shared.upcall_pending = 1;
	shared.upcall_mask = 0;
	visit("\xec\xec", 2, 1);
	shared.upcall_mask = 1;
	visit("\xec\xec", 2, 2);
	visit("\xfb\xec\xec", 3, 2); /* STI holds it off by one */
	shared.upcall_pending = 0;
	/* The second one is refused: it faults by itself. */
	iret_fails = true;
	put("\xfa\xcf", 2);
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_AGAIN);
	assert_int_equal(r->rip, CODE + 1);
	iret_fails = false;
	put("\xfa\xcf", 2);
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_AGAIN);
	assert_int_equal(did.irets, 2);
	in_user();
	vcpu.dom.iopl = 3;
	visit("\xec\xec", 2, 1);
}

static void fetching(void **state)
{
	/* To the end of memory, and over the border of a page. */
	memset(ram + END - 4, 0xfa, 4);
	r->rip = END - 4;
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_DONE);
	assert_int_equal(r->rip, END);
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_REFUSED);
	ram[END - 1] = 0x0f;
	r->rip = END - 1;
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_REFUSED);
	ram[CODE + 0xfff] = 0x0f;
	ram[CODE + 0x1000] = 0x06;
	r->rip = CODE + 0xfff;
	assert_int_equal(fv_emulate(&e, &vcpu), EMUL_DONE);
	assert_int_equal(r->rip, CODE + 0x1001);
	small_code = true;
	done("\x9c");
	assert_int_equal(r->rsp, STACK - 2);
	no_code = true;
	refused("\xfa");
}

/* ---- exceptions ---- */

static void traps(uint32_t vector, uint32_t error)
{
	unsigned syncs = did.shadow_syncs;

	did.vector = -2;
	r->entry_vector = vector;
	r->error_code = error;
	fv_trap(&vcpu, r);
	assert_int_equal(did.shadow_syncs, syncs + 1);
}

static void expect_error(int vector, uint32_t error)
{
	assert_int_equal(did.vector, vector);
	assert_int_equal(did.source, -1);
	assert_int_equal(did.error, error);
}

static void expect(int vector, int source)
{
	assert_int_equal(did.vector, vector);
	assert_int_equal(did.source, source);
}

static void exceptions(void **state)
{
	static const uint8_t hardware[] = {0, 5, 6, 7, 16, 19, 2, 9}, software[] = {3, 4, 0x80, 0x82};

	traps(TRAP_PF, 7);
	assert_int_equal(did.page_fault_va, 0x12345000);
	assert_int_equal(did.page_fault_error, 7);
	for (unsigned i = 0; i < ARRAY_SIZE(hardware); i++) {
		traps(hardware[i], 0);
		expect(hardware[i], FV_HARDWARE);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(software); i++) {
		traps(software[i], 0);
		expect(software[i], FV_SOFTWARE);
	}
	traps(TRAP_DB, 0);
	expect(TRAP_DB, FV_HARDWARE);
	assert_int_equal(did.reports, 1);
	traps(TRAP_TS, 0x28);
	expect_error(TRAP_TS, 0x28);
	traps(TRAP_AC, 0);
	expect_error(TRAP_AC, 0);
	traps(TRAP_NP, 0);
	expect_error(TRAP_NP, 0);
	traps(TRAP_SS, 0);
	expect_error(TRAP_SS, 0);
}

static void general_protection_faults(void **state)
{
	put("\xfa\x90", 2);
	traps(TRAP_GP, 0);
	assert_int_equal(did.vector, -2);
	assert_int_equal(shared.upcall_mask, 1);
	traps(TRAP_GP, 0); /* at a NOP */
	expect_error(TRAP_GP, 0);
	/* INT n. */
	put("\xcd\x31", 2);
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect(0x31, FV_SOFTWARE);
	assert_int_equal(r->rip, CODE + 2);
	put("\x66\xcd\x31", 3); /* behind a prefix */
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect(0x31, FV_SOFTWARE);
	assert_int_equal(r->rip, CODE + 3);
	/* Its gate is closed: it faults where it begins. */
	int_raises = TRAP_NP;
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2); /* a NOP */
	put("\x66\xcd\x31", 3);
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_NP, 0x31 * 8 + 2);
	assert_int_equal(r->rip, CODE);
	put("\xcd\x80\xcc", 3);
	r->rip = CODE + 2; /* behind INT 0x80, whose gate in the hypervisor is open */
	traps(0x80, 0);
	expect_error(TRAP_NP, 0x80 * 8 + 2);
	assert_int_equal(r->rip, CODE);
	r->rip = CODE + 3; /* behind INT3 */
	traps(TRAP_BP, 0);
	expect_error(TRAP_NP, TRAP_BP * 8 + 2);
	assert_int_equal(r->rip, CODE + 2);
	int_raises = 0;
	put("\xcc\x31", 2);
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
	r->rip = END - 1;
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
	put("\xcd\x31", 2);
	no_code = true;
	traps(TRAP_GP, 0x31 * 8 + 2);
	expect_error(TRAP_GP, 0x31 * 8 + 2);
}

/* An instruction that was executed in the guest's stead is stepped as if the processor had done it. */
static void stepping(void **state)
{
	put("\xfa\xfa", 2);
	r->rflags |= RFLAGS_TF;
	traps(TRAP_GP, 0);
	assert_int_equal(r->rip, CODE + 1);
	expect(TRAP_DB, FV_HARDWARE);
	assert_int_equal(vcpu.pv.debugreg[6], DR6_BS);
	r->rcx = 2; /* each round of a string */
	r->rdi = DATA;
	put("\xf3\x6c", 2);
	traps(TRAP_GP, 0);
	assert_int_equal(r->rip, CODE);
	assert_int_equal(r->rcx, 1);
	expect(TRAP_DB, FV_HARDWARE);
	r->rdi = END; /* it faults: nothing was executed */
	traps(TRAP_GP, 0);
	assert_int_equal(did.faults, 1);
	assert_int_equal(did.fault_va, END);
	assert_int_equal(did.fault_error, PF_WRITE);
	assert_int_equal(did.vector, -2);
	dr_result = EMUL_UNDEFINED;
	put("\x0f\x21\xe0", 3);
	traps(TRAP_GP, 0);
	expect(TRAP_UD, FV_HARDWARE);
	/* A port with a breakpoint ends the visit. */
	r->rflags &= ~RFLAGS_TF;
	vcpu.pv.debugreg[6] = 0;
	vcpu.pv.debugreg[7] = 1;
	put("\xec\xec", 2);
	traps(TRAP_GP, 0);
	assert_int_equal(r->rip, CODE + 1);
	expect(TRAP_DB, FV_HARDWARE);
	assert_int_equal(vcpu.pv.debugreg[6], 2);
}

/* A selector that the processor's table refuses: IRET, a table that has changed, an instruction of ring 0, or a fault. */
static void selector_faults(void **state)
{
	static const uint8_t vectors[] = {TRAP_GP, TRAP_NP, TRAP_SS};

	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		setup(NULL);
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.irets, 1);
		assert_true(did.wide);
		assert_int_equal(did.vector, -2);
		assert_int_equal(did.syncs, 0);
		iret_fails = true;
		traps(vectors[i], 0x20);
		expect_error(vectors[i], 0x20);
		sync_changes = true;
		traps(vectors[i], 0x20);
		assert_int_equal(did.vector, -2);
		/* Nor plain: in code of 16 bits, behind a prefix, where nothing can be read. */
		setup(NULL);
		code32_fails = true;
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.syncs, 1);
		assert_int_equal(did.irets, 1);
		setup(NULL);
		r->rip = END;
		traps(vectors[i], 0x10020);
		expect_error(vectors[i], 0x20);
		setup(NULL);
		descriptor[3] = STACK_SEGMENT;
		r->rax = 0x18;
		put("\x8e\xd0", 2);
		traps(vectors[i], 0x18);
		assert_int_equal(did.vector, -2);
		assert_int_equal(r->ss, 0x19);
		setup(NULL);
		in_user();
		put("\xcf", 1);
		traps(vectors[i], 0x20);
		assert_int_equal(did.irets, 0);
		expect_error(vectors[i], 0x20);
		put("\x9c", 1); /* what an application may is no way out either */
		traps(vectors[i], 0x20);
		expect_error(vectors[i], 0x20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(halting, setup),
	    cmocka_unit_test_setup(many_in_one_visit, setup),
	    cmocka_unit_test_setup(fetching, setup),
	    cmocka_unit_test_setup(exceptions, setup),
	    cmocka_unit_test_setup(general_protection_faults, setup),
	    cmocka_unit_test_setup(stepping, setup),
	    cmocka_unit_test_setup(selector_faults, setup),
	};

	return cmocka_run_group_tests_name("fv traps", tests, NULL, NULL);
}
