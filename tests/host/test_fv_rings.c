/* SPDX-License-Identifier: MIT */
/*
 * Specification of what keeps an fv domain's kernel in ring 1 (docs/fv.md):
 *   - of its descriptors the processor gets to see 32-bit code and data of rings 1 to 3 alone: no 64-bit code, no gate, no
 *     TSS, no LDT, nothing of ring 0, no null descriptor, nothing beyond its limit, and code of ring 3 only where ring 3 runs;
 *   - a handler is entered by an interrupt or trap gate of 32 bits within the guest's table, to code of its ring 0, on the
 *     stack that its whole TSS names, and by INT from ring 3 only where the gate allows that; else the domain ends;
 *   - IRET goes to the guest's rings 0 and 3 and nowhere else, and neither the real IF nor IOPL nor VM is its to set.
 */
#include "fv_rings_host.h"

/* ---- descriptors ---- */

static uint8_t raised;
static void refused(struct vcpu *v, uint8_t vector, unsigned length, uint8_t instead)
{
	assert_int_equal(vector, 0x20);
	assert_int_equal(length, 7);
	raised = instead;
}
static void by_int(uint8_t vector)
{
	raised = 0;
	fv_inject_int(&vcpu, vector, 7, refused);
}

static void harmless(uint64_t d, bool user_runs)
{
	bool code3 = (d & DESC_P) && (d & DESC_CODE) && (d & DESC_DPL) == DESC_DPL;

	if (!d)
		return;
	assert_true(d & DESC_S);                       /* no gate, TSS, LDT */
	assert_false((d & DESC_CODE) && (d & DESC_L)); /* no 64-bit code */
	assert_true(d & DESC_DPL);                     /* nothing of ring 0 */
	assert_true(d & DESC_ACCESSED);                /* or the processor writes to the copy */
	assert_false(code3 && !user_runs);
}

/* Every type, S, DPL, P, L, D, and the rest at random, at every place of the table, whether or not ring 3 runs. */
static void descriptors(void **state)
{
	srand(3);
	fv.gdtr.limit = 0xffff;
	for (unsigned n = 0; n < 1u << 11; n++) {
		uint64_t raw = (uint64_t)(n & 0xff) << 40 | (uint64_t)(n >> 8) << 53 |
			       ((uint64_t)rand() << 32 ^ rand()) % 0xffffff;
		unsigned i = n % 7 ? n % FV_GDT_ENTRIES : 0;
		bool differs;

		fv.gdt_changed = false;
		differs = i < fv.gdt_entries ? fv.gdt_raw[i] != raw : raw != 0;
		put_descriptor(i, raw);
		fv_segments_user_code(&fv, n & 1);
		assert_int_equal(fv_segments_sync(&fv), differs);
		assert_int_equal(fv.gdt_changed, differs);
		assert_int_equal(fv.gdt[0], 0);
		for (unsigned k = 0; k < FV_GDT_ENTRIES; k++)
			harmless(fv.gdt[k], n & 1);
		fv_segments_user_code(&fv, !(n & 1));
		assert_int_equal(fv.gdt[0], 0);
		harmless(fv.gdt[i], !(n & 1));
		if (i && (raw & DESC_P) && (raw & DESC_S) && !((raw & DESC_CODE) && (raw & DESC_L)))
			assert_true((fv.gdt[i] | DESC_P | DESC_DPL) ==
				    (raw | DESC_P | DESC_DPL | DESC_ACCESSED));
	}
}

static void limits(void **state)
{
	uint64_t d;
	uint32_t base;

	put_descriptor(8, CODE0);
	fv_segments_sync(&fv);
	assert_int_equal(fv.gdt[8], 0);
	assert_false(fv_descriptor(&fv, 0x40, &d));
	assert_true(fv_descriptor(&fv, 0x38, &d));
	fv.gdtr.limit = 8 * 8 + 6; /* the last byte of it is not in */
	assert_false(fv_descriptor(&fv, 0x40, &d));
	fv_segments_sync(&fv);
	assert_int_equal(fv.gdt[8], 0);
	fv.gdtr.limit = 8 * 8 + 7;
	assert_true(fv_descriptor(&fv, 0x40, &d));
	fv_segments_sync(&fv);
	assert_true(fv_code32(&fv, 0x41, &base));
	for (unsigned rpl = 0; rpl < 4; rpl++) {
		assert_false(fv_descriptor(&fv, rpl, &d));       /* null */
		assert_false(fv_descriptor(&fv, 0xc | rpl, &d)); /* in an LDT, which it does not have */
	}
	fv.gdtr.limit = 0xf; /* less than before: what was there is gone */
	fv_segments_sync(&fv);
	assert_true(fv.gdt[1]);
	assert_int_equal(fv.gdt[2] | fv.gdt[3] | fv.gdt[8], 0);
	fv.gdtr = (struct fv_table){0xffffffc0, 0xffff}; /* it wraps, and is not mapped */
	fv_segments_sync(&fv);
	for (unsigned k = 0; k < FV_GDT_ENTRIES; k++)
		harmless(fv.gdt[k], false);
	assert_false(fv_descriptor(&fv, 0x10, &d));
	assert_true(fv_descriptor(&fv, 0x1040 + 8, &d)); /* at 0x1008, as the processor counts */
	assert_true(d == CODE0);
}

/* ---- the way in ---- */

static void entered(void **state)
{
	uint32_t frame[5];

	fv_inject_error(&vcpu, 13, 0x77);
	assert_int_equal(vcpu.regs.rip, HANDLER + 13);
	assert_int_equal(vcpu.regs.cs, KCODE | 1);
	assert_int_equal(vcpu.regs.rsp, 0x6000 - 16);
	memcpy(frame, ram + vcpu.regs.rsp, sizeof(frame));
	assert_int_equal(frame[0], 0x77);
	assert_int_equal(frame[2], KCODE);
	assert_int_equal(frame[3], RFLAGS_IF | RFLAGS_MBS);
	assert_int_equal(vcpu.info->upcall_mask, 1);
	in_user();
	put_gate(0x30, gate_of(GATE_TRAP, 3, KCODE, HANDLER));
	by_int(0x30);
	assert_int_equal(vcpu.regs.rip, HANDLER);
	assert_int_equal(vcpu.regs.rsp, STACK - 20);
	assert_false(fv.user_code);
	assert_int_equal(crashes, 0);
}

/* INT n from ring 3 where the gate does not allow it: #GP. Ring 0 may. */
static void gates_privilege(void **state)
{
	for (unsigned dpl = 0; dpl < 4; dpl++) {
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		in_user();
		by_int(0x20);
		assert_int_equal(raised, dpl < 3 ? TRAP_GP : 0);
		assert_int_equal(vcpu.regs.rip, dpl < 3 ? 0x100 : HANDLER + 0x20);
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		by_int(0x20);
		assert_int_equal(raised, 0);
		assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, dpl, KCODE, HANDLER + 0x20));
		in_user();
		fv_inject(&vcpu, 0x20); /* an interrupt does not ask */
		assert_int_equal(vcpu.regs.rip, HANDLER + 0x20);
	}
}

static void ends(void)
{
	uint64_t rip = vcpu.regs.rip, cs = vcpu.regs.cs;

	fv_inject(&vcpu, 0x20);
	assert_int_equal(crashes, 1);
	assert_int_equal(vcpu.regs.rip, rip);
	assert_int_equal(vcpu.regs.cs, cs);
}

static void odd_gates(void **state)
{
	static const uint16_t no_code[] = {0, 3, KDATA, UCODE, UDATA, KCODE | 4, 0x38, 0x40, 0xfff8};

	for (unsigned type = 0; type < 32; type++) {
		if ((type | 1) == GATE_TRAP)
			continue;
		setup(NULL);
		put_gate(0x20, gate_of(type, 3, KCODE, HANDLER));
		ends();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(no_code); i++) {
		setup(NULL);
		put_gate(0x20, gate_of(GATE_TRAP, 3, no_code[i], HANDLER));
		ends();
	}
	setup(NULL);
	put_gate(0x20, gate_of(GATE_TRAP, 3, KCODE, HANDLER) & ~DESC_P);
	ends();
	setup(NULL);
	fv.idtr.limit = 0x20 * 8 + 6;
	ends();
	setup(NULL);
	fv.idtr.limit = 0x20 * 8 + 7;
	fv_inject(&vcpu, 0x20);
	assert_int_equal(crashes, 0);
	setup(NULL);
	fv.idtr = (struct fv_table){0xffffff80, 0xffff}; /* it wraps */
	ends();
}

static void raises(uint8_t vector)
{
	by_int(0x20);
	assert_int_equal(raised, vector);
	assert_int_equal(crashes, 0);
	assert_int_equal(vcpu.regs.rip, 0x100);
}

/* INT n of an application must not be the end of its kernel, whatever the gate is. */
static void odd_gates_by_int(void **state)
{
	for (unsigned user = 0; user < 2; user++) {
		for (unsigned type = 0; type < 32; type++) {
			if ((type | 1) == GATE_TRAP)
				continue;
			setup(NULL);
			if (user)
				in_user();
			put_gate(0x20, gate_of(type, 3, KCODE, HANDLER));
			raises(13);
		}
		setup(NULL);
		if (user)
			in_user();
		put_gate(0x20, gate_of(GATE_TRAP, 3, KCODE, HANDLER) & ~DESC_P);
		raises(11);
		setup(NULL);
		if (user)
			in_user();
		fv.idtr.limit = 0x20 * 8 + 6;
		raises(13);
	}
}

/* The TSS as far as its limit; the stack wherever it leads, but all of the frame or nothing. */
static void odd_stacks(void **state)
{
	static const uint32_t bad[] = {4, 19, sizeof(ram) + 8, 0xffffffff, 0x80000000};

	setup(NULL);
	in_user();
	fv.tss.limit = TSS_ESP0 + 6;
	ends();
	setup(NULL);
	in_user();
	fv.tss.limit = TSS_ESP0 + 7;
	fv_inject(&vcpu, 0x20);
	assert_int_equal(crashes, 0);
	setup(NULL);
	in_user();
	fv.tss.base = 0xfffffff8;
	ends();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(NULL);
		in_user();
		memcpy(ram + TSS + 4, &bad[i], 4);
		ends();
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(NULL);
		vcpu.regs.rsp = bad[i] < 19 ? bad[i] : bad[i] == 19 ? 11 : bad[i];
		ends();
	}
}

/* ---- the way back ---- */

static bool iret(uint32_t cs, uint32_t flags, uint32_t ss)
{
	const uint32_t frame[] = {0x1234, cs, flags, 0x7000, ss};

	memcpy(ram + 0x6000, frame, sizeof(frame));
	vcpu.regs.rsp = 0x6000;
	vcpu.regs.cs = KCODE | 1;
	return fv_iret(&vcpu, true);
}

static void returns(void **state)
{
	for (unsigned rpl = 0; rpl < 4; rpl++)
		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t flags = 1u << bit, cs = rpl == 3 ? UCODE : KCODE | rpl;
			bool ok = rpl % 3 == 0 && !(flags & RFLAGS_VM);

			setup(NULL);
			assert_int_equal(iret(cs, flags, UDATA), ok);
			assert_int_equal(vcpu.regs.cs & 3, !ok || rpl == 0 ? 1 : 3);
			assert_true(vcpu.regs.rflags & RFLAGS_IF);
			assert_false(vcpu.regs.rflags & (RFLAGS_IOPL | RFLAGS_VM));
			assert_int_equal(vcpu.info->upcall_mask, ok ? !(flags & RFLAGS_IF) : 0);
			assert_int_equal(fv.user_code, ok && rpl == 3);
		}
	setup(NULL);
	assert_false(fv_iret(&vcpu, false));
	for (unsigned rpl = 0; rpl < 3; rpl++)
		assert_false(iret(UCODE, 0, KDATA | rpl)); /* ring 3 with a stack of another */
	vcpu.regs.rsp = sizeof(ram) - 4;
	assert_true(fv_iret(&vcpu, true));
	assert_int_equal(vcpu.regs.rip, HANDLER + 14);
	assert_int_equal(fv.cr2, sizeof(ram));
}

static void flags_on_the_way_in(void **state)
{
	vcpu.regs.rflags |= RFLAGS_TF | RFLAGS_NT | RFLAGS_DF;
	put_gate(0x20, gate_of(GATE_TRAP, 0, KCODE, HANDLER));
	fv_inject(&vcpu, 0x20);
	assert_int_equal(vcpu.regs.rflags & (RFLAGS_TF | RFLAGS_NT | RFLAGS_DF), RFLAGS_DF);
	assert_int_equal(vcpu.info->upcall_mask, 0); /* a trap gate leaves IF */
	assert_int_equal(vcpu.regs.rsp, 0x6000 - 12);
	fv_inject(&vcpu, 0x21);
	assert_int_equal(vcpu.info->upcall_mask, 1);
	assert_false(fv_flags_get(&vcpu) & RFLAGS_IF);
}

/* Segment registers of ring 3 are loaded again if a descriptor had changed, and only then. */
static void segments_on_the_way_back(void **state)
{
	fv.gdt_changed = false;
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 0);
	put_descriptor(5, DATA3);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 1);
	assert_int_equal(forgotten, 0);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(reloads, 1);
	segments_fail = true;
	put_descriptor(5, 0);
	assert_true(iret(UCODE, 0, UDATA));
	assert_int_equal(forgotten, 1);
	/* To ring 0 they stay. */
	put_descriptor(5, DATA3);
	fv_segments_sync(&fv);
	assert_true(iret(KCODE, 0, 0));
	assert_int_equal(reloads, 2);
	assert_int_equal(vcpu.regs.rsp, 0x6000 + 12);
	assert_true(fv.gdt_changed);
	/* The outer half of the frame is not there. */
	vcpu.regs.rsp = sizeof(ram) - 12;
	memcpy(ram + vcpu.regs.rsp, (uint32_t[]){0x1234, UCODE, 0}, 12);
	assert_true(fv_iret(&vcpu, true));
	assert_int_equal(fv.cr2, sizeof(ram));
	assert_int_equal(vcpu.regs.rip, HANDLER + 14);
}

/* ---- the table of descriptors ---- */

static void what_is_code(void **state)
{
	uint32_t base;

	put_descriptor(5, CODE0 & ~DESC_DB);
	put_descriptor(6, 0x11cf9a223344ffffull);
	put_descriptor(7, CODE0 & ~DESC_P);
	fv_segments_sync(&fv);
	assert_true(fv_code32(&fv, KCODE | 1, &base));
	assert_int_equal(base, 0);
	assert_true(fv_code32(&fv, 0x31, &base));
	assert_int_equal(base, 0x11223344);
	assert_false(fv_code32(&fv, KDATA | 1, &base));
	assert_false(fv_code32(&fv, 0x29, &base)); /* 16 bits */
	assert_false(fv_code32(&fv, 0x39, &base)); /* not present */
	assert_false(fv_code32(&fv, 0, &base));
	for (unsigned selector = FV_GDT_ENTRIES * 8 - 8; selector < 0x10000; selector += 8)
		assert_false(fv_code32(&fv, selector, &base));
}

/* Where its page is known, one look tells that nothing has changed; and each thing that has. */
static void a_known_table(void **state)
{
	fv.tlb[GDT / PAGE_SIZE % FV_TLB_SETS][0] =
	    (struct fv_translation){.tag = GDT | FV_TLB_READ, .pfn = GDT / PAGE_SIZE, .frame = ram + GDT};
	assert_false(fv_segments_sync(&fv));
	put_descriptor(7, DATA3);
	assert_true(fv_segments_sync(&fv));
	assert_true(fv.gdt[7]);
	assert_false(fv_segments_sync(&fv));
	fv.gdtr.limit = 7 * 8 - 1;
	assert_true(fv_segments_sync(&fv));
	assert_int_equal(fv.gdt[7], 0);
	fv.gdtr.limit = 8 * 8 - 1;
	assert_true(fv_segments_sync(&fv));
	assert_true(fv.gdt[7]);
}

static void tables_are_made_and_freed(void **state)
{
	static uint64_t l1[32], page[512];

	fv.gdt = fv.gdt_raw = NULL;
	vcpu.mm.desc_l1 = l1;
	page_left = NULL;
	assert_int_equal(fv_segments_init(&fv), -ENOMEM);
	fv_segments_free(&fv);
	assert_int_equal(freed, 0);
	page_left = page;
	assert_int_equal(fv_segments_init(&fv), -ENOMEM);
	assert_int_equal(l1[0], 0);
	fv_segments_free(&fv);
	assert_int_equal(freed, 1);
	assert_null(fv.gdt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(descriptors, setup),
	    cmocka_unit_test_setup(limits, setup),
	    cmocka_unit_test_setup(entered, setup),
	    cmocka_unit_test_setup(gates_privilege, setup),
	    cmocka_unit_test_setup(odd_gates, setup),
	    cmocka_unit_test_setup(odd_gates_by_int, setup),
	    cmocka_unit_test_setup(odd_stacks, setup),
	    cmocka_unit_test_setup(returns, setup),
	    cmocka_unit_test_setup(flags_on_the_way_in, setup),
	    cmocka_unit_test_setup(segments_on_the_way_back, setup),
	    cmocka_unit_test_setup(what_is_code, setup),
	    cmocka_unit_test_setup(a_known_table, setup),
	    cmocka_unit_test_setup(tables_are_made_and_freed, setup),
	};

	return cmocka_run_group_tests_name("fv rings", tests, NULL, NULL);
}
