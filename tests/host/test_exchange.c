/* SPDX-License-Identifier: MIT */
/*
 * Specification: XENMEM_exchange (hypervisor/mm/exchange_op.c) with the trade itself written down, and which processors'
 * TLBs are flushed (hypervisor/mm/tlb.c).
 *   sane      both sides hold the same number of frames, for the same domain, in extents that are not too large; what was
 *             done before is no more than all
 *   units     of the larger extent: all frames are read, all answers are probed, and only then it is traded; the guest is
 *             told each new extent, and its number of the frames goes to the M2P
 *   errors    of a list that is not the guest's, a frame that is none, a trade that fails: nothing more is given, and what
 *             was done before counts
 *   restart   goes on where it was, and does nothing twice
 *   flushes   only of processors that hold guests' translations and have not flushed since; the own one without a call
 */
#include "guest_host.h"
#include "cpu/ipi.h"
#include "mm/exchange_op.c"
#include "mm/memory_work.c"
#include "cpu/x86.h"
#define write_cr3(value) note("cr3 %lx", (uint64_t)(value))
#define invlpg(va)       note("page %lx", (uint64_t)(va))
#include "mm/tlb.c"

static struct domain doms[2];
static struct vcpu vcpu = {.domain = &doms[0]};
static struct percpu cpus[3];
struct percpu *cpu_table[MAX_CPUS] = {&cpus[0], &cpus[1], &cpus[2]};
mfn_t max_mfn = 0x1000;
static unsigned trade_steps;
static int trade_result;
static unsigned cancels;

void cpu_service_requests(void)
{
}
void cpu_call(cpuset_t set, void (*fn)(void *arg), void *arg)
{
	note("call %x", (unsigned)set);
	fn(arg);
}
struct domain *memory_domain_get(domid_t id, int *rc)
{
	*rc = -ESRCH;
	if (id > 1)
		return NULL;
	doms[id].refs++;
	return &doms[id];
}
void domain_get(struct domain *d)
{
	d->refs++;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs-- > 0);
}
void *heap_alloc_for(struct domain *d, size_t n)
{
	return calloc(1, n);
}
void heap_free(void *p)
{
	free(p);
}
bool m2p_set_of(struct domain *d, mfn_t mfn, pfn_t pfn)
{
	note("%lx is %lx", mfn, pfn);
	return true;
}
/* New extents begin at 0x800. */
int memory_exchange(struct domain *d, struct exchange *x)
{
	if (trade_steps) {
		trade_steps--;
		return -ERESTART;
	}
	note("d%u %x..%x for %u of order %u in %u", d->id, x->in[0], x->in[x->n - 1], x->n >> x->out_order,
	     x->out_order, x->addr_bits);
	for (unsigned i = 0; i < x->n >> x->out_order; i++)
		x->out[i] = 0x800 + (i << x->out_order);
	return trade_result;
}
bool memory_exchange_cancel(struct domain *d, struct exchange *x)
{
	cancels++;
	return true;
}

static struct xen_memory_exchange *e;
static uint64_t *in, *out;

/* From the beginning of its memory: the structure, what is given from 0x100 on, numbers 0x50 on for what is got. */
static int setup(void **state)
{
	doms[0] = (struct domain){.id = 0, .abi = &guest_pv64};
	doms[1] = (struct domain){.id = 1, .abi = &guest_pv64};
	host_percpu.vcpu = &vcpu;
	e = (void *)guest_memory();
	memset(e, 0, GUEST_BYTES);
	in = (uint64_t *)e + 512;
	out = in + 2048;
	for (unsigned i = 0; i < 2048; i++) {
		in[i] = 0x100 + i;
		out[i] = 0x50 + i;
	}
	e->in.extent_start = (uint64_t)in;
	e->out.extent_start = (uint64_t)out;
	guest_pv64.low_end = NOWHERE;
	guest_pv64.high_start = ~0ull;
	trade_steps = trade_result = cancels = 0;
	looks = work_after = 0;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	return vcpu.mm.memory_work || doms[0].refs || doms[1].refs;
}

static long exchange(unsigned in_count, unsigned in_order, unsigned out_count, unsigned out_order)
{
	e->in.nr_extents = in_count;
	e->in.extent_order = in_order;
	e->out.nr_extents = out_count;
	e->out.extent_order = out_order;
	return memory_exchange_op((gva_t)e);
}

static void sanity(void **state)
{
	assert_int_equal(exchange(0, 0, 0, 0), 0);
	assert_int_equal(exchange(4, 0, 2, 0), -EINVAL);
	assert_int_equal(exchange(1, 10, 2, 9), -EINVAL);
	assert_int_equal(exchange(2, 9, 1, 10), -EINVAL);
	assert_int_equal(exchange(512, 0, 1, 9), 0);
	assert_int_equal(e->nr_exchanged, 512);
	assert_int_equal(exchange(1, 9, 512, 0), -EINVAL); /* 512 of one are done already */
	e->nr_exchanged = 2;
	assert_int_equal(exchange(1, 0, 1, 0), -EINVAL);
	e->nr_exchanged = 1;
	deeds[0] = '\0';
	assert_int_equal(exchange(1, 0, 1, 0), 0); /* all is done */
	e->nr_exchanged = 0;
	e->out.domid = 1;
	assert_int_equal(exchange(1, 0, 1, 0), -EINVAL);
	e->in.domid = e->out.domid = 5;
	assert_int_equal(exchange(1, 0, 1, 0), -ESRCH);
	e->in.domid = e->out.domid = 0;
	e->in.nr_extents = e->out.nr_extents = 1ul << 32;
	e->in.extent_order = e->out.extent_order = 0;
	e->nr_exchanged = 1ul << 32;
	assert_int_equal(memory_exchange_op((gva_t)e), -EINVAL);
	e->out.nr_extents = 1ul << 23;
	e->out.extent_order = 9;
	assert_int_equal(memory_exchange_op((gva_t)e), -EINVAL);
	e->in.nr_extents = 1ul << 23;
	e->in.extent_order = 9;
	e->out.nr_extents = 1ul << 32;
	e->out.extent_order = 0;
	e->nr_exchanged = 1ul << 23;
	assert_int_equal(memory_exchange_op((gva_t)e), -EINVAL);
	assert_int_equal(memory_exchange_op(NOWHERE), -EFAULT);
	assert_done("");
}

static void units(void **state)
{
	e->out.mem_flags = XENMEMF_address_bits(31);
	e->in.domid = e->out.domid = 1;
	assert_int_equal(exchange(4, 0, 2, 1), 0);
	assert_int_equal(e->nr_exchanged, 4);
	assert_done("d1 100..101 for 1 of order 1 in 31;800 is 50;801 is 51;"
		    "d1 102..103 for 1 of order 1 in 31;800 is 51;801 is 52;");
	assert_int_equal(out[0], 0x800);
	assert_int_equal(out[1], 0x800);
	assert_int_equal(out[2], 0x52);
	setup(state);
	assert_int_equal(exchange(1, 2, 4, 0), 0);
	assert_int_equal(e->nr_exchanged, 1);
	assert_done("d0 100..103 for 4 of order 0 in 0;800 is 50;801 is 51;802 is 52;803 is 53;");
	assert_int_equal(out[3], 0x803);
	assert_int_equal(out[4], 0x54);
	assert_int_equal(doms[0].refs, 0);
}

static void errors(void **state)
{
	in[1] = 0x1000; /* no frame */
	assert_int_equal(exchange(3, 0, 3, 0), -EINVAL);
	assert_int_equal(e->nr_exchanged, 1);
	assert_done("d0 100..100 for 1 of order 0 in 0;800 is 50;");
	setup(state);
	in[0] = 0xfff; /* the last one is; the extent goes on behind it */
	assert_int_equal(exchange(1, 0, 1, 0), 0);
	e->nr_exchanged = 0;
	deeds[0] = '\0';
	assert_int_equal(exchange(1, 1, 2, 0), -EINVAL);
	assert_done("");
	/* Lists that are not the guest's. */
	setup(state);
	e->in.extent_start = NOWHERE;
	assert_int_equal(exchange(1, 0, 1, 0), -EFAULT);
	e->in.extent_start = (uint64_t)in;
	e->out.extent_start = NOWHERE - 8;
	*(uint64_t *)(NOWHERE - 8) = 0x50;
	assert_int_equal(exchange(1, 1, 2, 0), -EFAULT); /* its second answer */
	assert_int_equal(e->nr_exchanged, 0);
	assert_done("");
	assert_int_equal(exchange(1, 0, 1, 0), 0);
	setup(state);
	trade_result = -ENOMEM;
	assert_int_equal(exchange(1, 0, 1, 0), -ENOMEM);
	assert_int_equal(e->nr_exchanged, 0);
	assert_int_equal(out[0], 0x50);
	assert_done("d0 100..100 for 1 of order 0 in 0;");
}

static void restarts(void **state)
{
	unsigned times = 0;
	long rc;

	trade_steps = 3;
	work_after = 1;
	while ((rc = exchange(512, 0, 1, 9)) == RESTARTED) {
		assert_int_equal(restart_args[0], XENMEM_exchange);
		assert_int_equal(restart_args[1], (uint64_t)e);
		assert_int_equal(e->nr_exchanged, 0);
		assert_non_null(vcpu.mm.memory_work);
		work_after = looks + 1;
		times++;
		if (strlen(deeds) > 400)
			deeds[0] = '\0'; /* what it tells the M2P */
	}
	assert_int_equal(rc, 0);
	assert_int_equal(e->nr_exchanged, 512);
	assert_int_equal(out[0], 0x800);
	assert_null(vcpu.mm.memory_work);
	/* 64 frames are read at a time, one answer probed, four steps of the trade, 512 are told at once. */
	assert_int_equal(times, 8 + 1 + 4);
	assert_int_equal(cancels, 1); /* at the end, when there is nothing left to cancel */
	/* Between units too. */
	setup(state);
	work_after = 4;
	assert_int_equal(exchange(2, 0, 2, 0), RESTARTED);
	assert_int_equal(e->nr_exchanged, 1);
	assert_done("d0 100..100 for 1 of order 0 in 0;800 is 50;");
	assert_int_equal(exchange(2, 0, 2, 0), 0);
	assert_done("d0 101..101 for 1 of order 0 in 0;800 is 51;");
}

static void flushes(void **state)
{
	struct vcpu v;

	tlb_clock = 0x500000010;
	cpus[0] = (struct percpu){.tlb_vcpu = &v, .tlb_stamp = 0x50000000f};
	cpus[1] = (struct percpu){.tlb_vcpu = &v, .tlb_stamp = 0x500000009};
	cpus[2] = (struct percpu){.tlb_stamp = 1}; /* it has no guest's translations */
	assert_int_equal(tlb_stale_cpus(7, 0x10), 3);
	assert_int_equal(tlb_stale_cpus(7, 0x0f), 3); /* the same tick: not flushed since */
	assert_int_equal(tlb_stale_cpus(7, 0x0e), 2);
	assert_int_equal(tlb_stale_cpus(5, 0x0e), 0);
	assert_int_equal(tlb_stale_cpus(7, 0x09), 2);
	assert_int_equal(tlb_stale_cpus(7, 0x08), 0);
	assert_int_equal(tlb_stale_cpus(0, 0x10), 0);
	/* A stamp above the clock's low half is of the time before. */
	assert_int_equal(tlb_stale_cpus(7, 0xffffffff), 0);
	host_percpu.id = 1;
	host_percpu.cr3 = 0x7000;
	tlb_flush_cpus(0);
	tlb_flush_page_cpus(0, 0x5000);
	assert_done("");
	tlb_flush_cpus(2);
	assert_done("cr3 7000;");
	assert_int_equal(host_percpu.tlb_stamp, 0x500000011);
	assert_int_equal(tlb_clock, 0x500000011);
	tlb_flush_cpus(6);
	assert_done("call 6;cr3 7000;");
	tlb_flush_page_cpus(2, 0x5000);
	assert_done("page 5000;");
	tlb_flush_page_cpus(4, 0x5000);
	assert_done("call 4;page 5000;");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sanity), TEST(units), TEST(errors), TEST(restarts), TEST(flushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
