; SPDX-License-Identifier: MIT
; Where a further processor begins: in real mode, at the page below 1 MiB that the startup interrupt named; cpus.c
; copies this code there. It turns on protected mode with flat segments and goes on in boot.asm.
; Interrupts are off. (SDM 3A 8.4.4, MP Initialization Example; 9.9.1, Switching to Protected Mode)

%include "asm.inc"

%define TRAMPOLINE 0x8000			; cpus.c
%define AT(x)      (TRAMPOLINE + (x) - trampoline)

section .rodata
global trampoline, trampoline_end
trampoline:
	bits	16
	cli
	cld
	xor	ax, ax
	mov	ds, ax
	lgdt	[AT(gdt_pointer)]
	mov	eax, cr0
	or	al, 1				; PE
	mov	cr0, eax
	jmp	dword 0x08:AT(protected)

	bits	32
protected:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	xor	ebx, ebx			; not the first processor
	mov	eax, PHYS(start_paging)
	jmp	eax
extern start_paging

	align	8
gdt:
	dq	0
	dq	0x00cf9a000000ffff		; code, 32 bit, ring 0
	dq	0x00cf92000000ffff		; data, ring 0
gdt_pointer:
	dw	$ - gdt - 1
	dd	AT(gdt)
trampoline_end:
