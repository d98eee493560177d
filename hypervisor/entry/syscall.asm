; SPDX-License-Identifier: MIT
; The doors that guests open themselves: SYSCALL in 64-bit mode, SYSCALL in compatibility mode, INT 0x82. Each
; builds the common frame (frame.inc) in current->regs and takes the CPU's stack; all leave by exit.asm.
; SYSCALL (SDM 2B) loads neither RSP nor GS: RCX = return address, R11 = RFLAGS, interrupts off by SFMASK.
; The crossings that every system call makes take shortcuts through crossing.asm and crossing32.asm.

bits 64
default rel
%include "frame.inc"
%include "hypercalls.inc"
%include "trace/hook.inc"

extern hypercall_unknown, hypercall_wide, hypercall_int82_wide, hypercall_int82_trap
extern app_syscall, app_syscall32, app_bad_stack
extern app_syscall_crossing, iret_crossing, iret32_crossing
extern exit_syscall, exit_to_guest
global syscall_entry, syscall_application, syscall_hypercall, syscall_bad_stack, syscall32_entry
global int82_entry, int82_hypercall

section .text

; Complete the frame of a SYSCALL. In: RBX = current, guest's RSP and RBX parked. %1: the caller's code selector.
%macro SYSCALL_FRAME 1
	mov	[V(rbx, R15)], r15
	mov	[V(rbx, R14)], r14
	mov	[V(rbx, R13)], r13
	mov	[V(rbx, R12)], r12
	mov	[V(rbx, RBP)], rbp
	push	qword gs:[CPU_SCRATCH_RBX]
	pop	qword [V(rbx, RBX)]
	mov	[V(rbx, R11)], r11
	mov	[V(rbx, R10)], r10
	mov	[V(rbx, R9)], r9
	mov	[V(rbx, R8)], r8
	mov	[V(rbx, RAX)], rax
	mov	[V(rbx, RCX)], rcx
	mov	[V(rbx, RDX)], rdx
	mov	[V(rbx, RSI)], rsi
	mov	[V(rbx, RDI)], rdi
	mov	[V(rbx, RIP)], rcx
	mov	qword [V(rbx, CS)], %1
	mov	[V(rbx, RFLAGS)], r11
	push	qword gs:[CPU_SCRATCH]
	pop	qword [V(rbx, RSP)]
	mov	qword [V(rbx, SS)], SEL_GUEST_DS
%endmacro

; Out: RBX = current, RSP = the CPU's stack, everything else the caller's.
%macro SYSCALL_BEGIN 0
	swapgs
	mov	gs:[CPU_SCRATCH], rsp
	mov	gs:[CPU_SCRATCH_RBX], rbx
	mov	rsp, gs:[CPU_STACK_TOP]
	mov	rbx, gs:[CPU_CURRENT]
%endmacro

; pv64: a hypercall from the guest's kernel, or a system call of its application.
; In (hypercall): RAX = number, RDI RSI RDX R10 R8 R9 = arguments: the C calling convention except for R10.
; Next: exit_syscall with RBX = current, RAX = result. Only RAX, RCX, R11 of the caller change.
	align 16
syscall_entry:
	SYSCALL_BEGIN
	cmp	byte [rbx + VCPU_USER_MODE], 0
	jne	app_syscall_crossing
	cmp	rax, __HYPERVISOR_iret
	je	iret_crossing
syscall_hypercall:			; all registers as after SYSCALL_BEGIN
	SYSCALL_FRAME SEL_GUEST_CS64
	mov	byte [rbx + VCPU_WAY_BACK], BACK_BY_SYSRET
	inc	qword [rbx + VCPU_HYPERCALLS]
	cmp	rax, NR_HYPERCALLS
	jae	.unknown
	HOOK	hook_hypercall, QUICK_ENTER, mov r11, [rbx + VCPU_DOMAIN]
	mov	r11, [r11 + DOMAIN_HYPERCALLS]
	mov	rcx, r10
	call	[r11 + rax * 8]
	jmp	exit_syscall
.unknown:
	HOOK	hook_unknown, none, call hypercall_unknown
	jmp	exit_syscall

; A system call that the shortcut does not handle. In: all registers as after SYSCALL_BEGIN.
syscall_application:
	SYSCALL_FRAME SEL_GUEST_CS64
	mov	rdi, rbx
	call	app_syscall
	mov	rax, [V(rbx, RAX)]
	jmp	exit_syscall

; The guest kernel's stack cannot take a frame. In: as above.
syscall_bad_stack:
	SYSCALL_FRAME SEL_GUEST_CS64
	mov	rdi, rbx
	call	app_bad_stack
	jmp	exit_to_guest

; SYSCALL of a 32-bit application, of either guest kind.
; Next: exit_to_guest, entering the guest's callback.
	align 16
syscall32_entry:
	SYSCALL_BEGIN
	SYSCALL_FRAME SEL_GUEST_CS32
	HOOK	hook_app_syscall, none, mov byte [rbx + VCPU_WAY_BACK], BACK_BY_IRET
	mov	rdi, rbx
	call	app_syscall32
	jmp	exit_to_guest

; pv32: a hypercall from ring 1 (the gate's DPL is 1: neither pv64 guests nor applications get here).
; In: the processor's frame and error_code, in current->regs. EAX = number, EBX ECX EDX ESI EDI EBP = arguments.
; The guest has no R8-R15 (nor a way to 64-bit code where it could see them): they are neither saved nor restored.
; Next: exit_syscall with RBX = current, RAX = result.
	align 16
int82_entry:
	swapgs
	cmp	eax, __HYPERVISOR_iret
	je	iret32_crossing
int82_hypercall:			; all registers as at the gate
	push	rdi
	push	rsi
	push	rdx
	push	rcx
	push	rax
	sub	rsp, REGS_RAX - REGS_RBX - 8
	push	rbx
	push	rbp
	mov	rsp, gs:[CPU_STACK_TOP]
	mov	r8d, edi
	mov	r9d, ebp
	mov	edi, ebx
	mov	rbx, gs:[CPU_CURRENT]
	mov	byte [rbx + VCPU_WAY_BACK], BACK_BY_IRET32
	cld
	mov	r11, [rbx + VCPU_DOMAIN]
	mov	r11, [r11 + DOMAIN_HYPERCALLS]
	test	r11, r11
	jz	.trap
	inc	qword [rbx + VCPU_HYPERCALLS]
	mov	eax, eax
	cmp	eax, NR_HYPERCALLS
	jae	.unknown
	HOOK	hook_hypercall, QUICK_ENTER32, bt qword [hypercall_wide], rax
	jc	.wide
	xchg	esi, ecx
	mov	edx, edx
	call	[r11 + rax * 8]
.done:	mov	eax, eax
	jmp	exit_syscall
.trap:	mov	rdi, rbx
	HOOK	hook_unknown, none, call hypercall_int82_trap
	mov	rax, [V(rbx, RAX)]
	jmp	exit_syscall
.wide:	mov	rdi, rbx
	call	hypercall_int82_wide
	jmp	.done
.unknown:
	HOOK	hook_unknown, none, call hypercall_unknown
	jmp	.done
