/* SPDX-License-Identifier: MIT */
/*
 * checkup: does the kernel keep its promises? Small checks one after the other, each in its own process;
 * one line for each that fails, and a last line "checkup: N passed, N failed".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			printf("  line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			fflush(stdout);                                                    \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

static volatile int seen, seen_pid;

static void on_signal(int sig)
{
	seen = sig;
}

static void on_info(int sig, siginfo_t *info, void *context)
{
	seen = sig;
	seen_pid = info->si_pid;
}

static int wait_code(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void fork_copies_memory(void)
{
	static int value = 1;
	int *heap = malloc(100000);
	pid_t pid;

	heap[20000] = 5;
	pid = fork();
	if (!pid) {
		value = 2;
		heap[20000] = 6;
		_exit(value + heap[20000]);
	}
	CHECK(WEXITSTATUS(wait_code(pid)) == 8);
	CHECK(value == 1 && heap[20000] == 5);
}

static void vfork_waits(void)
{
	volatile int value = 1;
	pid_t pid = vfork();

	if (!pid) {
		value = 2;
		_exit(0);
	}
	CHECK(value == 2);
	CHECK(wait_code(pid) == 0);
}

static void wait_tells_signals(void)
{
	pid_t pid = fork();

	if (!pid) {
		raise(SIGTERM);
		_exit(0);
	}
	CHECK(WTERMSIG(wait_code(pid)) == SIGTERM);
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void stop_and_continue(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		raise(SIGSTOP);
		_exit(3);
	}
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

static void handlers_run(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	double before = 1.5, after;

	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	raise(SIGUSR1);
	after = before * 2;
	CHECK(seen == SIGUSR1 && after == 3.0);
	act.sa_sigaction = on_info;
	act.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGUSR2, &act, NULL) == 0);
	kill(getpid(), SIGUSR2);
	CHECK(seen == SIGUSR2 && seen_pid == getpid());
}

static void blocked_signals_wait(void)
{
	sigset_t set, pending;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	raise(SIGUSR1);
	CHECK(!seen && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	sigemptyset(&pending);
	CHECK(sigsuspend(&pending) == -1 && errno == EINTR && seen == SIGUSR1);
	seen = 0;
	raise(SIGUSR1);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && seen == SIGUSR1);
}

static void sigwait_takes_signals(void)
{
	struct timespec short_time = {0, 20000000};
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sigtimedwait(&set, NULL, &short_time) == -1 && errno == EAGAIN);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK(sigwaitinfo(&set, NULL) == SIGCHLD);
	wait_code(pid);
}

static char alternate[16384];
static volatile unsigned long handler_stack;

static void on_alternate(int sig)
{
	char here;

	handler_stack = (unsigned long)&here;
}

static void alternate_stack(void)
{
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction act = {.sa_handler = on_alternate, .sa_flags = SA_ONSTACK};

	CHECK(sigaltstack(&stack, NULL) == 0);
	sigaction(SIGUSR1, &act, NULL);
	raise(SIGUSR1);
	CHECK(handler_stack - (unsigned long)alternate < sizeof(alternate));
}

static void segv_ends_a_program(void)
{
	static volatile int *volatile nowhere = (int *)16;
	pid_t pid = fork();

	if (!pid) {
		*nowhere = 1;
		_exit(0);
	}
	CHECK(WTERMSIG(wait_code(pid)) == SIGSEGV);
}

static void alarm_interrupts(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	struct itimerval t = {.it_value = {0, 30000}};
	char c;
	int ends[2];

	CHECK(pipe(ends) == 0);
	sigaction(SIGALRM, &act, NULL);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	CHECK(read(ends[0], &c, 1) == -1 && errno == EINTR && seen == SIGALRM);
	act.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &act, NULL);
	if (!fork()) {
		usleep(80000);
		CHECK(write(ends[1], "x", 1) == 1);
		_exit(0);
	}
	seen = 0;
	setitimer(ITIMER_REAL, &t, NULL);
	CHECK(read(ends[0], &c, 1) == 1 && seen == SIGALRM);
}

static void anonymous_memory(void)
{
	size_t size = 1 << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(p[0] == 0 && p[size - 1] == 0);
	p[5000] = 7;
	p = mremap(p, size, 4 * size, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED && p[5000] == 7 && p[3 * size] == 0);
	CHECK(madvise(p, size, MADV_DONTNEED) == 0 && p[5000] == 0);
	CHECK(munmap(p + size, size) == 0);
	p[size - 1] = 1;
	p[2 * size] = 1;
	CHECK(munmap(p, 4 * size) == 0);
}

static void protection_holds(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	p[0] = 9;
	CHECK(mprotect(p, 4096, PROT_NONE) == 0);
	pid = fork();
	if (!pid)
		_exit(p[0]);
	CHECK(WTERMSIG(wait_code(pid)) == SIGSEGV);
	CHECK(mprotect(p, 4096, PROT_READ) == 0 && p[0] == 9);
	pid = fork();
	if (!pid) {
		p[0] = 1;
		_exit(0);
	}
	CHECK(WTERMSIG(wait_code(pid)) == SIGSEGV);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
	p[0] = 10;
	CHECK(p[0] == 10);
}

/* SLDT needs no privilege, but stores like any instruction. (Where the processor has UMIP, it may fault at once.) */
static void descriptor_tables_store_as_data(void)
{
	unsigned short *kernels = (void *)(sizeof(long) == 8 ? ~0ul << 47 : 0xc0001000ul);
	pid_t pid = fork();
	int status;

	if (!pid) {
		__asm__ volatile("sldt %0" : "=m"(*kernels));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void shared_memory(void)
{
	int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		p[3] = 77;
		_exit(0);
	}
	wait_code(pid);
	CHECK(p[3] == 77);
}

static void file_mappings(void)
{
	int fd = open("/tmp/checkup.map", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *shared, *private, buf[5];

	CHECK(fd >= 0 && ftruncate(fd, 10000) == 0 && pwrite(fd, "hello", 5, 5000) == 5);
	shared = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	CHECK(shared != MAP_FAILED && private != MAP_FAILED);
	CHECK(!memcmp(shared + 5000, "hello", 5) && !memcmp(private + 904, "hello", 5));
	private[904] = 'j';
	shared[5001] = 'u';
	CHECK(pread(fd, buf, 5, 5000) == 5 && !memcmp(buf, "hullo", 5));
	unlink("/tmp/checkup.map");
}

static void names_and_directories(void)
{
	struct stat st;
	char buf[64];

	CHECK(mkdir("/tmp/checkup", 0755) == 0 && chdir("/tmp/checkup") == 0);
	CHECK(getcwd(buf, sizeof(buf)) && !strcmp(buf, "/tmp/checkup"));
	CHECK(close(open("a", O_CREAT | O_EXCL | O_WRONLY, 0644)) == 0);
	CHECK(open("a", O_CREAT | O_EXCL | O_WRONLY, 0644) == -1 && errno == EEXIST);
	CHECK(link("a", "b") == 0 && stat("b", &st) == 0 && st.st_nlink == 2);
	CHECK(symlink("b", "c") == 0 && readlink("c", buf, sizeof(buf)) == 1 && buf[0] == 'b');
	CHECK(rename("a", "d") == 0 && access("a", F_OK) == -1 && errno == ENOENT);
	CHECK(lstat("c", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(rmdir("/tmp/checkup") == -1 && errno == ENOTEMPTY);
	CHECK(unlink("b") == 0 && unlink("c") == 0 && unlink("d") == 0);
	CHECK(rmdir("/tmp/checkup") == 0 && !getcwd(buf, sizeof(buf)) && errno == ENOENT);
}

static void file_positions(void)
{
	int fd = open("/tmp/checkup.pos", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	char buf[8];
	struct stat st;

	CHECK(write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "def", 3) == 3);
	CHECK(lseek(fd, -4, SEEK_END) == 2 && read(fd, buf, 8) == 4 && !memcmp(buf, "cdef", 4));
	CHECK(fstat(fd, &st) == 0 && st.st_size == 6 && S_ISREG(st.st_mode));
	CHECK(ftruncate(fd, 2) == 0 && lseek(fd, 0, SEEK_END) == 2);
	unlink("/tmp/checkup.pos");
}

static void pipes(void)
{
	char buf[70000];
	size_t total = 0;
	ssize_t n;
	int ends[2];

	CHECK(pipe(ends) == 0);
	if (!fork()) {
		close(ends[0]);
		memset(buf, 'x', sizeof(buf));
		CHECK(write(ends[1], buf, sizeof(buf)) == (ssize_t)sizeof(buf));
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], buf, sizeof(buf))) > 0)
		total += n;
	CHECK(n == 0 && total == sizeof(buf));
	CHECK(pipe2(ends, O_NONBLOCK) == 0 && read(ends[0], buf, 1) == -1 && errno == EAGAIN);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
}

static void poll_and_select(void)
{
	struct timeval none = {0, 0};
	struct pollfd p;
	fd_set set;
	int ends[2];

	CHECK(pipe(ends) == 0);
	p = (struct pollfd){ends[0], POLLIN, 0};
	CHECK(poll(&p, 1, 20) == 0);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	CHECK(select(ends[0] + 1, &set, NULL, NULL, &none) == 0);
	if (!fork()) {
		usleep(30000);
		CHECK(write(ends[1], "x", 1) == 1);
		_exit(0);
	}
	CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLIN);
	FD_SET(ends[0], &set);
	CHECK(select(ends[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(ends[0], &set));
	close(ends[1]);
	wait(NULL);
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLHUP));
}

static void sleeping_takes_time(void)
{
	struct timespec before, after, t = {0, 50000000};
	long us;

	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK(nanosleep(&t, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	us = (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
	CHECK(us >= 50000 && us < 30000000); /* however busy the machine below is */
	CHECK(time(NULL) > 1600000000);
}

/* Two children that never sleep must both get on. */
static void busy_processes_share(void)
{
	volatile long *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[2];
	int i;

	for (i = 0; i < 2; i++) {
		pids[i] = fork();
		while (!pids[i])
			count[i * 64]++;
	}
	usleep(300000);
	for (i = 0; i < 2; i++) {
		kill(pids[i], SIGKILL);
		CHECK(WTERMSIG(wait_code(pids[i])) == SIGKILL);
		CHECK(count[i * 64] > 1000);
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turns;
static __thread int mine;

static void *thread_main(void *arg)
{
	int i;

	for (i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		turns++;
		mine++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
		if (i % 10 == 0)
			sched_yield();
	}
	return (void *)(long)mine;
}

static void threads(void)
{
	pthread_t t[4];
	void *result;
	int i;

	for (i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_main, NULL) == 0);
	pthread_mutex_lock(&mutex);
	while (turns < 400)
		pthread_cond_wait(&condition, &mutex);
	pthread_mutex_unlock(&mutex);
	for (i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], &result) == 0 && (long)result == 100);
	CHECK(mine == 0);
}

static void exec_passes_arguments(void)
{
	pid_t pid = fork();

	if (!pid) {
		setenv("CHECK", "yes", 1);
		execl("/bin/sh", "sh", "-c", "test \"$CHECK $1\" = 'yes two words' && exit 42", "sh",
		      "two words", NULL);
		_exit(1);
	}
	CHECK(WEXITSTATUS(wait_code(pid)) == 42);
	CHECK(execl("/etc/passwd", "x", NULL) == -1 && (errno == EACCES || errno == ENOEXEC));
}

/* 200 processes one after the other and 30 at once leave no memory behind. */
static long free_memory(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemFree: %ld", &kb) != 1)
		;
	fclose(f);
	return kb;
}

static void fork_storm(void)
{
	long before = 0;
	pid_t pids[30];
	int i, round;

	for (round = 0; round < 3; round++) {
		if (round == 1)
			before = free_memory();
		for (i = 0; i < 200; i++) {
			pid_t pid = fork();

			if (!pid)
				_exit(i & 0x7f);
			CHECK(WEXITSTATUS(wait_code(pid)) == (i & 0x7f));
		}
		for (i = 0; i < 30; i++) {
			pids[i] = fork();
			if (!pids[i]) {
				usleep(1000 * (i % 7));
				_exit(i);
			}
		}
		for (i = 0; i < 30; i++)
			CHECK(WEXITSTATUS(wait_code(pids[i])) == i);
	}
	CHECK(labs(free_memory() - before) < 128); /* some stacks and address spaces are kept */
}

static void bad_pointers_are_refused(void)
{
	char *kernel = (char *)(sizeof(long) == 8 ? (unsigned long)0xffffffff80100000ULL : 0xc0100000UL);

	CHECK(write(1, (void *)16, 1) == -1 && errno == EFAULT);
	CHECK(write(1, kernel, 1) == -1 && errno == EFAULT);
	CHECK(open((char *)16, O_RDONLY) == -1 && errno == EFAULT);
	CHECK(pipe((int *)kernel) == -1 && errno == EFAULT);
	CHECK(mmap((void *)((unsigned long)kernel & ~4095UL), 4096, PROT_READ,
		   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
    {"fork copies memory", fork_copies_memory},
    {"vfork waits", vfork_waits},
    {"wait tells signals", wait_tells_signals},
    {"stop and continue", stop_and_continue},
    {"handlers run", handlers_run},
    {"blocked signals wait", blocked_signals_wait},
    {"sigwait takes signals", sigwait_takes_signals},
    {"alternate stack", alternate_stack},
    {"SIGSEGV ends a program", segv_ends_a_program},
    {"alarm interrupts", alarm_interrupts},
    {"anonymous memory", anonymous_memory},
    {"protection holds", protection_holds},
    {"descriptor tables store as data", descriptor_tables_store_as_data},
    {"shared memory", shared_memory},
    {"file mappings", file_mappings},
    {"names and directories", names_and_directories},
    {"file positions", file_positions},
    {"pipes", pipes},
    {"poll and select", poll_and_select},
    {"sleeping takes time", sleeping_takes_time},
    {"busy processes share", busy_processes_share},
    {"threads", threads},
    {"exec passes arguments", exec_passes_arguments},
    {"fork storm", fork_storm},
    {"bad pointers are refused", bad_pointers_are_refused},
};

int main(void)
{
	int passed = 0, failed = 0, status;
	pid_t pid;

	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		fflush(stdout);
		pid = fork();
		if (!pid) {
			alarm(120);
			checks[i].run();
			_exit(0);
		}
		if (waitpid(pid, &status, 0) == pid && status == 0) {
			passed++;
		} else {
			failed++;
			printf("checkup: %s: FAILED, status %x\n", checks[i].name, status);
		}
	}
	printf("checkup: %d passed, %d failed\n", passed, failed);
	return failed != 0;
}
