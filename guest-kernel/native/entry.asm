; SPDX-License-Identifier: MIT
; Ways into the kernel on the bare machine: the processor finds these entry points through the IDT (traps.c)
; and, for SYSCALL, in an MSR. It has already switched to the kernel stack (TSS) and turned interrupts off,
; except at SYSCALL, which does not switch stacks. All ways build a struct trapframe (x86/trapframe.h), call
; machine_trap() (x86/trap.c) and leave by IRET.
;
; Frame at an entry stub, from the top: [ss sp] flags cs ip [error]. In 64 bit ss and sp are always there, in
; 32 bit only when the trap came from user mode. (SDM 3A 6.12.1, 6.14.2)

%include "trapframe.inc"
%include "segments.inc"

extern machine_trap

section .text

; Vectors 0..63: exceptions, the PIC's lines, the local APIC's. The processor pushes an error code for 8, 10-14, 17, 21, 29, 30.
%define HAS_ERROR 0x60227d00
%assign vector 0
%rep 64
entry_ %+ vector:
%if vector >= 32 || !((HAS_ERROR >> vector) & 1)
	push	0
%endif
	push	vector
	jmp	trap_common
%assign vector vector + 1
%endrep

%if WORD_BITS == 64

; SYSCALL: RCX = next instruction, R11 = flags, everything else the application's, stack too. GS leads to this
; processor's struct syscall_stack (segments.c) for three instructions. (SDM 2B, SWAPGS)
%define KERNEL_SP 0
%define USER_SP   8
global syscall_entry
syscall_entry:
	swapgs
	mov	[gs:USER_SP], rsp
	mov	rsp, [gs:KERNEL_SP]
	push	USER_SS
	push	qword [gs:USER_SP]
	swapgs
	push	r11
	push	USER_CS
	push	rcx
	; fall through

%endif

; INT 0x80, in 64 bit with SYSCALL's numbers and registers: the number of the system call takes the place of the
; error code.
global int80_entry
int80_entry:
%if WORD_BITS == 64
	push	rax
%else
	push	eax
%endif
	push	0x80				; TRAP_SYSCALL
	; fall through

; Stack: frame down to trapno.
trap_common:
	SAVE_REGS
	call	machine_trap
%if WORD_BITS == 32
	add	esp, 4
%endif
	; fall through

; Stack: a whole struct trapframe, interrupts off. A new context's start() returns here too.
global trap_return
trap_return:
	RESTORE_REGS
%if WORD_BITS == 64
	iretq
%else
	iret
%endif

section .rodata
	align	8
global trap_entries
trap_entries:
%assign vector 0
%rep 64
	dx_	entry_ %+ vector
%assign vector vector + 1
%endrep
