; SPDX-License-Identifier: MIT
; The first instructions on a bare machine: a multiboot loader (GRUB, QEMU -kernel) jumps to start in 32-bit
; protected mode without paging; EAX = magic, EBX = physical address of the multiboot information.
; This code maps the first GiB of memory with 2 MiB pages at three places: where it runs (identity), at the
; kernel's link address, and as the start of the linear map; then it turns paging (and long mode) on.
; Next: machine_start (x86/start.c) at the link address, on boot_stack. (SDM 3A 10.8.5, Initializing IA-32e Mode)

%include "asm.inc"

%define MULTIBOOT_MAGIC  0x1badb002
%define MULTIBOOT_FLAGS  3		; modules page aligned, memory map wanted
%define LOADER_MAGIC     0x2badb002

%define CR0_PE_MP_NE_WP_PG 0x80010023
%define CR4_PAE_OSFXSR_OSXMMEXCPT 0x620
%define MSR_EFER         0xc0000080
%define EFER_SCE         0x001
%define EFER_NXE         0x800
%define EFER_LME         0x100
%define P_W              3
%define P_W_LARGE        0x83

%define WHO "Ringlet teaching kernel"
%macro PROCESSOR_NEEDS 0
%if WORD_BITS == 64
	NEED	0x80000001, 29, "long mode (64 bit)"
%endif
	NEED	1, 6, "PAE"
	NEED	0x80000001, 20, "NX"
	NEED	1, 24, "FXSR"
	NEED	1, 25, "SSE"
	NEED	1, 9, "a local APIC"
	NEED	1, 5, "MSR"
	NEED	1, 4, "TSC"
	NEED	1, 8, "CX8"
	NEED	1, 15, "CMOV"
%endmacro

section .multiboot
	align	4
	dd	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .boot
	bits	32
global start
start:
	cld
	cli
	mov	esp, PHYS(boot_stack_top)
	mov	esi, PHYS(text_loader)
	cmp	eax, LOADER_MAGIC
	jne	stop_saying
	call	check_processor

	mov	edi, PHYS(boot_directory)	; 512 entries of 2 MiB each
	mov	eax, P_W_LARGE
	mov	ecx, 512
.fill:
	mov	[edi], eax
	add	eax, 0x200000
	add	edi, 8
	loop	.fill

%if WORD_BITS == 64
	; identity: root 0, pointers 0. Kernel image: root 511, pointers 510. Linear map: root 272.
	mov	dword [PHYS(boot_pointers)], PHYS(boot_directory) + P_W
	mov	dword [PHYS(boot_pointers) + 510 * 8], PHYS(boot_directory) + P_W
	mov	dword [PHYS(linear_pointers)], PHYS(boot_directory) + P_W
	mov	dword [PHYS(boot_root)], PHYS(boot_pointers) + P_W
	mov	dword [PHYS(boot_root) + 272 * 8], PHYS(linear_pointers) + P_W
	mov	dword [PHYS(boot_root) + 511 * 8], PHYS(boot_pointers) + P_W
	%define EFER_BITS EFER_SCE + EFER_NXE + EFER_LME
%else
	; identity: root 0. Kernel image and linear map are the same: root 3. Only P is allowed in a root entry.
	mov	dword [PHYS(boot_root)], PHYS(boot_directory) + 1
	mov	dword [PHYS(boot_root) + 3 * 8], PHYS(boot_directory) + 1
	%define EFER_BITS EFER_NXE
%endif

; A processor started later (trampoline.asm) joins here, with EBX = 0.
global start_paging
start_paging:
	mov	eax, PHYS(boot_root)
	mov	cr3, eax
	mov	eax, CR4_PAE_OSFXSR_OSXMMEXCPT
	mov	cr4, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_BITS
	wrmsr
	mov	eax, CR0_PE_MP_NE_WP_PG
	mov	cr0, eax
%if WORD_BITS == 64
	lgdt	[PHYS(boot_gdt_pointer)]
	jmp	0x08:PHYS(long_mode)
%else
	mov	eax, high
	jmp	eax
%endif

text_loader:
	db	WHO, ": not started by a multiboot loader. Stopped.", 13, 10, 0
%include "boot/processor.inc"

%if WORD_BITS == 64
	bits	64
long_mode:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	rax, high
	jmp	rax

	align	8
boot_gdt:
	dq	0
	dq	0x00af9a000000ffff		; code, 64 bit, ring 0
	dq	0x00cf92000000ffff		; data, ring 0
boot_gdt_pointer:
	dw	$ - boot_gdt - 1
	dd	PHYS(boot_gdt)
%endif

section .text
high:
	test	ebx, ebx
	jz	high_other
%if WORD_BITS == 64
	mov	rsp, boot_stack_top
	mov	edi, ebx
%else
	mov	esp, boot_stack_top
	push	ebx
%endif
	call	machine_start
extern machine_start

; The second and later processors: on the stack that cpu_start() (cpus.c) chose for them.
high_other:
	mov	xsp, [start_stack]
	call	machine_start_cpu
extern machine_start_cpu, start_stack

section .bss
	alignb	4096
global boot_root, boot_directory
boot_root:	resb 4096
boot_directory:	resb 4096
%if WORD_BITS == 64
global linear_pointers, boot_pointers
boot_pointers:	resb 4096
linear_pointers: resb 4096
%endif
	alignb	8192				; KERNEL_STACK_SIZE
boot_stack:	resb 8192
boot_stack_top:
