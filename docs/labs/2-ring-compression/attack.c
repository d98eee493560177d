/* SPDX-License-Identifier: MIT */
/* Lab 2: an application that reads what it should not, and the one wrong entry of its kernel that lets it. */
#include "lab.h"

#ifdef __x86_64__

__asm__(".pushsection .rodata\n.globl attack_begin, attack_end\n"
	"attack_begin: mov (%rdi), %rax\n"
	"	syscall\n"
	"attack_end:\n"
	".popsection");

/* The root that is loaded while the application runs holds its own half alone. An entry for the kernel's half in it is
 * enough: below the root, everything is open to ring 3 already, since the kernel runs there too. */
static int user_root_write(pte_t entry, const void *of)
{
	uint64_t slot = (unsigned long)of >> 39 & 511;

	return pte_write((uint64_t)user_root_mfn() * PAGE_SIZE + slot * sizeof(pte_t), entry);
}

int open_door(void *secret)
{
	return user_root_write(*pte_of((unsigned long)secret, 4), secret);
}

int close_door(void *secret)
{
	return user_root_write(0, secret);
}

#else

__asm__(".pushsection .rodata\n.globl attack_begin, attack_end\n"
	"attack_begin: mov (%ebx), %eax\n"
	"	int $0x80\n"
	"attack_end:\n"
	".popsection");

/* Kernel and application share all tables; the kernel, in ring 1, is a supervisor, and what tells its pages from the
 * application's is one bit. */
int open_door(void *secret)
{
	return pte_write(pte_maddr((unsigned long)secret, 1), *pte_of((unsigned long)secret, 1) | PTE_U);
}

int close_door(void *secret)
{
	return pte_write(pte_maddr((unsigned long)secret, 1), *pte_of((unsigned long)secret, 1) & ~PTE_U);
}

#endif
