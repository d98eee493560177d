/* SPDX-License-Identifier: MIT */
/*
 * A guest that has much to say in the hypervisor's log. Its command line: lines=N writes N lines and powers off, lines=0
 * writes for ever, crash dies at once with a deep stack. Run by tests/system/flood.py.
 */
#include "fw.h"

const char test_title[] = "domu-flood";

#define LINE  "what hides the rest of all that was said before"
#define BATCH 50

static char text[BATCH * sizeof(LINE)]; /* LINE's zero byte is a line's end here */

static unsigned long number(const char *s)
{
	unsigned long n = 0;

	while (*s >= '0' && *s <= '9')
		n = n * 10 + (*s++ - '0');
	return n;
}

static void write_lines(unsigned long n)
{
	hypercall_console_io(CONSOLEIO_write, n * sizeof(LINE), text);
}

/* Each frame has the next one's address above it. */
static __attribute__((noinline)) void crash_deep(unsigned depth)
{
	if (depth) {
		crash_deep(depth - 1);
		barrier();
		return;
	}
	hypercall_set_trap_table(NULL); /* no handlers */
	__asm__ volatile("ud2");
}

void test_main(void)
{
	const char *how = (const char *)start_info->cmd_line;
	unsigned long lines;

	if (how[0] == 'c')
		crash_deep(20);
	lines = number(how + sizeof("lines=") - 1);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = i % sizeof(LINE) == sizeof(LINE) - 1 ? '\n' : LINE[i % sizeof(LINE)];
	while (!lines)
		write_lines(BATCH);
	for (; lines > BATCH; lines -= BATCH)
		write_lines(BATCH);
	write_lines(lines);
	hypercall_sched_op(SCHEDOP_shutdown, &(struct sched_shutdown){.reason = SHUTDOWN_poweroff});
}
