/* SPDX-License-Identifier: MIT */
/*
 * Specification of a PV guest's control and debug registers (hypervisor/emul/control.c):
 *   control    CR0 changes in TS alone, CR3 as the page tables permit, 32 bits from 32-bit code; errors are told apart
 */
#include "emul_host.h"

static void cr0_and_ts(void **state)
{
	r->rax = 0;
	comes("\x0f\x20\xc0", EMUL_DONE); /* mov rax, cr0 */
	assert_int_equal(r->rax, CR0_PE | CR0_WP);
	comes("\x0f\x22\xc0", EMUL_DONE); /* and back: nothing changes */
	assert_int_equal(host_cr0, CR0_PE);
	r->rax |= CR0_TS;
	comes("\x0f\x22\xc0", EMUL_DONE);
	assert_true(vcpu.pv.ts_virtual);
	assert_int_equal(host_cr0, CR0_PE | CR0_TS);
	r->rbx = 0;
	comes("\x0f\x20\xc3", EMUL_DONE);
	assert_int_equal(r->rbx, CR0_PE | CR0_WP | CR0_TS);
	r->rax = CR0_WP;
	comes("\x0f\x22\xc0", EMUL_REFUSED);
	assert_true(vcpu.pv.ts_virtual);
	comes("\x0f\x06", EMUL_DONE);
	assert_false(vcpu.pv.ts_virtual);
	assert_int_equal(host_cr0, CR0_PE);
	host_cr0 = CR0_PE | CR0_TS; /* the processor's, left alone where there is no need */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(host_cr0, CR0_PE | CR0_TS);
}

static void other_crs(void **state)
{
	r->rax = 0x1234567890;
	comes("\x0f\x22\xd0", EMUL_DONE); /* cr2 */
	assert_int_equal(cr2, 0x1234567890);
	comes("\x0f\x20\xd1", EMUL_DONE);
	assert_int_equal(r->rcx, 0x1234567890);
	r->rax = CR4_OSXSAVE | CR4_UMIP;
	fpu_value = 7;
	comes("\x0f\x22\xe0", EMUL_DONE);
	assert_int_equal(vcpu.pv.cr4, CR4_PAE | CR4_OSXSAVE);
	assert_true(fpu_value);
	comes("\x0f\x20\xe3", EMUL_DONE);
	assert_int_equal(r->rbx, CR4_PAE | CR4_OSXSAVE);
	r->rax = 0;
	comes("\x0f\x22\xe0", EMUL_DONE);
	assert_false(fpu_value);
	comes("\x0f\x22\xc8", EMUL_REFUSED); /* cr1 */
	comes("\x0f\x20\xc8", EMUL_REFUSED);
	comes("\x44\x0f\x22\xc0", EMUL_REFUSED); /* cr8 */
	comes("\x44\x0f\x20\xc0", EMUL_REFUSED);
	abi.flat_mode = 32;
	r->rax = 0x1234567890;
	comes("\x0f\x22\xd0", EMUL_DONE);
	assert_int_equal(cr2, 0x34567890);
	cr2 = 0x9876543210;
	comes("\x0f\x20\xd0", EMUL_DONE);
	assert_int_equal(r->rax, 0x76543210);
}

static void cr3(void **state)
{
	static const struct {
		int root, settle;
		enum emul_result result;
		unsigned settled;
	} row[] = {
	    {0, 0, EMUL_DONE, 1},          {PT_LEFT, 0, EMUL_DONE, 1},
	    {0, -ERESTART, EMUL_AGAIN, 1}, {PT_LEFT, -ERESTART, EMUL_AGAIN, 1},
	    {-EINVAL, 0, EMUL_REFUSED, 0}, {-ERESTART, 0, EMUL_AGAIN, 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		root_rc = row[i].root;
		settle_rc = row[i].settle;
		calls = 0;
		r->rdi = 0x5000 + i * 0x1000;
		comes("\x0f\x22\xdf", row[i].result);
		assert_int_equal(vcpu.mm.root, 5 + i);
		assert_int_equal(calls, row[i].settled);
	}
	comes("\x0f\x20\xde", EMUL_DONE);
	assert_int_equal(r->rsi, 0xa000);
}

static void debug_registers(void **state)
{
	r->rdi = 0x1122334455;
	comes("\x0f\x23\xdf", EMUL_DONE); /* mov dr3, rdi */
	assert_int_equal(vcpu.pv.debugreg[3], 0x1122334455);
	comes("\x0f\x21\xd8", EMUL_DONE);
	assert_int_equal(r->rax, 0x1122334455);
	abi.flat_mode = 32;
	comes("\x0f\x21\xd8", EMUL_DONE);
	assert_int_equal(r->rax, 0x22334455);
	comes("\x0f\x23\xdf", EMUL_DONE);
	assert_int_equal(vcpu.pv.debugreg[3], 0x22334455);
	abi.flat_mode = 64;
	r->rax = 5;
	dr_rc = -EPERM;
	comes("\x0f\x23\xdf", EMUL_REFUSED);
	comes("\x0f\x21\xd8", EMUL_REFUSED);
	comes("\x44\x0f\x21\xf8", EMUL_UNDEFINED); /* dr15 */
	dr_rc = -ENODEV;
	comes("\x0f\x21\xe0", EMUL_UNDEFINED); /* dr4 with CR4.DE */
	comes("\x0f\x23\xe0", EMUL_UNDEFINED);
	dr_rc = -EINVAL;
	comes("\x0f\x21\xf8", EMUL_REFUSED); /* dr7 exists */
	assert_int_equal(r->rax, 5);
}

static void xcr0(void **state)
{
	r->rax = 0xffffffff00000007;
	r->rdx = 2;
	comes("\x0f\x01\xd1", EMUL_UNDEFINED);
	vcpu.pv.cr4 |= CR4_OSXSAVE;
	comes("\x0f\x01\xd1", EMUL_DONE);
	assert_int_equal(fpu_value, 0x200000007);
	r->rax = 2; /* without x87 */
	comes("\x0f\x01\xd1", EMUL_REFUSED);
	r->rax = 7;
	r->rcx = 1;
	comes("\x0f\x01\xd1", EMUL_REFUSED);
	r->rcx = 1ull << 32;
	comes("\x0f\x01\xd1", EMUL_DONE);
	comes("\x0f\x01\xd0", EMUL_REFUSED); /* xgetbv */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(cr0_and_ts, setup), cmocka_unit_test_setup(other_crs, setup),
	    cmocka_unit_test_setup(cr3, setup),        cmocka_unit_test_setup(debug_registers, setup),
	    cmocka_unit_test_setup(xcr0, setup),
	};

	return cmocka_run_group_tests_name("emul_control", tests, NULL, NULL);
}
