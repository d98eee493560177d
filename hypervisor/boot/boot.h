/* SPDX-License-Identifier: MIT */
/* What the boot loader handed over, copied out of its reach. */
#pragma once

#include "cpu/percpu.h"
#include "lib/types.h"

#define MAX_MODULES 8
#define CMDLINE_MAX 1024

struct module {
	paddr_t start, end;
	char cmdline[CMDLINE_MAX]; /* without the file's name */
};
extern struct module boot_modules[MAX_MODULES];
extern unsigned boot_module_count;
extern char boot_cmdline[CMDLINE_MAX];

/* boot/multiboot.c: copy map, modules and command lines; reserve the low 1 MiB, the image and the modules. */
void multiboot_parse(uint32_t magic, paddr_t info);

/* boot/smp.c: this_cpu of the boot CPU, before anything else. */
void percpu_init_boot(void);
extern uint8_t boot_stack[CPU_STACK_SIZE];
/* boot/smp.c: start the other processors, each into the idle loop. */
void smp_init(void);

/* boot/main.c, entered by multiboot.asm and trampoline.asm. */
void boot_main(uint32_t magic, uint64_t info) __noreturn;
void ap_main(void) __noreturn;
