/* SPDX-License-Identifier: MIT */
/*
 * The part of Linux's user interface that depends on the word size: frames of signal handlers, thread-local storage,
 * structure layouts, names. x86/linux64.c and x86/linux32.c have the same functions in the same order.
 */
#ifndef X86_LINUX_ABI_H
#define X86_LINUX_ABI_H

#include "machine.h"

struct sigaction;
struct siginfo;

#ifdef __x86_64__
#define ELF_CLASS   2
#define ELF_MACHINE 62
#define ABI_MACHINE "x86_64"
#else
#define ELF_CLASS   1
#define ELF_MACHINE 3
#define ABI_MACHINE "i686"
#endif

/* Puts the frame of a handler on the user's stack and makes tf start the handler. -EFAULT: no stack there. */
int abi_push_signal_frame(struct trapframe *tf, int sig, const struct sigaction *act,
			  const struct siginfo *info, uint64_t blocked);

/* clone()'s last two arguments come as (child_tid, tls) in 64 bit and as (tls, child_tid) in 32 bit. */
void abi_clone_args(unsigned long *child_tid, unsigned long *tls);
/* The TLS base that clone()'s argument means. */
int abi_clone_tls(unsigned long arg, uintptr_t *base);

/* Two system calls, since the machine keeps what they change. */
long sys_arch_prctl(int code, ulong address);
long sys_rt_sigreturn(void);

/* AT_HWCAP: the processor's CPUID.1:EDX. */
unsigned long abi_hwcap(void);

/* struct stat as stat() (64 bit) or stat64() (32 bit) returns it. */
#ifdef __x86_64__
struct abi_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	uint64_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
	int64_t unused[3];
};
#else
struct abi_stat {
	uint64_t dev;
	uint32_t pad, short_ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev;
	uint32_t pad2;
	int64_t size;
	uint32_t blksize;
	uint64_t blocks;
	uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
	uint64_t ino;
};
_Static_assert(sizeof(struct abi_stat) == 96, "struct stat64 of i386");
#endif

#endif
