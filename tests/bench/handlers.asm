; SPDX-License-Identifier: MIT
;
; The shortest guest handlers that do the job, so that a figure is the hypervisor's cost and little else. What the
; hypervisor pushed is drawn in abi/calling.md. All end in the iret hypercall, whose stub saves rax (rcx, r11) itself.

%include "hypercalls.inc"

%ifidn __OUTPUT_FORMAT__, elf64
bits 64
default rel
%define IRET push 0
%define W 8
%define sp_ rsp
%define LONG qword
%macro ENTRY 0
	pop rcx
	pop r11
%endmacro
%else
bits 32
%define IRET
%define W 4
%define sp_ esp
%define LONG dword
%macro ENTRY 0
%endmacro
%endif

extern hypercall_page
%define DO_IRET jmp hypercall_page + __HYPERVISOR_iret * 32

section .text

; An exception without error code, raised by a 2-byte instruction in the kernel: go on behind it.
global bench_skip2
bench_skip2:
	ENTRY
	add LONG [sp_], 2
	IRET
	DO_IRET

; The same with an error code.
global bench_skip2_error
bench_skip2_error:
	ENTRY
	add sp_, W
	add LONG [sp_], 2
	IRET
	DO_IRET

; A system call that does nothing. pv64: syscall, pv32: int 0x80.
global bench_syscall
bench_syscall:
	ENTRY
	IRET
	DO_IRET

; The same, returning by what may be faster: pv64 allows the hypervisor to use SYSRET (VGCF_in_syscall),
; pv32 uses the processor's own iret.
global bench_syscall_fast
bench_syscall_fast:
%if W == 8
	ENTRY
	push 0x100
	DO_IRET
%else
	iret
%endif

; An event: take the pending bits of the first word and return.
global bench_event
extern shared
bench_event:
	ENTRY
%if W == 8
	push rax
	mov rax, [shared]
	mov byte [rax], 0               ; evtchn_upcall_pending
	mov qword [rax + 8], 0          ; evtchn_pending_sel
	mov qword [rax + 0x800], 0      ; evtchn_pending[0]
	pop rax
%else
	push eax
	mov eax, [shared]
	mov byte [eax], 0
	mov dword [eax + 4], 0
	mov dword [eax + 0x800], 0
	pop eax
%endif
	IRET
	DO_IRET

; The application's loop, copied to its page: count system calls between two readings of the TSC, then leave by UD2 with
; the difference in the accumulator. The argument (RDI, EBX) is the number of calls; without the call, the loop has
; two instructions per round.
section .rodata
global bench_user, bench_user_end
bench_user:
%if W == 8
	mov ebx, edi
	rdtsc
	mov esi, eax
.again:
	syscall
	dec ebx
	jnz .again
	rdtsc
	sub eax, esi
	ud2
%else
	rdtsc
	mov esi, eax
.again:
	int 0x80
	dec ebx
	jnz .again
	rdtsc
	sub eax, esi
	ud2
%endif
bench_user_end:
