/* SPDX-License-Identifier: MIT */
/*
 * Specification: physical interrupts of a domain.
 *   lines      Dom0 has all of an I/O APIC's without asking; others those that were mapped for them. Bound once each, free
 *              again after close, or if no port was left; the hypervisor's own is refused
 *   messages   get numbers from the top, a line from the beginning, and give both back however they end; on a machine
 *              without I/O APIC all numbers are theirs
 *   events     one comes to the port that is bound, at the vCPU that it notifies, and to none after close
 *   page       says which PIRQs need an EOI: level ones always, others when they came too often
 *   end        everything goes back with the domain, the last use of the page too; a dying one gets nothing
 */
#include "event_host.h"

static const struct pirq_message message = {.function = 0x18, .table_base = 0x1000};
static uint8_t page[PAGE_SIZE];

static void make_dom0(struct domain *d)
{
	make(d, 0, &abi64);
	d->privileged = true;
	host_directmap = (uint64_t)page - (EOI_FRAME << PAGE_SHIFT);
	memset(page, 0, sizeof(page));
	memset(host_lines, 0, sizeof(host_lines));
	frames[EOI_FRAME].count = 1;
}

static void end_dom0(struct domain *d)
{
	uint32_t next = 0;

	evtchn_close_all(d, &next);
	pirqs_free(d);
	assert_null(d->evt.pirqs);
	assert_int_equal(messages_open, 0);
	assert_int_equal(eoi_frame_uses, 0);
	assert_int_equal(frames[EOI_FRAME].count, 1);
	for (unsigned i = 0; i < GSIS; i++)
		assert_null(host_lines[i].users);
	end(d);
}

static bool comes(struct irq_line *l)
{
	return l->users->arrived(l->users);
}

static void lines(void **state)
{
	struct domain a;
	int port;

	make_dom0(&a);
	assert_int_equal(evtchn_bind_pirq(&a, PIRQS, 0), -EINVAL);
	assert_int_equal(evtchn_bind_pirq(&a, GSIS, 0), -EINVAL);
	assert_int_equal(evtchn_bind_pirq(&a, 9, 0), -EBUSY); /* the hypervisor's own */
	port = evtchn_bind_pirq(&a, GSIS - 1, 0);
	assert_int_equal(port, 1); /* which that one did not keep */
	assert_non_null(host_lines[GSIS - 1].users);
	assert_int_equal(evtchn_bind_pirq(&a, GSIS - 1, 0), -EEXIST);
	assert_int_equal(evtchn_close(&a, port), 0);
	assert_null(host_lines[GSIS - 1].users);
	assert_int_equal(evtchn_bind_pirq(&a, GSIS - 1, 0), port);
	/* No port is left: the line is not kept. */
	while (evtchn_alloc_unbound(&a, 1) > 0)
		;
	assert_int_equal(evtchn_bind_pirq(&a, 4, 0), -ENOSPC);
	assert_null(host_lines[4].users);
	assert_int_equal(evtchn_close(&a, 3), 0);
	assert_int_equal(evtchn_bind_pirq(&a, 4, 0), 3);
	end_dom0(&a);
}

static void events(void **state)
{
	struct domain a;
	int port;

	make_dom0(&a);
	port = evtchn_bind_pirq(&a, 5, 0);
	assert_true(comes(&host_lines[5]));
	assert_true(evtchn_port_pending(&a, port));
	assert_int_equal(info(&a)[0], 1);
	assert_int_equal(info(&a)[64], 0);
	assert_false(comes(&host_lines[5])); /* the last one is there yet */
	bit_test_and_clear(a.evt.pending, port);
	info(&a)[0] = info(&a)[8] = 0;
	a.vcpu[1]->cpu = &host_percpu;
	host_percpu.apic_id = 3;
	assert_int_equal(evtchn_bind_vcpu(&a, port, 1), 0);
	assert_int_equal(host_lines[5].apic_id, 3);
	assert_true(comes(&host_lines[5]));
	assert_int_equal(info(&a)[64], 1);
	assert_int_equal(evtchn_send(&a, port), -EINVAL);
	/* Aimed nowhere: at a vCPU that was never on a processor, and when the PIRQ is gone. */
	assert_int_equal(evtchn_bind_vcpu(&a, port, 0), 0);
	assert_int_equal(host_lines[5].apic_id, 3);
	assert_int_equal(pirq_unmap(&a, 5), 0);
	assert_int_equal(evtchn_bind_vcpu(&a, port, 1), 0);
	end_dom0(&a);
}

static void others(void **state)
{
	struct domain a, b;
	uint32_t flags = 0;

	make_dom0(&a);
	make(&b, 1, &abi32);
	assert_int_equal(evtchn_bind_pirq(&b, 5, 0), -EPERM);
	assert_int_equal(pirq_map_gsi(&b, GSIS, -1), -EINVAL);
	assert_int_equal(pirq_map_gsi(&b, 5, 6), -EEXIST);
	assert_int_equal(pirq_map_gsi(&b, 5, 0), -EEXIST);
	assert_int_equal(pirq_map_gsi(&b, 5, -1), 5);
	assert_int_equal(pirq_map_gsi(&b, 5, 5), 5);
	assert_int_equal(evtchn_bind_pirq(&b, 6, 0), -EPERM);
	assert_int_equal(evtchn_bind_pirq(&b, 5, BIND_PIRQ__WILL_SHARE), 1);
	assert_true(host_lines[5].users->shares);
	assert_int_equal(pirq_status(&b, 5, &flags), 0);
	assert_int_equal(flags, XENIRQSTAT_needs_eoi);
	assert_int_equal(evtchn_bind_pirq(&a, 5, BIND_PIRQ__WILL_SHARE), 1);
	assert_int_equal(pirq_status(&b, 5, &flags), 0);
	assert_int_equal(flags, XENIRQSTAT_needs_eoi | XENIRQSTAT_shared);
	assert_int_equal(pirq_status(&b, PIRQS, &flags), -EINVAL);
	assert_int_equal(pirq_status(&b, 6, &flags), 0); /* which it has not */
	assert_int_equal(flags, XENIRQSTAT_needs_eoi);
	/* Unmapped while it is bound: the port stays, and nothing comes. */
	assert_int_equal(pirq_unmap(&b, 5), 0);
	assert_null(host_lines[5].users->next);
	assert_int_equal(pirq_unmap(&b, 5), -EINVAL);
	assert_int_equal(status(&b, 1), EVTCHNSTAT_pirq);
	assert_int_equal(pirq_map_gsi(&b, 5, -1), 5);
	assert_int_equal(evtchn_bind_pirq(&b, 5, 0), 2);
	assert_int_equal(evtchn_close(&b, 1), 0); /* the old one, which has nothing any more */
	assert_non_null(host_lines[5].users->next);
	b.state = DOMAIN_DYING;
	assert_int_equal(pirq_map_gsi(&b, 6, -1), -EINVAL);
	assert_int_equal(pirq_unmap(&b, 6), -EINVAL);
	pirqs_free(&b);
	end(&b);
	end_dom0(&a);
}

static void messages(void **state)
{
	struct pirq_message m = message;
	struct domain a;
	int port;

	make_dom0(&a);
	assert_int_equal(pirq_map_msi(&a, &m, -1), PIRQS - 1);
	assert_int_equal(pirq_map_msi(&a, &m, -1), -EEXIST);
	m.number = 1;
	assert_int_equal(pirq_map_msi(&a, &m, GSIS - 1), -EINVAL);
	assert_int_equal(pirq_map_msi(&a, &m, 0), -EINVAL);
	assert_int_equal(pirq_map_msi(&a, &m, PIRQS), -EINVAL);
	assert_int_equal(pirq_map_msi(&a, &m, PIRQS - 1), -EEXIST);
	assert_int_equal(messages_open, 1); /* none of those */
	assert_int_equal(pirq_reserve(&a), PIRQS - 2);
	assert_int_equal(evtchn_bind_pirq(&a, PIRQS - 2, 0), -EINVAL);
	assert_int_equal(pirq_map_msi(&a, &m, PIRQS - 2), PIRQS - 2);
	m.number = 2;
	assert_int_equal(pirq_map_msi(&a, &m, GSIS), GSIS);
	m.function = 0x20;
	assert_int_equal(pirq_map_msi(&a, &m, -1), -ENODEV);
	port = evtchn_bind_pirq(&a, PIRQS - 2, 0);
	assert_true(comes(&message_lines[1]));
	assert_true(evtchn_port_pending(&a, port));
	assert_int_equal(evtchn_close(&a, port), 0);
	assert_int_equal(messages_open, 3); /* unbound, and still mapped */
	assert_int_equal(evtchn_bind_pirq(&a, PIRQS - 2, 0), port);
	assert_int_equal(pirq_unmap(&a, PIRQS - 2), 0);
	assert_int_equal(messages_open, 2);
	assert_int_equal(pirq_map_gsi(&a, 5, -1), 5); /* no message */
	pirq_unmap_function(&a, 0x19);
	assert_int_equal(messages_open, 2);
	pirq_unmap_function(&a, 0x18);
	assert_int_equal(messages_open, 0);
	/* All numbers are given, and the lines' own are not among them. */
	for (unsigned i = 0; i < PIRQS - GSIS; i++)
		assert_int_equal(pirq_reserve(&a), PIRQS - 1 - i);
	assert_int_equal(pirq_reserve(&a), -ENOSPC);
	m = message;
	assert_int_equal(pirq_map_msi(&a, &m, -1), -ENOSPC);
	assert_int_equal(messages_open, 0);
	assert_int_equal(pirq_map_msi(&a, &m, PIRQS - 1), PIRQS - 1);
	end_dom0(&a);
}

static bool needs(uint32_t pirq)
{
	return page[pirq / 8] >> pirq % 8 & 1;
}

static void no_lines(void **state)
{
	struct domain a;

	host_gsis = 0;
	make_dom0(&a);
	for (unsigned i = 0; i < PIRQS; i++)
		assert_int_equal(pirq_reserve(&a), PIRQS - 1 - i);
	assert_int_equal(pirq_reserve(&a), -ENOSPC);
	end_dom0(&a);
	host_gsis = GSIS;
}

static void the_page(void **state)
{
	struct domain a;
	int edge, level;

	make_dom0(&a);
	level = evtchn_bind_pirq(&a, 17, 0);
	assert_int_equal(pirq_map_gsi(&a, 6, -1), 6);
	assert_int_equal(pirq_set_eoi_page(&a, 8, false), -EINVAL);
	type_error = -EINVAL; /* a page table */
	assert_int_equal(pirq_set_eoi_page(&a, EOI_FRAME, false), -EINVAL);
	type_error = 0;
	assert_int_equal(eoi_frame_uses, 0);
	assert_int_equal(pirq_set_eoi_page(&a, EOI_FRAME, false), 0);
	assert_int_equal(pirq_set_eoi_page(&a, EOI_FRAME, true), -EBUSY);
	assert_int_equal(eoi_frame_uses, 1);
	assert_true(needs(17));
	edge = evtchn_bind_pirq(&a, 5, 0);
	assert_false(needs(5));
	assert_true(comes(&host_lines[5]));
	assert_false(needs(5));
	assert_false(comes(&host_lines[5]));
	assert_true(needs(5));
	eois = 0;
	assert_int_equal(pirq_eoi(&a, 5), 0);
	assert_false(needs(5));
	assert_int_equal(pirq_eoi(&a, 17), 0);
	assert_true(needs(17));
	assert_int_equal(eois, 2);
	assert_int_equal(pirq_eoi(&a, 6), 0); /* not bound */
	assert_int_equal(pirq_eoi(&a, 7), 0); /* not there */
	assert_int_equal(pirq_eoi(&a, PIRQS), -EINVAL);
	assert_int_equal(eois, 2);
	/* This form leaves the port as it is. */
	bit_test_and_set(a.evt.mask, edge);
	assert_int_equal(pirq_eoi(&a, 5), 0);
	assert_true(evtchn_port_masked(&a, edge));
	assert_int_equal(evtchn_bind_pirq(&a, 20, 0), level + 2);
	assert_true(needs(20));
	end_dom0(&a);
	make_dom0(&a);
	assert_int_equal(pirq_set_eoi_page(&a, EOI_FRAME, true), 0);
	edge = evtchn_bind_pirq(&a, 5, 0);
	bit_test_and_set(a.evt.mask, edge);
	assert_int_equal(pirq_eoi(&a, 5), 0);
	assert_false(evtchn_port_masked(&a, edge));
	end_dom0(&a);
	make_dom0(&a);
	a.state = DOMAIN_DYING;
	assert_int_equal(pirq_set_eoi_page(&a, EOI_FRAME, true), -EINVAL);
	assert_int_equal(eoi_frame_uses, 0);
	end_dom0(&a);
}

/* Memory ends at each allocation in turn. */
static void memory(void **state)
{
	struct domain a;
	unsigned tries;

	for (tries = 0;; tries++) {
		struct pirq_message m = message;
		int rc;

		make_dom0(&a);
		evtchn_alloc_unbound(&a, 1);
		blocks_left = tries;
		rc = pirq_map_msi(&a, &m, -1);
		if (rc < 0) {
			assert_int_equal(rc, -ENOMEM);
			assert_int_equal(evtchn_bind_pirq(&a, 5, 0), -ENOMEM);
		}
		blocks_left = ~0u;
		end_dom0(&a);
		if (rc >= 0)
			break;
	}
	assert_int_equal(tries, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines),    cmocka_unit_test(events),   cmocka_unit_test(others),
	    cmocka_unit_test(messages), cmocka_unit_test(no_lines), cmocka_unit_test(the_page),
	    cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
