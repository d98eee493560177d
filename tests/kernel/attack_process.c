/* SPDX-License-Identifier: MIT */
/* Attacks by processes, threads and signals. */
#include "attack.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Whatever the flags are, the kernel works with its own. */
static void flags(void)
{
	static const unsigned long kinds[] = {0x4000, 0x400, 0x40000, 0x200000, 0x44400};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		static char buf[512];
		long result;

#if __SIZEOF_LONG__ == 8
		__asm__ volatile("pushf; or %2, (%%rsp); popf; syscall; pushf; andq $~0x44400, (%%rsp); popf"
				 : "=a"(result)
				 : "0"(SYS_uname), "r"(kinds[i]), "D"(buf)
				 : "rcx", "r11", "memory", "cc");
#else
		__asm__ volatile(
		    "pushf; or %2, (%%esp); popf; int $0x80; pushf; andl $~0x44400, (%%esp); popf"
		    : "=a"(result)
		    : "0"(SYS_uname), "r"(kinds[i]), "b"(buf)
		    : "memory", "cc");
#endif
		if (result || strncmp(buf, "Linux", 5))
			wrong("uname with flags %lx: %ld %.10s", kinds[i], result, buf);
	}
}

/* Process 1 cannot be killed or stopped: an orphan still finds its new parent. */
static void process_1(void)
{
	static const int signals[] = {SIGKILL, SIGSTOP, SIGTSTP, SIGSEGV};
	char state = 0;
	FILE *f;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		GRANTED(kill(1, signals[i]));
		GRANTED(syscall(SYS_tkill, 1, signals[i]));
		GRANTED(syscall(SYS_tgkill, 1, 1, signals[i]));
	}
	usleep(100000);
	f = fopen("/proc/1/stat", "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1 || state == 'T' || state == 'Z')
		wrong("process 1 is in state %c", state);
}

/* A handler at an invalid address is the program's own fault. */
static void wild_handler(void)
{
	static const unsigned long wild[] = {1ul << (8 * sizeof(long) - 1), USER_END, 4096};

	for (size_t i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
		pid_t child = fork();

		if (!child) {
			struct sigaction act = {.sa_flags = SA_SIGINFO};

			act.sa_handler = (void (*)(int))wild[i];
			sigaction(SIGUSR1, &act, NULL);
			raise(SIGUSR1);
			_exit(1);
		}
		if ((status_of(child) & 0x7f) != SIGSEGV)
			wrong("a handler at %lx", wild[i]);
	}
}

/* No process takes SIGKILL. */
static void awaited_kill(void)
{
	sigset_t set;
	pid_t child = fork();

	if (!child) {
		sigfillset(&set);
		for (;;)
			sigwaitinfo(&set, NULL);
	}
	usleep(50000);
	kill(child, SIGKILL);
	if ((status_soon(child, 30) & 0x7f) != SIGKILL)
		wrong("it ended otherwise");
}

static atomic_int ready;

static void *execute(void *unused)
{
	ready++;
	while (ready < 3)
		sched_yield();
	execl("/proc/self/exe", "attack", "exit", "5", (char *)NULL);
	return NULL;
}

/* Threads of one process that execute a program at once: one does, the others end, and none waits for ever. */
static void raced_exec(void)
{
	for (int round = 0; round < 30; round++) {
		int status;
		pid_t child = fork();

		if (!child) {
			pthread_t t;

			pthread_create(&t, NULL, execute, NULL);
			pthread_create(&t, NULL, execute, NULL);
			execute(NULL);
			for (;;)
				pause();
		}
		if (round % 3 == 2)
			kill(child, SIGKILL);
		status = status_soon(child, 60);
		if (status != 5 << 8 && !(round % 3 == 2 && status == SIGKILL))
			wrong("round %d: status %x", round, status);
	}
}

static void *wait_in_vfork(void *unused)
{
	if (!vfork()) {
		ready++;
		for (;;)
			pause();
	}
	return NULL;
}

/* A thread that waits for its vforked child does not keep its process from ending. */
static void killed_in_vfork(void)
{
	for (int way = 0; way < 3; way++) {
		pid_t child;

		ready = 0;
		child = fork();
		if (!child) {
			pthread_t t;

			setpgid(0, 0);
			pthread_create(&t, NULL, wait_in_vfork, NULL);
			while (!ready)
				usleep(1000);
			if (way == 0)
				execl("/proc/self/exe", "attack", "exit", "5", (char *)NULL);
			if (way == 1)
				_exit(5);
			kill(getpid(), SIGKILL);
			for (;;)
				pause();
		}
		if (status_soon(child, 30) != (way == 2 ? SIGKILL : 5 << 8))
			wrong("way %d", way);
		kill(-child, SIGKILL);
	}
}

static atomic_int threads_made;

static void *make_threads(void *unused)
{
	pthread_t t;

	while (threads_made++ < 60) /* no more, or the process waits long for its turn to end */
		if (!pthread_create(&t, NULL, make_threads, NULL))
			pthread_detach(t);
	pause();
	return NULL;
}

/* A process that makes threads while it ends does end. */
static void threads_at_the_end(void)
{
	for (int round = 0; round < 10; round++) {
		pid_t child = fork();

		if (!child) {
			pthread_t t;

			pthread_create(&t, NULL, make_threads, NULL);
			usleep(200 * round);
			_exit(5);
		}
		if (status_soon(child, 60) != 5 << 8)
			wrong("round %d", round);
	}
}

/* A program of which nothing lies in its file has no part that keeps the file open. It starts all the same, and ends at
 * its first instruction, which is zeros. */
static void program_of_zeros(void)
{
	static const elf_segment zeros = {
	    .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_vaddr = 0x10000, .p_memsz = PAGE};
	static char *argv[] = {"zeros", NULL};

	for (int round = 0; round < 20; round++) {
		pid_t child;

		write_program("/tmp/zeros", &zeros, 1, 0x10000);
		child = fork();
		if (!child) {
			execv("/tmp/zeros", argv);
			_exit(1);
		}
		if (status_soon(child, 60) != SIGSEGV)
			wrong("round %d", round);
		GRANTED(unlink("/tmp/zeros"));
	}
}

const struct attack process_attacks[] = {
    {"flags", flags},
    {"process-1", process_1},
    {"wild-handler", wild_handler},
    {"awaited-kill", awaited_kill},
    {"raced-exec", raced_exec},
    {"killed-in-vfork", killed_in_vfork},
    {"threads-at-the-end", threads_at_the_end},
    {"program-of-zeros", program_of_zeros},
    {NULL, NULL},
};
