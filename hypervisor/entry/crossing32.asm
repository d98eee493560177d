; SPDX-License-Identifier: MIT
; pv32's shortcut for the iret hypercall, as crossing.asm has it for pv64: the common case and nothing else. The other
; direction, an application's INT 0x80, is a trap like any other.
;
; The long way is int82_hypercall (syscall.asm) with pv32_iret (pv/pv32_entry.c), where the meaning of the frame is
; explained. SMAP is off while a pv32 guest runs.

bits 64
default rel
%include "frame.inc"
%include "hypercalls.inc"
%include "entry/guest_words.inc"
%include "trace/hook.inc"


extern int82_hypercall, exit_iretq
global iret32_crossing

section .text

; In: as int82_entry, GS the hypervisor's. The guest has no R8-R15, so they serve here and nothing else is saved.
; Out: IRETQ to where the frame at its ESP says, with its EAX.
	align 16
iret32_crossing:
	mov	rsp, gs:[CPU_STACK_TOP]
	HOOK	hook_iret, none, mov r15, gs:[CPU_CURRENT]
	cmp	dword gs:[CPU_PENDING], 0
	jne	.long_way
	test	dword [r15 + VCPU_SPECIAL], SPECIAL_TO_KERNEL
	jnz	.long_way
	mov	r14, [r15 + VCPU_DOMAIN]
	cmp	qword [r14 + DOMAIN_HYPERCALLS], 0
	je	.long_way
	cmp	word [V(r15, SS)], SEL_COMPAT_KERNEL_DS
	jne	.long_way
	mov	r8d, [V(r15, RSP)]
	cmp	r8d, PV32_LOW_END
	jae	.long_way
.eax:	mov	eax, [r8]
.eip:	mov	r11d, [r8 + 4]
.cs:	movzx	r9d, word [r8 + 8]
.flags:	mov	r10d, [r8 + 12]
	mov	r13, [r15 + VCPU_UPCALL]
	test	r10d, RFLAGS_VM
	jnz	.long_way
	mov	r12d, r9d
	and	r12d, 3
	cmp	r12d, 1
	jne	.outer
	add	r8d, 16			; within ring 1, the frame has no ESP and SS
	mov	r12d, SEL_COMPAT_KERNEL_DS
.inner:	test	r10d, RFLAGS_IF
	jz	.masked
	cmp	byte [r13], 0
	jne	.long_way
	mov	byte [r13 + MASK_OFFSET], 0
.flags_done:
	and	r10d, FLAGS_SETTABLE
	or	r10d, FLAGS_FORCED
	mov	[V(r15, RIP)], r11
	mov	[V(r15, CS)], r9
	mov	[V(r15, RFLAGS)], r10
	mov	[V(r15, RSP)], r8
	mov	[V(r15, SS)], r12
	HOOK	hook_leave, none, lea rsp, [V(r15, RIP)]
	swapgs
	jmp	exit_iretq
.outer:	jb	.long_way		; ring 0
.ss:	movzx	r12d, word [r8 + 20]
.esp:	mov	r8d, [r8 + 16]
	jmp	.inner
.masked:
	mov	byte [r13 + MASK_OFFSET], 1
	jmp	.flags_done

; Nothing has been done yet that may not be done twice.
.long_way:
	lea	rsp, [V(r15, ERROR_CODE)]
	mov	eax, __HYPERVISOR_iret
	jmp	int82_hypercall
	ON_FAULT .eax, .long_way
	ON_FAULT .eip, .long_way
	ON_FAULT .cs, .long_way
	ON_FAULT .flags, .long_way
	ON_FAULT .ss, .long_way
	ON_FAULT .esp, .long_way
