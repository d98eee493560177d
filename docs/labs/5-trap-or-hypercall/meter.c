/* SPDX-License-Identifier: MIT */
/*
 * Lab 5: measures the ways. Each is called for one operation and for OPERATIONS of them; it prints
 *	COST operation way n ticks emulated hypercalls
 * where ticks (instructions, if QEMU runs with -icount) are the best of some calls, and the last two are what the
 * hypervisor's trace shows of one more: how often the guest came in for an instruction to be emulated, and by
 * hypercall. A way that does not do what it should is a failure.
 *
 * The grader does not read these lines. It is told by marks, which it knows by number: the way, as numbered here, DOES if
 * it does what it should; CALL and CALLED around one call of it for OPERATIONS; TICKS, the decimal digits of the ticks from
 * DIGIT on, and END, for one and then for OPERATIONS.
 */
#include "lab.h"
#include "mark.h"
#include "xen/sysctl.h"
#include "ringlet/sysctl.h"

const char test_title[] = "lab 5: trap or hypercall";

#define ROUNDS  8
#define RECORDS 1024

enum {
	DOES = 32,
	CALL,
	CALLED,
	TICKS,
	END,
	DIGIT = 64
};

static char spare[OPERATIONS][4096] __attribute__((aligned(4096)));
static char frames[2][4096] __attribute__((aligned(4096)));
static struct change changes[2][OPERATIONS]; /* to and fro, so that no change is a repetition */
static unsigned turn;

static const struct way {
	const char *operation, *name;
	void (*ts)(unsigned n); /* one of the two */
	void (*pte)(const struct change *c, unsigned n);
} ways[] = {
    {"ts", "trap", .ts = ts_by_trap},
    {"ts", "hypercall", .ts = ts_by_hypercall},
    {"ts", "batched", .ts = ts_batched},
    {"pte", "trap", .pte = pte_by_trap},
    {"pte", "hypercall", .pte = pte_by_hypercall},
    {"pte", "batched", .pte = pte_batched},
};

static uint64_t ticks_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static void prepare(void)
{
	for (unsigned i = 0; i < OPERATIONS; i++)
		for (unsigned k = 0; k < 2; k++)
			changes[k][i] = (struct change){.entry = pte_of((unsigned long)spare[i], 1),
							.machine = pte_maddr((unsigned long)spare[i], 1),
							.value = (pte_t)va_to_mfn(frames[k]) << 12 | PTE_P |
								 PTE_RW | PTE_A | PTE_D};
	if (hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables))
		error("vm_assist");
}

static uint64_t call(const struct way *w, unsigned n)
{
	const struct change *c = changes[turn++ & 1];
	uint64_t t = ticks_now();

	if (w->ts)
		w->ts(n);
	else
		w->pte(c, n);
	return ticks_now() - t;
}

/* Does it do what it should? */
static void prove(const struct way *w)
{
	const struct change *c = changes[turn & 1];
	unsigned bad = 0;

	hypercall_fpu_taskswitch(1);
	call(w, OPERATIONS);
	if (w->ts) {
		FAULT_TRY(__asm__ volatile("fninit"));
		bad = fault.happened;
	} else {
		for (unsigned i = 0; i < OPERATIONS; i++)
			bad += (*c[i].entry ^ c[i].value) & (PTE_ADDR | PTE_P | PTE_RW) ? 1 : 0;
	}
	if (bad)
		failure("%s by %s does not do it", w->operation, w->name);
	else
		mark(DOES);
}

/* ---- the hypervisor's own record: each stay in it, with its reason ---- */

static struct ringlet_record records[RECORDS];

static struct ringlet_trace *trace(uint32_t command)
{
	static struct xen_sysctl op;
	struct ringlet_trace *t = (void *)op.u.pad;

	op.cmd = RINGLET_SYSCTL_trace;
	op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	*t = (struct ringlet_trace){
	    .command = command, .domain = RINGLET_TRACE_ALL, .size = RECORDS, .count = RECORDS};
	set_xen_guest_handle(t->buffer, records);
	if (hypercall_sysctl(&op))
		error("trace, command %u", command);
	return t;
}

static void count(const struct way *w, unsigned n, unsigned *emulated, unsigned *hypercalls)
{
	uint32_t found;

	trace(RINGLET_TRACE_start);
	call(w, n);
	trace(RINGLET_TRACE_stop);
	found = trace(RINGLET_TRACE_read)->count;
	trace(RINGLET_TRACE_free);
	*emulated = *hypercalls = 0;
	for (uint32_t i = 0; i < found; i++) {
		uint32_t reason = records[i].what & 0xffff;

		if (records[i].what >= RINGLET_RECORD_upcall)
			continue; /* a moment inside a stay */
		if (reason >= RINGLET_REASON_emulated)
			++*emulated;
		else if (reason < RINGLET_REASON_trap && reason != __HYPERVISOR_sysctl)
			++*hypercalls;
	}
}

static void tell(uint64_t ticks)
{
	unsigned digits[20], n = 0;

	for (uint32_t rest = ticks; rest; rest /= 10)
		digits[n++] = rest % 10;
	mark(TICKS);
	while (n)
		mark(DIGIT + digits[--n]);
	mark(END);
}

static void measure(const struct way *w, unsigned n)
{
	unsigned emulated, hypercalls;
	uint64_t best = ~0ull;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t t = call(w, n);

		best = t < best ? t : best;
	}
	count(w, n, &emulated, &hypercalls);
	tell(best);
	printk("COST %s %s %u %llu %u %u\n", w->operation, w->name, n, (unsigned long long)best, emulated,
	       hypercalls);
}

/* ---- */

void test_main(void)
{
	judge_begins();
	hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	prepare();
	for (const struct way *w = ways; w < ways + ARRAY_SIZE(ways); w++) {
		mark(w - ways);
		prove(w);
		mark(CALL);
		call(w, OPERATIONS);
		mark(CALLED);
		measure(w, 1);
		measure(w, OPERATIONS);
	}
}
