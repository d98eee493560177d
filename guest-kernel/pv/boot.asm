; SPDX-License-Identifier: MIT
; The first instructions of a PV guest: the domain builder read the notes below, put the image where they say,
; built page tables and start_info, and enters start with paging on, in ring 1 (32 bit) or ring 3 (64 bit);
; RSI/ESI = struct start_info *. Events are masked.
; Next: machine_start (x86/start.c), on boot_stack.

%include "asm.inc"

%define ELFNOTE_ENTRY              1
%define ELFNOTE_HYPERCALL_PAGE     2
%define ELFNOTE_VIRT_BASE          3
%define ELFNOTE_PADDR_OFFSET       4
%define ELFNOTE_XEN_VERSION        5
%define ELFNOTE_GUEST_OS           6
%define ELFNOTE_GUEST_VERSION      7
%define ELFNOTE_LOADER             8
%define ELFNOTE_PAE_MODE           9
%define ELFNOTE_FEATURES           10

; type, directive, value
%macro ELFNOTE 3
	dd	4, %%end - %%start, %1
	db	"Xen", 0
%%start:
	%2	%3
%%end:
	align	4, db 0
%endmacro

section .note.Xen note alloc noexec nowrite align=4
	ELFNOTE	ELFNOTE_GUEST_OS, db, {"ringlet-teaching-kernel", 0}
	ELFNOTE	ELFNOTE_GUEST_VERSION, db, {"1", 0}
	ELFNOTE	ELFNOTE_XEN_VERSION, db, {"xen-3.0", 0}
	ELFNOTE	ELFNOTE_LOADER, db, {"generic", 0}
	ELFNOTE	ELFNOTE_VIRT_BASE, dx_, IMAGE_BASE
	ELFNOTE	ELFNOTE_PADDR_OFFSET, dx_, 0
	ELFNOTE	ELFNOTE_ENTRY, dx_, start
	ELFNOTE	ELFNOTE_HYPERCALL_PAGE, dx_, hypercall_page
	ELFNOTE	ELFNOTE_FEATURES, db, {"pae_pgdir_above_4gb", 0}
%if WORD_BITS == 32
	ELFNOTE	ELFNOTE_PAE_MODE, db, {"yes", 0}
%endif
extern IMAGE_BASE

; The builder fills this page: 32 bytes of code for each hypercall.
section .hypercall_page progbits alloc exec nowrite align=4096
global hypercall_page
hypercall_page:
	times	4096 nop

section .text
global start
start:
	cld
%if WORD_BITS == 64
	mov	rsp, boot_stack_top
	mov	rdi, rsi
%else
	mov	esp, boot_stack_top
	push	esi
%endif
	call	machine_start
extern machine_start

section .bss
	alignb	8192				; KERNEL_STACK_SIZE
boot_stack:	resb 8192
boot_stack_top:
