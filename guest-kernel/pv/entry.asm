; SPDX-License-Identifier: MIT
; Ways into the kernel of a PV guest: the hypervisor finds these entry points through set_trap_table and
; callback_op (traps.c). It has already switched to the kernel stack (stack_switch) and masked events, and
; bounces the trap here. All ways build a struct trapframe (x86/trapframe.h), call machine_trap()
; (x86/trap.c) and leave by the iret hypercall.
;
; Frame at an entry stub, from the top: [ss sp] flags cs ip [error], and in 64 bit below it r11 rcx (SYSCALL
; destroys them, so the hypervisor has saved them). In 64 bit ss and sp are always there, in 32 bit only
; when the trap came from user mode. Above the selector, the slot of cs holds the saved event mask; flags.IF
; says the same.

%include "trapframe.inc"
%include "segments.inc"
%include "hypercalls.inc"

extern machine_trap, hypercall_page

%define IRET_CALL (hypercall_page + __HYPERVISOR_iret * 32)

section .text

; Vectors 0..31: exceptions. Vector 32: the event upcall, the only interrupt. Error codes as on the bare machine.
%define HAS_ERROR 0x60227d00
%assign vector 0
%rep 33
entry_ %+ vector:
%if WORD_BITS == 64
	pop	rcx
	pop	r11
%endif
%if vector >= 32 || !((HAS_ERROR >> vector) & 1)
	push	0
%endif
	push	vector
	jmp	trap_common
%assign vector vector + 1
%endrep

%if WORD_BITS == 64

; SYSCALL of an application, bounced by the hypervisor on the kernel stack: RCX = next instruction,
; R11 = flags, both also in the frame. INT 0x80 comes in the same way, with the same numbers and registers.
global syscall_entry, int80_entry
syscall_entry:
int80_entry:
	pop	rcx
	pop	r11
	push	rax
	push	0x80				; TRAP_SYSCALL
	jmp	trap_common

; The hypervisor could not return as it was told, since a segment register was bad. Frame: rcx r11 ds es
; fs gs, then as for an exception. The application is at fault: clear them, make it a #GP of the application.
global failsafe_entry
failsafe_entry:
	pop	rcx
	pop	r11
	add	rsp, 32
	push	rax
	xor	eax, eax
	mov	ds, eax
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	pop	rax
	push	0
	push	13
	; fall through

%else

; INT 0x80: the number of the system call takes the place of the error code.
global int80_entry
int80_entry:
	push	eax
	push	0x80				; TRAP_SYSCALL
	jmp	trap_common

; As above, without rcx and r11. SAVE_REGS stores what is loaded here, so load null.
global failsafe_entry
failsafe_entry:
	add	esp, 16
	push	0
	pop	fs
	push	0
	pop	gs
	push	0
	push	13
	; fall through

%endif

; Stack: frame down to trapno.
trap_common:
	SAVE_REGS
%if WORD_BITS == 64
	mov	dword [rsp + TF_CS + 4], 0	; the saved event mask
%else
	mov	word [esp + 4 + TF_CS + 2], 0
%endif
	call	machine_trap
%if WORD_BITS == 32
	add	esp, 4
%endif
	; fall through

; Stack: a whole struct trapframe, events masked. A new context's start() returns here too.
; Not by IRET: in 64 bit it could neither switch page tables nor reach user mode; and in both, unmasking
; events and returning must be one step, or an event in between would nest on this stack without limit.
global trap_return
trap_return:
	RESTORE_REGS
%if WORD_BITS == 64
	push	0				; struct iret_context: flags; the call pushes rcx, r11, rax
%endif
	jmp	IRET_CALL

section .rodata
	align	8
global trap_entries
trap_entries:
%assign vector 0
%rep 33
	dx_	entry_ %+ vector
%assign vector vector + 1
%endrep
