/* SPDX-License-Identifier: MIT */
/* The hostile kernel: what its cases share. */
#pragma once

#include "../fv-probe/kernel.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define PAGE      4096u
#define RAM_END   0x800000u /* it is given 8 MiB */
#define NOT_THERE 0xf0000000u

/* hostile.asm: operands, and what uses them. */
extern uint32_t far_pointer[2], frame_flags, frame_esp, frame_ss, operand, value[2];
extern struct table_register {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed)) table_register;
extern uint32_t tss[26];
extern uint8_t interrupts[256][4];
typedef void routine(void);
routine landing, far_jump, far_call, far_return, far_return_outer, interrupt_return, interrupt_return16,
    flags_pop;
routine load_ds, load_es, load_fs, load_gs, load_ss, load_ldt, load_tr, look_at_selector, load_gdtr,
    load_idtr;
routine write_cr0, write_cr2, write_cr3, write_cr4, write_dr0, write_dr1, write_dr2, write_dr3, write_dr6,
    write_dr7, write_cr1, msw, read_msr, write_msr;
routine syscall_out, sysenter_out, sysexit_out, sysret_out, vmcall_out, swapgs_out, xsetbv_out, rsm_out;
routine string_out, string_in, jump_to, call_to, stack_at;

/* Call @code, in ring 0, and note what came of it: false if it faulted. */
bool attempt(routine *code);
/* Something that must not be: the case has failed. */
void wrong(const char *what, uint32_t about);
uint32_t random32(void);

/* The cases. Those of the second list end the domain, one way or another. */
void case_far(void), case_int(void), case_iret(void), case_cr(void), case_msr(void), case_ports(void),
    case_wrap(void), case_selfmap(void), case_doors(void), case_code(void), case_pit(void);
void die_gdt(void), die_idt(void), die_tss(void), die_stack(void), die_ss(void), die_vm86(void),
    die_real(void), die_paging(void), die_nowhere(void), die_root(void);
