; SPDX-License-Identifier: MIT
;
; The floor: what the crossings cost on the bare machine. This file brings the processor from multiboot to long mode with
; 1 GiB mapped one to one for all rings (U), and has the handlers and ring 3 loops; floor.c measures.

MAGIC equ 0x1badb002
section .multiboot
	dd MAGIC, 0, -MAGIC

section .text
bits 32
global start
extern floor_main
start:
	mov esp, stack_top
	mov eax, l3 + 7                 ; P RW U
	mov [l4], eax
	mov eax, l2 + 7
	mov [l3], eax
	mov eax, l2_top + 7             ; the last of the four GiB, for the local APIC
	mov [l3 + 3 * 8], eax
	mov ecx, 512
	xor edi, edi
.map:
	mov eax, edi
	shl eax, 21
	lea edx, [eax + 0xc0000000]
	or eax, 0x87                    ; 2 MiB pages
	or edx, 0x97                    ; uncached
	mov [l2 + edi * 8], eax
	mov [l2_top + edi * 8], edx
	inc edi
	loop .map
	mov eax, l4
	mov cr3, eax
	mov eax, 0x20                   ; PAE
	mov cr4, eax
	mov ecx, 0xc0000080             ; EFER: LME, SCE
	mov eax, 0x101
	xor edx, edx
	wrmsr
	mov eax, 0x80000001             ; PG, PE
	mov cr0, eax
	lgdt [gdt_pointer]
	jmp 8:start64

bits 64
default rel
start64:
	mov eax, 16
	mov ds, eax
	mov es, eax
	mov ss, eax
	lea rax, [tss]
	mov [gdt_tss + 2], ax           ; base bits 0-15, 16-23, 24-31
	shr rax, 16
	mov [gdt_tss + 4], al
	mov [gdt_tss + 7], ah
	lea rax, [stack_top]
	mov [tss + 4], rax              ; RSP0
	mov eax, 48
	ltr ax
	lidt [idt_pointer]
	mov ecx, 0xc0000081             ; STAR: syscall selectors 8/16, sysret 24+8/24+16
	xor eax, eax
	mov edx, 0x001b0008
	wrmsr
	mov ecx, 0xc0000084             ; FMASK: IF
	mov eax, 0x200
	xor edx, edx
	wrmsr
	call floor_main
.stop:
	hlt
	jmp .stop

; uint64_t run_user(code, n) - the code in ring 3, with EBX = n, until it says int 0x81; out: its rax
global run_user
run_user:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov [kernel_sp], rsp
	mov ebx, esi
	push 0x23
	push user_stack_top
	push 0x02
	push 0x2b
	push rdi
	iretq
global user_exit_entry
user_exit_entry:
	mov rsp, [kernel_sp]
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; The loop in ring 3: n system calls, the ticks they took in rax.
global user_loop
user_loop:
	rdtsc
	mov esi, eax
.again:
	syscall
	dec ebx
	jnz .again
	rdtsc
	sub eax, esi
	int 0x81

; A hypercall's least: stack switch, 15 registers saved and restored.
global syscall_save
syscall_save:
	mov [user_sp], rsp
	mov rsp, [kernel_sp]
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
	mov rsp, [user_sp]
	o64 sysret

; An application's system call under ring compression: to the other page tables and back.
global syscall_cr3
syscall_cr3:
	mov [user_sp], rsp
	mov rsp, [kernel_sp]
	push rax
	mov rax, cr3
	mov cr3, rax
	mov cr3, rax
	pop rax
	mov rsp, [user_sp]
	o64 sysret

; Exceptions raised by a 2-byte instruction, and an interrupt.
global skip2, skip2_error, interrupt
skip2:
	add qword [rsp], 2
	iretq
skip2_error:
	add rsp, 8
	add qword [rsp], 2
	iretq
interrupt:
	push rax
	mov eax, 0xfee000b0             ; EOI
	mov dword [rax], 0
	pop rax
	iretq

section .data
align 16
gdt:
	dq 0
	dq 0x00af9b000000ffff           ; 8: code 64
	dq 0x00cf93000000ffff           ; 16: data
	dq 0x00cffb000000ffff           ; 24: code 32, ring 3 (sysret's first)
	dq 0x00cff3000000ffff           ; 32: data, ring 3
	dq 0x00affb000000ffff           ; 40: code 64, ring 3
gdt_tss:
	dw 103, 0                       ; 48
	db 0, 0x89, 0, 0
	dq 0
gdt_end:
gdt_pointer:
	dw gdt_end - gdt - 1
	dq gdt
global idt_pointer
idt_pointer:
	dw 256 * 16 - 1
	dq idt

section .bss
alignb 4096
l4:	resb 4096
l3:	resb 4096
l2:	resb 4096
l2_top:	resb 4096
global idt
idt:	resb 4096
tss:	resb 104
kernel_sp: resq 1
user_sp: resq 1
alignb 16
	resb 16384
stack_top:
	resb 4096
user_stack_top:
