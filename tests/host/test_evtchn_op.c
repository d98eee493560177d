/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall event_channel_op (hypervisor/evt/evtchn_op.c): which domain may ask what of which, and
 * what comes back.
 *   domains   others than the caller are Dom0's to name; DOMID_SELF is the caller, as the peer too
 *   vcpus     only the caller's own that are there; a global VIRQ is vCPU 0's
 *   answers   what an operation returns is in the guest's structure, only if it went well; a structure that is not
 *             the guest's refuses, also when only the answer finds no place
 *   restart   a reset that makes way comes again with the same arguments
 *   forms     the old form does the same, except for younger operations; a reference is let go on every way
 */
#include "guest_host.h"
#include "evt/evtchn_op.c"

static struct domain doms[2]; /* the caller, and another */
static struct vcpu vcpus[3];
static int port, rc; /* what the mechanism says */

struct domain *domain_by_id(domid_t id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : id < 2 ? &doms[id] : NULL;

	if (d)
		d->refs++;
	return d;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	d->refs--;
}
bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER;
}
int evtchn_alloc_unbound(struct domain *d, domid_t remote)
{
	note("alloc d%u for d%u", d->id, remote);
	return port;
}
int evtchn_bind_interdomain(struct domain *d, struct domain *remote, uint32_t remote_port)
{
	note("bind d%u to d%u port %u", d->id, remote->id, remote_port);
	return port;
}
int evtchn_bind_virq(struct vcpu *v, uint32_t virq)
{
	note("virq %u of v%u", virq, v->id);
	return port;
}
int evtchn_bind_pirq(struct domain *d, uint32_t pirq, uint32_t flags)
{
	note("pirq %u", pirq);
	return port;
}
int evtchn_bind_ipi(struct vcpu *v)
{
	note("ipi of v%u", v->id);
	return port;
}
int evtchn_close(struct domain *d, uint32_t which)
{
	note("close %u", which);
	((struct evtchn_close *)guest_base)->port = 99; /* another vCPU */
	return rc;
}
long evtchn_send(struct domain *d, uint32_t which)
{
	note("send %u", which);
	return rc;
}
int evtchn_status(struct domain *d, struct evtchn_status *st)
{
	note("status of d%u port %u", d->id, st->port);
	st->vcpu = 7;
	return rc;
}
int evtchn_bind_vcpu(struct domain *d, uint32_t which, uint32_t vcpu)
{
	note("port %u to v%u", which, vcpu);
	return rc;
}
int evtchn_unmask(struct domain *d, uint32_t which)
{
	note("unmask %u", which);
	return rc;
}
int evtchn_close_all(struct domain *d, uint32_t *next)
{
	assert_int_equal(*next, 0);
	note("reset d%u", d->id);
	return rc;
}

static union evtchn_arg {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
} * arg;

static int setup(void **state)
{
	memset(doms, 0, sizeof(doms));
	for (int i = 0; i < 2; i++)
		doms[i] = (struct domain){.id = i, .abi = &guest_pv64, .max_vcpus = 2};
	for (int i = 0; i < 3; i++)
		vcpus[i] = (struct vcpu){.id = i, .domain = &doms[1]};
	doms[1].vcpu[0] = &vcpus[0];
	doms[1].vcpu[2] = &vcpus[2]; /* one that its limit does not allow */
	host_percpu.vcpu = &vcpus[0];
	arg = (void *)guest_memory();
	memset(arg, 0, sizeof(*arg));
	port = 5;
	rc = 0;
	deeds[0] = '\0';
	return 0;
}

#define asks(cmd, result, ...)                                                                \
	do {                                                                                  \
		*arg = (union evtchn_arg){__VA_ARGS__};                                       \
		assert_int_equal(hc_event_channel_op(EVTCHNOP_##cmd, (uint64_t)arg), result); \
		assert_int_equal(doms[0].refs + doms[1].refs, 0);                             \
	} while (0)

static void whom(void **state)
{
	asks(alloc_unbound, 0, .alloc_unbound = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF});
	assert_int_equal(arg->alloc_unbound.port, 5);
	asks(alloc_unbound, 0, .alloc_unbound = {.dom = 1, .remote_dom = 0});
	asks(alloc_unbound, -EPERM, .alloc_unbound = {.dom = 0, .remote_dom = 0});
	asks(alloc_unbound, -ESRCH, .alloc_unbound = {.dom = 9, .remote_dom = 0});
	assert_done("alloc d1 for d1;alloc d1 for d0;");
	asks(status, -EPERM, .status = {.dom = 0, .port = 3});
	asks(status, -ESRCH, .status = {.dom = 9, .port = 3});
	asks(status, 0, .status = {.dom = 1, .port = 3});
	assert_int_equal(arg->status.vcpu, 7);
	asks(reset, -EPERM, .reset = {.dom = 0});
	asks(reset, -ESRCH, .reset = {.dom = 9});
	asks(reset, 0, .reset = {.dom = DOMID_SELF});
	assert_done("status of d1 port 3;reset d1;");
	doms[1].privileged = true;
	asks(alloc_unbound, 0, .alloc_unbound = {.dom = 0, .remote_dom = DOMID_SELF});
	asks(status, 0, .status = {.dom = 0});
	asks(reset, 0, .reset = {.dom = 0});
	assert_done("alloc d0 for d1;status of d0 port 0;reset d0;");
	asks(bind_interdomain, 0, .bind_interdomain = {.remote_dom = 0, .remote_port = 8});
	assert_int_equal(arg->bind_interdomain.local_port, 5);
	asks(bind_interdomain, -ESRCH, .bind_interdomain = {.remote_dom = 9, .remote_port = 8});
	assert_done("bind d1 to d0 port 8;");
}

static void of_vcpus(void **state)
{
	asks(bind_virq, 0, .bind_virq = {.virq = VIRQ_CONSOLE, .vcpu = 0});
	assert_int_equal(arg->bind_virq.port, 5);
	asks(bind_virq, -EINVAL, .bind_virq = {.virq = VIRQ_CONSOLE, .vcpu = 1});
	asks(bind_virq, -EINVAL, .bind_virq = {.virq = NR_VIRQS, .vcpu = 0});
	asks(bind_virq, 0, .bind_virq = {.virq = NR_VIRQS - 1, .vcpu = 0});
	asks(bind_virq, -ENOENT, .bind_virq = {.virq = VIRQ_TIMER, .vcpu = 1}); /* not there */
	asks(bind_virq, -ENOENT, .bind_virq = {.virq = VIRQ_TIMER, .vcpu = 2});
	asks(bind_ipi, 0, .bind_ipi = {.vcpu = 0});
	assert_int_equal(arg->bind_ipi.port, 5);
	asks(bind_ipi, -ENOENT, .bind_ipi = {.vcpu = 1});
	asks(bind_ipi, -ENOENT, .bind_ipi = {.vcpu = ~0u});
	assert_done("virq 2 of v0;virq 23 of v0;ipi of v0;");
	doms[1].vcpu[1] = &vcpus[1];
	asks(bind_virq, 0, .bind_virq = {.virq = VIRQ_TIMER, .vcpu = 1});
	asks(bind_vcpu, 0, .bind_vcpu = {.port = 4, .vcpu = 1});
	assert_done("virq 0 of v1;port 4 to v1;");
}

static void answers(void **state)
{
	const gva_t end = NOWHERE, last = end - sizeof(struct evtchn_bind_pirq);

	asks(close, 0, .close = {.port = 3});
	assert_int_equal(arg->close.port, 99); /* nothing is answered here */
	asks(bind_pirq, 0, .bind_pirq = {.pirq = 9});
	assert_int_equal(arg->bind_pirq.port, 5);
	port = 0;
	asks(bind_ipi, 0, .bind_ipi = {.port = 77});
	assert_int_equal(arg->bind_ipi.port, 0);
	port = -ENOSPC;
	asks(bind_pirq, -ENOSPC, .bind_pirq = {.pirq = 9, .port = 77});
	assert_int_equal(arg->bind_pirq.port, 77);
	asks(alloc_unbound, -ENOSPC, .alloc_unbound = {.dom = 1, .port = 77});
	assert_int_equal(arg->alloc_unbound.port, 77);
	rc = -EINVAL;
	asks(close, -EINVAL, .close = {.port = 3});
	asks(status, -EINVAL, .status = {.dom = 1});
	assert_int_equal(arg->status.vcpu, 0);
	asks(unmask, -EINVAL, .unmask = {.port = 3});
	asks(send, -EINVAL, .send = {.port = 3});
	deeds[0] = '\0';
	port = 5;
	rc = 0;
	memset((void *)last, 0, sizeof(struct evtchn_bind_pirq));
	assert_int_equal(hc_event_channel_op(EVTCHNOP_bind_pirq, last), 0);
	assert_int_equal(hc_event_channel_op(EVTCHNOP_bind_pirq, last + 4), -EFAULT);
	assert_int_equal(hc_event_channel_op(EVTCHNOP_close, end - 4), 0);
	assert_int_equal(hc_event_channel_op(EVTCHNOP_close, end), -EFAULT);
	assert_int_equal(hc_event_channel_op(EVTCHNOP_send, end), -EFAULT);
	assert_done("pirq 0;close 5;");
	guest_pv64.low_end = end - 8; /* from now on: the structure goes while it is worked on */
	assert_int_equal(hc_event_channel_op(EVTCHNOP_bind_pirq, last), -EFAULT);
	guest_pv64.low_end = end;
}

static void restarts(void **state)
{
	rc = -ERESTART;
	asks(reset, RESTARTED, .reset = {.dom = 1});
	assert_int_equal(restart_nr, __HYPERVISOR_event_channel_op);
	assert_int_equal(restart_args[0], EVTCHNOP_reset);
	assert_ptr_equal((void *)restart_args[1], arg);
	asks(close, RESTARTED, .close = {.port = 1}); /* whichever operation it is */
}

static void forms(void **state)
{
	struct evtchn_op *old = (void *)guest_memory();
	const uint64_t at = (uint64_t)old;

	assert_int_equal(hc_event_channel_op(99, at), -ENOSYS);
	assert_int_equal(hc_event_channel_op(EVTCHNOP_init_control, at), -ENOSYS);
	assert_int_equal(hc_event_channel_op(ARRAY_SIZE(evtchn_ops), at), -ENOSYS);
	asks(unmask, 0, .unmask = {.port = 12});
	asks(send, 0, .send = {.port = 12});
	assert_int_equal(hc_event_channel_op(1ull << 32 | EVTCHNOP_send, at), 0);
	assert_done("unmask 12;send 12;send 12;");
	*old =
	    (struct evtchn_op){.cmd = EVTCHNOP_alloc_unbound, .u.alloc_unbound = {.dom = 1, .remote_dom = 0}};
	assert_int_equal(hc_event_channel_op_compat(at), 0);
	assert_int_equal(old->u.alloc_unbound.port, 5);
	old->cmd = EVTCHNOP_send;
	old->u.send.port = 6;
	assert_int_equal(hc_event_channel_op_compat(at), 0);
	assert_done("alloc d1 for d0;send 6;");
	old->cmd = EVTCHNOP_reset;
	assert_int_equal(hc_event_channel_op_compat(at), -ENOSYS);
	old->cmd = 99;
	assert_int_equal(hc_event_channel_op_compat(at), -ENOSYS);
	assert_int_equal(hc_event_channel_op_compat(NOWHERE), -EFAULT);
	assert_done("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(whom, setup),    cmocka_unit_test_setup(of_vcpus, setup),
	    cmocka_unit_test_setup(answers, setup), cmocka_unit_test_setup(restarts, setup),
	    cmocka_unit_test_setup(forms, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
