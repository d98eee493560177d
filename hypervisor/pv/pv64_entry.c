/* SPDX-License-Identifier: MIT */
/*
 * pv64: into the guest's kernel and out of it. Kernel and applications both run in ring 3; user_mode says
 * which, and with it change the page tables and the GS base. pv32_entry.c holds the same functions in the
 * same order.
 */
#include "pv/pv64_entry.h"
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
#include "pv/flags.h"
#include "pv/multicall.h"
#include "pv/pv_mm.h"
#include "pv/walk.h"
#include "xen/callback.h"

#define SYSCALL_LENGTH 2

bool pv64_in_kernel(const struct vcpu *v)
{
	return !v->entry.user_mode;
}

/* Between kernel and user: the active GS base may have changed by a segment load, so it is read back. Both
 * page tables are this vCPU's, so the set of CPUs that may hold its translations stays; only CR3 changes. */
static inline void toggle_mode(struct vcpu *v)
{
	uint64_t active = rdmsr(MSR_KERNEL_GS_BASE), other, cr3;

	if (v->entry.user_mode) {
		v->pv.gs_base_user = active;
		other = v->pv.gs_base_kernel;
		cr3 = v->mm.kernel_cr3;
	} else {
		v->pv.gs_base_kernel = active;
		other = v->pv.gs_base_user;
		cr3 = v->mm.user_cr3;
	}
	v->entry.user_mode = !v->entry.user_mode;
	if (other != active)
		wrmsr(MSR_KERNEL_GS_BASE, other);
	if (likely(cr3 != this_cpu->cr3)) {
		this_cpu->cr3 = cr3;
		write_cr3(cr3);
	}
}

/*
 * The frame on the guest kernel's stack, as the ABI has it (every word 8 bytes, 16-byte aligned before):
 *
 *	high	ss  rsp  rflags  saved_upcall_mask << 32 | cs  rip
 *		[error code]  or, for failsafe, [gs fs es ds]
 *	low	r11  rcx					<- RSP
 *
 * RIP and CS tell user (cs & 3 == 3) from kernel (0): both are really in ring 3.
 */
void pv64_enter(struct vcpu *v, const struct callback *to, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint64_t mask = v->info->upcall_mask, cs = r->cs, word;
	gva_t top = r->rsp, low;

	if (unlikely(!to->address)) {
		bounce_nowhere(v, to, n);
		return;
	}
	if (unlikely(v->entry.user_mode)) {
		toggle_mode(v);
		top = v->entry.kernel_sp;
	} else {
		cs &= ~3ul;
	}
	top = ROUND_DOWN(top, 16);
	low = top - (n + 7) * 8;
	/* For so few words it is enough to check the lowest: no address can name the page after the lower half. */
	if (unlikely(low < PV64_HIGH_START) && unlikely(low >> 47))
		goto bad_stack;
	guest_access_begin();
	GUEST_STORE(low, r->rcx, fault);
	GUEST_STORE(low + 8, r->r11, fault);
	if (n)
		GUEST_STORE(low + 16, v->pv.entry_words[0], fault);
	for (unsigned i = 1; unlikely(i < n); i++)
		GUEST_STORE(low + 16 + i * 8, v->pv.entry_words[i], fault);
	GUEST_STORE(top - 40, r->rip, fault);
	cs |= mask << 32;
	GUEST_STORE(top - 32, cs, fault);
	word = flags_seen(v, r->rflags, mask);
	GUEST_STORE(top - 24, word, fault);
	GUEST_STORE(top - 16, r->rsp, fault);
	word = r->ss;
	GUEST_STORE(top - 8, word, fault);
	guest_access_end();
	r->rip = to->address;
	r->cs = SEL_GUEST_CS64;
	r->ss = SEL_GUEST_DS;
	r->rsp = low;
	r->rflags &= FLAGS_KEPT_ON_ENTRY;
	v->entry.way_back = BACK_BY_SYSRET; /* rcx and r11 are in the frame */
	if (to->flags & CALLBACKF_mask_events)
		v->info->upcall_mask = 1;
	return;

fault:
	guest_access_end();
bad_stack:
	domain_crash(v->domain, "its kernel stack at %016lx cannot take an exception frame", top);
}

void pv64_set_cr2(struct vcpu *v, gva_t address)
{
	v->info->pv64.arch.cr2 = address;
}

void pv64_page_fault(struct vcpu *v, gva_t address, uint32_t error)
{
	pv64_set_cr2(v, address);
	bounce_trap_error(v, TRAP_PF, pv64_in_kernel(v) ? error & ~PF_USER : error | PF_USER);
}

gva_t pv64_get_cr2(const struct vcpu *v)
{
	return v->info->pv64.arch.cr2;
}

/* The guest's frame, struct iret_context at RSP. */
static inline bool read_iret_frame(gva_t at, struct iret_context *c)
{
	uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;

	if (unlikely(!range_ok(&pv64_abi, at, sizeof(*c))))
		return false;
	guest_access_begin();
	GUEST_LOAD(rax, at, fault);
	GUEST_LOAD(r11, at + 8, fault);
	GUEST_LOAD(rcx, at + 16, fault);
	GUEST_LOAD(flags, at + 24, fault);
	GUEST_LOAD(rip, at + 32, fault);
	GUEST_LOAD(cs, at + 40, fault);
	GUEST_LOAD(rflags, at + 48, fault);
	GUEST_LOAD(rsp, at + 56, fault);
	GUEST_LOAD(ss, at + 64, fault);
	guest_access_end();
	*c = (struct iret_context){rax, r11, rcx, flags, rip, cs, rflags, rsp, ss};
	return true;
fault:
	guest_access_end();
	return false;
}

long pv64_iret(struct vcpu *v)
{
	struct cpu_user_regs *r = &v->regs;
	struct iret_context c;
	uint64_t rflags;

	if (unlikely(!read_iret_frame(r->rsp, &c))) {
		domain_crash(v->domain, "iret: the frame at %016lx cannot be read", r->rsp);
		return 0;
	}
	if ((c.cs & SELECTOR_RPL) == 3) {
		if (unlikely(v->mm.user_root == INVALID_MFN)) {
			domain_crash(v->domain, "iret to an application without user page tables");
			return 0;
		}
		toggle_mode(v);
	}
	rflags = flags_accepted(v, c.rflags);
	v->info->upcall_mask = !(c.rflags & RFLAGS_IF);
	r->rip = c.rip;
	r->rsp = c.rsp;
	r->rflags = rflags;
	r->rax = c.rax;
	if (c.flags & VGCF_in_syscall) {
		r->cs = SEL_GUEST_CS64;
		r->ss = SEL_GUEST_DS;
		v->entry.way_back = BACK_BY_SYSRET;
	} else {
		r->cs = c.cs | 3;
		r->ss = c.ss | 3;
		r->rcx = c.rcx;
		r->r11 = c.r11;
		v->entry.way_back = BACK_BY_IRET;
	}
	return c.rax;
}

/* The six words of the entry are in the order of the handler's arguments. */
static __always_inline int multicall_step(struct vcpu *v, gva_t at)
{
	const unsigned word = 8;
	uint64_t op, a0, a1, a2, a3, a4, a5;
	long result;

	if (unlikely(!range_ok(&pv64_abi, at, 8 * word)))
		return -EFAULT;
	guest_access_begin();
	GUEST_LOAD(op, at, fault);
	GUEST_LOAD(a0, at + 2 * word, fault);
	GUEST_LOAD(a1, at + 3 * word, fault);
	GUEST_LOAD(a2, at + 4 * word, fault);
	GUEST_LOAD(a3, at + 5 * word, fault);
	GUEST_LOAD(a4, at + 6 * word, fault);
	GUEST_LOAD(a5, at + 7 * word, fault);
	guest_access_end();
	result = hypercall_fn_of(v, op)(a0, a1, a2, a3, a4, a5);
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

int pv64_multicall(struct vcpu *v, gva_t *list, uint32_t *left)
{
	return multicall_run(v, list, left, multicall_step, 8 * 8);
}

void pv64_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide)
{
	for (unsigned i = 0; i < 6; i++)
		args[i] = words[i];
}

unsigned pv64_hypercall_split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide)
{
	for (unsigned i = 0; i < nargs; i++)
		words[i] = args[i];
	return nargs;
}

void pv64_hypercall_rewind(struct vcpu *v, unsigned nr, const uint64_t *words, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint64_t *const reg[6] = {&r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9};

	for (unsigned i = 0; i < n; i++)
		*reg[i] = words[i];
	r->rip -= SYSCALL_LENGTH;
	r->rax = nr;
}

/* 32 bytes for each hypercall. iret does not return, and saves RAX where struct iret_context wants it. */
void pv64_fill_hypercall_page(void *page)
{
	static const uint8_t normal[] = {
	    0x51,                /* push rcx */
	    0x41, 0x53,          /* push r11 */
	    0xb8, 0,    0, 0, 0, /* mov eax, number */
	    0x0f, 0x05,          /* syscall */
	    0x41, 0x5b,          /* pop r11 */
	    0x59,                /* pop rcx */
	    0xc3,                /* ret */
	};
	static const uint8_t iret[] = {
	    0x51,                /* push rcx */
	    0x41, 0x53,          /* push r11 */
	    0x50,                /* push rax */
	    0xb8, 0,    0, 0, 0, /* mov eax, number */
	    0x0f, 0x05,          /* syscall */
	};

	memset(page, 0xcc, PAGE_SIZE);
	for (uint32_t nr = 0; nr < NR_HYPERCALLS; nr++) {
		uint8_t *p = (uint8_t *)page + nr * 32;

		memcpy(p, normal, sizeof(normal));
		memcpy(p + 4, &nr, sizeof(nr));
		if (nr == __HYPERVISOR_iret) {
			memcpy(p, iret, sizeof(iret));
			memcpy(p + 5, &nr, sizeof(nr));
		}
	}
}
