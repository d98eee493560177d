; SPDX-License-Identifier: MIT
; From the boot loader to C: multiboot header, 32-bit entry, first page tables, long mode.
;
; This file is linked where it is loaded (1 MiB up) because it runs before paging. The early tables map the first
; 4 GiB, by 2 MiB pages, three times: at 0 (this code runs there while it switches paging on), at IMAGE_BASE
; (where C is linked) and at DIRECTMAP (so that C reaches ACPI tables, modules and RAM before mm_init). Nothing that
; they do not map may be touched before mm_init, nor by another processor before ap_high.

bits 32
default abs

MAGIC        equ 0x1badb002
FLAGS        equ 0x3                    ; modules page-aligned, memory map wanted
CR0_PE       equ 1 << 0
CR0_PG       equ 1 << 31
CR4_PAE      equ 1 << 5
MSR_EFER     equ 0xc0000080
EFER_LME     equ 1 << 8
EFER_NXE     equ 1 << 11
TABLE        equ 0x3                    ; present, writable
PAGE_2M      equ 0x83                   ; present, writable, large
SLOT_IMAGE   equ 261                    ; mm/mm.h
SLOT_DIRECT  equ 262
BOOT_CS64    equ 0x08
BOOT_CS32    equ 0x10
BOOT_DS      equ 0x18

extern boot_main, boot_stack, ap_main
global multiboot_entry, ap_entry32, ap_handover_low, early_gdt

%define PHYS(x) (x)
%define WHO     "Ringlet"
; What the hypervisor uses without testing for it again. SYSCALL is missing here: Intel's processors report it only in
; 64-bit mode (cpu/features.c).
%macro PROCESSOR_NEEDS 0
	NEED 0x80000001, 29, "long mode (64 bit)"
	NEED 0x80000001, 20, "NX"
	NEED 1, 6, "PAE"
	NEED 1, 24, "FXSR"
	NEED 1, 25, "SSE"
	NEED 1, 13, "PGE"
	NEED 1, 16, "PAT"
	NEED 1, 9, "a local APIC"
	NEED 1, 7, "MCE"
	NEED 1, 5, "MSR"
	NEED 1, 4, "TSC"
	NEED 1, 2, "DE"
	NEED 1, 8, "CX8"
	NEED 1, 15, "CMOV"
%endmacro

section .multiboot progbits alloc noexec nowrite align=4
	dd MAGIC, FLAGS, -(MAGIC + FLAGS)

section .boot progbits alloc exec write align=16

; In: eax = multiboot magic, ebx = information structure (multiboot specification 3.2). Paging off, flat segments.
; Next: long_mode, then start64.
multiboot_entry:
	cli
	cld
	mov esp, early_stack_top
	call check_processor
	push eax
	push ebx
	call build_tables
	pop esi                         ; second argument of boot_main
	pop edi                         ; first
	mov ebp, start64
	jmp long_mode

; In: protected mode, flat segments, from boot/trampoline.asm. Clobbers everything. Next: long_mode, then ap_start64.
ap_entry32:
	mov ax, BOOT_DS
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov ebp, ap_start64
	jmp long_mode

%include "boot/processor.inc"

; Four tables of 512 large pages, one level 3 table over them, one root. Clobbers eax, ecx, edi.
build_tables:
	mov edi, early_l2
	mov eax, PAGE_2M
	mov ecx, 4 * 512
.page:
	mov [edi], eax
	mov dword [edi + 4], 0
	add eax, 0x200000
	add edi, 8
	loop .page
	mov eax, early_l2 + TABLE
	mov edi, early_l3
	mov ecx, 4
.table:
	mov [edi], eax
	add eax, 4096
	add edi, 8
	loop .table
	mov eax, early_l3 + TABLE
	mov [early_l4], eax
	mov [early_l4 + 8 * SLOT_IMAGE], eax
	mov [early_l4 + 8 * SLOT_DIRECT], eax
	ret

; In: ebp = where to go on in 64-bit mode; edi, esi pass through. Clobbers eax, ecx, edx.
; The sequence is SDM 3A 10.8.5, Initializing IA-32e Mode.
long_mode:
	lgdt [early_gdtr]
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	mov eax, early_l4
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, cr0
	or eax, CR0_PG | CR0_PE
	mov cr0, eax
	jmp BOOT_CS64:.in64
bits 64
.in64:
	xor eax, eax
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov fs, eax
	mov gs, eax
	jmp rbp

; In: edi = magic, esi = information structure. Next: boot_main(edi, esi), which does not return.
start64:
	mov edi, edi                    ; upper halves are undefined after the change of mode
	mov esi, esi
	mov rsp, boot_stack
	add rsp, 16384                  ; CPU_STACK_SIZE
	xor ebp, ebp                    ; end of the chain of frames
	mov rax, boot_main
	call rax

; Next: ap_high, at an address that the final tables map too.
ap_start64:
	mov rax, ap_high
	jmp rax

align 8
ap_handover_low:                        ; struct ap_handover, filled in by boot/smp.c
.cr3:	dq 0
.stack:	dq 0
early_gdt:
	dq 0
	dq 0x00af9b000000ffff           ; BOOT_CS64
	dq 0x00cf9b000000ffff           ; BOOT_CS32
	dq 0x00cf93000000ffff           ; BOOT_DS
early_gdtr:
	dw early_gdtr - early_gdt - 1
	dd early_gdt
	dd 0                            ; upper half of the base when loaded in 64-bit mode

section .text
; Another processor leaves the early tables before it touches a stack or anything else that is allocated: that may
; lie anywhere in RAM, but the early tables end at 4 GiB. Clobbers everything. Next: ap_main(), which does not return.
ap_high:
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_NXE                ; without it an NX bit in the final tables is a reserved bit
	wrmsr
	mov rax, [abs ap_handover_low.cr3]
	mov rsp, [abs ap_handover_low.stack]
	mov cr3, rax
	xor ebp, ebp
	call ap_main

section .boot_bss nobits alloc noexec write align=4096
global early_l4
early_l4:	resb 4096
early_l3:	resb 4096
early_l2:	resb 4 * 4096
early_stack:	resb 256
early_stack_top:
