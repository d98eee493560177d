/* SPDX-License-Identifier: MIT */
/*
 * Lab 6: a program that makes its kernel change page tables, and does little else.
 *
 *	pages none N	map N pages, touch none of them
 *	pages touch N	the same, then store into each: the kernel brings them in one by one
 *	pages fork N	the same, then fork a child that ends at once
 *	pages write N	the same, but before the child ends, store into each page again: the kernel copies them
 *
 * What a step costs is the difference between two lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_SIZE 4096ul

static void store(volatile char *memory, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		memory[i * PAGE_SIZE] = 1;
}

/* A child that ends when it can read from the pipe: when we close our end. */
static int fork_and_store(volatile char *memory, unsigned long pages)
{
	int ends[2], status;
	char c;
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		return 1;
	if (!pid) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	store(memory, pages);
	close(ends[0]);
	close(ends[1]);
	return waitpid(pid, &status, 0) != pid || status != 0;
}

int main(int argc, char **argv)
{
	static const char *const steps[] = {"none", "touch", "fork", "write"};
	unsigned long pages = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	char *memory;
	int step = 0;

	while (argc == 3 && step < 4 && strcmp(argv[1], steps[step]))
		step++;
	if (argc != 3 || step == 4 || !pages) {
		fprintf(stderr, "usage: pages none|touch|fork|write N\n");
		return 2;
	}
	memory = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("pages");
		return 1;
	}
	if (step >= 1)
		store(memory, pages);
	return step >= 2 ? fork_and_store(memory, step == 3 ? pages : 0) : 0;
}
