; SPDX-License-Identifier: MIT
; Two shortcuts for pv64: from an application's SYSCALL into its kernel, and by the iret hypercall out of the
; kernel. A native kernel's system call costs no more than a SYSCALL and a SYSRET; in ring compression each costs
; two of these crossings, so they are kept short: no register is saved that the guest gets back anyway.
;
; They handle the common case and nothing else. Whatever is unusual (work pending, an event due, masked events, a
; strange selector or stack, vcpu.entry.special) goes the long way, which is complete: syscall_application
; and syscall_hypercall (syscall.asm), pv64_enter and pv64_iret (pv/pv64_entry.c). The meaning of every frame is
; explained there.
;
; Both begin with RBX = current, the guest's RSP and RBX parked in the CPU's structure, RSP = the CPU's stack.

bits 64
default rel
%include "frame.inc"
%include "hypercalls.inc"
%include "trace/hook.inc"
%include "entry/guest_words.inc"


extern syscall_application, syscall_hypercall, syscall_bad_stack, exit_iretq
global app_syscall_crossing, iret_crossing

; Some words from guest address %1 on: jump to %2 if they might be the hypervisor's. The low half ends where
; addresses stop being canonical, the high one begins after the hypervisor's slots. Clobbers RAX.
%macro CHECK_GUEST_ADDRESS 2
	mov	rax, HYPERVISOR_END
	cmp	%1, rax
	jae	%%ok
	mov	rax, %1
	shr	rax, 47
	jnz	%2
%%ok:
%endmacro

; Switch page tables and GS base. %1: now in force, %2: from now on. Clobbers RAX, RCX, RDX.
%macro SWITCH_MODE 2
	mov	ecx, MSR_KERNEL_GS_BASE
	rdmsr
	mov	[rbx + VCPU_GS_BASE_%1], eax
	mov	[rbx + VCPU_GS_BASE_%1 + 4], edx
	mov	eax, [rbx + VCPU_GS_BASE_%2]
	mov	edx, [rbx + VCPU_GS_BASE_%2 + 4]
	wrmsr
	mov	rax, [rbx + VCPU_%2_CR3]
	mov	gs:[CPU_CR3], rax
	mov	cr3, rax
%endmacro

section .text

; In: the application's registers, RCX = its RIP, R11 = its RFLAGS. Out: SYSRET to the guest's callback with the
; frame of pv64_enter on its kernel's stack.
	align 16
app_syscall_crossing:
	HOOK	hook_app_syscall, none, cmp dword gs:[CPU_PENDING], 0
	jne	syscall_application
	cmp	dword [rbx + VCPU_SPECIAL], 0
	jne	syscall_application
	mov	[V(rbx, RAX)], rax
	mov	rax, [rbx + VCPU_UPCALL]
	cmp	word [rax], 0		; nothing pending, nothing masked
	jne	.long_way

	mov	[V(rbx, RDX)], rdx
	mov	[V(rbx, RCX)], rcx
	mov	byte [rbx + VCPU_USER_MODE], 0
	SWITCH_MODE USER, KERNEL
	mov	rcx, [V(rbx, RCX)]
	mov	rdx, [rbx + VCPU_SYSCALL_SP]
	mov	rax, gs:[CPU_SCRATCH]
	GUEST_ACCESS_BEGIN		; until SYSRET loads RFLAGS
.ss:	mov	qword [rdx - 8], SEL_GUEST_DS
.rsp:	mov	[rdx - 16], rax
.flags:	mov	[rdx - 24], r11
.cs:	mov	qword [rdx - 32], SEL_GUEST_CS64
.rip:	mov	[rdx - 40], rcx
.r11:	mov	[rdx - 48], r11
.rcx:	mov	[rdx - 56], rcx
	ON_FAULT .ss, .bad_stack
	ON_FAULT .rsp, .bad_stack
	ON_FAULT .flags, .bad_stack
	ON_FAULT .cs, .bad_stack
	ON_FAULT .rip, .bad_stack
	ON_FAULT .r11, .bad_stack
	ON_FAULT .rcx, .bad_stack

	HOOK	hook_leave, none, and r11d, FLAGS_AT_SYSCALL
	mov	rcx, [rbx + VCPU_SYSCALL_CB]
	lea	rsp, [rdx - 56]
	mov	rdx, [V(rbx, RDX)]
	mov	rax, [V(rbx, RAX)]
	mov	rbx, gs:[CPU_SCRATCH_RBX]
	swapgs
	o64 sysret
.long_way:
	mov	rax, [V(rbx, RAX)]
	jmp	syscall_application
.bad_stack:				; the guest's kernel is in force already, and will not run again
	GUEST_ACCESS_END
	mov	rdx, [V(rbx, RDX)]
	mov	rax, [V(rbx, RAX)]
	jmp	syscall_bad_stack

; In: the kernel's registers, of which RAX, RCX and R11 will come from the frame; struct iret_context at its RSP.
; Out: IRETQ to where that says, or SYSRET if it says that an application's system call ends.
	align 16
iret_crossing:
	HOOK	hook_iret, none, mov [V(rbx, RIP)], rcx
	mov	[V(rbx, RFLAGS)], r11
	cmp	dword gs:[CPU_PENDING], 0
	jne	.long_way
	mov	rcx, gs:[CPU_SCRATCH]
	CHECK_GUEST_ADDRESS rcx, .long_way
	GUEST_ACCESS_BEGIN		; until IRETQ loads RFLAGS
.ss:	mov	eax, [rcx + IRET_SS]
	or	eax, 3
	cmp	ax, SEL_GUEST_DS
	jne	.long_way
.flags:	mov	r11, [rcx + IRET_RFLAGS]
	mov	rax, [rbx + VCPU_UPCALL]
	test	r11d, RFLAGS_IF
	jz	.masked
	cmp	byte [rax], 0
	jne	.long_way
	mov	byte [rax + MASK_OFFSET], 0
.flags_done:
	and	r11d, FLAGS_SETTABLE
	or	r11d, FLAGS_FORCED
.cs:	mov	eax, [rcx + IRET_CS]
	cmp	ax, SEL_GUEST_CS64
	je	.to_user
	or	eax, 3
	cmp	ax, SEL_GUEST_CS64
	jne	.long_way
	test	dword [rbx + VCPU_SPECIAL], SPECIAL_TO_KERNEL
	jnz	.long_way
	mov	[V(rbx, RFLAGS)], r11
.rip:	mov	rax, [rcx + IRET_RIP]
	mov	[V(rbx, RIP)], rax
.rsp:	mov	rax, [rcx + IRET_RSP]
	mov	[V(rbx, RSP)], rax
	mov	qword [V(rbx, CS)], SEL_GUEST_CS64
	mov	qword [V(rbx, SS)], SEL_GUEST_DS
.rax:	mov	rax, [rcx + IRET_RAX]
.r11:	mov	r11, [rcx + IRET_R11]
.rcx:	mov	rcx, [rcx + IRET_RCX]
	HOOK	hook_leave, none, lea rsp, [V(rbx, RIP)]
	mov	rbx, gs:[CPU_SCRATCH_RBX]
	swapgs
	jmp	exit_iretq
.masked:
	mov	byte [rax + MASK_OFFSET], 1
	jmp	.flags_done

; As above, to the application. Everything is read while the kernel's stack is still there.
.to_user:
	test	dword [rbx + VCPU_SPECIAL], SPECIAL_TO_USER
	jnz	.long_way
.uhow:	test	dword [rcx + IRET_FLAGS], VGCF_IN_SYSCALL
	jnz	.by_sysret
	mov	[V(rbx, RFLAGS)], r11
.urip:	mov	rax, [rcx + IRET_RIP]
	mov	[V(rbx, RIP)], rax
.ursp:	mov	rax, [rcx + IRET_RSP]
	mov	[V(rbx, RSP)], rax
	mov	qword [V(rbx, CS)], SEL_GUEST_CS64
	mov	qword [V(rbx, SS)], SEL_GUEST_DS
.urax:	mov	rax, [rcx + IRET_RAX]
	mov	[V(rbx, RAX)], rax
.ur11:	mov	r11, [rcx + IRET_R11]
.urcx:	mov	rcx, [rcx + IRET_RCX]
	mov	[V(rbx, RCX)], rcx
	mov	[V(rbx, RDX)], rdx
	mov	byte [rbx + VCPU_USER_MODE], 1
	SWITCH_MODE KERNEL, USER
	mov	rdx, [V(rbx, RDX)]
	mov	rcx, [V(rbx, RCX)]
	mov	rax, [V(rbx, RAX)]
	HOOK	hook_leave, none, lea rsp, [V(rbx, RIP)]
	mov	rbx, gs:[CPU_SCRATCH_RBX]
	swapgs
	jmp	exit_iretq

; By SYSRET, which takes RCX and R11: the application knows them lost by its SYSCALL. With a RIP that is not canonical it
; would fault in ring 0 (docs/tricks.md); any RIP in the upper half goes the long way, since applications are in the lower.
.by_sysret:
.srip:	mov	rax, [rcx + IRET_RIP]
	mov	[V(rbx, RIP)], rax	; read once: another vCPU may change it
	shr	rax, 47
	jnz	.long_way
.srsp:	mov	rax, [rcx + IRET_RSP]
	mov	[V(rbx, RSP)], rax
.srax:	mov	rax, [rcx + IRET_RAX]
	mov	[V(rbx, RAX)], rax
	mov	[V(rbx, RDX)], rdx
	mov	byte [rbx + VCPU_USER_MODE], 1
	SWITCH_MODE KERNEL, USER
	mov	rdx, [V(rbx, RDX)]
	mov	rax, [V(rbx, RAX)]
	HOOK	hook_leave, none, mov rcx, [V(rbx, RIP)]
	mov	rsp, [V(rbx, RSP)]
	mov	rbx, gs:[CPU_SCRATCH_RBX]
	swapgs
	o64 sysret

; Nothing has been done yet that may not be done twice.
.long_way:
	GUEST_ACCESS_END
	mov	rcx, [V(rbx, RIP)]
	mov	r11, [V(rbx, RFLAGS)]
	mov	eax, __HYPERVISOR_iret
	jmp	syscall_hypercall
	ON_FAULT .ss, .long_way
	ON_FAULT .flags, .long_way
	ON_FAULT .cs, .long_way
	ON_FAULT .rip, .long_way
	ON_FAULT .rsp, .long_way
	ON_FAULT .rax, .long_way
	ON_FAULT .r11, .long_way
	ON_FAULT .rcx, .long_way
	ON_FAULT .uhow, .long_way
	ON_FAULT .srip, .long_way
	ON_FAULT .srsp, .long_way
	ON_FAULT .srax, .long_way
	ON_FAULT .urip, .long_way
	ON_FAULT .ursp, .long_way
	ON_FAULT .urax, .long_way
	ON_FAULT .ur11, .long_way
	ON_FAULT .urcx, .long_way
