/* SPDX-License-Identifier: MIT */
/* Prototypes of the system call handlers, from the table, and the structures they pass (for the word size).
 */
#ifndef KERN_SYS_SYSCALLS_H
#define KERN_SYS_SYSCALLS_H

#include "kern/lib/types.h"

#define AT_FDCWD (-100)

struct abi_stat;
struct mmsghdr;
struct msghdr;
struct sigaction;
struct sigaltstack;
struct sysinfo;
struct utsname;

struct timespec {
	long sec, nsec;
};

/* The same in 64 bit; in 32 bit the upper half of nsec is not defined. */
struct timespec64 {
	s64 sec, nsec;
};

struct timeval {
	long sec, usec;
};

struct rusage {
	struct timeval user, system;
	long other[14];
};

struct rusage_times {
	u64 user, system; /* nanoseconds */
};

int get_timespec(const struct timespec *user, u64 *ns); /* a span, see clock_span() */
int get_timespec64(const struct timespec64 *user, u64 *ns);
int rusage_to_user(struct rusage *user, const struct rusage_times *times);

#define SYSCALL(n64, n32, name, args) long sys_##name args;
#define ALSO(n64, n32, name)
#include "syscalls.def"
#undef SYSCALL
#undef ALSO

void syscall_init(void);

#endif
