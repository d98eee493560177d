/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls as a domain sees them: numbers, names and arguments. The handlers are entry/hypercall.c's: it fills
 * hypercall_table. The doors (entry/syscall.asm) call through the domain's part of it themselves: registers are
 * nearly C arguments already; pv32's multicalls and its arguments of two words come through hypercall_call().
 *
 * Restart: a long handler that finds other work waiting puts its progress into its own arguments and lets the
 * guest execute the hypercall instruction once more. The guest sees one hypercall, perhaps with an upcall in
 * the middle. Most handlers record how far they came in the argument registers alone.
 */
#include "guest/abi.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"

static const struct {
	uint8_t nargs, wide;
} shapes[NR_HYPERCALLS] = {
#define ROW(nr, name, nargs, wide, privileged, restarts) [nr] = {nargs, wide},
#include "hypercall_table.inc"
};

static const char *const names[NR_HYPERCALLS] = {
#define ROW(nr, name, nargs, wide, privileged, restarts) [nr] = #name,
#include "hypercall_table.inc"
};

/* First what ordinary domains may call, then the same for the privileged one. */
hypercall_fn hypercall_table[2 * NR_HYPERCALLS];

const uint64_t hypercall_wide = HYPERCALLS_WIDE;

long hypercall_unknown(void)
{
	return -ENOSYS;
}

const char *hypercall_name(uint64_t nr)
{
	return nr < NR_HYPERCALLS && names[nr] ? names[nr] : "?";
}

long hypercall_call(struct vcpu *v, uint64_t nr, const uint64_t words[6])
{
	uint64_t a[6] = {0};

	if (likely(nr < NR_HYPERCALLS))
		v->domain->calls->join(a, words, shapes[nr].nargs, shapes[nr].wide);
	return hypercall_fn_of(v, nr)(a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A hypercall by INT 0x82 whose words are not simply its arguments. */
long hypercall_int82_wide(struct vcpu *v)
{
	const struct cpu_user_regs *r = &v->regs;

	return hypercall_call(v, (uint32_t)r->rax,
			      (const uint64_t[]){r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp});
}

bool hypercall_preempt_check(void)
{
	struct vcpu *v = current;

	/* STI takes effect after the next instruction: NOP is where a waiting interrupt comes in. */
	__asm__ volatile("sti; nop; cli" ::: "memory");
	if (__atomic_load_n(&this_cpu->self->pending, __ATOMIC_RELAXED) ||
	    (v->info->upcall_pending && !v->info->upcall_mask))
		return true;
	trace_point(TRACE_LOOK, 0);
	return false;
}

long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	struct vcpu *v = current;
	const struct hypercall_abi *calls = v->domain->calls;
	uint64_t words[6];
	unsigned n = calls->split(words, args, nargs, shapes[nr].wide);

	if (v->multicall) {
		v->multicall->op = nr;
		for (unsigned i = 0; i < n; i++)
			v->multicall->args[i] = words[i];
		v->multicall_interrupted = MULTICALL_RESTART;
		return 0;
	}
	calls->rewind(v, nr, words, n);
	return nr; /* into RAX, as the instruction expects it */
}
