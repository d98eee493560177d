/* SPDX-License-Identifier: MIT */
/* Between an application and its kernel: system calls, and exceptions that become signals. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include "cost.h"

#ifdef __x86_64__
#define MCONTEXT_IP REG_RIP
#else
#define MCONTEXT_IP REG_EIP
#endif

static void usual_syscall(unsigned rounds)
{
	while (rounds--) {
#ifdef __x86_64__
		long result;

		__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
#else
		long result;

		__asm__ volatile("int $0x80" : "=a"(result) : "a"(SYS_getppid) : "memory");
#endif
	}
}

static void gate_syscall(unsigned rounds)
{
	while (rounds--) {
		long result;

		__asm__ volatile("int $0x80" : "=a"(result) : "a"(SYS_getppid) : "memory");
	}
}

/* The instruction that faults has two bytes: continue after it. */
static void skip(int sig, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[MCONTEXT_IP] += 2;
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO};

	REQUIRE(sigaction(SIGFPE, &act, NULL) == 0);
	REQUIRE(sigaction(SIGSEGV, &act, NULL) == 0);
}

static void release_signals(void)
{
	signal(SIGFPE, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
}

/* DIV of EDX:EAX by ECX. */
static void divide(unsigned rounds)
{
	while (rounds--)
		__asm__ volatile(".byte 0xf7, 0xf1" ::"a"(1), "d"(0), "c"(0));
}

/* MOV from the address in ECX (RCX) to AL. */
static void bad_address(unsigned rounds)
{
	while (rounds--)
		__asm__ volatile(".byte 0x8a, 0x01" ::"c"(16ul) : "eax");
}

const struct workload crossings[] = {
    {.name = "null_syscall", .rounds = 64, .samples = 500, .run = usual_syscall},
    {.name = "int80_syscall", .rounds = 64, .samples = 500, .run = gate_syscall},
    {"divide_signal", 16, 200, 1, catch_signals, NULL, divide, release_signals},
    {"segv_signal", 16, 200, 1, catch_signals, NULL, bad_address, release_signals},
    {0},
};
