; SPDX-License-Identifier: MIT
; Switching between kernel stacks. A context that does not run is a stack pointer; what it points to:
;
;	64 bit: r15 r14 r13 r12 rbp rbx, return address	32 bit: edi esi ebp ebx, return address
;
; context_prepare() (context.c) builds the same picture for a context that never ran.

%include "asm.inc"

section .text

; void context_switch(struct context *from, struct context *to)
; Saves the registers a C function must preserve. Returns on the other stack, in the other context.
global context_switch
context_switch:
%if WORD_BITS == 64
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi], rsp
	mov	rsp, [rsi]
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
%else
	mov	eax, [esp + 4]
	mov	ecx, [esp + 8]
	push	ebx
	push	ebp
	push	esi
	push	edi
	mov	[eax], esp
	mov	esp, [ecx]
	pop	edi
	pop	esi
	pop	ebp
	pop	ebx
%endif
	ret
