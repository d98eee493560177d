/* SPDX-License-Identifier: MIT */
/*
 * memory_exchange tells its results through a pointer of the guest's. It must not be led to write frame numbers into
 * the hypervisor, whether the pointer itself is bad, or good and made bad by the count of extents done, or by the
 * size of the list. Nothing is given away without being replaced, and the guest's structure tells the truth. A call
 * whose results cannot be told takes no frames: here Xen 4.17 differs. It takes them and then returns -EFAULT, so
 * that the same frames are -EINVAL from then on, and parts of this test fail there.
 */
#include "fw.h"

const char test_title[] = "attack-exchange-handle";

#define GARBAGE 0xa55a

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

/* The frames of in[] for others, which take their place. */
static void proper_trade(void)
{
	struct xen_memory_exchange e = request(4);
	uint16_t *padding = (uint16_t *)&e.in.domid + 1;
	unsigned long before = total();

	*padding = GARBAGE;
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), 0);
	check_eq(e.nr_exchanged, 4);
	check(*padding == GARBAGE || *padding == 0); /* nothing of the hypervisor's */
	check_eq(total(), before);
	for (unsigned i = 0; i < 4; i++) {
		check(out[i] != 0x40000 + i && out[i] != in[i]);
		check_eq(((unsigned long *)MACH2PHYS_VIRT_START)[out[i]], 0x40000 + i);
		in[i] = out[i];
		out[i] = 0x40000 + i;
	}
}

/* Good pointers, and an index that leads to @bad: the sum wraps, or not. */
static void bad_index(unsigned long bad)
{
	struct xen_memory_exchange e = request(4);

	e.nr_exchanged = (bad - (unsigned long)out) / sizeof(xen_pfn_t);
	check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
	e = request(4);
	e.in.nr_extents = e.out.nr_extents = ~0ul;
	e.nr_exchanged = (bad - (unsigned long)out) / sizeof(xen_pfn_t);
	check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
	e = request(4);
	e.nr_exchanged = ~0ul;
	e.in.nr_extents = e.out.nr_extents = ~0ul;
	e.in.extent_order = e.out.extent_order = 63;
	check(hypercall_memory_op(XENMEM_exchange, &e) < 0);
}

static void bad_pointer(unsigned long bad)
{
	struct xen_memory_exchange e = request(4);

	set_xen_guest_handle(e.out.extent_start, (xen_pfn_t *)bad);
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EFAULT);
	check_eq(e.nr_exchanged, 0);
}

/* More for less, by the numbers of extents or by their order. */
static void unfair(void)
{
	struct xen_memory_exchange e = request(4);

	e.in.nr_extents = 2;
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
	e = request(2);
	e.out.extent_order = 1;
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
	e = request(4);
	e.out.nr_extents = 2;
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
	check_eq(e.nr_exchanged, 0);
	check_eq(out[0], 0x40000);
}

/* Page tables, mapped ones. */
static void frames_in_use(void)
{
	xen_pfn_t used[] = {root_mfn(), va_to_mfn(out)};

	for (unsigned i = 0; i < ARRAY_SIZE(used); i++) {
		struct xen_memory_exchange e = request(1);

		set_xen_guest_handle(e.in.extent_start, &used[i]);
		check_eq(hypercall_memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
		check_eq(e.nr_exchanged, 0);
	}
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	unsigned long before = total();

	get_frames();
	proper_trade();
	frames_in_use();
	unfair();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		bad_index(bad[i]);
	proper_trade();
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_pointer(bad[i]);
		check_eq(total(), before);
		check_eq(out[0], 0x40000);
	}
	proper_trade(); /* all that time they were ours */
}
