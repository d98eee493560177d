/* SPDX-License-Identifier: MIT */
/*
 * pv32: into the guest's kernel and out of it. The kernel runs in ring 1, applications in ring 3, under one
 * set of page tables; CS tells which. pv64_entry.c holds the same functions in the same order.
 */
#include "pv/pv32_entry.h"
#include "compat_offsets.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "hypercalls.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "pv/desc.h"
#include "pv/flags.h"
#include "xen/callback.h"

#define INT82_LENGTH 2
#define MAX_EXTRA    4

bool pv32_in_kernel(const struct vcpu *v)
{
	return (v->regs.cs & 3) == 1;
}

/* Nearly all stacks are flat; for the rest, the base of their segment. */
static gva_t stack_base(struct vcpu *v, uint16_t ss)
{
	struct segment seg;

	if (likely(ss == SEL_COMPAT_KERNEL_DS || ss == SEL_COMPAT_USER_DS))
		return 0;
	return desc_segment(v, ss, &seg) ? seg.base : 0;
}

/*
 * The frame on the guest kernel's stack, as the ABI has it (every word 4 bytes):
 *
 *	high	[ss  esp]	only when entered from ring 2 or 3
 *		eflags  saved_upcall_mask << 16 | cs  eip
 *	low	[error code]  or, for failsafe, [gs fs es ds]	<- ESP
 */
void pv32_enter(struct vcpu *v, const struct callback *to, const uint64_t *extra, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint32_t frame[5 + MAX_EXTRA], *w = frame, sp = r->rsp;
	uint8_t mask = v->upcall[1];
	uint16_t ss = r->ss;

	if (unlikely(to->cs <= 3)) {
		domain_crash(v->domain, "an entry point at %08x with a null code selector",
			     (uint32_t)to->address);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		*w++ = extra[i];
	*w++ = r->rip;
	*w++ = r->cs | (uint32_t)mask << 16;
	*w++ = flags_seen(v, r->rflags, mask);
	if (!pv32_in_kernel(v)) {
		*w++ = r->rsp;
		*w++ = r->ss;
		sp = v->kernel_sp;
		ss = v->kernel_ss;
	}
	sp -= (w - frame) * sizeof(*w);
	if (unlikely(guest_write((uint32_t)(stack_base(v, ss) + sp), frame, (w - frame) * sizeof(*w)))) {
		domain_crash(v->domain, "its kernel stack at %04x:%08x takes no exception frame", ss, sp);
		return;
	}
	r->rip = (uint32_t)to->address;
	r->cs = to->cs;
	r->ss = ss;
	r->rsp = sp;
	r->rflags &= FLAGS_KEPT_ON_ENTRY;
	if (to->flags & CALLBACKF_mask_events)
		v->upcall[1] = 1;
}

void pv32_set_cr2(struct vcpu *v, gva_t address)
{
	*(uint32_t *)((uint8_t *)v->info + COMPAT_vcpu_info_arch_cr2) = address;
}

gva_t pv32_get_cr2(const struct vcpu *v)
{
	return *(const uint32_t *)((const uint8_t *)v->info + COMPAT_vcpu_info_arch_cr2);
}

/* The guest's frame at SS:ESP: eax, eip, cs, eflags, and esp, ss if CS is not of ring 1. */
long pv32_iret(struct vcpu *v)
{
	struct cpu_user_regs *r = &v->regs;
	uint32_t at = stack_base(v, r->ss) + r->rsp, w[6];
	uint16_t cs;

	if (unlikely(guest_read(w, at, 4 * sizeof(*w))))
		goto bad_frame;
	cs = w[2];
	if (unlikely(w[3] & RFLAGS_VM || !(cs & 3))) {
		domain_crash(v->domain, "iret to selector %04x with eflags %08x", cs, w[3]);
		return 0;
	}
	if ((cs & 3) == 1) {
		r->rsp = (uint32_t)(r->rsp + 4 * sizeof(*w));
	} else {
		if (unlikely(guest_read(w + 4, (uint32_t)(at + 4 * sizeof(*w)), 2 * sizeof(*w))))
			goto bad_frame;
		r->rsp = w[4];
		r->ss = w[5];
	}
	r->rax = w[0];
	r->rip = w[1];
	r->cs = cs;
	r->rflags = flags_accepted(v, w[3]);
	v->upcall[1] = !(w[3] & RFLAGS_IF);
	return w[0];

bad_frame:
	domain_crash(v->domain, "iret: the frame at %08x cannot be read", at);
	return 0;
}

void pv32_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide)
{
	for (unsigned i = 0, w = 0; i < 6; i++) {
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
