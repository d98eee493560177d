/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: allocation until the table is full, a channel to ourselves bound and sent over, status,
 * masks, IPI and VIRQ ports, closing, and every refusal that the ABI names.
 */
#include "fw.h"

const char test_title[] = "hc-event-channel-op";

static int op(unsigned cmd, void *arg)
{
	return hypercall_event_channel_op(cmd, arg);
}

static void loopback(void)
{
	struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain b = {.remote_dom = DOMID_SELF};
	struct evtchn_status st = {.dom = DOMID_SELF};

	check_eq(op(EVTCHNOP_alloc_unbound, &a), 0);
	st.port = a.port;
	check_eq(op(EVTCHNOP_status, &st), 0);
	check_eq(st.status, EVTCHNSTAT_unbound);
	b.remote_port = a.port;
	check_eq(op(EVTCHNOP_bind_interdomain, &b), 0);
	check(b.local_port != a.port);
	check(op(EVTCHNOP_bind_interdomain, &b) < 0); /* already bound */
	check_eq(op(EVTCHNOP_status, &st), 0);
	check_eq(st.status, EVTCHNSTAT_interdomain);
	check_eq(st.u.interdomain.port, b.local_port);
	event_test_and_clear(a.port);
	check_eq(op(EVTCHNOP_send, &b.local_port), 0);
	check(event_test_and_clear(a.port));

	/* A masked port becomes pending without an upcall; unmask raises it. */
	upcalls = 0;
	shared->vcpu_info[0].evtchn_upcall_pending = 0;
	shared->vcpu_info[0].evtchn_pending_sel = 0;
	event_mask(a.port, true);
	events_on();
	check_eq(op(EVTCHNOP_send, &b.local_port), 0);
	check_eq(upcalls, 0);
	check_eq(op(EVTCHNOP_unmask, &a.port), 0);
	check_eq(upcalls, 1);
	check(event_test_and_clear(a.port));
	events_off();

	check_eq(op(EVTCHNOP_close, &b.local_port), 0);
	check_eq(op(EVTCHNOP_status, &st), 0);
	check_eq(st.status, EVTCHNSTAT_unbound); /* the other end waits again */
	check_eq(op(EVTCHNOP_send, &a.port), 0); /* to no port: no error */
	check_eq(op(EVTCHNOP_close, &a.port), 0);
	check_eq(op(EVTCHNOP_close, &a.port), -XEN_EINVAL);
}

/* Nothing of a closed port's life is left for the next one of its number: no event, no interrupt. */
static void closed_for_good(void)
{
	struct evtchn_bind_ipi ipi = {.vcpu = 0};
	struct evtchn_bind_pirq line = {.pirq = 5};

	for (unsigned i = 0; i < 3; i++) {
		check_eq(op(EVTCHNOP_bind_ipi, &ipi), 0);
		event_mask(ipi.port, true);
		check(!event_test_and_clear(ipi.port));
		check_eq(op(EVTCHNOP_send, &ipi.port), 0);
		check_eq(op(EVTCHNOP_close, &ipi.port), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		check_eq(op(EVTCHNOP_bind_pirq, &line), 0);
		check_eq(op(EVTCHNOP_bind_pirq, &line), -XEN_EEXIST);
		check_eq(op(EVTCHNOP_close, &line.port), 0);
	}
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	struct evtchn_bind_virq virq = {.virq = VIRQ_DEBUG, .vcpu = 0};
	struct evtchn_bind_vcpu move;
	unsigned nowhere = 4000;
	unsigned rounds = 0;

	loopback();
	check_eq(op(EVTCHNOP_bind_virq, &virq), 0);
	check_eq(op(EVTCHNOP_bind_virq, &virq), -XEN_EEXIST);
	move = (struct evtchn_bind_vcpu){.port = virq.port, .vcpu = 0};
	check(op(EVTCHNOP_bind_vcpu, &move) <= 0);
	move.vcpu = 31;
	check_eq(op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT);
	check_eq(op(EVTCHNOP_close, &virq.port), 0);
	virq.virq = 99;
	check_eq(op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
	virq.virq = VIRQ_TIMER;
	virq.vcpu = 31;
	check_eq(op(EVTCHNOP_bind_virq, &virq), -XEN_ENOENT);

	closed_for_good();
	for (uint32_t pirq = 1u << 8; pirq; pirq <<= 1) { /* there are not as many */
		struct evtchn_bind_pirq bind = {.pirq = pirq};

		check_eq(op(EVTCHNOP_bind_pirq, &bind), -XEN_EINVAL);
	}

	check_eq(op(EVTCHNOP_close, &nowhere), -XEN_EINVAL);
	check_eq(op(EVTCHNOP_send, &nowhere), -XEN_EINVAL);
	nowhere = ~0u;
	check_eq(op(EVTCHNOP_send, &nowhere), -XEN_EINVAL);
	check_eq(op(EVTCHNOP_unmask, &nowhere), -XEN_EINVAL);
	check_eq(op(99, &nowhere), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(op(EVTCHNOP_send, (void *)bad[i]), -XEN_EFAULT);

	/* To the last port: only success or -ENOSPC, and all can be closed again. */
	struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	int rc;
	while ((rc = op(EVTCHNOP_alloc_unbound, &a)) == 0 && rounds < 5000)
		rounds++;
	check_eq(rc, -XEN_ENOSPC);
	check(rounds > 900);
	struct evtchn_reset reset = {.dom = DOMID_SELF};
	check_eq(op(EVTCHNOP_reset, &reset), 0);
	check_eq(op(EVTCHNOP_alloc_unbound, &a), 0);
}
