/* SPDX-License-Identifier: MIT */
/* Lab 7: the consumer. README.md says what is asked, lab.h what there is to use. */
#include "lab.h"

/* The bit goes first: an item that comes while we look through the ring sets it again, and calls us again. */
void consumer_upcall(void)
{
	port_clear();
	while (ring.consumed != ring.produced) {
		inbox_put(ring.item[ring.consumed % RING_SIZE]);
		ring.consumed++;
	}
}

/* What came while the mask was set calls us only when the hypervisor looks, which any hypercall makes it do.
 * What comes between the two lines calls us as usual. */
static void unmask(void)
{
	UPCALL_MASK = 0;
	if (UPCALL_PENDING)
		hypercall_xen_version(XENVER_version, NULL);
}

/* Masked from the look to the sleep: an event that comes between them stays pending, and SCHEDOP_block, which unmasks
 * and sleeps in one step, does not sleep then. */
unsigned consumer_take(void)
{
	unsigned item;

	UPCALL_MASK = 1;
	while (inbox_empty()) {
		hypercall_sched_op(SCHEDOP_block, NULL);
		UPCALL_MASK = 1;
	}
	item = inbox_get();
	unmask();
	return item;
}
