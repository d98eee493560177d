/* SPDX-License-Identifier: MIT */
/* Panic details: which task was running, and for exceptions the registers and a backtrace by frame pointers. */
#include "kern/proc/panic.h"
#include "kern/console/log.h"
#include "kern/proc/process.h"
#include "machine.h"

#define MAX_FRAMES 16

void panic_show_task(void)
{
	ulong *frame = __builtin_frame_address(0);
	int i;

	if (current)
		log_print("task %d (%s)\n", current->tid, current->process->comm);
	for (i = 0; i < MAX_FRAMES && (ulong)frame >= LINEAR_BASE && !((ulong)frame & (sizeof(ulong) - 1));
	     i++) {
		log_print("  called from %lx\n", frame[1]);
		if (frame[0] <= (ulong)frame)
			break;
		frame = (ulong *)frame[0];
	}
}

void panic_show_registers(const struct trapframe *tf)
{
	char line[96];
	int i;

	for (i = 0; show_registers_line(tf, i, line, sizeof(line)); i++)
		log_print("%s\n", line);
}
