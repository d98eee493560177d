/* SPDX-License-Identifier: MIT */
/*
 * pv64: into the guest's kernel and out of it. Kernel and applications both run in ring 3; user_mode says
 * which, and with it change the page tables and the GS base. pv32_entry.c holds the same functions in the
 * same order.
 */
#include "pv/pv64_entry.h"
#include "cpu/gdt.h"
#include "cpu/x86.h"
#include "dom/domain.h"
#include "hypercalls.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/mm.h"
#include "pv/flags.h"
#include "xen/callback.h"

#define SYSCALL_LENGTH 2
#define MAX_EXTRA      4

bool pv64_in_kernel(const struct vcpu *v)
{
	return !v->user_mode;
}

/* Between kernel and user: the active GS base may have changed by a segment load, so it is read back. */
static void toggle_mode(struct vcpu *v)
{
	uint64_t active = rdmsr(MSR_KERNEL_GS_BASE), other;

	if (v->user_mode) {
		v->gs_base_user = active;
		other = v->gs_base_kernel;
	} else {
		v->gs_base_kernel = active;
		other = v->gs_base_user;
	}
	v->user_mode = !v->user_mode;
	if (other != active)
		wrmsr(MSR_KERNEL_GS_BASE, other);
	vcpu_load_cr3(v);
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
void pv64_enter(struct vcpu *v, const struct callback *to, const uint64_t *extra, unsigned n)
{
	struct cpu_user_regs *r = &v->regs;
	uint64_t frame[7 + MAX_EXTRA], *w = frame;
	uint8_t mask = v->upcall[1];
	uint64_t cs = r->cs;
	gva_t sp;

	if (v->user_mode) {
		toggle_mode(v);
		sp = v->kernel_sp;
	} else {
		sp = r->rsp;
		cs &= ~3ul;
	}
	*w++ = r->rcx;
	*w++ = r->r11;
	for (unsigned i = 0; i < n; i++)
		*w++ = extra[i];
	*w++ = r->rip;
	*w++ = cs | (uint64_t)mask << 32;
	*w++ = flags_seen(v, r->rflags, mask);
	*w++ = r->rsp;
	*w++ = r->ss;
	sp = ROUND_DOWN(sp, 16) - (w - frame) * sizeof(*w);
	if (unlikely(guest_write(sp, frame, (w - frame) * sizeof(*w)))) {
		domain_crash(v->domain, "its kernel stack at %016lx takes no exception frame", sp);
		return;
	}
	r->rip = to->address;
	r->cs = SEL_GUEST_CS64;
	r->ss = SEL_GUEST_DS;
	r->rsp = sp;
	r->rflags &= FLAGS_KEPT_ON_ENTRY;
	v->syscall_return = true; /* rcx and r11 are in the frame */
	if (to->flags & CALLBACKF_mask_events)
		v->upcall[1] = 1;
}

void pv64_set_cr2(struct vcpu *v, gva_t address)
{
	((struct vcpu_info *)v->info)->arch.cr2 = address;
}

gva_t pv64_get_cr2(const struct vcpu *v)
{
	return ((const struct vcpu_info *)v->info)->arch.cr2;
}

/* The guest's frame: struct iret_context at RSP. */
long pv64_iret(struct vcpu *v)
{
	struct cpu_user_regs *r = &v->regs;
	struct iret_context c;

	if (unlikely(guest_read(&c, r->rsp, sizeof(c)))) {
		domain_crash(v->domain, "iret: the frame at %016lx cannot be read", r->rsp);
		return 0;
	}
	if ((c.cs & 3) == 3) {
		if (unlikely(v->user_root == INVALID_MFN)) {
			domain_crash(v->domain, "iret to an application without user page tables");
			return 0;
		}
		toggle_mode(v);
	}
	r->rip = c.rip;
	r->rsp = c.rsp;
	r->rflags = flags_accepted(v, c.rflags);
	v->upcall[1] = !(c.rflags & RFLAGS_IF);
	if (c.flags & VGCF_in_syscall) {
		r->cs = SEL_GUEST_CS64;
		r->ss = SEL_GUEST_DS;
	} else {
		r->cs = c.cs | 3;
		r->ss = c.ss | 3;
		r->rcx = c.rcx;
		r->r11 = c.r11;
		/* SYSRET would be right if the guest wants in RCX and R11 what it leaves there. */
		v->syscall_return = r->rcx == r->rip && r->r11 == r->rflags && r->cs == SEL_GUEST_CS64 &&
				    r->ss == SEL_GUEST_DS;
	}
	r->rax = c.rax;
	return c.rax;
}

void pv64_hypercall_join(uint64_t args[6], const uint64_t words[6], unsigned nargs, unsigned wide)
{
	memcpy(args, words, 6 * sizeof(*args));
}

unsigned pv64_hypercall_split(uint64_t words[6], const uint64_t *args, unsigned nargs, unsigned wide)
{
	memcpy(words, args, nargs * sizeof(*words));
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
