/* SPDX-License-Identifier: MIT */
/*
 * Programs against their kernel (guest-kernel/): each attack is something that any program may ask for, and that the
 * kernel must refuse or bear. An attack is a function that runs in a process of its own; it returns if the kernel
 * behaved as it should, and calls wrong() if not. A kernel that does worse than that ends the machine.
 */
#ifndef TESTS_KERNEL_ATTACK_H
#define TESTS_KERNEL_ATTACK_H

#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#if __SIZEOF_LONG__ == 8
#define USER_END 0x00007ffffffff000ul
typedef Elf64_Ehdr elf_header;
typedef Elf64_Phdr elf_segment;
#else
#define USER_END 0xc0000000ul
typedef Elf32_Ehdr elf_header;
typedef Elf32_Phdr elf_segment;
#endif

struct attack {
	const char *name;
	void (*run)(void);
};

extern const struct attack file_attacks[], memory_attacks[], process_attacks[],
    time_attacks[]; /* the last has no name */

_Noreturn void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The call's result must be -1 with this errno. */
#define REFUSED(call, error)                                                \
	do {                                                                \
		errno = 0;                                                  \
		if ((long)(call) != -1 || errno != (error))                 \
			wrong("line %d: %s: %s, not %s", __LINE__, #call,   \
			      errno ? strerror(errno) : "granted", #error); \
	} while (0)

/* The call's result, which must not be -1. */
#define GRANTED(call) granted((long)(call), __LINE__, #call)
long granted(long result, int line, const char *call);

/* Waits for the child; its status as wait4 tells it. */
int status_of(pid_t child);
/* The same for one that must end within this many seconds: else it is killed, and the attack has failed. */
int status_soon(pid_t child, int seconds);
double now(void);
/* Writes a program of one page at this path: header and this many segments, then code, which ends with code 7. */
void write_program(const char *path, const elf_segment *segments, int count, unsigned long entry);
/* A segment that maps the whole page of such a program, to be run from `entry` on. */
elf_segment code_segment(void);
#define CODE_ENTRY 0x10400ul

#endif
