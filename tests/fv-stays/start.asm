; SPDX-License-Identifier: MIT
; Start by multiboot1 in flat segments of the loader's, no interrupts, no paging; then main.c.

bits 32

section .multiboot
	align	4
	dd	0x1badb002, 0, -0x1badb002

section .text
extern main
global start
start:
	cli
	mov	esp, stack_top
	call	main
.stop:	jmp	.stop

section .bss
	resb	8192
stack_top:
