; SPDX-License-Identifier: MIT
; The doors that guests open themselves: SYSCALL in 64-bit mode, SYSCALL in compatibility mode, INT 0x82. Each
; builds the common frame (frame.inc) in current->regs and takes the CPU's stack; all leave by exit.asm.
; SYSCALL (SDM 2B) loads neither RSP nor GS: RCX = return address, R11 = RFLAGS, interrupts off by SFMASK.

bits 64
default rel
%include "frame.inc"
%include "hypercalls.inc"

extern hypercall_table, hypercall_unknown, hypercall_int82
extern app_syscall, app_syscall32
extern exit_syscall, exit_to_guest
global syscall_entry, syscall32_entry, int82_entry

section .text

; Build the frame of a SYSCALL. %1, %2: selectors of the caller. Out: RBX = current, RSP = the CPU's stack;
; RDI RSI RDX R8 R9 R10 RAX still the caller's.
%macro SYSCALL_FRAME 2
	swapgs
	mov	gs:[CPU_SCRATCH], rsp
	mov	rsp, gs:[CPU_REGS_TOP]
	push	%2			; ss
	push	qword gs:[CPU_SCRATCH]	; rsp
	push	r11			; rflags
	push	%1			; cs
	push	rcx			; rip
	push	0			; entry_vector:error_code
	PUSH_REGS
	mov	rsp, gs:[CPU_STACK_TOP]
	mov	rbx, gs:[CPU_CURRENT]
%endmacro

; pv64: a hypercall from the guest's kernel, or a system call of its application.
; In (hypercall): RAX = number, RDI RSI RDX R10 R8 R9 = arguments: our own C calling convention but for R10.
; Next: exit_syscall with RBX = current, RAX = result. Only RAX, RCX, R11 of the caller change.
	align 16
syscall_entry:
	SYSCALL_FRAME SEL_GUEST_CS64, SEL_GUEST_DS
	mov	byte [rbx + VCPU_SYSCALL_RETURN], 1
	cmp	byte [rbx + VCPU_USER_MODE], 0
	jne	.application
	inc	qword [rbx + VCPU_HYPERCALLS]
	cmp	rax, NR_HYPERCALLS
	jae	.unknown
	mov	rcx, [rbx + VCPU_DOMAIN]
	movzx	ecx, byte [rcx + DOMAIN_PRIVILEGED]
	shl	ecx, NR_HYPERCALLS_SHIFT
	add	rax, rcx		; the privileged domain's table follows the others'
	lea	r11, [hypercall_table]
	mov	rcx, r10
	call	[r11 + rax * 8]
	jmp	exit_syscall
.unknown:
	call	hypercall_unknown
	jmp	exit_syscall
.application:
	mov	rdi, rbx
	call	app_syscall
	mov	rax, [V(rbx, RAX)]
	jmp	exit_syscall

; SYSCALL of a 32-bit application, of either guest kind.
; Next: exit_to_guest, entering the guest's callback.
	align 16
syscall32_entry:
	SYSCALL_FRAME SEL_GUEST_CS32, SEL_GUEST_DS
	mov	byte [rbx + VCPU_SYSCALL_RETURN], 0
	mov	rdi, rbx
	call	app_syscall32
	jmp	exit_to_guest

; pv32: a hypercall from ring 1 (the gate's DPL is 1: neither pv64 guests nor applications get here).
; In: the processor's frame and error_code, in current->regs. EAX = number, EBX ECX EDX ESI EDI EBP = arguments.
; Next: exit_to_guest.
	align 16
int82_entry:
	swapgs
	PUSH_REGS
	mov	rsp, gs:[CPU_STACK_TOP]
	mov	rdi, gs:[CPU_CURRENT]
	mov	byte [rdi + VCPU_SYSCALL_RETURN], 0
	cld
	call	hypercall_int82
	jmp	exit_to_guest
