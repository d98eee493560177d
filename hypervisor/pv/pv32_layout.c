/* SPDX-License-Identifier: MIT */
/* See pv32_layout.h. Offsets are made from the ABI's headers (abi/translated.def). */
#include "pv/pv32_layout.h"
#include "compat_offsets.h"
#include "dom/domain.h"
#include "guest/kind.h"
#include "lib/string.h"
#include "xen/callback.h"
#include "xen/xen.h"

/* The 32-bit or narrower number at @offset of @p. */
#define AT(type, p, offset) (*(__typeof__(type) *)((uintptr_t)(p) + (offset)))
#define WORD(p, offset)     AT(uint32_t, p, offset)
#define HALF(p, offset)     AT(uint16_t, p, offset)
#define BYTE(p, offset)     AT(uint8_t, p, offset)

#define TRAP_INFO_SIZE 8 /* vector, flags, cs (2), address (4) */

/* Every field of the context and of its registers with a 32-bit word, by native and pv32 name. */
#define CONTEXT_WORDS(f)  f(flags) f(ldt_base) f(ldt_ents) f(gdt_ents) f(kernel_ss) f(kernel_sp) f(vm_assist)
#define CONTEXT_ARRAYS(f) f(gdt_frames) f(ctrlreg) f(debugreg)
#define REGISTER_WORDS(f)                                                                               \
	f(rbx, ebx) f(rcx, ecx) f(rdx, edx) f(rsi, esi) f(rdi, edi) f(rbp, ebp) f(rax, eax) f(rip, eip) \
	    f(rflags, eflags) f(rsp, esp)
#define REGISTER_HALVES(f) f(cs) f(ss) f(es) f(ds) f(fs) f(gs)

static void registers_in(struct cpu_user_regs *r, const void *p)
{
#define GET_WORD(native, compat) r->native = WORD(p, COMPAT_cpu_user_regs_##compat);
#define GET_HALF(name)           r->name = HALF(p, COMPAT_cpu_user_regs_##name);
	REGISTER_WORDS(GET_WORD)
	REGISTER_HALVES(GET_HALF)
#undef GET_WORD
#undef GET_HALF
}

static void registers_out(void *p, const struct cpu_user_regs *r)
{
#define PUT_WORD(native, compat) WORD(p, COMPAT_cpu_user_regs_##compat) = r->native;
#define PUT_HALF(name)           HALF(p, COMPAT_cpu_user_regs_##name) = r->name;
	REGISTER_WORDS(PUT_WORD)
	REGISTER_HALVES(PUT_HALF)
#undef PUT_WORD
#undef PUT_HALF
	BYTE(p, COMPAT_cpu_user_regs_saved_upcall_mask) = r->saved_upcall_mask;
}

void pv32_context_in(struct vcpu_guest_context *c, const void *p)
{
	memcpy(&c->fpu_ctxt, &BYTE(p, COMPAT_vcpu_guest_context_fpu_ctxt), sizeof(c->fpu_ctxt));
	registers_in(&c->user_regs, &BYTE(p, COMPAT_vcpu_guest_context_user_regs));
	for (unsigned i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++) {
		const void *t = &BYTE(p, COMPAT_vcpu_guest_context_trap_ctxt + i * TRAP_INFO_SIZE);

		c->trap_ctxt[i] = (struct trap_info){
		    .vector = BYTE(t, 0), .flags = BYTE(t, 1), .cs = HALF(t, 2), .address = WORD(t, 4)};
	}
#define GET(name) c->name = WORD(p, COMPAT_vcpu_guest_context_##name);
#define GET_ARRAY(name)                                    \
	for (unsigned i = 0; i < ARRAY_SIZE(c->name); i++) \
		c->name[i] = WORD(p, COMPAT_vcpu_guest_context_##name + 4 * i);
	CONTEXT_WORDS(GET)
	CONTEXT_ARRAYS(GET_ARRAY)
#undef GET
#undef GET_ARRAY
}

void pv32_context_out(void *p, const struct vcpu_guest_context *c, const struct vcpu *v)
{
	memcpy(&BYTE(p, COMPAT_vcpu_guest_context_fpu_ctxt), &c->fpu_ctxt, sizeof(c->fpu_ctxt));
	registers_out(&BYTE(p, COMPAT_vcpu_guest_context_user_regs), &c->user_regs);
	for (unsigned i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++) {
		void *t = &BYTE(p, COMPAT_vcpu_guest_context_trap_ctxt + i * TRAP_INFO_SIZE);

		BYTE(t, 0) = c->trap_ctxt[i].vector;
		BYTE(t, 1) = c->trap_ctxt[i].flags;
		HALF(t, 2) = c->trap_ctxt[i].cs;
		WORD(t, 4) = c->trap_ctxt[i].address;
	}
#define PUT(name) WORD(p, COMPAT_vcpu_guest_context_##name) = c->name;
#define PUT_ARRAY(name)                                    \
	for (unsigned i = 0; i < ARRAY_SIZE(c->name); i++) \
		WORD(p, COMPAT_vcpu_guest_context_##name + 4 * i) = c->name[i];
	CONTEXT_WORDS(PUT)
	CONTEXT_ARRAYS(PUT_ARRAY)
#undef PUT
#undef PUT_ARRAY
	WORD(p, COMPAT_vcpu_guest_context_event_callback_cs) = v->entry.event_cb.cs;
	WORD(p, COMPAT_vcpu_guest_context_event_callback_eip) = v->entry.event_cb.address;
	WORD(p, COMPAT_vcpu_guest_context_failsafe_callback_cs) = v->entry.failsafe_cb.cs;
	WORD(p, COMPAT_vcpu_guest_context_failsafe_callback_eip) = v->entry.failsafe_cb.address;
	if (v->entry.failsafe_cb.flags & CALLBACKF_mask_events)
		WORD(p, COMPAT_vcpu_guest_context_flags) |= VGCF_failsafe_disables_events;
}

void pv32_callbacks_in(struct vcpu *v, const void *p)
{
	uint16_t (*fix)(uint16_t) = v->domain->pv->fix_selector;
	uint32_t flags = WORD(p, COMPAT_vcpu_guest_context_flags);

	v->entry.event_cb =
	    (struct callback){.cs = fix(WORD(p, COMPAT_vcpu_guest_context_event_callback_cs)),
			      .address = WORD(p, COMPAT_vcpu_guest_context_event_callback_eip)};
	v->entry.failsafe_cb =
	    (struct callback){.cs = fix(WORD(p, COMPAT_vcpu_guest_context_failsafe_callback_cs)),
			      .address = WORD(p, COMPAT_vcpu_guest_context_failsafe_callback_eip),
			      .flags = flags & VGCF_failsafe_disables_events ? CALLBACKF_mask_events : 0};
}

void pv32_callback_in(const void *p, uint16_t *type, struct callback *cb)
{
	*type = HALF(p, COMPAT_callback_register_type);
	*cb = (struct callback){.cs = WORD(p, COMPAT_callback_register_address_cs),
				.address = WORD(p, COMPAT_callback_register_address_eip),
				.flags = HALF(p, COMPAT_callback_register_flags) & CALLBACKF_mask_events};
}
