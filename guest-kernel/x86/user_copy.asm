; SPDX-License-Identifier: MIT
; Copying from and to user memory. Page faults in here are resolved by trap() and the instruction goes on
; where it stopped; if trap() cannot, trap_fixup() (trap.c) continues at the labels *_failed.

%include "asm.inc"

section .text

global user_copy, user_copy_words, user_copy_words_failed, user_copy_bytes, user_copy_bytes_failed

%if WORD_BITS == 64

; size_t user_copy(void *to, const void *from, size_t n): bytes not copied.
user_copy:
	mov	rcx, rdx
	shr	rcx, 3
user_copy_words:
	rep	movsq
	mov	ecx, edx
	and	ecx, 7
user_copy_bytes:
	rep	movsb
user_copy_bytes_failed:
	mov	rax, rcx
	ret
user_copy_words_failed:			; RCX words were left
	and	edx, 7
	lea	rax, [rdx + rcx * 8]
	ret

%else

user_copy:
	push	edi
	push	esi
	mov	edi, [esp + 12]
	mov	esi, [esp + 16]
	mov	edx, [esp + 20]
	mov	ecx, edx
	shr	ecx, 2
user_copy_words:
	rep	movsd
	mov	ecx, edx
	and	ecx, 3
user_copy_bytes:
	rep	movsb
user_copy_bytes_failed:
	mov	eax, ecx
	pop	esi
	pop	edi
	ret
user_copy_words_failed:			; ECX words were left
	and	edx, 3
	lea	eax, [edx + ecx * 4]
	pop	esi
	pop	edi
	ret

%endif
