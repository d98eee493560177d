/* SPDX-License-Identifier: MIT */
/*
 * memory_exchange tells its results through a pointer of the guest's. It must not be led to write frame numbers into
 * the hypervisor, whether the pointer itself is bad, or good and made bad by the count of extents done, or by the
 * size of the list. Nothing is given away without being replaced, and the guest's structure tells the truth.
 */
#include "fw.h"

const char test_title[] = "attack-exchange-handle";

static xen_pfn_t in[4], out[4];

static unsigned long total(void)
{
	struct xen_memory_domain self = {.domid = DOMID_SELF};

	return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static struct xen_memory_exchange request(unsigned n)
{
	struct xen_memory_exchange e = {.in = {.nr_extents = n, .domid = DOMID_SELF},
					.out = {.nr_extents = n, .domid = DOMID_SELF}};

	set_xen_guest_handle(e.in.extent_start, in);
	set_xen_guest_handle(e.out.extent_start, out);
	return e;
}

static void get_frames(void)
{
	static void *page[4];
	pte_t none = 0;

	for (unsigned i = 0; i < 4; i++) {
		if (!page[i])
			page[i] = page_alloc();
		in[i] = va_to_mfn(page[i]);
		out[i] = 0x40000 + i;
		check_eq(hypercall_update_va_mapping((unsigned long)page[i], none, UVMF_INVLPG), 0);
	}
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	unsigned long before = total();

	get_frames();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct xen_memory_exchange e = request(4);

		set_xen_guest_handle(e.out.extent_start, (xen_pfn_t *)bad[i]);
		check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EFAULT);
		check_eq(e.nr_exchanged, 0);
		/* A good pointer, an index that leads there: the sum wraps, or not. */
		e = request(4);
		e.nr_exchanged = (bad[i] - (unsigned long)out) / sizeof(xen_pfn_t);
		check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
		e = request(4);
		e.in.nr_extents = e.out.nr_extents = ~0ul;
		e.nr_exchanged = (bad[i] - (unsigned long)out) / sizeof(xen_pfn_t);
		check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
		e = request(4);
		e.nr_exchanged = ~0ul - i;
		e.in.nr_extents = e.out.nr_extents = ~0ul;
		e.in.extent_order = e.out.extent_order = 63;
		check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
		check_eq(total(), before);
		check_eq(out[0], 0x40000);
	}
	/* All that time the frames were ours: now a proper trade, which maps them again. */
	struct xen_memory_exchange e = request(4);
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), 0);
	check_eq(e.nr_exchanged, 4);
	check(out[0] != 0x40000);
	check_eq(total(), before);
	e = request(4); /* the same again: they are not ours any more, or mapped nowhere and ours anew */
	check(hypercall_memory_op(XENMEM_exchange, &e) <= 0);
	check_eq(total(), before);
	/* Frames in use: page tables, mapped ones. */
	in[0] = root_mfn();
	in[1] = va_to_mfn(out);
	for (unsigned i = 0; i < 2; i++) {
		e = request(1);
		set_xen_guest_handle(e.in.extent_start, &in[i]);
		check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
		check_eq(e.nr_exchanged, 0);
	}
}
