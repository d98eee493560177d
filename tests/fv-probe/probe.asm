; SPDX-License-Identifier: MIT
; The probe's assembly: start by multiboot1, rings, traps, and one small function per instruction (main.c says what
; each should tell). No paging; flat segments of ring 0, 1 and 3.

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

%macro INSTRUCTION 1
global i_%1
i_%1:
%endmacro

; ---- what shows something ----
INSTRUCTION sgdt
	sub	esp, 8
	sgdt	[esp]
	mov	eax, [esp + 2]
	add	esp, 8
	ret
INSTRUCTION sidt
	sub	esp, 8
	sidt	[esp]
	mov	eax, [esp + 2]
	add	esp, 8
	ret
INSTRUCTION sldt
	xor	eax, eax
	sldt	ax
	ret
INSTRUCTION str
	xor	eax, eax
	str	ax
	ret
INSTRUCTION smsw
	smsw	eax
	movzx	eax, ax
	ret
INSTRUCTION pushf
	pushf
	pop	eax
	and	eax, IF
	ret
INSTRUCTION mov_from_cs
	mov	eax, cs
	ret
INSTRUCTION mov_from_ss
	mov	eax, ss
	ret
INSTRUCTION push_cs
	push	cs
	pop	eax
	movzx	eax, ax
	ret
INSTRUCTION push_ss
	push	ss
	pop	eax
	movzx	eax, ax
	ret
INSTRUCTION lar
	mov	ecx, 0x08
	xor	eax, eax
	lar	eax, ecx
	and	eax, 0x6000		; the DPL
	ret
INSTRUCTION lsl
	mov	ecx, 0x08
	xor	eax, eax
	lsl	eax, ecx
	ret
INSTRUCTION verr
	mov	ecx, 0x10
	verr	cx
	setz	al
	movzx	eax, al
	ret
INSTRUCTION verw
	mov	ecx, 0x10
	verw	cx
	setz	al
	movzx	eax, al
	ret
INSTRUCTION read_cr0
	mov	eax, cr0
	movzx	eax, ax
	ret
INSTRUCTION read_dr7
	mov	eax, dr7
	ret
INSTRUCTION rdmsr
	mov	ecx, 0xc0000080
	rdmsr
	ret
; ---- what changes something: the result is what came of it ----
INSTRUCTION popf
	pushf
	or	dword [esp], IF
	popf
	jmp	i_pushf
INSTRUCTION iret
	pushf
	or	dword [esp], IF
	push	cs
	push	i_pushf
	iret
INSTRUCTION sti
	sti
	jmp	i_pushf
INSTRUCTION cli
	cli
	jmp	i_pushf
INSTRUCTION hlt
	hlt
	ret
INSTRUCTION lgdt
	lgdt	[gdtr]
	xor	eax, eax
	ret
INSTRUCTION lidt
	lidt	[idtr]
	xor	eax, eax
	ret
INSTRUCTION lldt
	xor	eax, eax
	lldt	ax
	ret
INSTRUCTION ltr
	and	byte [gdt + SEL_TSS + 5], 0xfd
	mov	eax, SEL_TSS
	ltr	ax
	xor	eax, eax
	ret
INSTRUCTION lmsw
	mov	eax, 0x0b		; PE, MP, TS
	lmsw	ax
	mov	edx, cr0
	mov	eax, 1			; and back
	lmsw	ax
	mov	eax, edx
	and	eax, 0x0b
	ret
INSTRUCTION clts
	mov	eax, 9			; PE, TS
	lmsw	ax
	clts
	mov	eax, cr0
	and	eax, 0x08
	ret
INSTRUCTION write_cr3
	mov	eax, 0x5000
	mov	cr3, eax
	mov	eax, cr3
	ret
INSTRUCTION invlpg
	invlpg	[0x1000]
	xor	eax, eax
	ret
INSTRUCTION wbinvd
	wbinvd
	xor	eax, eax
	ret
INSTRUCTION in
	in	al, 0x21
	movzx	eax, al
	ret
INSTRUCTION out
	mov	eax, 0xfe
	out	0x21, al
	in	al, 0x21
	movzx	eax, al
	ret
INSTRUCTION ins				; three of four bytes
	push	0
	mov	edi, esp
	mov	edx, 0x21
	mov	ecx, 3
	rep	insb
	lea	eax, [esp + 3]
	sub	eax, edi
	sub	eax, ecx		; nothing is left
	or	eax, [esp]
	add	esp, 4
	ret
INSTRUCTION outs			; the last of four is what stays
	push	0xfdfbf7ef
	mov	esi, esp
	mov	edx, 0x21
	mov	ecx, 4
	rep	outsb
	add	esp, 4
	xor	eax, eax
	in	al, dx
	ret
; ---- what must not be affected ----
INSTRUCTION mov_ds
	mov	eax, ds
	mov	ds, eax
	xor	eax, eax
	ret
INSTRUCTION rdtsc
	rdtsc
	xor	eax, eax
	ret

; A byte behind the limit of its segment: faults where limits are enforced.
INSTRUCTION limit
	mov	ecx, 0x43
	mov	fs, ecx
	mov	al, [fs:0x2000]
	xor	eax, eax
	mov	fs, eax
	ret

section .data
global fault_vector, gdt, idt
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
