/* SPDX-License-Identifier: MIT */
/*
 * Specification of an fv domain's registers: control registers and MSRs take what the guest may have, and tell it; a change of
 * mode forgets the shadows, and a root is loaded when it is new or read in another way. Interrupts are delivered one at a time.
 */
#include "fv_rings_host.h"

/* ---- control registers, MSRs ---- */

static void control_registers(void **state)
{
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PG), EMUL_REFUSED);
	assert_int_equal(crashes, 0);
	assert_int_equal(fv_write_cr0(&vcpu, 0), EMUL_AGAIN); /* real mode */
	assert_int_equal(crashes, 1);
	assert_int_equal(fv.cr0, CR0_PE);
	for (unsigned bit = 0; bit < 32; bit++) {
		setup(NULL);
		dropped = 0;
		fv_write_cr0(&vcpu, CR0_PE | 1u << bit);
		assert_int_equal(!!dropped, 1u << bit == CR0_PG || 1u << bit == CR0_WP);
		assert_int_equal(fv.cr0, CR0_PE | 1u << bit);
		dropped = 0;
		fv_write_cr0(&vcpu, CR0_PE);
		assert_int_equal(!!dropped, 1u << bit == CR0_PG || 1u << bit == CR0_WP);
	}
	setup(NULL);
	fv.cr4 = 0;
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), EMUL_AGAIN); /* paging without PAE */
	assert_int_equal(crashes, 1);
	assert_int_equal(fv.cr0, CR0_PE);
	setup(NULL);
	dropped = 0;
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), EMUL_DONE);
	assert_int_equal(dropped, 1);
	for (unsigned reg = 0; reg < 16; reg++)
		if (reg != 0 && reg != 2 && reg != 3 && reg != 4)
			assert_int_equal(write_cr(&vcpu, reg, 1), EMUL_REFUSED);
	/* What has an effect on what is shared with other guests. */
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE | CR4_DE | CR4_PGE), EMUL_DONE);
	assert_int_equal(vcpu.pv.cr4, CR4_PAE | CR4_DE);
	assert_int_equal(fv.cr4, CR4_PAE | CR4_DE | CR4_PGE);
	fv.cr0 |= CR0_PG;
	assert_int_equal(write_cr(&vcpu, 3, 0xffffffe0), EMUL_DONE); /* beyond RAM, at the end of a page */
	assert_true(fv.pdpte[0] == ~0ull && fv.pdpte[3] == ~0ull);
	assert_int_equal(write_cr(&vcpu, 3, 0xffff), EMUL_DONE);
}

static enum emul_result wrmsr_of(uint32_t msr, uint64_t value)
{
	vcpu.regs.rcx = msr;
	vcpu.regs.rax = (uint32_t)value;
	vcpu.regs.rdx = value >> 32;
	return fv_wrmsr(&(struct emul){.v = &vcpu});
}

static void msrs(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool ours = EFER_OURS >> bit & 1;

		assert_int_equal(wrmsr_of(MSR_EFER, 1ull << bit), ours ? EMUL_DONE : EMUL_REFUSED);
		assert_false(fv.efer & ~EFER_OURS);
	}
	assert_int_equal(wrmsr_of(MSR_EFER, 0), EMUL_DONE);
	dropped = 0;
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE), EMUL_DONE);
	assert_int_equal(dropped, 1);
	for (uint32_t msr = 0xc0000081; msr < 0xc0000110; msr++) {
		assert_int_equal(wrmsr_of(msr, 0), EMUL_REFUSED);
		vcpu.regs.rcx = msr;
		assert_int_equal(fv_rdmsr(&(struct emul){.v = &vcpu}), EMUL_REFUSED);
	}
}

/* What is loaded again, and when: a root by CR3, and by whatever turns paging on or changes its meaning. */
static void roots_are_loaded(void **state)
{
	struct emul e = {.v = &vcpu, .regs = &vcpu.regs, .insn = {.opcode = OP_0F(0x22)}};
	uint32_t value[] = {CR0_PE | CR0_PG, 0, 0x1234, 0x3000, CR4_PAE};

	assert_int_equal(write_cr(&vcpu, 3, 0x1000), EMUL_DONE);
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), EMUL_DONE);
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE), EMUL_DONE);
	assert_int_equal(loaded, 0);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), EMUL_DONE);
	assert_int_equal(loaded, 1);
	assert_true(fv.pdpte[1] == CODE0); /* the GDT's page, as it is */
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG | CR0_TS), EMUL_DONE);
	assert_true(vcpu.pv.ts_virtual);
	assert_int_equal(loaded, 1);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE | CR0_PG), EMUL_DONE);
	assert_false(vcpu.pv.ts_virtual);
	assert_int_equal(write_cr(&vcpu, 3, 0x2000), EMUL_DONE);
	assert_int_equal(loaded, 2);
	assert_int_equal(write_cr(&vcpu, 4, CR4_PAE), EMUL_DONE);
	assert_int_equal(loaded, 3);
	dropped = 0;
	assert_int_equal(wrmsr_of(MSR_EFER, EFER_NXE | EFER_SCE), EMUL_DONE);
	assert_int_equal(loaded, 3);
	assert_int_equal(dropped, 0);
	assert_int_equal(wrmsr_of(MSR_EFER, 0), EMUL_DONE);
	assert_int_equal(loaded, 4);
	assert_int_equal(fv_write_cr0(&vcpu, CR0_PE), EMUL_DONE);
	assert_int_equal(loaded, 4);
	/* By instruction, and what is read back. */
	for (unsigned reg = 0; reg < 8; reg++) {
		bool there = reg < 5 && reg != 1;

		e.insn.opcode = OP_0F(0x22);
		e.insn.reg = reg;
		vcpu.regs.rax = there ? value[reg] : 0;
		assert_int_equal(fv_mov_cr(&e), there ? EMUL_DONE : EMUL_REFUSED);
		e.insn.opcode = OP_0F(0x20);
		vcpu.regs.rax = 77;
		assert_int_equal(fv_mov_cr(&e), there ? EMUL_DONE : EMUL_REFUSED);
		assert_int_equal(vcpu.regs.rax, there ? value[reg] : 77);
	}
}

static void msrs_tell(void **state)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} list[] = {{MSR_EFER, EFER_NXE},
		    {MSR_PAT, PAT_RESET},
		    {MSR_APIC_BASE, 0},
		    {MSR_SYSENTER_CS, 0},
		    {MSR_SYSENTER_EIP, 0}};

	wrmsr_of(MSR_EFER, EFER_NXE);
	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		vcpu.regs.rcx = list[i].msr;
		vcpu.regs.rax = vcpu.regs.rdx = ~0ull;
		assert_int_equal(fv_rdmsr(&(struct emul){.v = &vcpu}), EMUL_DONE);
		assert_int_equal(vcpu.regs.rax, (uint32_t)list[i].value);
		assert_int_equal(vcpu.regs.rdx, list[i].value >> 32);
	}
}

/* ---- interrupts ---- */

static void interrupts_are_delivered(void **state)
{
	static const struct guest_abi abi = {.word_shift = 5};
	static uint32_t pending[32];
	static union vcpu_view info;

	domain.abi = &abi;
	domain.evt.pending = pending;
	vcpu.info = &info;
	info.upcall_pending = 1;
	info.pv32.pending_sel = pending[0] = ~0u;
	fv_deliver(&vcpu); /* a look was asked for, and there is nothing */
	assert_int_equal(info.upcall_pending, 0);
	assert_int_equal(vcpu.regs.rip, 0x100);
	assert_int_equal(info.pv32.pending_sel, 0);
	assert_int_equal(pending[0], ~0u);
	assert_int_equal(polls, 1);
	assert_int_equal(synced, 1);
	fv.console_port = 5;
	interrupts = 1;
	fv_deliver(&vcpu);
	assert_int_equal(pending[0], ~(1u << 5));
	assert_int_equal(info.upcall_pending, 0);
	assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
	interrupts = 2;
	fv_deliver(&vcpu);
	assert_int_equal(info.upcall_pending, 1);
	assert_int_equal(vcpu.regs.rip, HANDLER + 0x21);
	first_vector = 0; /* the controller is not set up */
	fv_deliver(&vcpu);
	assert_int_equal(vcpu.regs.rip, HANDLER);
	assert_int_equal(crashes, 0);
}

/* Where CPUID faults, it is told what the processor says. */
static void cpuid_tells(void **state)
{
	struct emul e = {.v = &vcpu, .regs = &vcpu.regs};
	uint32_t is[4];

	cpuid(0x80000002, 0, is);
	vcpu.regs.rax = 0x80000002;
	vcpu.regs.rbx = vcpu.regs.rdx = ~0ull;
	vcpu.regs.rcx = 0;
	assert_int_equal(fv_cpuid(&e), EMUL_DONE);
	assert_true(vcpu.regs.rax == is[0] && vcpu.regs.rbx == is[1]);
	assert_true(vcpu.regs.rcx == is[2] && vcpu.regs.rdx == is[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(control_registers, setup),
	    cmocka_unit_test_setup(msrs, setup),
	    cmocka_unit_test_setup(roots_are_loaded, setup),
	    cmocka_unit_test_setup(msrs_tell, setup),
	    cmocka_unit_test_setup(interrupts_are_delivered, setup),
	    cmocka_unit_test_setup(cpuid_tells, setup),
	};

	return cmocka_run_group_tests_name("fv control", tests, NULL, NULL);
}
