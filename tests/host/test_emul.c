/* SPDX-License-Identifier: MIT */
/*
 * Specification of the way to a PV guest's emulated instruction (hypervisor/emul/pv.c):
 *   fetch      the bytes at RIP by the code segment's base, size and presence; to the end of the last page that is there
 *   forced     the prefix is seen wherever it lies, and only the whole of it
 *   first      XGETBV and XSETBV give the vCPU its XCR0, once
 *   who may    kernels all, applications ports and the interrupt flag by the virtual IOPL; a row for each instruction
 *   memory     what an instruction reads and writes is allowed by the rights of the code that executes it, in both pages
 */
#include "emul_host.h"

/* ---- fetch ---- */

static void bytes_of_flat_code(void **state)
{
	uint8_t bytes[FETCH_BYTES];
	unsigned mode;

	for (unsigned before = 1; before <= 40; before++) {
		for (int missing = 0; missing < 2; missing++) {
			one_page = missing;
			memset(code, 0x11, PAGE_SIZE);
			code[PAGE_SIZE - before] = 0x77;
			r->rip = (gva_t)code + PAGE_SIZE - before;
			mode = 0;
			assert_int_equal(emul_fetch(&vcpu, bytes, &mode),
					 missing ? MIN(before, INSN_MAX) : INSN_MAX);
			assert_int_equal(mode, 64);
			assert_int_equal(bytes[0], 0x77);
		}
	}
	one_page = false;
	r->cs = SEL_GUEST_CS64 + 8; /* the other flat one */
	abi.flat_mode = 32;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 32);
	r->rip = (gva_t)code + 2 * PAGE_SIZE - 1; /* the last byte that is there */
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 1);
	abi.low_end = (gva_t)code; /* the hypervisor's own, which it could read */
	r->rip = (gva_t)code;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
}

static void bytes_by_segment(void **state)
{
	uint8_t bytes[FETCH_BYTES];
	unsigned mode;

	code[0] = 0x77;
	r->cs = 8;
	segment[1] = (struct segment){.base = 0x1000, .code = true};
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 16);
	assert_int_equal(bytes[0], 0x77);
	segment[1].base = 0xfffff000; /* the sum wraps at 4 GiB */
	segment[1].big = true;
	r->rip = (gva_t)code + 0x1000;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 32);
	assert_int_equal(bytes[0], 0x77);
	segment[1].code64 = true; /* 64-bit code has no base */
	r->rip = (gva_t)code;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), INSN_MAX);
	assert_int_equal(mode, 64);
	assert_int_equal(bytes[0], 0x77);
	r->rip = (gva_t)code + 2 * PAGE_SIZE; /* nothing is there */
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	r->rip = (gva_t)code;
	segment[1].code = false;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	segment[0].code = true;
	r->cs = NO_SELECTOR;
	assert_int_equal(emul_fetch(&vcpu, bytes, &mode), 0);
	segment[1] = (struct segment){.code = true, .big = true};
	r->cs = 8;
	assert_int_equal(meets(PAGE_SIZE, "\x0f\x06", 2), EMUL_DONE);
	r->rip = ~0u;
	emul_advance(&vcpu, 1); /* in 32 bits */
	assert_int_equal(r->rip, 0);
	r->cs = SEL_GUEST_CS64;
	r->rip = ~0u;
	r->rflags |= RFLAGS_RF;
	emul_advance(&vcpu, 1);
	assert_int_equal(r->rip, 1ull << 32);
	assert_int_equal(r->rflags, RFLAGS_MBS);
}

static void forced_cpuid(void **state)
{
	static const char prefix[] = "\x0f\x0bxen\x0f\xa2";

	for (unsigned before = 7; before <= 20; before++) {
		for (unsigned bit = 0; bit <= 56; bit++) {
			uint8_t *at = code + 2 * PAGE_SIZE - before;

			memcpy(at, prefix, 7);
			if (bit < 56)
				at[bit / 8] ^= 1 << bit % 8;
			r->rip = (gva_t)at;
			calls = 0;
			assert_int_equal(emul_undefined(&vcpu), bit == 56 ? UD_DONE : UD_FAULT);
			assert_int_equal(calls, bit == 56);
			assert_int_equal(r->rip, (gva_t)at + (bit == 56 ? 7 : 0));
		}
	}
	for (unsigned before = 0; before < 7; before++) {
		uint8_t *at = code + PAGE_SIZE - before;

		memcpy(at, prefix, 7);
		r->rip = (gva_t)at;
		assert_int_equal(emul_undefined(&vcpu), UD_DONE);
		one_page = true;
		r->rip = (gva_t)at;
		assert_int_equal(emul_undefined(&vcpu),
				 before ? UD_FAULT
					: UD_DONE); /* the word at a page's beginning is read at once */
		one_page = false;
	}
	memcpy(code, prefix, 7);
	r->cs = 8; /* in another segment */
	segment[1] = (struct segment){.base = 0x1000, .code = true, .big = true};
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_undefined(&vcpu), UD_DONE);
	segment[1].code = false;
	r->rip = (gva_t)code - 0x1000;
	assert_int_equal(emul_undefined(&vcpu), UD_FAULT);
	r->cs = SEL_GUEST_CS64;
	r->rip = (gva_t)code;
	abi.low_end = (gva_t)code; /* not the guest's to execute */
	assert_int_equal(emul_undefined(&vcpu), UD_FAULT);
}

/* The first XGETBV or XSETBV of a vCPU, once, and nothing that looks like them. */
static void first_xcr0(void **state)
{
	static const uint8_t op[] = {0x0f, 0x01, 0xd0};

	r->rip = (gva_t)code;
	for (unsigned bit = 0; bit <= 24; bit++) {
		memcpy(code, op, sizeof(op));
		if (bit < 24)
			code[bit / 8] ^= 1 << bit % 8;
		for (unsigned osxsave = 0; osxsave < 2; osxsave++) {
			bool ours = osxsave && (bit == 16 || bit == 24); /* bit 16: XSETBV */

			vcpu.fpu->xcr0 = 0;
			vcpu.pv.cr4 = CR4_PAE | (osxsave ? CR4_OSXSAVE : 0);
			assert_int_equal(emul_undefined(&vcpu), ours ? UD_AGAIN : UD_FAULT);
			assert_int_equal(vcpu.fpu->xcr0, ours);
			assert_int_equal(r->rip, (gva_t)code);
			assert_int_equal(emul_undefined(&vcpu), UD_FAULT); /* it is on */
		}
	}
}

/* ---- who may ---- */

static void virtual_iopl(void **state)
{
	for (unsigned n = 0; n < 16; n++) {
		unsigned cpl;

		kernel = n & 4;
		vcpu.entry.special.iopl = n & 8; /* the guest's kernel sees itself in ring 0, or in ring 1 */
		vcpu.dom.iopl = n & 3;
		cpl = !kernel ? 3 : n & 8 ? 0 : 1;
		assert_int_equal(emul_iopl_ok(&vcpu), cpl <= vcpu.dom.iopl);
		comes("\xfa", cpl <= vcpu.dom.iopl ? EMUL_DONE : EMUL_REFUSED);
		comes("\xfb", cpl <= vcpu.dom.iopl ? EMUL_DONE : EMUL_REFUSED);
	}
}

static void each_instruction(void **state)
{
	static const struct {
		char bytes[4];
		unsigned n;
		enum emul_result (*to)(struct emul *e);
	} row[] = {
	    {"\x6c", 1, emul_string_io}, {"\x6f", 1, emul_string_io}, {"\xe4\x70", 2, emul_pv_io},
	    {"\xe7\x70", 2, emul_pv_io}, {"\xec", 1, emul_pv_io},     {"\xef", 1, emul_pv_io},
	    {"\x0f\xa2", 2, NULL},       {"\x0f\x30", 2, emul_wrmsr}, {"\x0f\x32", 2, emul_rdmsr},
	    {"\x0f\x08", 2, NULL},       {"\x0f\x09", 2, NULL},       {"\x0f\x06", 2, NULL},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		kernel = true;
		assert_int_equal(meets(100, row[i].bytes, row[i].n), EMUL_DONE);
		assert_ptr_equal(asked, row[i].to);
		kernel = false;
		assert_int_equal(meets(100, row[i].bytes, row[i].n), i < 7 ? EMUL_DONE : EMUL_REFUSED);
		assert_ptr_equal(asked, i < 6 ? row[i].to : NULL);
	}
	assert_int_equal(calls, 2); /* CPUID, by both: on processors that fault on it */
	kernel = true;
	comes("\x90", EMUL_REFUSED);         /* not in the table at all, */
	comes("\xcf", EMUL_REFUSED);         /* or for others than PV */
	comes("\x0f\x00\xd0", EMUL_REFUSED); /* lldt */
	e.insn.opcode = OP_0F(0x06);         /* what was decoded before is not done again */
	vcpu.pv.ts_virtual = true;
	comes("\x90", EMUL_REFUSED);
	abi.low_end = (gva_t)code; /* there are no bytes for it */
	assert_int_equal(emul_privileged(&e, &vcpu), EMUL_REFUSED);
	assert_true(vcpu.pv.ts_virtual);
	abi.low_end = 1ull << 47;
	code[2 * PAGE_SIZE - 1] = 0xe4; /* and of one that is cut short the beginning is none */
	r->rip = (gva_t)code + 2 * PAGE_SIZE - 1;
	asked = NULL;
	assert_int_equal(emul_privileged(&e, &vcpu), EMUL_REFUSED);
	assert_null(asked);
	e.dr6 = 0xf; /* met by none yet */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(e.dr6, 0);
	r->rflags |= RFLAGS_TF; /* it is to be stepped */
	comes("\x0f\x06", EMUL_DONE);
	assert_int_equal(e.dr6, DR6_BS);
	r->rflags &= ~RFLAGS_TF;
	assert_ptr_equal(e.v, &vcpu);
	assert_ptr_equal(e.regs, r);
}

/* ---- memory ---- */

static void memory(void **state)
{
	gva_t end = (gva_t)code + PAGE_SIZE, at = end - 2; /* four bytes from there lie in two pages */
	const struct emul_face *face = &emul_pv_face;
	uint32_t value = 0;

	emul_begin(&e, &vcpu, face);
	for (unsigned n = 0; n < 8; n++) {
		uint32_t user = n & 1 ? PF_USER : 0, present = n & 2 ? PF_PRESENT : 0;

		r->cs = n & 1 ? SEL_GUEST_CS64 : 0xe019; /* ring 3, or ring 1 */
		mapped = n & 2;
		no_access[0] = no_access[1] = 0;
		memcpy((void *)at, "abcd", 4);
		assert_int_equal(face->read(&e, at, &value, 4), EMUL_DONE);
		assert_memory_equal(&value, "abcd", 4);
		assert_int_equal(walked_as, user);
		assert_int_equal(face->may_write(&e, at, 4), EMUL_DONE);
		assert_int_equal(walked_as, user | PF_WRITE);
		no_access[n >> 2] = end >> PAGE_SHIFT; /* the second page cannot be used, or not be written */
		assert_int_equal(face->read(&e, at, &value, 4), n >> 2 ? EMUL_DONE : EMUL_FAULT);
		if (!(n >> 2)) {
			assert_int_equal(e.fault_address, end);
			assert_int_equal(e.fault_error, user | present);
		}
		assert_int_equal(face->read(&e, at, &value, 2), EMUL_DONE);
		assert_int_equal(face->may_write(&e, at, 2), EMUL_DONE);
		assert_int_equal(face->may_write(&e, at, 4), EMUL_FAULT);
		assert_int_equal(e.fault_address, end);
		assert_int_equal(e.fault_error, user | PF_WRITE | present);
		no_access[n >> 2] = at >> PAGE_SHIFT;
		assert_int_equal(face->may_write(&e, at + 1, 4), EMUL_FAULT);
		assert_int_equal(e.fault_address, at + 1);
	}
	no_access[0] = no_access[1] = 0;
	abi.low_end = end; /* where the hypervisor's memory begins */
	assert_int_equal(face->read(&e, at, &value, 2), EMUL_DONE);
	assert_int_equal(face->read(&e, at, &value, 4), EMUL_FAULT);
	assert_int_equal(e.fault_address, end);
	assert_int_equal(face->may_write(&e, end, 1), EMUL_FAULT);
	abi.low_end = 1ull << 47;
	/* It goes between the look and the access. */
	one_page = true;
	assert_int_equal(face->read(&e, at, &value, 4), EMUL_AGAIN);
	assert_int_equal(face->write(&e, at, &value, 4), EMUL_AGAIN);
	one_page = false;
	assert_int_equal(face->write(&e, at, &value, 4), EMUL_DONE);
	assert_int_equal(written, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(bytes_of_flat_code, setup),
	    cmocka_unit_test_setup(bytes_by_segment, setup),
	    cmocka_unit_test_setup(forced_cpuid, setup),
	    cmocka_unit_test_setup(first_xcr0, setup),
	    cmocka_unit_test_setup(virtual_iopl, setup),
	    cmocka_unit_test_setup(each_instruction, setup),
	    cmocka_unit_test_setup(memory, setup),
	};

	return cmocka_run_group_tests_name("emul", tests, NULL, NULL);
}
