; SPDX-License-Identifier: MIT
; The listeners behind the hooks (hook.inc): C functions, called so that the code they interrupt notices nothing
; but changed flags. In: GS the hypervisor's, RSP on the CPU's stack. What else they expect is said at each.

bits 64
default rel
%include "asm-offsets.inc"
%include "hypercalls.inc"

extern trace_enter, trace_enter_trap, trace_upcall, trace_leave, trace_commit
global hook_hypercall, hook_unknown, hook_app_syscall, hook_iret, hook_trap, hook_upcall, hook_leave, hook_commit

; %1: the function; %2: instruction that puts its argument into EDI or RDI, if any.
%macro LISTENER 1-2+
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	cld
	%2
	call	%1
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	ret
%endmacro

section .text

hook_hypercall:				; RAX = number, below NR_HYPERCALLS
	LISTENER trace_enter, mov edi, eax
hook_unknown:				; any other number
	LISTENER trace_enter, mov edi, REASON_UNKNOWN
hook_app_syscall:
	LISTENER trace_enter, mov edi, REASON_SYSCALL
hook_iret:
	LISTENER trace_enter, mov edi, __HYPERVISOR_iret
hook_trap:				; RDI = struct cpu_user_regs
	LISTENER trace_enter_trap
hook_upcall:
	LISTENER trace_upcall
hook_leave:
	LISTENER trace_leave
hook_commit:
	LISTENER trace_commit
