/* SPDX-License-Identifier: MIT */
/* Inside the fuzzing kernel of an fv domain. It is given 8 MiB: itself below 2 MiB, then what it plays with. */
#pragma once

#include "../fv-probe/kernel.h"

#define PAGE      4096u
#define IMAGE     0x100000u
#define ARENA     0x200000u
#define RAM_END   0x800000u
#define POOL      0x300000u /* tables, within the arena */
#define POOL_SIZE 64u
#define DONE      0x30 /* the vector by which code comes back */

/* fuzz.asm */
extern uint32_t regs[8], good_cr0, good_cr3, good_cr4;
void enter(uint32_t code, unsigned ring);
void gates(void);

/* main.c */
uint32_t random32(void);
uint32_t below(uint32_t n);
static inline bool one_in(uint32_t n)
{
	return !below(n);
}
/* An address or a number of the kind that goes wrong. */
uint32_t any_word(void);
uint32_t arena_address(void);

/* code.c: code is gathered, then run. */
void code_begin(void);
void emit(const char *bytes, unsigned n);
void emit32(uint32_t v);
void code_run(unsigned ring);
void do_privileged(void), do_random(void), do_far(void), do_descriptors(void), do_gates(void);

/* memory.c */
void memory_init(void);
void do_entry(void), do_touch(void), do_space(void), do_change_code(void);

/* devices.c */
void devices_right(void);
void do_devices(void);
