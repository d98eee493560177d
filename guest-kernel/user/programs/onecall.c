/* SPDX-License-Identifier: MIT */
/*
 * onecall: one system call, over and over, from an address that no other program uses.
 *
 * A debugger of the whole machine (scripts/timelines.py) cannot tell address spaces apart: a breakpoint in the
 * text of a usual program stops every program that was linked there. So the instruction is put into a page of its
 * own, far from where programs and their stacks are, and its address is printed. The call is getppid: the kernel
 * does almost nothing for it, so what remains is the way in and out.
 *
 *	onecall [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define PAGE_ADDRESS ((void *)0x2a5e1000)
#define PAGE_SIZE    4096

/* The system call instruction of this word size, and the way back to the caller. */
#ifdef __x86_64__
static const unsigned char code[] = {0x0f, 0x05, 0xc3}; /* syscall; ret */
#else
static const unsigned char code[] = {0xcd, 0x80, 0xc3}; /* int 0x80; ret */
#endif

static void *page_with_code(void)
{
	void *page = mmap(PAGE_ADDRESS, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	memcpy(page, code, sizeof(code));
	return mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC) ? NULL : page;
}

static long call(const void *instruction)
{
	long result;

	/* The kernel may clobber RCX and R11; CALL writes below the stack pointer, past a 64-bit red zone. */
#ifdef __x86_64__
	__asm__ volatile("sub $128, %%rsp\n\tcall *%2\n\tadd $128, %%rsp"
			 : "=a"(result)
			 : "0"((long)SYS_getppid), "b"(instruction)
			 : "rcx", "r11", "memory");
#else
	__asm__ volatile("call *%2" : "=a"(result) : "0"((long)SYS_getppid), "b"(instruction) : "memory");
#endif
	return result;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000000;
	const void *instruction = page_with_code();

	if (!instruction) {
		perror("onecall");
		return 1;
	}
	call(instruction); /* warm the caches before anything is measured */
	printf("onecall: getppid at %#lx\n", (unsigned long)instruction);
	fflush(stdout);
	while (rounds--)
		call(instruction);
	return 0;
}
