; SPDX-License-Identifier: MIT
; What the hostile kernel does that C cannot say: far branches, returns, INT of each number, segment registers, control
; registers. Each is called by run(), reads its operands from below, and either comes back or ends in a fault.

%include "kernel.asm"

%macro ROUTINE 1
global %1
%1:
%endmacro

section .text
; Where far branches, gates and returns lead. EAX = 1 here in 32-bit and 16-bit code; 0 if the processor is in 64-bit
; mode, for which the third instruction is a prefix (SDM 2A 2.2.1, REX Prefixes).
ROUTINE landing
	xor	eax, eax
	inc	eax
	nop
	int	VECTOR_DONE

ROUTINE far_jump
	jmp	far [far_pointer]
ROUTINE far_call
	call	far [far_pointer]
ROUTINE far_return
	push	dword [far_pointer + 4]
	push	dword [far_pointer]
	retf
ROUTINE far_return_outer			; a frame with a stack too, as from an inner ring
	push	dword [frame_ss]
	push	dword [frame_esp]
	push	dword [far_pointer + 4]
	push	dword [far_pointer]
	retf
ROUTINE interrupt_return
	push	dword [frame_ss]
	push	dword [frame_esp]
	push	dword [frame_flags]
	push	dword [far_pointer + 4]
	push	dword [far_pointer]
	iret
ROUTINE interrupt_return16
	push	word [frame_flags]
	push	word [far_pointer + 4]
	push	word [far_pointer]
	o16 iret
ROUTINE flags_pop
	push	dword [frame_flags]
	popf
	pushf
	pop	eax
	push	2
	popf
	ret

%macro LOAD_SEGMENT 1
ROUTINE load_%1
	mov	eax, [operand]
	mov	%1, eax
	mov	al, [%1:0x100000]
	mov	eax, 0x10
	mov	%1, eax
	ret
%endmacro
LOAD_SEGMENT ds
LOAD_SEGMENT es
LOAD_SEGMENT fs
LOAD_SEGMENT gs
ROUTINE load_ss
	mov	edx, esp
	mov	eax, [operand]
	mov	ss, eax
	push	eax
	mov	eax, 0x10
	mov	ss, eax
	mov	esp, edx
	ret
ROUTINE load_ldt
	mov	eax, [operand]
	lldt	ax
	xor	eax, eax
	lldt	ax
	ret
ROUTINE load_tr
	mov	eax, [operand]
	ltr	ax
	ret
ROUTINE look_at_selector
	mov	eax, [operand]
	lar	ecx, eax
	lsl	ecx, eax
	verr	ax
	verw	ax
	ret

ROUTINE load_gdtr
	lgdt	[table_register]
	ret
ROUTINE load_idtr
	lidt	[table_register]
	ret

%macro REGISTER 1
ROUTINE write_%1
	mov	eax, [operand]
	mov	%1, eax
	mov	eax, %1
	ret
%endmacro
REGISTER cr0
REGISTER cr2
REGISTER cr3
REGISTER cr4
REGISTER dr0
REGISTER dr1
REGISTER dr2
REGISTER dr3
REGISTER dr6
REGISTER dr7
ROUTINE write_cr1
	mov	eax, [operand]
	db	0x0f, 0x22, 0xc0 | 1 << 3	; CR1, which does not exist
	ret
ROUTINE msw
	mov	eax, [operand]
	or	eax, 1
	lmsw	ax
	smsw	eax
	ret
ROUTINE read_msr
	mov	ecx, [operand]
	rdmsr
	ret
ROUTINE write_msr
	mov	ecx, [operand]
	mov	eax, [value]
	mov	edx, [value + 4]
	wrmsr
	ret

; Instructions that a guest may try to leave by.
ROUTINE syscall_out
	db	0x0f, 0x05
	ret
ROUTINE sysenter_out
	sysenter
	ret
ROUTINE sysexit_out
	mov	ecx, esp
	mov	edx, landing
	sysexit
ROUTINE sysret_out
	mov	ecx, landing
	db	0x0f, 0x07
ROUTINE vmcall_out
	db	0x0f, 0x01, 0xc1
	ret
ROUTINE swapgs_out
	db	0x0f, 0x01, 0xf8
	ret
ROUTINE xsetbv_out
	xor	ecx, ecx
	mov	eax, [operand]
	xor	edx, edx
	db	0x0f, 0x01, 0xd1
	ret
ROUTINE rsm_out
	rsm

; Strings that go over the end of the address space, both ways.
ROUTINE string_out
	mov	esi, [operand]
	mov	ecx, [value]
	mov	edx, 0x80
	rep	outsb
	ret
ROUTINE string_in
	mov	edi, [operand]
	mov	ecx, [value]
	mov	edx, 0x80
	std
	rep	insd
	cld
	ret
ROUTINE jump_to
	jmp	dword [operand]
ROUTINE call_to
	mov	eax, [operand]
	call	eax
	ret
ROUTINE stack_at				; whatever happens, happens there
	mov	esp, [operand]
	push	eax
	ud2

; INT n for every n, four bytes each.
global interrupts
interrupts:
%assign n 0
%rep 256
	db	0xcd, n
	ret
	nop
%assign n n + 1
%endrep

section .data
global far_pointer, frame_flags, frame_esp, frame_ss, operand, value, table_register
	align	4
far_pointer:	dd	0, 0
frame_flags:	dd	2
frame_esp:	dd	0
frame_ss:	dd	0
operand:	dd	0
value:		dd	0, 0
table_register:	dw	0
		dd	0
