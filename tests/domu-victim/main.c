/* SPDX-License-Identifier: MIT */
/*
 * Not a test by itself: the domain beside attack-domu-*, which they try to harm. It offers grants and event channels as
 * fw/domu.h says, each to one domain number, and looks at its memory whenever one of the channels rings: what it granted
 * read-only is as it was, its page tables too. It says "unharmed" or what is wrong, and goes on.
 */
#include "domu.h"
#include "time.h"

const char test_title[] = "domu-victim";

static unsigned long *data, *shared_page;
static pte_t copy[512];
static pte_t *table;
static uint16_t port_of[VICTIM_OFFERS];

static void grant(unsigned ref, domid_t id, const void *page, unsigned flags)
{
	struct grant_entry_v1 *e = &grant_table()[ref];

	e->domid = id;
	e->frame = va_to_mfn(page);
	barrier();
	e->flags = GTF_permit_access | flags;
}

static void offer(void)
{
	for (domid_t id = 1; id < VICTIM_OFFERS; id++) {
		struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = id};

		grant(VICTIM_TABLE_REF(id), id, table, GTF_readonly);
		grant(VICTIM_DATA_REF(id), id, data, GTF_readonly);
		grant(VICTIM_SHARED_REF(id), id, shared_page, 0);
		if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &a))
			error("no port for domain %u", id);
		port_of[id] = a.port;
		event_mask(a.port, false);
	}
}

static void look(domid_t caller)
{
	unsigned harmed = 0;

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*data); i++)
		harmed += data[i] != VICTIM_PATTERN;
	for (unsigned i = 0; i < ARRAY_SIZE(copy); i++)
		harmed += copy[i] != table[i];
	printk("%s by d%u: %u words of data and page table\n", harmed ? "harmed" : "unharmed", caller,
	       harmed);
}

void test_main(void)
{
	unsigned timer = bind_timer();

	data = page_alloc();
	shared_page = page_alloc();
	table = (pte_t *)((unsigned long)pte_of((unsigned long)data, 1) & ~(PAGE_SIZE - 1));
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*data); i++)
		data[i] = VICTIM_PATTERN;
	grant_table(); /* before the table is copied */
	offer();
	__builtin_memcpy(copy, table, PAGE_SIZE);
	printk("victim is ready\n");
	for (;;) {
		wait_for_port(timer, system_time() + 10000000);
		for (domid_t id = 1; id < VICTIM_OFFERS; id++)
			if (event_test_and_clear(port_of[id]))
				look(id);
	}
}
