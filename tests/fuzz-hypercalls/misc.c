/* SPDX-License-Identifier: MIT */
/* Everything that is not memory: descriptors, entry points, vCPUs, events, time, the rest. */
#include "fuzz.h"
#include "xen/domctl.h"
#include "xen/physdev.h"

void do_gdt(struct fuzz *f)
{
	unsigned long *list = buffer(f, 16 * sizeof(*list));

	for (unsigned i = 0; i < 16; i++)
		list[i] = va_to_mfn(arena[page_for(f, 0)]);
	if (one_in(f, 3))
		list[below(f, 16)] = any_mfn(f);
	call(f, __HYPERVISOR_set_gdt, pointer(f, list), one_in(f, 8) ? any_word(f) : below(f, 7200), 0, 0, 0);
}

/* Load segment registers from the LDT and the GDT; all is put back in the same breath. */
void do_ldt(struct fuzz *f)
{
	unsigned short sel = one_in(f, 3) ? any_word(f) : below(f, 1024) * 8 + 7;

	if (!f->first || f->queueing)
		return;
	FAULT_TRY(__asm__ volatile("mov %%ds, %%ecx; mov %0, %%ds; mov %%ecx, %%ds"
				   :
				   : "r"((int)sel)
				   : "ecx"));
	FAULT_TRY(__asm__ volatile("mov %0, %%fs; mov %1, %%fs" : : "r"((int)sel), "r"(0)));
}

void do_descriptor(struct fuzz *f)
{
	uint64_t maddr = (uint64_t)(one_in(f, 6) ? any_mfn(f) : va_to_mfn(arena[page_for(f, 0)])) << 12;
	uint64_t desc = random64(f);

	if (one_in(f, 2)) /* nearly a good one: present, of any type and privilege */
		desc = 0x00cf80000000ffffull | (uint64_t)below(f, 128) << 40 | (uint64_t)below(f, 2) << 53;
	maddr += below(f, 512) * 8 + (one_in(f, 12) ? below(f, 8) : 0);
#ifdef __x86_64__
	call(f, __HYPERVISOR_update_descriptor, maddr, desc, 0, 0, 0);
#else
	call(f, __HYPERVISOR_update_descriptor, maddr, maddr >> 32, desc, desc >> 32, 0);
#endif
}

/* The second vCPU's entry points stay as they are: nothing sets them right. */
void do_traps(struct fuzz *f)
{
	struct trap_info *t = buffer(f, 8 * sizeof(*t));

	if (!f->first)
		return;
	for (unsigned i = 0; i < 7; i++) {
		t[i].vector = below(f, 256);
		t[i].flags = below(f, 8);
		t[i].cs = one_in(f, 2) ? FLAT_KERNEL_CS : any_word(f);
		t[i].address = one_in(f, 8) ? 0 : any_word(f);
	}
	f->mend_traps = true;
	call(f, __HYPERVISOR_set_trap_table, pointer(f, t), 0, 0, 0, 0);
}

void do_callbacks(struct fuzz *f)
{
	uint64_t *arg = buffer(f, 32);

	if (!f->first)
		return;
	for (unsigned i = 0; i < 4; i++)
		arg[i] = any_word(f);
	*(uint16_t *)arg = below(f, 10);
	f->mend_traps = true;
	if (one_in(f, 3))
		call(f, __HYPERVISOR_set_callbacks, any_word(f), any_word(f), any_word(f), any_word(f), 0);
	else
		call(f, __HYPERVISOR_callback_op, below(f, 3), pointer(f, arg), 0, 0, 0);
}

void do_stack(struct fuzz *f)
{
	call(f, __HYPERVISOR_stack_switch, any_word(f), any_word(f), 0, 0, 0);
}

void do_segment(struct fuzz *f)
{
	call(f, __HYPERVISOR_set_segment_base, below(f, 5), any_word(f), 0, 0, 0);
}

/* Breakpoints where the hypervisor works must be refused; ours are taken off again. */
void do_debugreg(struct fuzz *f)
{
	call(f, __HYPERVISOR_set_debugreg, one_in(f, 12) ? any_word(f) : below(f, 8), any_word(f), 0, 0, 0);
	call(f, __HYPERVISOR_get_debugreg, below(f, 10), 0, 0, 0, 0);
	call(f, __HYPERVISOR_set_debugreg, 7, 0, 0, 0, 0);
}

void do_vcpu(struct fuzz *f)
{
	unsigned cmd = below(f, 15), vcpu = one_in(f, 8) ? any_word(f) : 2 + below(f, 6);
	uint64_t *arg = buffer(f, 6000);

	for (unsigned i = 0; i < 8; i++)
		arg[i] = any_word(f);
	if (cmd == VCPUOP_register_vcpu_info) {
		arg[0] = any_mfn(f);
		arg[1] = one_in(f, 3) ? any_word(f) : below(f, 63) * 64;
	}
	if (vcpu == 0 && (cmd == VCPUOP_down || cmd == VCPUOP_register_vcpu_info || cmd == VCPUOP_send_nmi))
		return; /* the end of us */
	if (vcpu == 1 && cmd == VCPUOP_down && one_in(f, 2))
		return;
	if (cmd == VCPUOP_initialise && f->dom0)
		return; /* nonsense: likely to be our end (context.c makes better ones) */
	if (cmd == VCPUOP_up && f->alone)
		return;
	call(f, __HYPERVISOR_vcpu_op, cmd, vcpu, pointer(f, arg), 0, 0);
}

/* Our peer, if there is one. */
static domid_t near_domid(struct fuzz *f)
{
	return f->peer && !one_in(f, 4) ? f->peer : any_domid(f);
}

void do_events(struct fuzz *f)
{
	uint32_t *arg = buffer(f, 64);
	unsigned cmd = one_in(f, 30) ? any_word(f) : below(f, 14);

	for (unsigned i = 0; i < 6; i++)
		arg[i] = one_in(f, 3) ? any_word(f) : below(f, 40);
	switch (cmd) {
	case EVTCHNOP_bind_interdomain:
	case EVTCHNOP_status:
		*(domid_t *)arg = near_domid(f);
		arg[1] = one_in(f, 8) ? any_word(f) : below(f, 12);
		break;
	case EVTCHNOP_alloc_unbound:
		((domid_t *)arg)[0] = one_in(f, 4) ? any_domid(f) : DOMID_SELF;
		((domid_t *)arg)[1] = near_domid(f);
		break;
	case EVTCHNOP_reset:
		if (!one_in(f, f->peer ? 20 : 50))
			return;
		*(domid_t *)arg = f->peer && one_in(f, 2) ? f->self : any_domid(f);
	}
	if (!call(f, __HYPERVISOR_event_channel_op, cmd, pointer(f, arg), 0, 0, 0) && !f->queueing)
		worked[BOUND] += f->peer && cmd == EVTCHNOP_bind_interdomain && *(domid_t *)arg == f->peer;
}

void do_sched(struct fuzz *f)
{
	struct sched_poll *poll = buffer(f, sizeof(*poll));
	uint32_t *ports = buffer(f, 64);

	switch (below(f, 5)) {
	case 0: /* a time long past: returns at once; elsewhere in memory there may be one to come, or none */
		poll->nr_ports = one_in(f, 8) ? any_word(f) : below(f, 4);
		poll->timeout = 1;
		set_xen_guest_handle(poll->ports, (void *)pointer(f, ports));
		for (unsigned i = 0; i < 4; i++)
			ports[i] = one_in(f, 4) ? any_word(f) : below(f, 40);
		call(f, __HYPERVISOR_sched_op, SCHEDOP_poll,
		     one_in(f, 16) ? bad_pointer(f) : (unsigned long)poll, 0, 0, 0);
		break;
	case 1:
		ports[0] = any_domid(f);
		ports[1] = any_word(f);
		if (!f->dom0)
			call(f, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, pointer(f, ports), 0, 0, 0);
		break;
	case 2:
		call(f, __HYPERVISOR_sched_op, 7 + below(f, 20), pointer(f, arena[0]), 0, 0, 0);
		break;
	default:
		call(f, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
	}
}

void do_timer(struct fuzz *f)
{
	uint64_t t = any_word(f);

#ifdef __x86_64__
	call(f, __HYPERVISOR_set_timer_op, t, 0, 0, 0, 0);
#else
	call(f, __HYPERVISOR_set_timer_op, t, t >> 32, 0, 0, 0);
#endif
}

void do_version(struct fuzz *f)
{
	call(f, __HYPERVISOR_xen_version, one_in(f, 8) ? any_word(f) : below(f, 12), arena_va(f), 0, 0, 0);
}

/* Only those that print nothing. */
void do_console(struct fuzz *f)
{
	static const unsigned long bad[] = BAD_POINTERS;

	call(f, __HYPERVISOR_console_io, CONSOLEIO_write, any_word(f) | 1,
	     bad[1 + below(f, ARRAY_SIZE(bad) - 1)], 0, 0);
	call(f, __HYPERVISOR_console_io, 1 + below(f, 4), below(f, 64), arena_va(f), 0, 0);
}

void do_assist(struct fuzz *f)
{
	call(f, __HYPERVISOR_vm_assist, below(f, 3), one_in(f, 4) ? any_word(f) : below(f, 8), 0, 0, 0);
	call(f, __HYPERVISOR_fpu_taskswitch, below(f, 2), 0, 0, 0, 0);
	call(f, __HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
}

void do_physdev(struct fuzz *f)
{
	uint64_t *arg = buffer(f, 64);

	for (unsigned i = 0; i < 8; i++)
		arg[i] = any_word(f);
	if (f->dom0) /* it would drive real devices */
		return;
	call(f, __HYPERVISOR_physdev_op, below(f, 32), pointer(f, arg), 0, 0, 0);
}

/* Any number, any arguments, except what ends us for sure. */
void do_anything(struct fuzz *f)
{
	unsigned nr = below(f, 64);

	switch (nr) {
	case __HYPERVISOR_iret:
	case __HYPERVISOR_sched_op:
	case __HYPERVISOR_sched_op_compat:
	case __HYPERVISOR_console_io:
		return;
	case __HYPERVISOR_set_trap_table:
	case __HYPERVISOR_set_callbacks:
	case __HYPERVISOR_callback_op:
		if (!f->first)
			return;
		f->mend_traps = true;
		break;
	case __HYPERVISOR_set_debugreg:
	case __HYPERVISOR_multicall:
	case __HYPERVISOR_vcpu_op:
	case __HYPERVISOR_physdev_op:
	case __HYPERVISOR_mmuext_op:
		if (f->dom0)
			return;
	}
	call(f, nr, any_word(f), any_word(f), any_word(f), any_word(f), any_word(f));
	if (nr == __HYPERVISOR_set_debugreg)
		call(f, nr, 7, 0, 0, 0, 0);
}

/* Dom0 makes and ends domains, so that there are others whose frames it may name. For any other domain each
 * of these must be refused. */
void do_domctl(struct fuzz *f)
{
	static const unsigned cmds[] = {XEN_DOMCTL_createdomain,  XEN_DOMCTL_destroydomain,
					XEN_DOMCTL_max_mem,       XEN_DOMCTL_max_vcpus,
					XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_pausedomain,
					XEN_DOMCTL_unpausedomain, XEN_DOMCTL_set_address_size};
	struct xen_domctl *op = buffer(f, sizeof(*op));
	unsigned slot = below(f, ARRAY_SIZE(f->made));

	if (f->queueing)
		return;
	op->cmd = cmds[below(f, ARRAY_SIZE(cmds))];
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = f->made[slot];
	if (op->cmd == XEN_DOMCTL_createdomain) {
		if (f->made[slot])
			return;
		op->domain = DOMID_INVALID;
		op->u.createdomain.max_vcpus = 1 + below(f, 4);
		op->u.createdomain.max_evtchn_port = -1;
		op->u.createdomain.max_grant_frames = 4;
		op->u.createdomain.max_maptrack_frames = 4;
	} else if (op->cmd == XEN_DOMCTL_max_mem) {
		op->u.max_mem.max_memkb = below(f, 4096);
	} else if (op->cmd == XEN_DOMCTL_max_vcpus) {
		op->u.max_vcpus.max = 1 + below(f, 4);
	} else if (op->cmd == XEN_DOMCTL_set_address_size) {
		op->u.address_size.size = one_in(f, 2) ? 32 : 64;
	}
	if (f->dom0 && op->cmd != XEN_DOMCTL_createdomain && !op->domain)
		return; /* not itself */
	if (call(f, __HYPERVISOR_domctl, (unsigned long)op, 0, 0, 0, 0))
		return;
	if (op->cmd == XEN_DOMCTL_createdomain) {
		f->made[slot] = op->domain;
		op->cmd = XEN_DOMCTL_max_vcpus;
		op->u.max_vcpus.max = op->u.createdomain.max_vcpus;
		if (!one_in(f, 4)) /* else it stays without */
			call(f, __HYPERVISOR_domctl, (unsigned long)op, 0, 0, 0, 0);
	} else if (op->cmd == XEN_DOMCTL_destroydomain)
		f->made[slot] = 0;
}
