; SPDX-License-Identifier: MIT
; MOV GS replaces the base of GS, which in the hypervisor is its own. So the guest's, which waits in KERNEL_GS_BASE,
; takes its place for that one instruction: SWAPGS (SDM 2B) costs less than to save and to restore it by RDMSR and WRMSR.

bits 64
default rel

global load_gs, load_gs_mov

section .text

; C: bool load_gs(uint16_t selector). Out: KERNEL_GS_BASE has the base that the selector brings; false: it cannot be
; loaded, and nothing has changed.
; A fault of the MOV comes with the guest's GS base. entry/traps.asm makes it one of the first instruction, with the
; hypervisor's: the three are repeated together, if a page of the LDT was missing, or left together.
	align 16
load_gs:
	swapgs
load_gs_mov:
	mov	gs, edi
	swapgs
	mov	eax, 1
	ret
refused:
	xor	eax, eax
	ret

section .ex_table		; struct ex_entry (lib/image.h)
	dd	load_gs - $
	dd	refused - $
