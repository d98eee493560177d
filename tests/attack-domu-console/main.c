/* SPDX-License-Identifier: MIT */
/*
 * An ordinary domain writes to the hypervisor's console what it should not: escape sequences, other control characters,
 * lines without an end as long as the hypervisor's buffer and a byte more or less, zeros, invalid counts. The system
 * test (system/domu.py) looks at what came out: text alone, each line of it marked with the domain.
 */
#include "domu.h"

const char test_title[] = "attack-domu-console";

#define LONGEST 1024

static char line[LONGEST];

static void write(const char *text, unsigned n)
{
	check_eq(hypercall_console_io(CONSOLEIO_write, n, (void *)text), 0);
}

void test_main(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	static const char tricks[] = "\033[2J\033]0;title\007\033[31mescape probe\033c\033[H\b\b\b\x7f\x9b"
				     "2J\n";
	static const char forged[] = "first\r(ringlet) forged\n(d0) forged\nlast\n";

	write(tricks, sizeof(tricks) - 1);
	write(forged, sizeof(forged) - 1);
	for (unsigned c = 0; c < 256; c++)
		line[c] = c;
	write(line, 256);
	__builtin_memset(line, 'x', sizeof(line));
	/* The buffer of the hypervisor is somewhere among these. */
	for (unsigned n = 126; n <= 130; n++) {
		write(line, n);
		write("\n", 1);
	}
	write(line, LONGEST);
	for (unsigned n = 0; n < 300; n++)
		write("y", 1);
	write("\n", 1);
	check_refused(hypercall_console_io(CONSOLEIO_write, ~0u, line));
	check_refused(hypercall_console_io(CONSOLEIO_write, 1u << 31, line));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_console_io(CONSOLEIO_write, 16, (void *)bad[i]), -XEN_EFAULT);
	check_refused(hypercall_console_io(CONSOLEIO_read, 1, line));
}
