; SPDX-License-Identifier: MIT
; The way back to a guest. One test decides whether something is to be done first: this CPU's pending word, and
; the vCPU's upcall bytes. exit_work() (exit_work.c) does it all, including a switch to another vCPU, and the test
; is made again. Then registers come from current->regs, by SYSRET if the frame still is one that SYSCALL made.

bits 64
default rel
%include "frame.inc"
%include "trace/hook.inc"


extern exit_work, bounce_upcall, idle_loop
global exit_syscall, exit_trap, exit_to_guest, exit_iretq, enter_idle

section .rodata
	align 8
high_half:
	dq	0xffff800000000000	; canonical addresses from here on (SDM 1 3.3.7.1, Canonical Addressing)

section .text

; SYSRET with a non-canonical RCX faults in ring 0 on some processors (docs/tricks.md). In: RBX = current. Out: RCX =
; the guest's RIP if it is canonical, else on to restore_all, which is IRETQ. Most kernels live in the high half.
; Clobbers R11.
%macro SYSRET_RIP 0
	mov	rcx, [V(rbx, RIP)]
	cmp	rcx, [high_half]
	jb	%%low
%%ok:
	section .text.exit_rare progbits alloc exec nowrite align=16
%%low:	mov	r11, rcx
	shr	r11, 47
	jz	%%ok
	jmp	restore_all
	section .text
%endmacro

; After a hypercall. In: RBX = current (the vCPU that entered), RAX = what its RAX will be, RBP R12-R15 the guest's
; (C has preserved them).
	align 16
exit_syscall:
	mov	[V(rbx, RAX)], rax
; After a trap: as above, but RAX is in the frame already.
exit_trap:
	cmp	dword gs:[CPU_PENDING], 0
	jne	work
	mov	rcx, [rbx + VCPU_UPCALL]
	cmp	byte [rcx], 0
	jne	.event
.ready:	cmp	byte [rbx + VCPU_WAY_BACK], BACK_BY_SYSRET
	jne	.other
	SYSRET_RIP
	; What C may have changed. The rest it has preserved.
	HOOK	hook_leave, QUICK_LEAVE, mov rdi, [V(rbx, RDI)]
	mov	rsi, [V(rbx, RSI)]
	mov	rdx, [V(rbx, RDX)]
	mov	r8, [V(rbx, R8)]
	mov	r9, [V(rbx, R9)]
	mov	r10, [V(rbx, R10)]
	mov	r11, [V(rbx, RFLAGS)]
	mov	rsp, [V(rbx, RSP)]
	mov	rbx, [V(rbx, RBX)]
	swapgs
	o64 sysret
.other:	ja	restore32
	jmp	restore_all
.event:	cmp	byte [rcx + MASK_OFFSET], 0
	jne	.ready
	mov	rdi, rbx		; nothing but an event, and no other vCPU: no need for exit_work
	HOOK	hook_upcall, none, call bounce_upcall	; which masks events
	cmp	dword gs:[CPU_PENDING], 0
	jne	work
	mov	rax, [V(rbx, RAX)]
	jmp	.ready

; From anywhere, with the hypervisor's GS. In: nothing else. Never returns.
	align 16
exit_to_guest:
	mov	rsp, gs:[CPU_STACK_TOP]
	mov	rbx, gs:[CPU_CURRENT]
	cmp	dword gs:[CPU_PENDING], 0
	jne	work
	mov	rcx, [rbx + VCPU_UPCALL]
	cmp	byte [rcx], 0
	je	restore
	cmp	byte [rcx + MASK_OFFSET], 0
	jne	restore
work:
	call	exit_work
	jmp	exit_to_guest

; In: RBX = current, nothing pending. Every register comes from the frame.
	align 16
restore:
	cmp	byte [rbx + VCPU_WAY_BACK], BACK_BY_SYSRET
	jne	restore_all
	SYSRET_RIP
	HOOK	hook_leave, none, lea rsp, [dword rbx + VCPU_REGS]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	add	rsp, 8			; r11 takes rflags
	pop	r10
	pop	r9
	pop	r8
	pop	rax
	add	rsp, 8			; rcx has rip
	pop	rdx
	pop	rsi
	pop	rdi
	mov	r11, [rsp + REGS_RFLAGS - REGS_ERROR_CODE]
	mov	rsp, [rsp + REGS_RSP - REGS_ERROR_CODE]
	swapgs
	o64 sysret

; In: RBX = current.
	align 16
restore_all:
	HOOK	hook_leave, none, lea rsp, [dword rbx + VCPU_REGS]
	POP_REGS
	add	rsp, 8			; error_code
	swapgs
exit_iretq:				; a fault here is the guest's: exit_fault (traps.asm)
	iretq

; The same to a pv32 guest. R8-R15 hold anything: no code that the guest can run has such registers.
	align 16
restore32:
	HOOK	hook_leave, QUICK_LEAVE32, mov rdi, [V(rbx, RDI)]
	mov	rsi, [V(rbx, RSI)]
	mov	rdx, [V(rbx, RDX)]
	mov	rcx, [V(rbx, RCX)]
	mov	rax, [V(rbx, RAX)]
	mov	rbp, [V(rbx, RBP)]
	lea	rsp, [V(rbx, RIP)]
	mov	rbx, [V(rbx, RBX)]
	swapgs
	jmp	exit_iretq

; Give up the CPU's stack as it is and idle. C: void enter_idle(void) __noreturn.
enter_idle:
	mov	rsp, gs:[CPU_STACK_TOP]
	xor	ebp, ebp
	jmp	idle_loop
