/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a vCPU of a pv32 guest is, as others set it, read it, and switch to it (hypervisor/pv/pv32.c,
 * pv32_layout.c, pv32_mm.c; what the kinds share is in test_pv_context.c).
 *   whole     what was set is read back, in the guest's layout; callbacks have selectors, of ring 1 at least
 *   switch    bases come from the tables alone
 *   audit     the table above the root names it
 *   memory    which slots are the guest's; what a root and a carrier get; CR3 folds the frame's upper bits
 */
#define HOST_PV32
#include "pv_host.h"

static uint8_t context32[COMPAT_SIZEOF_vcpu_guest_context], back32[COMPAT_SIZEOF_vcpu_guest_context];
#define WORD32(name) (*(uint32_t *)(context32 + COMPAT_vcpu_guest_context_##name))
#define BACK32(name) (*(uint32_t *)(back32 + COMPAT_vcpu_guest_context_##name))

static void whole(void **state)
{
	uint8_t *trap = context32 + COMPAT_vcpu_guest_context_trap_ctxt + 3 * 8;

	memset(context32, 0, sizeof(context32));
	WORD32(flags) = VGCF_failsafe_disables_events;
	*(uint32_t *)(context32 + COMPAT_vcpu_guest_context_user_regs + COMPAT_cpu_user_regs_eip) = 0x400000;
	*(uint32_t *)(context32 + COMPAT_vcpu_guest_context_user_regs + COMPAT_cpu_user_regs_eflags) = 0x1000;
	*(uint16_t *)(context32 + COMPAT_vcpu_guest_context_user_regs + COMPAT_cpu_user_regs_cs) = 0x10;
	*(uint16_t *)(context32 + COMPAT_vcpu_guest_context_user_regs + COMPAT_cpu_user_regs_ss) = 0x1b;
	trap[0] = 3;
	trap[1] = 5;
	*(uint16_t *)(trap + 2) = 0x10;
	*(uint32_t *)(trap + 4) = 0x404000;
	WORD32(event_callback_cs) = 0x10;
	WORD32(event_callback_eip) = 0x401000;
	WORD32(failsafe_callback_cs) = 0x12;
	WORD32(failsafe_callback_eip) = 0x402000;
	(&WORD32(ctrlreg))[3] = 0x2000 | 1; /* the frame number's upper bits are below */
	(&WORD32(gdt_frames))[13] = 0x1e;
	WORD32(gdt_ents) = 5;
	assert_int_equal(pv32_set_context(v, context32), 0);
	assert_done("lose;gdt 5 at 0..1e;ldt 0 at 0;root 100002;fpu;osxsave 0;");
	assert_int_equal(v->regs.cs, 0x11);
	assert_int_equal(v->regs.ss, 0x1b);
	assert_false(v->entry.user_mode);
	assert_int_equal(v->dom.iopl, 1);
	assert_int_equal(v->entry.event_cb.cs, 0x11);
	assert_int_equal(v->entry.event_cb.flags, 0);
	assert_int_equal(v->entry.failsafe_cb.cs, 0x12);
	assert_int_equal(v->entry.failsafe_cb.flags, CALLBACKF_mask_events);
	assert_int_equal(v->traps[3].address, 0x404000);
	v->mm.root = 0x100002;
	v->pv.gdt_frames[0] = 0x11;
	memset(back32, 0x5a, sizeof(back32));
	pv32_get_context(v, back32);
	assert_int_equal(BACK32(event_callback_cs), 0x11);
	assert_int_equal(BACK32(event_callback_eip), 0x401000);
	assert_int_equal(BACK32(failsafe_callback_cs), 0x12);
	assert_int_equal(BACK32(failsafe_callback_eip), 0x402000);
	assert_int_equal((&BACK32(ctrlreg))[3], 0x2001);
	assert_int_equal(BACK32(gdt_frames), 0x11);
	assert_int_equal(BACK32(flags), VGCF_i387_valid | VGCF_in_kernel | VGCF_failsafe_disables_events);
	assert_memory_equal(back32 + COMPAT_vcpu_guest_context_trap_ctxt + 3 * 8 + 4, trap + 4, 4);
	WORD32(flags) = 0;
	assert_int_equal(pv32_set_context(v, context32), 0);
	assert_int_equal(v->entry.failsafe_cb.flags, 0);
	pv32_get_context(v, back32);
	assert_int_equal(BACK32(flags), VGCF_i387_valid | VGCF_in_kernel);
	/* Refused, or without memory: the callbacks stay. */
	WORD32(event_callback_eip) = 0x777;
	WORD32(ldt_base) = 1;
	assert_int_equal(pv32_set_context(v, context32), -EINVAL);
	no_memory = true;
	assert_int_equal(pv32_set_context(v, context32), -ENOMEM);
	assert_int_equal(v->entry.event_cb.address, 0x401000);
	memset(back32, 0x5a, sizeof(back32));
	pv32_get_context(v, back32);
	for (unsigned i = 0; i < sizeof(back32); i++)
		assert_int_equal(back32[i], 0);
}

static void begins(void **state)
{
	desc_answer = -ENOMEM;
	assert_int_equal(pv32_vcpu_init(v), -ENOMEM);
	assert_null(v->mm.kind_root);
	desc_answer = 0;
	no_memory = true;
	assert_int_equal(pv32_vcpu_init(v), -ENOMEM);
	pv32_vcpu_free(v); /* what there is */
	no_memory = false;
	assert_done("desc;desc;no desc;");
	assert_int_equal(pv32_vcpu_init(v), 0);
	assert_non_null(v->mm.kind_root);
	assert_done("desc;slots;");
	pv32_vcpu_free(v);
	assert_null(v->mm.kind_root);
	pv32_vcpu_free(v);
}

static void switches(void **state)
{
	pv32_switch_in(v);
	assert_done("desc in 32;protection 0;segments;");
	segments_fail = true;
	pv32_switch_in(v);
	assert_done("desc in 32;protection 0;segments;forget;crash: segments ds 0001 es 0002 "
		    "fs 0003 gs "
		    "0004 cannot be loaded, and there is no failsafe callback;");
	v->pv.debugreg[7] = 0x401;
	pv32_switch_out(v);
	assert_int_equal(host_cpu.dr[7], 0x400);
	assert_done("save;");
	segments_fail = false;
	v->pv.ts_virtual = true;
	pv32_switch_in(v);
	assert_int_equal(host_cpu.cr0, CR0_TS);
}

static void memory(void **state)
{
	uint64_t *table = (uint64_t *)guest_base;
	mfn_t mfn = virt_to_mfn(table);

	assert_int_equal(pv32_slot_rule(3, 2, false), SLOT_GUEST);
	assert_int_equal(pv32_slot_rule(3, 3, false), SLOT_CARRIER);
	assert_int_equal(pv32_slot_rule(3, 4, false), SLOT_RESERVED);
	assert_int_equal(pv32_slot_rule(2, COMPAT_M2P_SLOT - 1, true), SLOT_GUEST);
	assert_int_equal(pv32_slot_rule(2, COMPAT_M2P_SLOT, true), SLOT_RESERVED);
	assert_int_equal(pv32_slot_rule(2, COMPAT_M2P_SLOT, false), SLOT_GUEST);
	assert_int_equal(pv32_slot_rule(1, COMPAT_M2P_SLOT, true), SLOT_GUEST);
	memset(table, 0x11, PAGE_SIZE);
	assert_int_equal(pv32_root_promote(&domain, mfn), 0);
	assert_int_equal(table[3], 0x1111111111111111);
	assert_int_equal(table[4] | table[511], 0);
	m2p_table[COMPAT_M2P_SLOT] = m2p_table[511] = 0x88;
	memset(table, 0x11, PAGE_SIZE);
	pv32_l2_promote(&domain, mfn, false);
	assert_int_equal(table[511], 0x1111111111111111);
	pv32_l2_promote(&domain, mfn, true);
	assert_int_equal(table[511], 0x88);
	assert_int_equal(table[COMPAT_M2P_SLOT], 0x88);
	assert_int_equal(table[COMPAT_M2P_SLOT - 1], 0x1111111111111111);
	v->mm.kind_root = table + 512;
	assert_int_equal(pv32_make_cr3(v, 5, false), (mfn + 1) << PAGE_SHIFT);
	assert_int_equal(table[512], make_pte(5, PTE_P | PTE_RW | PTE_U | PTE_A));
	v->mm.kind_root = NULL;
	for (mfn_t n = 1; n < 1ul << 32; n *= 3)
		assert_int_equal(pv32_cr3_to_mfn(pv32_mfn_to_cr3(n)), n);
	/* Above 4 GiB only for those that know how to say it. */
	host_directmap -= 1ul << 32;
	assert_int_equal(pv32_root_promote(&domain, mfn + (1 << 20)), -EINVAL);
	assert_int_equal(table[512 + 4], 0);
	domain.vm_assist = 1 << VMASST_TYPE_pae_extended_cr3;
	assert_int_equal(pv32_root_promote(&domain, mfn + (1 << 20)), 0);
	domain.vm_assist = 0;
	host_directmap = (uint64_t)table - (1ul << 32); /* the first frame of them */
	assert_int_equal(pv32_root_promote(&domain, 1 << 20), -EINVAL);
	host_directmap = 0;
}

static void callbacks(void **state)
{
	uint8_t *r = guest_base;

	memset(r, 0, 32);
	*(uint16_t *)(r + COMPAT_callback_register_type) = CALLBACKTYPE_event;
	*(uint16_t *)(r + COMPAT_callback_register_flags) = 0xffff;
	*(uint32_t *)(r + COMPAT_callback_register_address_cs) = 0x10;
	*(uint32_t *)(r + COMPAT_callback_register_address_eip) = 0x401000;
	assert_int_equal(hc_callback_op(CALLBACKOP_register, (gva_t)r), 0);
	assert_int_equal(v->entry.event_cb.cs, 0x11);
	assert_int_equal(v->entry.event_cb.address, 0x401000);
	assert_int_equal(v->entry.event_cb.flags, CALLBACKF_mask_events);
	*(uint16_t *)(r + COMPAT_callback_register_type) = CALLBACKTYPE_syscall;
	assert_int_equal(hc_callback_op(CALLBACKOP_register, (gva_t)r), -EINVAL);
	assert_int_equal(hc_callback_op(CALLBACKOP_register, PV32_LOW_END), -EFAULT);
	assert_int_equal(hc_set_callbacks(0x13, 0x5000, 0x18, 0x6000), 0);
	assert_int_equal(v->entry.event_cb.cs, 0x13);
	assert_int_equal(v->entry.event_cb.address, 0x5000);
	assert_int_equal(v->entry.failsafe_cb.cs, 0x19);
	assert_int_equal(v->entry.failsafe_cb.address, 0x6000);
	assert_int_equal(hc_set_segment_base(SEGBASE_FS, 0), -ENOSYS);
}

static void wrong(const char *fmt, ...)
{
	note("wrong");
}

static void audited(void **state)
{
	const struct audit_report to = {.wrong = wrong};
	uint64_t *l4 = v->mm.kind_root = (uint64_t *)guest_base;

	pv32_audit(v, &to); /* it has no root yet */
	assert_done("");
	v->mm.root = 5;
	pv32_make_cr3(v, 5, false);
	pv32_audit(v, &to);
	assert_done("");
	l4[0] = make_pte(6, PTE_P);
	pv32_audit(v, &to);
	assert_done("wrong;");
	v->mm.kind_root = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(whole, setup),     cmocka_unit_test_setup(begins, setup),
	    cmocka_unit_test_setup(switches, setup),  cmocka_unit_test_setup(memory, setup),
	    cmocka_unit_test_setup(callbacks, setup), cmocka_unit_test_setup(audited, setup),
	};

	return cmocka_run_group_tests_name("pv_context32", tests, NULL, NULL);
}
