/* SPDX-License-Identifier: MIT */
/* From the assembly entry (boot.asm) to the portable kernel: the machine's parts in the order they need. */
#include "x86/internal.h"
#include "kern/lib/string.h"

struct boot_info boot_info;

/* boot_record: what boot.asm was given by the loader. On the boot stack, interrupts off. */
void machine_start(const void *boot_record)
{
	boot_read(boot_record);
	paging_init();
	console_init();
	segments_init();
	traps_init();
	interrupts_init();
	time_init();
	cpus_init();
	kernel_main();
}

void machine_start_cpu(void)
{
	segments_init();
	traps_init();
	cpu_init();
	kernel_main_cpu();
}

void early_print(const char *text)
{
	console_write(text, strlen(text));
}
