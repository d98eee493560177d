/* SPDX-License-Identifier: MIT */
/* Attacks by the address space and by programs. */
#include "attack.h"
#include "free_kib.h"
#include <fcntl.h>
#include <sys/mman.h>

#define LEAK_KIB 300 /* what repeating something may cost at most */

/* A program whose segments overlap something, wrap, or lie where none may is refused, and the caller goes on. */
static void wild_segments(void)
{
	elf_segment code = code_segment(), bad[9];
	int count = sizeof(bad) / sizeof(*bad);

	for (int i = 0; i < count; i++)
		bad[i] = (elf_segment){.p_type = PT_LOAD,
				       .p_flags = PF_R | PF_W,
				       .p_vaddr = 0x20800,
				       .p_offset = 0x800,
				       .p_filesz = 16,
				       .p_memsz = 32};
	bad[0].p_memsz = -bad[0].p_vaddr + 0x20000; /* ends where it starts */
	bad[0].p_filesz = bad[0].p_memsz - 1;
	bad[1].p_memsz = -1ul;
	bad[2].p_memsz = USER_END;
	bad[3].p_vaddr = USER_END - 0x1000 + 0x800;
	bad[3].p_memsz = PAGE;
	bad[4].p_vaddr = -PAGE + 0x800;
	bad[5].p_vaddr = 0x800;
	bad[6].p_filesz = 33;
	bad[7].p_vaddr = USER_END - 0x20000 + 0x800; /* where the stack will be */
	bad[8].p_vaddr = USER_END + 0x800;
	for (int i = 0; i < count; i++) {
		elf_segment both[2] = {code, bad[i]};

		write_program("/tmp/wild", both, 2, CODE_ENTRY);
		errno = 0;
		if (execl("/tmp/wild", "wild", (char *)NULL) != -1 || errno != ENOEXEC)
			wrong("segment %d: %s", i, strerror(errno));
	}
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (!child) {
			write_program("/tmp/wild", &code, 1, i ? 1ul << (8 * sizeof(long) - 1) : CODE_ENTRY);
			execl("/tmp/wild", "wild", (char *)NULL);
			_exit(1);
		}
		if (status_of(child) != (i ? 11 : 7 << 8))
			wrong("a program that starts at %s", i ? "no address" : "its code");
	}
}

/* What is refused costs nothing: a dynamic program above all, which says what it lacks. */
static void dynamic_program(void)
{
	static char big[60000];
	elf_segment interp[2] = {code_segment(), {.p_type = PT_INTERP, .p_offset = 0x600, .p_filesz = 8}};
	unsigned long before;

	memset(big, 'a', sizeof(big) - 1);
	write_program("/tmp/dynamic", interp, 2, CODE_ENTRY);
	REFUSED(execl("/tmp/dynamic", "dynamic", big, (char *)NULL), ELIBACC);
	before = free_kib();
	for (int i = 0; i < 50; i++)
		REFUSED(execl("/tmp/dynamic", "dynamic", big, (char *)NULL), ELIBACC);
	if (free_kib() + LEAK_KIB < before)
		wrong("50 times: %lu KiB are lost", before - free_kib());
}

/* mremap to a length with which the address would wrap, and to one there is no room for. */
static void grown_mappings(void)
{
	unsigned long before = free_kib(), at = USER_END - 0x10000000, len = 64 * PAGE;
	char *p;

	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		if (!child) {
			p = mmap((void *)at, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			memset(p, 1, len);
			if (mremap(p, len, USER_END - PAGE, MREMAP_MAYMOVE) != MAP_FAILED)
				wrong("a mapping as long as the address space");
			if (mremap(p, len, -at + 0x10000, 0) != MAP_FAILED)
				wrong("a mapping that wraps");
			_exit(p[len - 1] == 1 ? 0 : 1);
		}
		if (status_of(child))
			wrong("the mapping is damaged");
	}
	if (free_kib() + LEAK_KIB < before)
		wrong("%lu KiB are lost", before - free_kib());
	p = mmap(NULL, 4 * len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 2, 4 * len);
	p = mremap(p + len, len, 3 * len, MREMAP_MAYMOVE); /* out of the middle */
	if (p == MAP_FAILED || p[0] != 2 || p[len - 1] != 2 || p[len] || p[3 * len - 1])
		wrong("mremap does not move what it should");
}

/* What is done to a large range with nothing in it takes no time. Seconds, since the host may be busy. */
static void empty_ranges(void)
{
	unsigned long len = sizeof(long) == 8 ? 1ul << 46 : 1ul << 30;
	double start = now();
	pid_t child;
	char *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		wrong("mmap of 2^46 bytes: %s", strerror(errno));
	GRANTED(mprotect(p, len, PROT_READ | PROT_WRITE));
	p[0] = p[len / 2] = p[len - 1] = 1;
	child = fork();
	if (!child)
		_exit(p[len / 2] != 1);
	if (status_of(child))
		wrong("the child sees something else");
	GRANTED(mprotect(p, len, PROT_READ));
	GRANTED(madvise(p, len, MADV_DONTNEED));
	if (p[len / 2])
		wrong("MADV_DONTNEED");
	p = mremap(p, len, len / 2, 0);
	p = mremap(p, len / 2, len / 2 + (len >> 3), MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		wrong("mremap: %s", strerror(errno));
	GRANTED(munmap(p, len / 2 + (len >> 3)));
	if (now() - start > 10)
		wrong("it took %.1f s", now() - start);
}

const struct attack memory_attacks[] = {
    {"wild-segments", wild_segments},
    {"dynamic-program", dynamic_program},
    {"grown-mappings", grown_mappings},
    {"empty-ranges", empty_ranges},
    {NULL, NULL},
};
