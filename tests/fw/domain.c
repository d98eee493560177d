/* SPDX-License-Identifier: MIT */
/* What a domain can find out about itself, and its table of grants. */
#include "fw.h"
#include "option.h"

unsigned long option(const char *name, unsigned long value)
{
	return option_in((const char *)start_info->cmd_line, name, value);
}

/* Are we domain @id? A channel offered to it can be bound by ourselves alone. */
static bool is_self(domid_t id)
{
	struct evtchn_alloc_unbound offer = {.dom = DOMID_SELF, .remote_dom = id};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
	struct evtchn_close close;
	bool self;

	if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &offer))
		return false;
	bind.remote_port = close.port = offer.port;
	self = !hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	hypercall_event_channel_op(EVTCHNOP_close, &close);
	return self;
}

domid_t own_domid(void)
{
	static domid_t self = DOMID_SELF;

	if (self != DOMID_SELF)
		return self;
	for (domid_t id = 0; id < DOMID_FIRST_RESERVED; id++)
		if (is_self(id))
			return self = id;
	error("which domain is this?");
}

struct grant_entry_v1 *grant_table(void)
{
	static struct grant_entry_v1 *table;
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	xen_pfn_t frame;

	if (table)
		return table;
	set_xen_guest_handle(setup.frame_list, &frame);
	if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
		error("no grant table");
	table = page_alloc();
	if (hypercall_update_va_mapping((unsigned long)table,
					(pte_t)frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG))
		error("the grant table cannot be mapped");
	return table;
}
