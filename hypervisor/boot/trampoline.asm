; SPDX-License-Identifier: MIT
; Where another processor wakes: real mode, CS = page << 8, IP = 0. boot/smp.c copies these bytes to TRAMPOLINE
; (boot/trampoline.h) below 1 MiB. They only reach protected mode; the rest is boot/multiboot.asm's.

default rel
extern ap_entry32, early_gdt
global trampoline_start, trampoline_end

BOOT_CS32 equ 0x10
CR0_PE    equ 1

section .rodata
bits 16
; In: nothing but CS:IP. Clobbers eax, ebx, ds. Next: ap_entry32 in flat 32-bit protected mode.
trampoline_start:
	cli
	mov ax, cs
	mov ds, ax
	o32 lgdt [.gdtr - trampoline_start]
	mov eax, cr0
	or al, CR0_PE
	mov cr0, eax
	jmp dword BOOT_CS32:ap_entry32
align 4
.gdtr:	dw 0x1f                         ; the four entries of early_gdt
	dd early_gdt
trampoline_end:
