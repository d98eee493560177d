/* SPDX-License-Identifier: MIT */
/*
 * pv32: into the guest's kernel and out of it. The kernel runs in ring 1, applications in ring 3, under one
 * set of page tables; CS tells which. pv64_entry.c holds the same functions in the same order.
 */
#include "pv/pv32_entry.h"
#include "compat_offsets.h"
#include "cpu/descriptor.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "hypercalls.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/guest_words.h"
#include "mm/mm.h"
#include "pv/bounce.h"
#include "pv/desc.h"
#include "pv/flags.h"
#include "pv/multicall.h"
#include "pv/walk.h"
#include "xen/callback.h"

#define INT82_LENGTH 2

bool pv32_in_kernel(const struct vcpu *v)
{
	return (v->regs.cs & SELECTOR_RPL) == 1;
}

gva_t pv32_stack_base_from_tables(struct vcpu *v, uint16_t ss)
{
	struct segment seg;

	return desc_segment(v, ss, &seg) ? seg.base : 0;
}

/* Nearly all stacks are flat; for the rest, the base of their segment. */
static inline gva_t stack_base(struct vcpu *v, uint16_t ss)
{
	if (likely(ss == SEL_COMPAT_KERNEL_DS || ss == SEL_COMPAT_USER_DS))
		return 0;
	return rare_value(pv32_stack_base_from_tables, v, ss);
}

/*
 * The frame on the guest kernel's stack, as the ABI has it (every word 4 bytes):
 *
 *	high	[ss  esp]	only when entered from ring 2 or 3
 *		eflags  saved_upcall_mask << 16 | cs  eip
 *	low	[error code]  or, for failsafe, [gs fs es ds]	<- ESP
 */
void pv32_enter(struct vcpu *v, const struct callback *to, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint32_t mask = v->info->upcall_mask, ss = r->ss, sp = r->rsp, at, word;
	bool switches = !pv32_in_kernel(v);

	if (unlikely(to->cs <= 3)) {
		bounce_nowhere(v, to, n);
		return;
	}
	if (switches) {
		sp = v->entry.kernel_sp - 2 * 4;
		ss = v->entry.kernel_ss;
	}
	sp -= (n + 3) * 4;
	at = stack_base(v, ss) + sp;
	if (unlikely(!words_ok(&pv32_abi, at)))
		goto bad_stack;
	guest_access_begin();
	if (n) {
		word = v->pv.entry_words[0];
		GUEST_STORE((gva_t)at, word, fault);
		for (unsigned i = 1; unlikely(i < n); i++) {
			word = v->pv.entry_words[i];
			GUEST_STORE((gva_t)at + i * 4, word, fault);
		}
		at += n * 4;
	}
	word = r->rip;
	GUEST_STORE((gva_t)at, word, fault);
	word = r->cs | mask << 16;
	GUEST_STORE((gva_t)at + 4, word, fault);
	word = flags_seen(v, r->rflags, mask);
	GUEST_STORE((gva_t)at + 8, word, fault);
	if (switches) {
		word = r->rsp;
		GUEST_STORE((gva_t)at + 12, word, fault);
		word = r->ss;
		GUEST_STORE((gva_t)at + 16, word, fault);
		r->ss = ss;
	}
	guest_access_end();
	r->rip = (uint32_t)to->address;
	r->cs = to->cs;
	r->rsp = sp;
	r->rflags &= FLAGS_KEPT_ON_ENTRY;
	v->entry.way_back = BACK_BY_IRET32;
	if (to->flags & CALLBACKF_mask_events)
		v->info->upcall_mask = 1;
	return;

fault:
	guest_access_end();
bad_stack:
	domain_crash(v->domain, "its kernel stack at %04x:%08x cannot take an exception frame", ss, sp);
}

void pv32_set_cr2(struct vcpu *v, gva_t address)
{
	v->info->pv32.cr2 = address;
}

void pv32_page_fault(struct vcpu *v, gva_t address, uint32_t error)
{
	pv32_set_cr2(v, address);
	bounce_trap_error(v, TRAP_PF, pv32_in_kernel(v) ? error & ~PF_USER : error | PF_USER);
}

gva_t pv32_get_cr2(const struct vcpu *v)
{
	return v->info->pv32.cr2;
}

/* The guest's frame at SS:ESP; the last two words are there unless CS is of ring 1. */
struct iret_frame32 {
	uint32_t eax, eip, cs, eflags, esp, ss;
};

static inline bool read_iret_frame(gva_t at, struct iret_frame32 *f)
{
	uint32_t eax, eip, cs, eflags, esp = 0, ss = 0;

	if (unlikely(!range_ok(&pv32_abi, at, sizeof(*f))))
		return false;
	guest_access_begin();
	GUEST_LOAD(eax, at, fault);
	GUEST_LOAD(eip, at + 4, fault);
	GUEST_LOAD(cs, at + 8, fault);
	GUEST_LOAD(eflags, at + 12, fault);
	if ((cs & SELECTOR_RPL) != 1) {
		GUEST_LOAD(esp, at + 16, fault);
		GUEST_LOAD(ss, at + 20, fault);
	}
	guest_access_end();
	*f = (struct iret_frame32){eax, eip, (uint16_t)cs, eflags, esp, ss};
	return true;
fault:
	guest_access_end();
	return false;
}

long pv32_iret(struct vcpu *v)
{
	struct cpu_user_regs *r = &v->regs;
	uint32_t at = stack_base(v, r->ss) + r->rsp;
	struct iret_frame32 f;

	if (unlikely(!read_iret_frame(at, &f))) {
		domain_crash(v->domain, "iret: the frame at %08x cannot be read", at);
		return 0;
	}
	if (unlikely(f.eflags & RFLAGS_VM || !(f.cs & SELECTOR_RPL))) {
		domain_crash(v->domain, "iret to selector %04x with eflags %08x", f.cs, f.eflags);
		return 0;
	}
	if ((f.cs & SELECTOR_RPL) == 1) {
		r->rsp = (uint32_t)(r->rsp + 4 * 4);
	} else {
		r->rsp = f.esp;
		r->ss = f.ss;
	}
	r->rax = f.eax;
	r->rip = f.eip;
	r->cs = f.cs;
	r->rflags = flags_accepted(v, f.eflags);
	v->info->upcall_mask = !(f.eflags & RFLAGS_IF);
	if (!pv32_in_kernel(v))
		v->entry.way_back = BACK_BY_IRET;
	return f.eax;
}

/* Words of 32 bits; some arguments take two. */
static __always_inline int multicall_step(struct vcpu *v, gva_t at)
{
	const unsigned word = 4;
	uint32_t op, w0, w1, w2, w3, w4, w5, result;

	if (unlikely(!range_ok(&pv32_abi, at, 8 * word)))
		return -EFAULT;
	guest_access_begin();
	GUEST_LOAD(op, at, fault);
	GUEST_LOAD(w0, at + 2 * word, fault);
	GUEST_LOAD(w1, at + 3 * word, fault);
	GUEST_LOAD(w2, at + 4 * word, fault);
	GUEST_LOAD(w3, at + 5 * word, fault);
	GUEST_LOAD(w4, at + 6 * word, fault);
	GUEST_LOAD(w5, at + 7 * word, fault);
	guest_access_end();
	if (likely(op < NR_HYPERCALLS && !(hypercall_wide >> op & 1)))
		result = v->domain->hypercalls[op](w0, w1, w2, w3, w4, w5);
	else
		result = hypercall_call(v, op, (const uint64_t[]){w0, w1, w2, w3, w4, w5});
	if (unlikely(v->multicall_interrupted > MULTICALL_LOOK))
		return multicall_interrupted(v, at);
	guest_access_begin();
	GUEST_STORE(at + word, result, fault);
	guest_access_end();
	return 0;
fault:
	guest_access_end();
	return -EFAULT;
}

int pv32_multicall(struct vcpu *v, gva_t *list, uint32_t *left)
{
	return multicall_run(v, list, left, multicall_step, 8 * 4);
}

void pv32_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide)
{
	if (likely(wide == 1u << 1)) { /* update_va_mapping */
		args[0] = (uint32_t)words[0];
		args[1] = (uint32_t)words[1] | words[2] << 32;
		args[2] = (uint32_t)words[3];
		args[3] = (uint32_t)words[4];
		return;
	}
	for (unsigned i = 0, w = 0; i < nargs; i++) {
		args[i] = w < 6 ? (uint32_t)words[w++] : 0;
		if ((wide >> i & 1) && w < 6)
			args[i] |= words[w++] << 32;
	}
}

unsigned pv32_hypercall_split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide)
{
	unsigned w = 0;

	for (unsigned i = 0; i < nargs; i++) {
		words[w++] = (uint32_t)args[i];
		if (wide >> i & 1)
			words[w++] = args[i] >> 32;
	}
	return w;
}

void pv32_hypercall_rewind(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint64_t *const reg[6] = {&r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp};

	for (unsigned i = 0; i < n; i++)
		*reg[i] = words[i];
	r->rip = (uint32_t)(r->rip - INT82_LENGTH);
	r->rax = nr;
}

/* 32 bytes for each hypercall. iret does not return, and saves EAX where its frame wants it. */
void pv32_fill_hypercall_page(void *page)
{
	static const uint8_t normal[] = {
	    0xb8, 0,    0, 0, 0, /* mov eax, number */
	    0xcd, 0x82,          /* int 0x82 */
	    0xc3,                /* ret */
	};
	static const uint8_t iret[] = {
	    0x50,                /* push eax */
	    0xb8, 0,    0, 0, 0, /* mov eax, number */
	    0xcd, 0x82,          /* int 0x82 */
	};

	memset(page, 0xcc, PAGE_SIZE);
	for (uint32_t nr = 0; nr < NR_HYPERCALLS; nr++) {
		uint8_t *p = (uint8_t *)page + nr * 32;

		memcpy(p, normal, sizeof(normal));
		memcpy(p + 1, &nr, sizeof(nr));
		if (nr == __HYPERVISOR_iret) {
			memcpy(p, iret, sizeof(iret));
			memcpy(p + 2, &nr, sizeof(nr));
		}
	}
}
