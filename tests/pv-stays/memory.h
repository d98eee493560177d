/* SPDX-License-Identifier: MIT */
/* memory_op's heaviest calls, on another domain. */
#pragma once

#include "control.h"
#include "stays.h"

#define FRAMES 2048

static domid_t other; /* a domain of ours, to be heavy on */
static unsigned long frames[FRAMES];

static long on_other(unsigned cmd)
{
	return domctl(cmd, other);
}

static long memory(unsigned cmd, unsigned long *list, unsigned n, unsigned order, unsigned flags)
{
	struct xen_memory_reservation r = {
	    .nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = other};

	set_xen_guest_handle(r.extent_start, list);
	return hypercall_memory_op(cmd, &r);
}

static void populate_small(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = i;
	check_eq(memory(XENMEM_populate_physmap, frames, FRAMES, 0, 0), FRAMES);
}

static void decrease_small(void)
{
	check_eq(memory(XENMEM_decrease_reservation, frames, FRAMES, 0, 0), FRAMES);
}

static void populate_big(void)
{
	for (unsigned i = 0; i < 4; i++)
		frames[i] = i * 512;
	check_eq(memory(XENMEM_populate_physmap, frames, 4, 9, 0), 4);
}

static void decrease_big(void)
{
	check_eq(memory(XENMEM_decrease_reservation, frames, 4, 9, 0), 4);
}

static void populate_huge(void)
{
	frames[0] = 0;
	check_eq(memory(XENMEM_populate_physmap, frames, 1, 13, 0), 1);
}

static void decrease_huge(void)
{
	check_eq(memory(XENMEM_decrease_reservation, frames, 1, 13, 0), 1);
}

static void exchange(unsigned n, unsigned in_order, unsigned out_order)
{
	static unsigned long out[FRAMES];
	struct xen_memory_exchange e = {
	    .in = {.nr_extents = n >> in_order, .extent_order = in_order, .domid = other},
	    .out = {.nr_extents = n >> out_order, .extent_order = out_order, .domid = other},
	};

	for (unsigned i = 0; i < n >> out_order; i++)
		out[i] = i << out_order;
	set_xen_guest_handle(e.in.extent_start, frames);
	set_xen_guest_handle(e.out.extent_start, out);
	check_eq(hypercall_memory_op(XENMEM_exchange, &e), 0);
	check_eq(e.nr_exchanged, n >> in_order);
	for (unsigned i = 0; i < n >> out_order; i++)
		frames[i] = out[i];
}

static void exchange_to_big(void)
{
	exchange(FRAMES, 0, 9);
}

static void exchange_to_small(void)
{
	exchange(FRAMES, 9, 0);
}

static void exchange_big(void)
{
	exchange(FRAMES, 9, 9);
}

/* Free memory in small pieces, none of which will do. */
static void address_bits(void)
{
	static unsigned long kept[8192];
	unsigned n = ARRAY_SIZE(kept);

	for (unsigned i = 0; i < n; i++)
		kept[i] = i;
	check_eq(memory(XENMEM_populate_physmap, kept, n, 0, 0), n);
	for (unsigned i = 0; i < n; i += 2)
		check_eq(memory(XENMEM_decrease_reservation, &kept[i], 1, 0, 0), 1);
	frames[0] = 0;
	check_eq(memory(XENMEM_populate_physmap, frames, 1, 0, XENMEMF_address_bits(13)), 0);
	for (unsigned i = 1; i < n; i += 2)
		check_eq(memory(XENMEM_decrease_reservation, &kept[i], 1, 0, 0), 1);
}
