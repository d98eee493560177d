; SPDX-License-Identifier: MIT
; Exceptions and interrupts: a stub per vector completes the frame (frame.inc), then one of three ways is taken:
;
;   from a guest        swapgs, the frame lies in current->regs, take the CPU's stack      -> trap_from_guest
;   from the hypervisor the frame lies on the CPU's stack, GS is the hypervisor's          -> trap_from_hypervisor
;   paranoid            #DB, NMI, #DF, #MC: they can strike between an entry and its swapgs, hence own stacks
;                       (SDM 3A 6.14.5, Interrupt Stack Table) whose first word tells the CPU -> trap_paranoid
;
; Interrupts are off from the gate on.

bits 64
default rel
%include "frame.inc"
%include "trace/hook.inc"
%include "entry/guest_words.inc"

%define MSR_GS_BASE 0xc0000101
%define IST_PAGE    4096
%define RFLAGS_VM   (1 << 17)

extern trap_from_guest, trap_from_hypervisor, trap_paranoid, exit_fault
extern exit_trap, exit_to_guest, exit_iretq, int82_entry, load_gs, load_gs_mov
global idt_stubs

; Vectors for which the processor pushes an error code (SDM 3A 6.3.1): 8, 10 to 14, 17, 21, 29, 30.
%define HAS_ERROR(v) (((v) == 8) || ((v) >= 10 && (v) <= 14) || ((v) == 17) || ((v) == 21) || ((v) == 29) || ((v) == 30))
%define IS_PARANOID(v) (((v) == 1) || ((v) == 2) || ((v) == 8) || ((v) == 18))

section .text

; One stub per vector. In: the processor's frame. Next: one of the four entries below.
%assign vector 0
%rep 256
	align 4
stub_ %+ vector:
%if !HAS_ERROR(vector)
	push	0
%endif
	mov	dword [rsp + 4], vector
%if IS_PARANOID(vector)
	jmp	paranoid_entry
%elif vector == 0x82
	jmp	int82_entry
%else
	jmp	trap_entry
%endif
%assign vector vector + 1
%endrep

; In: frame up to error_code. Stack: current->regs, or the CPU's if the hypervisor was interrupted.
	align 16
trap_entry:
	test	byte [rsp + REGS_CS - REGS_ERROR_CODE], 3
	jz	from_hypervisor
	swapgs
	PUSH_REGS
	mov	rdi, rsp
	mov	rsp, gs:[CPU_STACK_TOP]
; In: RDI = &current->regs, the hypervisor's GS, CPU's stack, RBP and R12-R15 still the guest's. Next: exit_trap,
; which SYSRET will end if a handler of a pv64 guest was entered.
from_guest:
	GUEST_ACCESS_END		; the guest's AC would open its memory to the whole hypervisor
	HOOK	hook_trap, none, mov rbx, gs:[CPU_CURRENT]
	mov	byte [rbx + VCPU_WAY_BACK], BACK_BY_IRET
	cld
	mov	rsi, rdi
	mov	rdi, rbx
	call	trap_from_guest
	mov	rax, [V(rbx, RAX)]
	jmp	exit_trap

; In: as trap_entry. Out: back to where it was, unless it was the exit path's IRETQ.
from_hypervisor:
	test	dword [rsp + REGS_RFLAGS - REGS_ERROR_CODE], RFLAGS_VM
	jnz	.virtual8086
	PUSH_REGS
	lea	rax, [exit_iretq]
	cmp	[rsp + REGS_RIP], rax
	je	.exit_fault
	lea	rax, [load_gs_mov]
	cmp	[rsp + REGS_RIP], rax
	je	.load_gs
.handle:
	cld
	mov	rdi, rsp
	call	trap_from_hypervisor
	POP_REGS
	add	rsp, 8
	iretq

; A guest's selector for GS could not be loaded, between the two SWAPGS (cpu/load_gs.asm).
.load_gs:
	swapgs
	lea	rax, [load_gs]
	mov	[rsp + REGS_RIP], rax
	jmp	.handle

; A guest whose CS is no selector (docs/tricks.md, "Virtual-8086 mode"). Next: from_guest.
.virtual8086:
	swapgs
	PUSH_REGS
	mov	rdi, rsp
	mov	rsp, gs:[CPU_STACK_TOP]
	jmp	from_guest

; The guest's CS or SS could not be loaded. GS and every register are the guest's already, and the frame was
; pushed below current->regs.rip (struct vcpu leaves room). In: RSP = that frame. Next: exit_to_guest.
.exit_fault:
	swapgs
	mov	rdi, rsp
	mov	rsp, gs:[CPU_STACK_TOP]
	cld
	HOOK	hook_trap, none, call exit_fault
	jmp	exit_to_guest

; In: frame up to error_code on an interrupt stack. GS may be the guest's: it is set for the handler and put back.
paranoid_entry:
	PUSH_REGS
	mov	rbx, rsp
	and	rbx, -IST_PAGE
	mov	rbx, [rbx]		; struct percpu (cpu/gdt.c puts it there)
	cld
	cmp	dword [rsp + REGS_ENTRY_VECTOR], 1
	jne	.nested
	test	byte [rsp + REGS_CS], 3
	jnz	.debug_from_guest
	test	dword [rsp + REGS_RFLAGS], RFLAGS_VM
	jnz	.debug_from_guest
.nested:
	mov	ecx, MSR_GS_BASE
	rdmsr
	mov	r12d, eax
	mov	r13d, edx
	mov	eax, ebx
	mov	rdx, rbx
	shr	rdx, 32
	wrmsr
	mov	rdi, rsp
	call	trap_paranoid
	mov	eax, r12d
	mov	edx, r13d
	mov	ecx, MSR_GS_BASE
	wrmsr
	POP_REGS
	add	rsp, 8
	iretq

; A guest's own #DB is an ordinary exception except for the stack: move the frame to where the others have it.
.debug_from_guest:
	swapgs
	mov	rsi, rsp
	mov	rdi, gs:[CPU_CURRENT]
	add	rdi, VCPU_REGS
	mov	rax, rdi
	mov	ecx, REGS_ES / 8
	rep movsq
	mov	rdi, rax
	mov	rsp, gs:[CPU_STACK_TOP]
	jmp	from_guest

section .rodata
	align 8
; Read once by cpu/idt.c.
idt_stubs:
%assign vector 0
%rep 256
	dq	stub_ %+ vector
%assign vector vector + 1
%endrep
