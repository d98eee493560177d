/* SPDX-License-Identifier: MIT */
/* A device's two ends and what we grant to Dom0, where the other one is. */
#include "liar.h"

#define PATIENCE 1000 /* looks at the other end's state, one each 10 ms */

static struct grant_entry_v1 *table;

void grant_of(unsigned ref, unsigned long mfn, domid_t to, unsigned flags)
{
	table[ref] = (struct grant_entry_v1){.frame = mfn, .domid = to};
	barrier();
	table[ref].flags = flags;
}

void grant(unsigned ref, const void *page, unsigned flags)
{
	grant_of(ref, va_to_mfn(page), 0, flags);
}

void revoke(unsigned ref)
{
	*(volatile uint16_t *)&table[ref].flags = 0;
}

void page_renew(void *page)
{
	unsigned long *p2m = (unsigned long *)start_info->mfn_list,
		      pfn = ((unsigned long)page - VIRT_BASE) / PAGE_SIZE;
	xen_pfn_t frame = va_to_mfn(page);
	struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

	set_xen_guest_handle(r.extent_start, &frame);
	hypercall_update_va_mapping((unsigned long)page, 0, UVMF_INVLPG);
	if (hypercall_memory_op(XENMEM_decrease_reservation, &r) != 1)
		error("a page cannot be given back");
	frame = pfn;
	if (hypercall_memory_op(XENMEM_populate_physmap, &r) != 1)
		error("there is no page in its place");
	p2m[pfn] = frame;
	if (hypercall_update_va_mapping((unsigned long)page,
					(pte_t)frame << 12 | PTE_P | PTE_RW | PTE_A | PTE_D, UVMF_INVLPG))
		error("the new page cannot be mapped");
}

bool device_init(struct device *d, const char *front, unsigned first_ref)
{
	const char *back;

	if (!table)
		table = grant_table();
	*d = (struct device){.first_ref = first_ref};
	if (text_length(front) >= sizeof(d->front))
		error("%s is too long", front);
	__builtin_memcpy(d->front, front, text_length(front) + 1);
	back = store_read(joined(front, "/backend"));
	if (!back || text_length(back) >= sizeof(d->back))
		return false;
	__builtin_memcpy(d->back, back, text_length(back) + 1);
	return true;
}

static unsigned state_of(const struct device *d)
{
	const char *state = store_read(joined(d->back, "/state"));

	return state && state[0] && !state[1] ? state[0] - '0' : UNKNOWN;
}

bool device_is_at(const struct device *d, unsigned state)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (state_of(d) == state)
			return true;
		rest(10);
	}
	return false;
}

void device_set(const struct device *d, const char *node, const char *value)
{
	store_write(joined(d->front, node), value);
}

void device_nonsense(const struct device *d, const char *const *nodes, unsigned count, unsigned ready)
{
	static const char *const values[] = {"",         "0", "4294967295", "-1", "99999999999999999999",
					     "nonsense", "7", "65535"};
	const char state[] = {(char)('0' + ready), '\0'};
	const char *const states[] = {"4",  "6", "1", "3", "2", "5", "99",  "",
				      "-1", "x", "1", "4", "3", "6", state, "1"};

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		for (unsigned n = 0; n < count; n++)
			device_set(d, nodes[n], values[(i + n) % ARRAY_SIZE(values)]);
		device_set(d, "/state", states[i]);
		rest(30);
	}
	for (unsigned n = 0; n < count; n++)
		store_remove(joined(d->front, nodes[n]));
}

void device_set_number(const struct device *d, const char *node, unsigned long value)
{
	store_write_number(joined(d->front, node), value);
}

void device_new_port(struct device *d)
{
	struct evtchn_alloc_unbound offer = {.dom = DOMID_SELF, .remote_dom = 0};

	if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &offer))
		error("no port");
	d->port = offer.port;
}

void device_close(struct device *d)
{
	struct evtchn_close port = {.port = d->port};

	device_set_number(d, "/state", CLOSING);
	device_is_at(d, CLOSING);
	device_set_number(d, "/state", CLOSED);
	device_is_at(d, CLOSED);
	for (unsigned ref = d->first_ref; ref < d->first_ref + REFS; ref++)
		revoke(ref);
	if (d->port)
		hypercall_event_channel_op(EVTCHNOP_close, &port);
	device_set_number(d, "/state", INITIALISING);
}
