; SPDX-License-Identifier: MIT
; What the fuzzing kernel needs of assembly: start by multiboot1, and enter(), from which every exception, interrupt and INT
; comes back with all that code can have spoiled put right: segments, GDT, IDT, TR, LDT, control and debug registers.

bits 32

%define SEL_CODE0 0x08
%define SEL_DATA0 0x10
%define SEL_CODE3 0x2b
%define SEL_DATA3 0x33
%define SEL_TSS   0x38
%define IF_SET    0x202

section .multiboot
	align	4
	dd	0x1badb002, 0, -0x1badb002

section .text
extern main
global start
start:
	cli
	mov	esp, stack_top
	lgdt	[good_gdtr]
	jmp	SEL_CODE0:.flat
.flat:	mov	eax, SEL_DATA0
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	ss, eax
	mov	eax, tss
	mov	[gdt + SEL_TSS + 2], ax
	shr	eax, 16
	mov	[gdt + SEL_TSS + 4], al
	mov	[gdt + SEL_TSS + 7], ah
	mov	dword [tss + 4], trap_stack_top
	mov	dword [tss + 8], SEL_DATA0
	mov	word [tss + 102], 104	; no I/O bitmap
	mov	eax, cr0
	mov	[good_cr0], eax
	call	gates
	lidt	[good_idtr]
	mov	eax, SEL_TSS
	ltr	ax
	push	ebx
	call	main
.stop:	cli
	hlt
	jmp	.stop

; All 256 lead to trap; those from 32 on may be called from ring 3.
global gates
gates:
	mov	ecx, 256
	mov	edx, idt
.gate:	mov	eax, trap
	mov	[edx], ax
	mov	word [edx + 2], SEL_CODE0
	mov	word [edx + 4], 0xee00
	shr	eax, 16
	mov	[edx + 6], ax
	add	edx, 8
	loop	.gate
	ret

; void enter(uint32_t code, unsigned ring): with the general registers of regs, interrupts on; ring 0 or 3. Until something
; interrupts it.
global enter
enter:
	pusha
	mov	[saved_sp], esp
	mov	eax, [esp + 36]
	cmp	dword [esp + 40], 0
	je	.ring0
	mov	ecx, SEL_DATA3
	mov	ds, ecx
	mov	es, ecx
	push	SEL_DATA3
	push	dword [ss:regs + 12]	; ESP
	push	IF_SET
	push	SEL_CODE3
	push	eax
	jmp	.load
.ring0:	push	IF_SET
	push	SEL_CODE0
	push	eax
.load:	mov	edi, [ss:regs]
	mov	esi, [ss:regs + 4]
	mov	ebp, [ss:regs + 8]
	mov	ebx, [ss:regs + 16]
	mov	edx, [ss:regs + 20]
	mov	ecx, [ss:regs + 24]
	mov	eax, [ss:regs + 28]
	iret

trap:
	cli
	cld
	mov	eax, SEL_DATA0
	mov	ds, eax
	lgdt	[good_gdtr]
	lidt	[good_idtr]
	jmp	SEL_CODE0:.flat
.flat:	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	esp, [saved_sp]
	xor	ecx, ecx
	mov	fs, ecx
	mov	gs, ecx
	mov	dr7, ecx
	lldt	cx
	mov	ecx, [good_cr4]
	mov	cr4, ecx
	mov	ecx, [good_cr3]
	mov	cr3, ecx
	mov	ecx, [good_cr0]
	mov	cr0, ecx
	and	byte [gdt + SEL_TSS + 5], 0xfd
	mov	ecx, SEL_TSS
	ltr	cx
	popa
	ret

section .data
global regs, good_cr0, good_cr3, good_cr4, gdt, idt
regs:     times 8 dd 0		; as PUSHA has them
good_cr0: dd	0
good_cr3: dd	0
good_cr4: dd	0
saved_sp: dd	0
	align	8
gdt:	dq	0
	dq	0x00cf9a000000ffff, 0x00cf92000000ffff	; 0x08 ring 0
	dq	0x00cfba000000ffff, 0x00cfb2000000ffff	; 0x18 ring 1
	dq	0x00cffa000000ffff, 0x00cff2000000ffff	; 0x28 ring 3
	dq	0x0000890000000067			; 0x38 TSS
	times 56 dq 0					; 0x40 hostile ones
good_gdtr:
	dw	$ - gdt - 1
	dd	gdt
good_idtr:
	dw	256 * 8 - 1
	dd	idt

section .bss
	align	16
idt:	resb	256 * 8
tss:	resb	104
	resb	4096
trap_stack_top:
	resb	8192
stack_top:
