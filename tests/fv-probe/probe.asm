; SPDX-License-Identifier: MIT
; The probe's assembly: one small function per instruction (main.c says what each should tell).

%include "kernel.asm"

section .text
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
