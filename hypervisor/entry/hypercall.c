/* SPDX-License-Identifier: MIT */
/*
 * Hypercall dispatch. The doors (syscall.asm) call through the domain's table themselves, registers being nearly C
 * arguments already; pv32's multicalls and its arguments of two words come through hypercall_call().
 *
 * Restart: a long handler that finds other work waiting puts its progress into its own arguments and lets the
 * guest execute the hypercall instruction once more. The guest sees one hypercall, perhaps with an upcall in
 * the middle. The registers of the arguments are the only memory of how far it came.
 */
#include "entry/hypercall.h"
#include "dom/guest_ops.h"
#include "entry/entry.h"
#include "lib/errno.h"
#include "lib/tracepoint.h"

static const struct hypercall_row rows[NR_HYPERCALLS] = {
#include "hypercall_table.inc"
};

/* First what ordinary domains may call, then the same for the privileged one. */
hypercall_fn hypercall_table[2 * NR_HYPERCALLS];

uint64_t hypercall_wide;

long hypercall_unknown(void)
{
	return -ENOSYS;
}

const char *hypercall_name(uint64_t nr)
{
	return nr < NR_HYPERCALLS && rows[nr].name ? rows[nr].name : "?";
}

static long hypercall_denied(void)
{
	return -EPERM;
}

void hypercall_init(void)
{
	for (unsigned i = 0; i < NR_HYPERCALLS; i++) {
		const struct hypercall_row *row = &rows[i];
		hypercall_fn fn = row->fn ? row->fn : (hypercall_fn)(void (*)(void))hypercall_unknown;

		hypercall_table[i] = row->privileged ? (hypercall_fn)(void (*)(void))hypercall_denied : fn;
		hypercall_table[NR_HYPERCALLS + i] = fn;
		hypercall_wide |= (uint64_t) !!row->wide << i;
	}
}

long hypercall_call(struct vcpu *v, uint64_t nr, const uint64_t words[6])
{
	uint64_t a[6] = {0};

	if (likely(nr < NR_HYPERCALLS))
		v->domain->ops->hypercall_join(a, words, rows[nr].nargs, rows[nr].wide);
	return hypercall_fn_of(v, nr)(a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A hypercall by INT 0x82 whose words are not simply its arguments. */
long hypercall_int82_wide(struct vcpu *v)
{
	const struct cpu_user_regs *r = &v->regs;

	return hypercall_call(v, (uint32_t)r->rax,
			      (const uint64_t[]){r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp});
}

/* INT 0x82 of a guest that has no hypercalls: an INT n like any other. */
void hypercall_int82_trap(struct vcpu *v)
{
	v->way_back = BACK_BY_IRET;
	v->domain->ops->trap(v, &v->regs);
}

bool hypercall_preempt_check(void)
{
	struct vcpu *v = current;

	/* STI takes effect after the next instruction: NOP is where a waiting interrupt comes in. */
	__asm__ volatile("sti; nop; cli" ::: "memory");
	if (__atomic_load_n(&this_cpu->self->pending, __ATOMIC_RELAXED) || (v->upcall[0] && !v->upcall[1]))
		return true;
	trace_point(TRACE_LOOK, 0);
	return false;
}

long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	struct vcpu *v = current;
	const struct guest_ops *ops = v->domain->ops;
	uint64_t words[6];
	unsigned n = ops->hypercall_split(words, args, nargs, rows[nr].wide);

	if (v->multicall) {
		v->multicall->op = nr;
		for (unsigned i = 0; i < n; i++)
			v->multicall->args[i] = words[i];
		v->multicall_interrupted = MULTICALL_RESTART;
		return 0;
	}
	ops->hypercall_rewind(v, nr, words, n);
	return nr; /* into RAX, as the instruction expects it */
}
