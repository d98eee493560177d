; SPDX-License-Identifier: MIT
; What the small kernels of fv's tests begin with: start by multiboot1, rings, traps. No paging; flat segments of ring 0, 1
; and 3. Included by each.

bits 32

%define SEL_TSS  0x38
%define GATE     0x8e00
%define GATE_ALL 0xee00
%define VECTOR_DONE 0x30
%define IF       0x200

section .multiboot
	align	4
	dd	0x1badb002, 0, -0x1badb002

section .text
extern main
global start
; EBX = multiboot information, EAX = its magic number. Never returns.
start:
	cli
	mov	esp, stack_top
	lgdt	[gdtr]
	jmp	0x08:.flat
.flat:	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	eax, tss
	mov	[gdt + SEL_TSS + 2], ax
	shr	eax, 16
	mov	[gdt + SEL_TSS + 4], al
	mov	[gdt + SEL_TSS + 7], ah
	mov	dword [tss + 4], trap_stack_top
	mov	dword [tss + 8], 0x10
	mov	word [tss + 102], 104	; no I/O bitmap
	mov	edi, idt
	mov	esi, stubs
	mov	ecx, 32
.gate:	lodsd
	call	set_gate
	loop	.gate
	mov	edi, idt + VECTOR_DONE * 8
	mov	eax, done
	call	set_gate
	mov	word [edi - 4], GATE_ALL
	lidt	[idtr]
	mov	eax, SEL_TSS
	ltr	ax
	push	ebx
	call	main
.stop:	cli
	hlt
	jmp	.stop

; EDI = gate, EAX = handler. Out: EDI behind it.
set_gate:
	mov	[edi], ax
	mov	word [edi + 2], 0x08
	mov	word [edi + 4], GATE
	shr	eax, 16
	mov	[edi + 6], ax
	add	edi, 8
	ret

; int run(void (*code)(void), unsigned ring): EAX as the code left it; fault_vector tells what came of it.
global run
run:
	push	ebx
	push	esi
	push	edi
	push	ebp
	mov	[saved_sp], esp
	mov	eax, [esp + 20]
	mov	edx, [esp + 24]
	mov	dword [fault_vector], -1
	test	edx, edx
	jz	.ring0
	mov	ecx, edx		; selectors of ring n: code 0x18 or 0x28, data behind it
	and	ecx, 2
	lea	ecx, [ecx * 8 + 0x18]	; ring 1: 0x18, ring 3: 0x28
	or	ecx, edx
	lea	ebx, [ecx + 8]
	mov	dword [ring_stack_top - 4], finish
	mov	ds, ebx
	mov	es, ebx
	push	ebx
	push	ring_stack_top - 4
	push	2			; IF clear, IOPL 0
	push	ecx
	push	eax
	iret
.ring0:	call	eax
finish:	int	VECTOR_DONE

done:
	mov	ecx, 0x10
	mov	ds, ecx
	mov	es, ecx
	mov	esp, [saved_sp]
	cli
	cld
	pop	ebp
	pop	edi
	pop	esi
	pop	ebx
	ret

%assign v 0
%rep 32
stub_ %+ v:
	mov	eax, v
	jmp	trap
%assign v v + 1
%endrep

trap:
	mov	ecx, 0x10
	mov	ds, ecx
	mov	[fault_vector], eax
	jmp	done

section .data
global fault_vector, gdt, idt, tss
fault_vector: dd 0
saved_sp:     dd 0
	align	8
gdt:	dq	0
	dq	0x00cf9a000000ffff, 0x00cf92000000ffff	; 0x08 ring 0
	dq	0x00cfba000000ffff, 0x00cfb2000000ffff	; 0x18 ring 1
	dq	0x00cffa000000ffff, 0x00cff2000000ffff	; 0x28 ring 3
	dq	0x0000890000000067			; 0x38 TSS
	dq	0x0040f20000000fff			; 0x40 data, ring 3, 4 KiB
gdtr:	dw	$ - gdt - 1
	dd	gdt
idtr:	dw	64 * 8 - 1
	dd	idt
stubs:
%assign v 0
%rep 32
	dd	stub_ %+ v
%assign v v + 1
%endrep

section .bss
	alignb	16
idt:	resb	64 * 8
tss:	resb	104
	alignb	16
	resb	4096
trap_stack_top:
	resb	4096
ring_stack_top:
	resb	8192
stack_top:
