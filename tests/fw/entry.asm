; SPDX-License-Identifier: MIT
;
; Start, exceptions, events and the way into ring 3, for pv64 and pv32 from one source.
;
; What the hypervisor pushes (low to high):
;   pv64: rcx, r11, [error], rip, cs, rflags, rsp, ss      always onto a 16-byte boundary
;   pv32: [error], eip, cs, eflags, [esp, ss]              the last two only from ring 3
; The stubs bring both to: <general registers>, vector, error, ip, cs, flags, sp, ss (struct frame).

%include "hypercalls.inc"

%ifidn __OUTPUT_FORMAT__, elf64
%define PV64
bits 64
default rel
%define WORD dq
%define ax_ rax
%define sp_ rsp
%define W 8
%else
bits 32
%define WORD dd
%define ax_ eax
%define sp_ esp
%define W 4
%endif

; ---- notes ----
%macro NOTE 2+ ; type, content
section .note.xen note alloc noexec nowrite align=4
	dd 4, %%end - %%begin, %1
	db "Xen", 0
%%begin:
	%2
%%end:
	align 4, db 0
%endmacro
%macro NOTE_WORD 2
	NOTE %1, WORD %2
%endmacro

extern BASE
NOTE 6, db "ringlet-test", 0            ; XEN_ELFNOTE_GUEST_OS
NOTE 5, db "xen-3.0", 0                 ; XEN_ELFNOTE_XEN_VERSION
NOTE 8, db "generic", 0                 ; XEN_ELFNOTE_LOADER
NOTE_WORD 3, BASE                       ; XEN_ELFNOTE_VIRT_BASE
NOTE_WORD 4, 0                          ; XEN_ELFNOTE_PADDR_OFFSET
NOTE_WORD 1, start                      ; XEN_ELFNOTE_ENTRY
NOTE_WORD 2, hypercall_page             ; XEN_ELFNOTE_HYPERCALL_PAGE
NOTE 9, db "yes", 0                     ; XEN_ELFNOTE_PAE_MODE

; ---- start: RSI/ESI = start_info ----
section .text.entry progbits alloc exec nowrite align=16
global start
extern fw_main
start:
	mov sp_, boot_stack_top
%ifdef PV64
	mov rdi, rsi
	call fw_main
%else
	sub esp, 12                     ; keep the stack 16-byte aligned at the call
	push esi
	call fw_main
%endif
	ud2

; ---- saving and restoring ----
%ifdef PV64
%macro SAVE 0
	push rax
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
%endmacro
%macro RESTORE 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
%endmacro
%else
%macro SAVE 0
	push eax
	push ebx
	push ecx
	push edx
	push esi
	push edi
	push ebp
%endmacro
%macro RESTORE 0
	pop ebp
	pop edi
	pop esi
	pop edx
	pop ecx
	pop ebx
	pop eax
%endmacro
%endif

; The way to ring 3 has emptied the data segments of a ring 1 kernel (SDM 2A, IRET).
%macro KERNEL_SEGMENTS 0
%ifndef PV64
	push ss
	pop ds
	push ss
	pop es
%endif
%endmacro

section .text
; ---- exceptions ----
%macro STUB 2 ; vector, has error code
stub_%1:
%ifdef PV64
	pop rcx
	pop r11
%endif
%if %2 == 0
	push W * 0
%endif
	push %1
	jmp trap_common
%endmacro
%assign v 0
%rep 32
%if v == 8 || (v >= 10 && v <= 14) || v == 17
	STUB v, 1
%else
	STUB v, 0
%endif
%assign v v + 1
%endrep
	STUB 128, 0                     ; int 0x80: system call of pv32

; trap_common - out: fw_trap(struct frame *) decides; next: return_frame
extern fw_trap
trap_common:
	SAVE
	KERNEL_SEGMENTS
	cld
%ifdef PV64
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call fw_trap
	mov rsp, rbx
%else
	mov ebx, esp
	sub esp, 16
	and esp, -16
	mov [esp], ebx
	call fw_trap
	mov esp, ebx
%endif

; return_frame - in: stack at a struct frame; leaves by the iret hypercall
return_frame:
	RESTORE
	add sp_, 2 * W                  ; vector and error
%ifdef PV64
	push 0                          ; flags of the iret frame; the stub pushes rcx, r11, rax
%endif
	jmp hypercall_page + __HYPERVISOR_iret * 32

; event_entry - the upcall; like an exception without error code
global event_entry
extern fw_event
event_entry:
%ifdef PV64
	pop rcx
	pop r11
%endif
	push 0
	push 256
	SAVE
	KERNEL_SEGMENTS
	cld
%ifdef PV64
	mov rdi, rsp
	mov rbx, rsp
	and rsp, -16
	call fw_event
	mov rsp, rbx
%else
	mov ebx, esp
	sub esp, 16
	and esp, -16
	mov [esp], ebx
	call fw_event
	mov esp, ebx
%endif
	jmp return_frame

global failsafe_entry
extern fw_failsafe
failsafe_entry:
	call fw_failsafe
	ud2

; syscall_entry - pv64: the application's SYSCALL; rcx, r11 first as everywhere. Shown as vector 128.
global syscall_entry
syscall_entry:
%ifdef PV64
	pop rcx
	pop r11
	push 0
	push 128
	jmp trap_common
%else
	ud2
%endif

; int recovery_set(struct recovery *) - out: 0; returns again with 1 when fw_trap resumes it
global recovery_set
recovery_set:
%ifdef PV64
	mov rax, [rsp]
	mov [rdi], rax
	lea rax, [rsp + 8]
	mov [rdi + 8], rax
	mov [rdi + 16], rbp
	mov [rdi + 24], rbx
	mov [rdi + 32], r12
	mov [rdi + 40], r13
	mov [rdi + 48], r14
	mov [rdi + 56], r15
	xor eax, eax
	ret
%else
	mov edx, [esp + 4]
	mov eax, [esp]
	mov [edx], eax
	lea eax, [esp + 4]
	mov [edx + 4], eax
	mov [edx + 8], ebp
	mov [edx + 12], ebx
	mov [edx + 16], esi
	mov [edx + 20], edi
	xor eax, eax
	ret
%endif

; recovery_resume(struct recovery *) - does not return to its caller but to recovery_set's, with 1
global recovery_resume
recovery_resume:
%ifdef PV64
	mov rsp, [rdi + 8]
	mov rbp, [rdi + 16]
	mov rbx, [rdi + 24]
	mov r12, [rdi + 32]
	mov r13, [rdi + 40]
	mov r14, [rdi + 48]
	mov r15, [rdi + 56]
	mov eax, 1
	jmp [rdi]
%else
	mov edx, [esp + 4]
	mov esp, [edx + 4]
	mov ebp, [edx + 8]
	mov ebx, [edx + 12]
	mov esi, [edx + 16]
	mov edi, [edx + 20]
	mov eax, 1
	jmp [edx]
%endif

; user_enter(ip, sp, arg, cs, ss) - to ring 3 by the iret hypercall; comes back through recovery_resume
global user_enter
user_enter:
%ifdef PV64
	push r8
	push rsi
	push 0x200
	push rcx
	push rdi
	mov rdi, rdx
	push 0
%else
	mov eax, [esp + 4]
	mov ecx, [esp + 8]
	mov ebx, [esp + 12]
	mov edx, [esp + 16]
	mov esi, [esp + 20]
	push esi
	push ecx
	push 0x200
	push edx
	push eax
%endif
	jmp hypercall_page + __HYPERVISOR_iret * 32

section .rodata
global trap_stubs
trap_stubs:
%assign v 0
%rep 32
	WORD stub_%[v]
%assign v v + 1
%endrep
	WORD stub_128

section .bss
	alignb 4096
global hypercall_page
hypercall_page:
	resb 4096
	resb 16384
boot_stack_top:
