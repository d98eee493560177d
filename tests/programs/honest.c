/* SPDX-License-Identifier: MIT */
/*
 * What programs that do nothing wrong rely on: registers survive signals, stops do not end sleeps, a name that is
 * made through a link is made where the link says, files that are full can still be changed, a program that runs
 * cannot be overwritten, and no size is too big to ask for.
 */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>

static volatile unsigned hits;

static void on_signal(int sig)
{
	hits++;
}

static void handle(int sig)
{
	struct sigaction act = {.sa_handler = on_signal};

	CHECK(sigaction(sig, &act, NULL) == 0);
}

/* -512 is what the kernel's calls use among themselves to say "restart this": in a program it is a number. */
static void registers_survive_signals(void)
{
	struct itimerval t = {{0, 2000}, {0, 2000}};
	long value;

	handle(SIGALRM);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	for (int i = 0; i < 100; i++) {
		unsigned before = hits;

		value = -512;
		/* NOPs: a place where a wrong IP does no harm, before the loop's start too. */
		__asm__ volatile(".fill 8, 1, 0x90\n"
				 "1:	.fill 100, 1, 0x90\n\t"
				 "cmp %2, %1\n\t"
				 "je 1b"
				 : "+a"(value)
				 : "m"(hits), "r"(before)
				 : "cc", "memory");
		CHECK(value == -512);
	}
}

static void spoil_vectors(int sig, siginfo_t *info, void *context)
{
	static const char ones[16] __attribute__((aligned(16))) = {1, 1, 1, 1};

	__asm__ volatile("movaps %0, %%xmm5" ::"m"(ones));
	hits++;
}

/* What an application can use of the vector registers (XCR0) is what a signal's frame holds: x87 and SSE. */
static void vectors_survive_signals(void)
{
	struct sigaction act = {.sa_sigaction = spoil_vectors, .sa_flags = SA_SIGINFO};
	static char before[16] __attribute__((aligned(16))) = "fifteen letters",
			       after[16] __attribute__((aligned(16)));
	unsigned eax = 1, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (ecx >> 27 & 1) { /* OSXSAVE */
		__asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
		CHECK(!(eax & ~3u) && !edx);
	}
	CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
	__asm__ volatile("movaps %0, %%xmm5" ::"m"(before));
	kill(getpid(), SIGUSR1);
	__asm__ volatile("movaps %%xmm5, %0" : "=m"(after));
	CHECK(hits == 1 && !memcmp(before, after, 16));
}

/* Stops and continues a child a few times while it is in call(), which must then return 0. */
static void stopped_meanwhile(int (*call)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(call());
	for (int i = 0; i < 5; i++) {
		usleep(30000);
		if (kill(pid, SIGSTOP) || waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
			CHECK(!"the child ended before it was told to");
		usleep(10000);
		CHECK(kill(pid, SIGCONT) == 0);
	}
	kill(pid, SIGUSR1);
	CHECK(wait_code(pid) == 0);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double begin;

static int sleeps(void)
{
	struct timespec t = {1, 500000000};

	return nanosleep(&t, NULL) || seconds() - begin < 1.5;
}

static int polls(void)
{
	return poll(NULL, 0, 1500) || seconds() - begin < 1.5;
}

static int selects(void)
{
	struct timeval t = {1, 500000};

	return select(0, NULL, NULL, NULL, &t) || seconds() - begin < 1.5;
}

static int pauses(void)
{
	return pause() != -1 || errno != EINTR || hits != 1;
}

static int waits_for_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigwaitinfo(&set, NULL) != SIGUSR1;
}

static void stops_do_not_end_sleeps(void)
{
	sigset_t set;

	signal(SIGUSR1, SIG_IGN);
	begin = seconds();
	stopped_meanwhile(sleeps);
	begin = seconds();
	stopped_meanwhile(polls);
	begin = seconds();
	stopped_meanwhile(selects);
	handle(SIGUSR1);
	stopped_meanwhile(pauses);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	stopped_meanwhile(waits_for_signal);
}

static void handlers_end_sleeps(void)
{
	struct timespec t = {600, 0}, rest = {0, 0};
	struct itimerval soon = {{0, 0}, {0, 20000}};

	handle(SIGALRM);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK(nanosleep(&t, &rest) == -1 && errno == EINTR && hits == 1 && rest.tv_sec >= 300);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK(poll(NULL, 0, 600000) == -1 && errno == EINTR && hits == 2);
}

static int names_in(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	CHECK(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2; /* "." and ".." */
}

static void links_to_nothing_yet(void)
{
	struct stat st;

	CHECK(mkdir("/tmp/links", 0755) == 0 && mkdir("/tmp/links/deep", 0755) == 0 &&
	      chdir("/tmp/links") == 0);
	CHECK(symlink("deep/first", "one") == 0 && symlink("../second", "deep/first") == 0);
	CHECK(symlink("round", "round") == 0 && symlink("nowhere/file", "lost") == 0);
	CHECK(open("one", O_CREAT | O_EXCL | O_WRONLY, 0644) == -1 && errno == EEXIST);
	CHECK(open("one", O_CREAT | O_NOFOLLOW | O_WRONLY, 0644) == -1 && errno == ELOOP);
	CHECK(open("round", O_CREAT | O_WRONLY, 0644) == -1 && errno == ELOOP);
	CHECK(open("lost", O_CREAT | O_WRONLY, 0644) == -1 && errno == ENOENT);
	CHECK(write(open("one", O_CREAT | O_WRONLY, 0644), "x", 1) == 1);
	CHECK(lstat("second", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 1);
	CHECK(lstat("one", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(names_in(".") == 5 && names_in("deep") == 1);
	CHECK(unlink("second") == 0 && unlink("one") == 0 && unlink("round") == 0 && unlink("lost") == 0);
	CHECK(unlink("deep/first") == 0 && rmdir("deep") == 0 && chdir("/") == 0 && rmdir("/tmp/links") == 0);
}

static void full_files_can_be_changed(void)
{
	int old = open("/tmp/old", O_CREAT | O_RDWR, 0644),
	    filler = open("/tmp/filler", O_CREAT | O_WRONLY, 0644);
	static char block[65536];
	int full, changed, grown;
	char c;

	CHECK(write(old, block, 8192) == 8192);
	while (write(filler, block, sizeof(block)) > 0)
		;
	full = errno == ENOSPC;
	changed = pwrite(old, "new", 3, 4095) == 3;
	grown = pwrite(old, block, sizeof(block), 8192);
	CHECK(unlink("/tmp/filler") == 0 && unlink("/tmp/old") == 0); /* before anything else can fail */
	CHECK(full && changed && grown == -1);
	CHECK(pread(old, &c, 1, 4096) == 1 && c == 'e');
}

static void copy_of_this_program(const char *to)
{
	int from = open("/proc/self/exe", O_RDONLY), fd = open(to, O_CREAT | O_WRONLY, 0755);
	static char block[65536];
	ssize_t n;

	CHECK(from >= 0 && fd >= 0);
	while ((n = read(from, block, sizeof(block))) > 0)
		CHECK(write(fd, block, n) == n);
	CHECK(n == 0 && close(fd) == 0 && close(from) == 0);
}

static void running_programs_stay_whole(void)
{
	int ends[2], fd;
	pid_t pid;
	char c;

	copy_of_this_program("/tmp/busy");
	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (!pid) {
		execl("/tmp/busy", "busy", "--idle", NULL);
		_exit(1);
	}
	close(ends[1]);
	CHECK(read(ends[0], &c, 1) == 0); /* by now it runs */
	CHECK(open("/tmp/busy", O_WRONLY) == -1 && errno == ETXTBSY);
	CHECK(open("/tmp/busy", O_RDWR | O_TRUNC) == -1 && errno == ETXTBSY);
	CHECK(truncate("/tmp/busy", 0) == -1 && errno == ETXTBSY);
	CHECK((fd = open("/tmp/busy", O_RDONLY)) >= 0 && close(fd) == 0);
	CHECK(kill(pid, SIGTERM) == 0 && WTERMSIG(wait_code(pid)) == SIGTERM);
	CHECK((fd = open("/tmp/busy", O_WRONLY)) >= 0);
	pid = fork();
	if (!pid) {
		execl("/tmp/busy", "busy", "--idle", NULL);
		_exit(errno == ETXTBSY ? 0 : 1);
	}
	CHECK(wait_code(pid) == 0 && close(fd) == 0 && unlink("/tmp/busy") == 0);
}

#define MOST 0x7ffff000 /* bytes of one call */

static void sizes_without_bound(void)
{
	int fd = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY);
	struct iovec two[2] = {{(void *)1, 0x60000000}, {(void *)1, 0x60000000}}, wrong = {"x", -5};

	CHECK(write(fd, "x", -5) == MOST);
	CHECK(write(fd, "x", 0x7fffffff) == MOST && write(fd, "x", MOST - 1) == MOST - 1);
	CHECK(writev(fd, two, 2) == MOST);
	CHECK(writev(fd, &wrong, 1) == -1 && errno == EINVAL);
	CHECK(read(zero, (void *)16, -5) == -1 && errno == EFAULT);
	close(fd);
	close(zero);
}

static const struct check checks[] = {
    {"registers survive signals", registers_survive_signals},
    {"vectors survive signals", vectors_survive_signals},
    {"stops do not end sleeps", stops_do_not_end_sleeps},
    {"handlers end sleeps", handlers_end_sleeps},
    {"links to nothing yet", links_to_nothing_yet},
    {"full files can be changed", full_files_can_be_changed},
    {"running programs stay whole", running_programs_stay_whole},
    {"sizes without bound", sizes_without_bound},
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--idle"))
		for (;;)
			pause();
	return RUN_CHECKS("honest", checks, argc, argv);
}
