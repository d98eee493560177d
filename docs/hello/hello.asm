; SPDX-License-Identifier: MIT
; A whole pv64 guest in one file, without any header: it greets, waits for its timer, and powers itself off. Numbers and
; offsets are those of Xen's public interface; behind each stands the header that has it.

bits 64
default rel

; hypercalls (xen/xen.h) and their commands (xen/event_channel.h, xen/sched.h)
%define UPDATE_VA_MAPPING 14
%define SET_TIMER 15
%define CONSOLE_IO 18			; 0: write
%define SCHED 29
%define SHUTDOWN 2			; of poweroff: 0
%define POLL 3
%define EVENT_CHANNEL 32
%define BIND_VIRQ 1
%define SEND 4
; struct start_info, shared_info (xen/xen.h), xencons_interface (xen/io/console.h)
%define SI_PAGES 32
%define SI_SHARED 40
%define SI_FLAGS 48			; bit 1: Dom0
%define SI_CONSOLE 72			; the ring's frame, then its port
%define SI_CONSOLE_PORT 80
%define SH_PENDING 2048
%define SH_TIME 48			; vcpu_info[0].time.system_time
%define RING_OUT 1024			; 2048 characters
%define RING_CONS 3080
%define RING_PROD 3084

%macro HYPERCALL 1			; arguments in RDI, RSI, RDX; the answer in RAX. Its entry has 32 bytes of the page.
	call hypercall_page + 32 * %1
%endmacro

; What the builder wants to know (xen/elfnote.h).
section .note.xen note alloc noexec nowrite align=4
%macro NOTE 2+				; type, content
	dd 4, %%end - %%begin, %1
	db "Xen", 0
%%begin:
	%2
%%end:	align 4, db 0
%endmacro
	NOTE 6, db "hello", 0		; XEN_ELFNOTE_GUEST_OS
	NOTE 5, db "xen-3.0", 0		; XEN_ELFNOTE_XEN_VERSION
	NOTE 8, db "generic", 0		; XEN_ELFNOTE_LOADER
	NOTE 3, dq 0			; XEN_ELFNOTE_VIRT_BASE: where its memory begins
	NOTE 1, dq start		; XEN_ELFNOTE_ENTRY
	NOTE 2, dq hypercall_page	; XEN_ELFNOTE_HYPERCALL_PAGE: filled by the builder

section .text
global start
start:	; RSI = start_info, kept in RBX
	lea rsp, [stack_top]
	mov rbx, rsi
	lea rdi, [shared]
	mov rsi, [rbx + SI_SHARED]
	call map
	test dword [rbx + SI_FLAGS], 2	; Dom0 has no ring: the port stays 0
	jnz .greet
	lea rdi, [ring]
	mov rsi, [rbx + SI_CONSOLE]
	shl rsi, 12
	call map
	mov eax, [rbx + SI_CONSOLE_PORT]
	mov [console_port], eax
.greet:	lea r12, [hello]
	call say
	mov r12, rbx			; start_info begins with its magic
	call say
	lea r12, [with]
	call say
	mov rax, [rbx + SI_PAGES]
	call say_number
	lea r12, [pages]
	call say
	mov edi, BIND_VIRQ
	lea rsi, [virq]
	HYPERCALL EVENT_CHANNEL
	mov edi, 100000000
	call sleep_ns
	lea r12, [came]
	call say
	mov eax, [virq_port]
	call say_number
	lea r12, [goodbye]
	call say
.drain:	cmp dword [console_port], 0
	je .off
	mov eax, [ring + RING_PROD]
	cmp eax, [ring + RING_CONS]
	je .off				; somebody has read all
	mov edi, 10000000
	call sleep_ns
	jmp .drain
.off:	mov edi, SHUTDOWN
	lea rsi, [poweroff]
	HYPERCALL SCHED

; Map a machine address RSI at the page RDI: present, writable, user (a pv64 kernel runs in ring 3); flush that address.
map:	or rsi, 7
	mov edx, 2
	HYPERCALL UPDATE_VA_MAPPING
	ret

; The text R12 to the hypervisor's log, where it lets us (Debian's Xen lets Dom0 alone), and to the console's ring, which
; holds all that this guest ever says. The ring's index goes up once the characters are there.
say:	xor edi, edi
	xor esi, esi
.count:	cmp byte [r12 + rsi], 1
	inc esi
	jnc .count
	dec esi
	mov r13d, esi
	mov rdx, r12
	HYPERCALL CONSOLE_IO
	mov ecx, [ring + RING_PROD]
	cmp dword [console_port], 0
	je .done
	lea rdi, [ring + RING_OUT]
.copy:	mov al, [r12]
	inc r12
	mov edx, ecx
	and edx, 2047
	mov [rdi + rdx], al
	inc ecx
	dec r13d
	jnz .copy
	mov [ring + RING_PROD], ecx	; x86 keeps the order of stores
	mov edi, SEND
	lea rsi, [console_port]
	HYPERCALL EVENT_CHANNEL
.done:	ret

say_number: ; RAX, decimal
	lea r12, [digits_end]
	mov ecx, 10
.digit:	xor edx, edx
	div rcx
	add dl, '0'
	dec r12
	mov [r12], dl
	test rax, rax
	jnz .digit
	jmp say

; Sleep until the timer's event comes, RDI nanoseconds from when the hypervisor last wrote the time (Xen's own tick of 10 ms
; comes by this port too), and forget it. A guest that wants upcalls instead registers a callback and clears masks; this one
; leaves them set.
sleep_ns:
	add rdi, [shared + SH_TIME]
	HYPERCALL SET_TIMER
	mov edi, POLL
	lea rsi, [poll]
	HYPERCALL SCHED
	mov eax, [virq_port]
	lock btr [shared + SH_PENDING], eax
	ret

section .data
hello:	db "Hello from NASM, a guest of ", 0
with:	db ", with ", 0
pages:	db " pages", 13, 10, 0
came:	db "The timer's event came by port ", 0
goodbye: db "; goodbye", 13, 10, 0
	align 8
poll:	dq virq_port, 1, 0		; struct sched_poll: ports, how many, until when (0: however long)
virq:	dd 0, 0				; struct evtchn_bind_virq: VIRQ_TIMER, vCPU 0, and the port, which is the answer
virq_port: dd 0
console_port: dd 0			; struct evtchn_send
poweroff: dd 0				; struct sched_shutdown: SHUTDOWN_poweroff
digits:	times 20 db 0
digits_end: db 0

section .bss align=4096
shared:	resb 4096			; two pages of addresses; what is mapped there is chosen at run time
ring:	resb 4096
hypercall_page: resb 4096
	resb 8192
stack_top:
