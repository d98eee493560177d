/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a PV kernel asks of its own vCPU (hypervisor/pv/debugreg.c, misc_op.c, callback_op.c, version_op.c,
 * taskswitch.h and the kinds' forms of them).
 *   debug     values are checked as the processor would, and may not watch the hypervisor; the processor holds them only while a
 *             breakpoint is enabled; breakpoints on ports never, the hypervisor looks for them itself
 *   callbacks each type has its place; addresses are the guest's; without event and failsafe it could not go on
 *   assists   only those that exist; what a vCPU derives from them follows at once
 *   version   strings fill their array; what only Dom0 may know is denied
 */
#include "pv_host.h"

#define IO(n) (2ul << (16 + 4 * (n)))

static void set_and_read(void **state)
{
	uint64_t value = 5;

	for (unsigned n = 0; n < 4; n++) {
		assert_int_equal(hc_set_debugreg(n, 0x1000 + n), 0);
		assert_int_equal(hc_get_debugreg(n), 0x1000 + n);
	}
	assert_int_equal(host_cpu.dr_loads, 0); /* none is enabled */
	assert_int_equal(hc_set_debugreg(3, (1ul << 47) - 8), 0);
	assert_int_equal(hc_set_debugreg(3, (1ul << 47) - 7), -EPERM);
	assert_int_equal(hc_set_debugreg(0, 1ul << 47), -EPERM);
	assert_int_equal(hc_get_debugreg(3), (1ul << 47) - 8);
	assert_int_equal(hc_set_debugreg(8, 0), -EINVAL);
	assert_int_equal(debugreg_get(v, 8, &value), -EINVAL);
	assert_int_equal(value, 5);
	assert_int_equal(hc_set_debugreg(7, 1ul << 32), -EINVAL);
	assert_int_equal(hc_set_debugreg(6, 1ul << 32), -EINVAL);
	assert_int_equal(hc_set_debugreg(6, 1ul << 47), -EINVAL); /* no address */
	assert_int_equal(hc_set_debugreg(6, ~0u), 0);
	assert_int_equal(hc_get_debugreg(6), 0xffffefff);
	assert_int_equal(hc_set_debugreg(4, 0), 0); /* another name of 6 */
	assert_int_equal(hc_get_debugreg(6), 0xffff0ff0);
	assert_int_equal(hc_set_debugreg(7, 0x2000), -EPERM); /* GD */
	assert_int_equal(hc_set_debugreg(7, ~0x2000u & ~0xffff00ffu), 0);
	assert_int_equal(hc_get_debugreg(5), 0x700);
	v->pv.cr4 |= CR4_DE;
	assert_int_equal(hc_get_debugreg(4), -ENODEV);
	assert_int_equal(hc_get_debugreg(5), -ENODEV);
	assert_int_equal(hc_set_debugreg(5, 0), -ENODEV);
	assert_int_equal(hc_get_debugreg(6), 0xffff0ff0);
}

static void in_the_processor(void **state)
{
	for (unsigned n = 0; n < 4; n++)
		hc_set_debugreg(n, 0x1000 + n);
	host_cpu.dr_loads = 0;
	hc_set_debugreg(7, 0x401);
	assert_int_equal(host_cpu.dr_loads, 0xcf);
	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(host_cpu.dr[n], 0x1000 + n);
	assert_int_equal(host_cpu.dr[6], 0xffff0ff0);
	assert_int_equal(host_cpu.dr[7], 0x401);
	host_cpu.dr_loads = 0;
	hc_set_debugreg(2, 0x2222);
	assert_int_equal(host_cpu.dr_loads, 4);
	assert_int_equal(host_cpu.dr[2], 0x2222);
	debugreg_switch_out(v);
	assert_int_equal(host_cpu.dr[7], 0x400);
	host_cpu.dr_loads = 0;
	debugreg_switch_in(v);
	assert_int_equal(host_cpu.dr_loads, 0xcf);
	/* Nothing is enabled any more: one register says so, and then nothing is left to take out. */
	hc_set_debugreg(7, 0);
	assert_int_equal(host_cpu.dr[7], 0x400);
	host_cpu.dr_loads = 0;
	hc_set_debugreg(2, 0x3333);
	debugreg_switch_out(v);
	debugreg_switch_in(v);
	assert_int_equal(host_cpu.dr_loads, 0);
	/* Of a vCPU that does not run. */
	host_percpu.vcpu = NULL;
	host_cpu.dr_loads = 0;
	assert_int_equal(debugreg_set(v, 7, 0x401), 0);
	assert_int_equal(debugreg_set(v, 1, 0x77), 0);
	assert_int_equal(host_cpu.dr_loads, 0);
	host_percpu.vcpu = v;
	/* What the processor reports is added, and taken out of it. */
	v->pv.debugreg[6] = 0xffff0ff1;
	host_cpu.dr[6] = 0xffff4ff2;
	debugreg_report(v);
	assert_int_equal(v->pv.debugreg[6], 0xffff4ff3);
	assert_int_equal(host_cpu.dr[6], 0xffff0ff0);
	v->traps[TRAP_DB].address = 0x401000;
	v->regs.rsp = NOWHERE;
	debugreg_bounce(v, 8);
	assert_int_equal(v->pv.debugreg[6], 0xffff4ffb);
	assert_int_equal(v->regs.rip, 0x401000);
	assert_int_equal(v->entry.way_back, BACK_BY_IRET);
}

static void ports(void **state)
{
	static const struct {
		uint64_t len, at, port, size;
		bool hit;
	} of[] = {
	    {0, 0x80, 0x80, 1, true},  {0, 0x80, 0x7f, 1, false}, {0, 0x80, 0x81, 1, false},
	    {0, 0x80, 0x7f, 2, true},  {1, 0x80, 0x81, 1, true},  {1, 0x80, 0x82, 1, false},
	    {1, 0x81, 0x80, 1, true},  {3, 0x80, 0x83, 1, true},  {3, 0x80, 0x84, 1, false},
	    {3, 0x83, 0x7c, 4, false}, {3, 0x83, 0x7d, 4, true},  {2, 0x80, 0x87, 1, true},
	    {2, 0x80, 0x88, 1, false},
	};

	assert_int_equal(hc_set_debugreg(7, IO(1) | 8), -EPERM); /* there are none without CR4.DE */
	assert_int_equal(hc_set_debugreg(7, IO(1) | 2), 0);      /* it is not enabled */
	v->pv.cr4 |= CR4_DE;
	for (unsigned i = 0; i < ARRAY_SIZE(of); i++) {
		hc_set_debugreg(1, of[i].at);
		assert_int_equal(hc_set_debugreg(7, IO(1) | of[i].len << 22 | 8), 0);
		assert_int_equal(host_cpu.dr[7],
				 IO(1) | of[i].len << 22 | 0x400); /* the processor does not watch */
		assert_int_equal(debugreg_port_hits(v, of[i].port, of[i].size), of[i].hit ? 2 : 0);
	}
	hc_set_debugreg(0, 0x80);
	hc_set_debugreg(1, 0x80);
	hc_set_debugreg(3, 0x80);
	hc_set_debugreg(7, IO(0) | IO(3) | IO(1) | 0x41);
	assert_int_equal(debugreg_port_hits(v, 0x80, 1), 9); /* both that are enabled */
	hc_set_debugreg(7, IO(3) | 0x41);
	assert_int_equal(debugreg_port_hits(v, 0x80, 1), 8); /* the other is no port */
	v->pv.cr4 &= ~(uint64_t)CR4_DE;
	assert_int_equal(debugreg_port_hits(v, 0x80, 1), 0);
}

static void task_switches(void **state)
{
	host_cpu.cr0 = 0x80000000;
	hc_fpu_taskswitch(1ul << 32);
	assert_false(v->pv.ts_virtual);
	hc_fpu_taskswitch(1);
	assert_true(v->pv.ts_virtual);
	assert_int_equal(host_cpu.cr0, 0x80000000 | CR0_TS);
	assert_true(context_cr0(v) & CR0_TS);
	host_cpu.cr0 = 0; /* the same again is not written again */
	hc_fpu_taskswitch(1);
	assert_int_equal(host_cpu.cr0, 0);
	host_cpu.cr0 = 0x80000000 | CR0_TS;
	hc_fpu_taskswitch(0);
	assert_false(v->pv.ts_virtual);
	assert_int_equal(host_cpu.cr0, 0x80000000);
	assert_false(context_cr0(v) & CR0_TS);
}

static void assists(void **state)
{
	v->entry.special.iopl = false;
	assert_int_equal(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
	assert_true(v->entry.special.iopl);
	assert_int_equal(domain.vm_assist, 1 << VMASST_TYPE_architectural_iopl);
	assert_int_equal(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
	assert_false(v->entry.special.iopl);
	assert_int_equal(domain.vm_assist, 0);
	assert_int_equal(hc_vm_assist(2, VMASST_TYPE_architectural_iopl), -ENOSYS);
	assert_int_equal(hc_vm_assist(VMASST_CMD_enable, 31), -EINVAL);
	assert_int_equal(hc_vm_assist(VMASST_CMD_enable, 33), -EINVAL);
	assert_int_equal(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
	assert_int_equal(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict), 0);
	assert_int_equal(hc_vm_assist(2, VMASST_TYPE_m2p_strict), -ENOSYS);
	assert_int_equal(domain.vm_assist, 0);
}

/* ---- Callbacks ---- */

static long registers(unsigned type, unsigned flags, uint64_t address)
{
	struct callback_register *r = (struct callback_register *)guest_base;

	*r = (struct callback_register){.type = type, .flags = flags, .address = address};
	return hc_callback_op(CALLBACKOP_register, (gva_t)r);
}
static long unregisters(unsigned type)
{
	struct callback_unregister *u = (struct callback_unregister *)guest_base;

	*u = (struct callback_unregister){.type = type};
	return hc_callback_op(CALLBACKOP_unregister, (gva_t)u);
}

static void callbacks(void **state)
{
	struct callback *const place[] = {
	    [CALLBACKTYPE_event] = &v->entry.event_cb,
	    [CALLBACKTYPE_failsafe] = &v->entry.failsafe_cb,
	    [CALLBACKTYPE_syscall] = &v->entry.syscall_cb,
	    [CALLBACKTYPE_nmi] = &v->traps[TRAP_NMI],
	    [CALLBACKTYPE_sysenter] = &v->entry.sysenter_cb,
	    [CALLBACKTYPE_syscall32] = &v->entry.syscall32_cb,
	};

	for (unsigned type = 0; type < ARRAY_SIZE(place); type++) {
		if (!place[type])
			continue;
		assert_int_equal(registers(type, 0, 0x401000 + type), 0);
		assert_int_equal(place[type]->address, 0x401000 + type);
		assert_int_equal(place[type]->flags, type == CALLBACKTYPE_nmi ? CALLBACKF_mask_events : 0);
		assert_int_equal(registers(type, 0xffff, 0x402000 + type), 0);
		assert_int_equal(place[type]->flags, CALLBACKF_mask_events);
		assert_int_equal(registers(type, 0, 1ul << 47), -EINVAL);
		assert_int_equal(place[type]->address, 0x402000 + type);
	}
	for (unsigned type = 0; type < ARRAY_SIZE(place); type++) {
		bool needed = type == CALLBACKTYPE_event || type == CALLBACKTYPE_failsafe;

		if (!place[type])
			continue;
		assert_int_equal(unregisters(type), needed ? -EINVAL : 0);
		assert_int_equal(place[type]->address, needed ? 0x402000 + type : 0);
		assert_int_equal(place[type]->flags, needed ? CALLBACKF_mask_events : 0);
	}
	assert_int_equal(registers(CALLBACKTYPE_sysenter_deprecated, 0, 0x5000), 0);
	assert_int_equal(v->entry.sysenter_cb.address, 0x5000);
	assert_int_equal(registers(99, 0, 0x5000), -ENOSYS);
	assert_int_equal(unregisters(99), -EINVAL);
	assert_int_equal(hc_callback_op(7, (gva_t)guest_base), -ENOSYS);
	assert_int_equal(hc_callback_op(CALLBACKOP_register, 1ul << 47), -EFAULT);
	assert_int_equal(hc_callback_op(CALLBACKOP_unregister, 1ul << 47), -EFAULT);
	/* The older form: all three at once, or none. */
	assert_int_equal(hc_set_callbacks(0x6000, 0x7000, 0x8000, 0), 0);
	assert_int_equal(v->entry.event_cb.address, 0x6000);
	assert_int_equal(v->entry.failsafe_cb.address, 0x7000);
	assert_int_equal(v->entry.syscall_cb.address, 0x8000);
	for (unsigned bad = 0; bad < 3; bad++)
		assert_int_equal(hc_set_callbacks(bad == 0 ? 1ul << 47 : 1, bad == 1 ? 1ul << 47 : 1,
						  bad == 2 ? 1ul << 47 : 1, 0),
				 -EINVAL);
	assert_int_equal(v->entry.event_cb.address, 0x6000);
	assert_int_equal(hc_set_callbacks((1ul << 47) - 1, 0, 0, 0), 0);
	assert_int_equal(v->entry.syscall_cb.address, 0);
	assert_int_equal(hc_stack_switch(0x28, 0x900f), 0);
	assert_int_equal(v->entry.kernel_ss, 0x2b);
	assert_int_equal(v->entry.kernel_sp, 0x900f);
	assert_int_equal(v->entry.syscall_sp, 0x9000);
}

/* ---- xen_version ---- */

static void version(void **state)
{
	gva_t at = (gva_t)guest_base;
	struct xen_feature_info *fi = (struct xen_feature_info *)guest_base;

	options.line = "secret";
	assert_int_equal(hc_xen_version(XENVER_version, 0), 4 << 16 | 17);
	memset(guest_base, 0x5a, 2048);
	assert_int_equal(hc_xen_version(XENVER_commandline, at), 0);
	assert_string_equal((char *)guest_base, "<denied>");
	assert_int_equal(guest_base[sizeof(xen_commandline_t) - 1], 0);
	assert_int_equal(guest_base[sizeof(xen_commandline_t)], 0x5a);
	fi->submap_idx = 0;
	assert_int_equal(hc_xen_version(XENVER_get_features, at), 0);
	assert_int_equal(fi->submap, 1 << XENFEAT_pae_pgdir_above_4gb |
					 1 << XENFEAT_mmu_pt_update_preserve_ad |
					 1 << XENFEAT_gnttab_map_avail_bits);
	domain.privileged = true;
	assert_int_equal(hc_xen_version(XENVER_get_features, at), 0);
	assert_true(fi->submap & 1u << XENFEAT_dom0);
	assert_int_equal(hc_xen_version(XENVER_commandline, at), 0);
	assert_string_equal((char *)guest_base, "secret");
	fi->submap_idx = XENFEAT_NR_SUBMAPS;
	assert_int_equal(hc_xen_version(XENVER_get_features, at), -EINVAL);
	assert_int_equal(hc_xen_version(XENVER_get_features, 1ul << 47), -EFAULT);
	assert_int_equal(hc_xen_version(XENVER_pagesize, 0), PAGE_SIZE);
	assert_int_equal(hc_xen_version(XENVER_pagesize, at), -EINVAL);
	memset(guest_base, 0x5a, 2048);
	assert_int_equal(hc_xen_version(XENVER_extraversion, at), 0);
	assert_string_equal((char *)guest_base, ".0-ringlet");
	assert_int_equal(guest_base[sizeof(xen_extraversion_t)], 0x5a);
	assert_int_equal(hc_xen_version(XENVER_capabilities, at), 0);
	assert_string_equal((char *)guest_base, "xen-3.0-x86_64 xen-3.0-x86_32p ");
	assert_int_equal(hc_xen_version(XENVER_platform_parameters, at), 0);
	assert_int_equal(*(uint64_t *)guest_base, HYPERVISOR_VIRT_START);
	domain.dom.uuid[15] = 0x15;
	assert_int_equal(hc_xen_version(XENVER_guest_handle, at), 0);
	assert_int_equal(guest_base[15], 0x15);
	assert_int_equal(hc_xen_version(XENVER_build_id, at), -ENODATA);
	assert_int_equal(hc_xen_version(77, at), -ENOSYS);
	assert_int_equal(hc_xen_version(XENVER_changeset, at), 0);
	assert_string_equal((char *)guest_base, version_changeset);
	assert_int_equal(guest_base[sizeof(xen_changeset_info_t) - 1], 0);
	assert_int_equal(hc_xen_version(XENVER_changeset, 1ul << 47), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(set_and_read, setup), cmocka_unit_test_setup(in_the_processor, setup),
	    cmocka_unit_test_setup(ports, setup),        cmocka_unit_test_setup(task_switches, setup),
	    cmocka_unit_test_setup(assists, setup),      cmocka_unit_test_setup(callbacks, setup),
	    cmocka_unit_test_setup(version, setup),
	};

	return cmocka_run_group_tests_name("pv_ops", tests, NULL, NULL);
}
