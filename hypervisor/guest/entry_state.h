/* SPDX-License-Identifier: MIT */
/*
 * What entry/ looks at in a vCPU each time it crosses the rings, and where the guest wants to be entered (guest/domain.h). It
 * stands here, and not in entry/, since mm/, sched/, dom/, trace/ and the kinds set or read it. The CPU that runs the vCPU
 * changes it, or code for which the vCPU does not run, except where another rule stands beside the field.
 */
#pragma once

#include "lib/types.h"

struct cpu_user_regs;
struct vcpu;

/* A guest entry point. */
struct callback {
	uint64_t address;
	uint16_t cs;   /* pv32 only */
	uint8_t flags; /* CALLBACKF_mask_events */
	uint8_t dpl;   /* an exception's: privilege that INT n needs */
};

/* The exit path's ways, from the safest to the shortest (entry/exit.asm). */
enum way_back {
	BACK_BY_IRET,   /* every register from the frame */
	BACK_BY_SYSRET, /* pv64: rcx = rip, r11 = rflags, flat segments; rbp, r12-r15 were never changed */
	BACK_BY_IRET32, /* pv32, to its kernel: there are no r8-r15 */
};

struct vcpu_entry {
	bool user_mode;   /* pv64: the application's page tables and GS base are in force */
	uint8_t way_back; /* enum way_back: how the exit path returns to the guest */
	/* VCPUOP_send_nmi: the exit path enters the handler of exception 2. Set by any CPU, atomically. */
	bool nmi_pending;
	/*
	 * What the shortcuts of entry/crossing.asm cannot do; each is a byte, since other vCPUs set `iopl`. A system call
	 * takes the short way if none is set, an IRET if none of SPECIAL_TO_KERNEL or SPECIAL_TO_USER is. Rules:
	 *	(1) `iopl` is what the domain's vm_assist says: context_assist_changed().
	 *	(2) `nmi` is set from bounce_nmi() to bounce_nmi_done(), or to a new context.
	 *	(3) pv64: `no_user_root` is set if and only if mm.user_cr3 is 0. What changes that sets it (mm/root.c).
	 *	(4) pv64: `no_entry` is set unless context_takes_syscalls(), and then frames begin at syscall_sp, which is
	 *	    kernel_sp, aligned. What changes syscall_cb or kernel_sp calls context_entry_changed() before the guest
	 *	    runs again.
	 * The auditor checks (3) and (4).
	 */
	union {
		uint32_t any;
		struct {
			bool iopl;         /* frames show IOPL: VMASST_TYPE_architectural_iopl */
			bool nmi;          /* in the NMI handler: the next waits for its IRET */
			bool no_user_root; /* there is nothing that an application could run on */
			bool no_entry;     /* a system call finds no plain callback, or no stack */
		};
	} special;
#define SPECIAL_TO_KERNEL 0x0000ffffu /* in special.any: iopl, nmi */
#define SPECIAL_TO_USER   0x00ffffffu /* and no_user_root */
	/* Entry points that the guest has registered; those of exceptions are vcpu.traps. */
	uint64_t kernel_sp, syscall_sp;
	uint16_t kernel_ss;
	struct callback syscall_cb, event_cb, failsafe_cb, syscall32_cb, sysenter_cb;

	uint64_t hypercalls; /* how many it has made, for rl info */
	/* Takes each exception and INT n of a guest whose kind handles them itself; NULL: bounced (entry/trap.c). */
	void (*trap)(struct vcpu *v, struct cpu_user_regs *regs);
	uint64_t refused_rip, refused_rsp; /* where the last failed return was sent instead (exit_fault) */
};
