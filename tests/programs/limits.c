/* SPDX-License-Identifier: MIT */
/*
 * A process may be told what it may take (setrlimit), and one that takes without end harms itself: the fork bomb finds
 * no more processes, and when memory is used up the one that has most of it is ended, which is said once.
 */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

static const char *self;

static int set(int resource, rlim_t soft)
{
	struct rlimit l;

	CHECK(getrlimit(resource, &l) == 0);
	l.rlim_cur = soft;
	return setrlimit(resource, &l);
}

static rlim_t get(int resource)
{
	struct rlimit l;

	CHECK(getrlimit(resource, &l) == 0);
	return l.rlim_cur;
}

static void limits_are_kept(void)
{
	struct rlimit l = {5, 4};
	pid_t pid;

	CHECK(set(RLIMIT_CORE, 12345) == 0 && get(RLIMIT_CORE) == 12345);
	CHECK(setrlimit(RLIMIT_CORE, &l) == -1 && errno == EINVAL);
	CHECK(getrlimit(99, &l) == -1 && errno == EINVAL && setrlimit(-1, &l) == -1 && errno == EINVAL);
	l = (struct rlimit){5, RLIM_INFINITY};
	CHECK(setrlimit(RLIMIT_NOFILE, &l) == -1 && errno == EPERM);
	CHECK(get(RLIMIT_AS) == RLIM_INFINITY && get(RLIMIT_STACK) == 8 << 20);
	pid = fork();
	if (!pid)
		_exit(get(RLIMIT_CORE) != 12345 || set(RLIMIT_CORE, 1));
	CHECK(wait_code(pid) == 0 && get(RLIMIT_CORE) == 12345);
	CHECK(prlimit(getppid(), RLIMIT_CORE, NULL, &l) == 0 && l.rlim_cur == RLIM_INFINITY);
	CHECK(prlimit(32767, RLIMIT_CORE, NULL, &l) == -1 && errno == ESRCH);
}

static void open_files(void)
{
	int last = -1, fd, above;

	CHECK((above = fcntl(0, F_DUPFD, 20)) == 20 && set(RLIMIT_NOFILE, 10) == 0);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		last = fd;
	CHECK(errno == EMFILE && last == 9);
	CHECK(dup2(0, 10) == -1 && errno == EBADF && fcntl(0, F_DUPFD, 10) == -1 && errno == EINVAL);
	CHECK(dup2(0, 9) == 9 && write(above, "", 0) == 0); /* those that are open stay so */
}

static void sizes_of_files(void)
{
	int fd = open("/tmp/limited", O_RDWR | O_CREAT | O_TRUNC, 0600), bad, status;
	struct stat st;
	pid_t pid;

	CHECK(unlink("/tmp/limited") == 0 && set(RLIMIT_FSIZE, 1000) == 0);
	signal(SIGXFSZ, SIG_IGN);
	CHECK(write(fd, get, 600) == 600 && write(fd, get, 600) == 400);
	bad = write(fd, "x", 1);
	CHECK(bad == -1 && errno == EFBIG && ftruncate(fd, 1001) == -1 && errno == EFBIG);
	CHECK(ftruncate(fd, 1000) == 0 && fstat(fd, &st) == 0 && st.st_size == 1000);
	CHECK(pwrite(fd, "x", 1, 999) == 1 && write(open("/dev/null", O_WRONLY), get, 2000) == 2000);
	pid = fork();
	if (!pid) {
		signal(SIGXFSZ, SIG_DFL);
		bad = write(fd, "x", 1);
		_exit(bad);
	}
	status = wait_code(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
}

static void address_spaces(void)
{
	size_t size = 1 << 20;
	char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *before = sbrk(0);
	int n = 0;

	CHECK(p != MAP_FAILED && set(RLIMIT_AS, 32 * size) == 0);
	while (mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		n++;
	CHECK(errno == ENOMEM && n >= 16 && n < 31);
	CHECK(mremap(p, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	CHECK(sbrk(size) == (void *)-1 && sbrk(0) == before);
	CHECK(munmap(p, size) == 0);
	CHECK(mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

/* 16 KiB at each level. */
static int deep(int levels)
{
	volatile char room[16384];

	room[0] = levels;
	return levels ? deep(levels - 1) + room[0] : room[0];
}

static int run_deep(rlim_t stack, const char *levels)
{
	pid_t pid = fork();

	if (!pid) {
		set(RLIMIT_STACK, stack);
		execl(self, "limits", "--deep", levels, NULL);
		_exit(1);
	}
	return wait_code(pid);
}

static void stacks(void)
{
	CHECK(run_deep(1 << 20, "40") == 0 && WTERMSIG(run_deep(1 << 20, "70")) == SIGSEGV);
	CHECK(run_deep(8 << 20, "70") == 0 && run_deep(0, "2") == 0 && run_deep(RLIM_INFINITY, "70") == 0);
}

static void *sleeper(void *unused)
{
	pause();
	return NULL;
}

static void processes(void)
{
	pid_t pids[60];
	pthread_t thread;
	int n = 0, why;

	CHECK(set(RLIMIT_NPROC, 40) == 0);
	while (n < 60 && (pids[n] = fork()) >= 0) {
		if (!pids[n])
			sleeper(NULL);
		n++;
	}
	why = errno;
	CHECK(n > 0 && n < 40 && why == EAGAIN);
	CHECK(pthread_create(&thread, NULL, sleeper, NULL) == EAGAIN);
	for (int i = 0; i < n; i++)
		CHECK(kill(pids[i], SIGKILL) == 0 && WTERMSIG(wait_code(pids[i])) == SIGKILL);
	CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
}

static int times_said(const char *line)
{
	static char log[65536];
	char *at = log;
	int n = klogctl(3, log, sizeof(log) - 1), times = 0;

	CHECK(n >= 0);
	log[n] = 0;
	while ((at = strstr(at, line))) {
		times++;
		at++;
	}
	return times;
}

static int process_count(void)
{
	struct sysinfo info;

	CHECK(sysinfo(&info) == 0);
	return info.procs;
}

/* Without any limit set, in as many processes as the machine takes. */
static void fork_bomb(void)
{
	int before = times_said("out of memory"), processes = process_count();
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		for (;;)
			if (fork() < 0)
				_exit(0);
	}
	CHECK(wait_code(pid) ==
	      0); /* it met the limit and ended; what it left goes the same way, or is told to */
	while (kill(-pid, SIGKILL) == 0)
		usleep(10000);
	CHECK(errno == ESRCH && times_said("out of memory") == before);
	while (process_count() > processes) /* until process 1 has taken note of their end */
		usleep(10000);
	CHECK((pid = fork()) >= 0);
	if (!pid)
		_exit(0);
	CHECK(wait_code(pid) == 0);
}

#define HOGS 4

/* One that grows by writing, one by reading a file of zeros into its memory, with a second thread to fault as well. */
static void *grow(void *by_read)
{
	int zero = open("/dev/zero", O_RDONLY);

	for (;;) {
		char *p = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			continue;
		if (by_read && read(zero, p, 1 << 18) < 0)
			pause();
		for (int i = 0; i < 1 << 18; i += 4096)
			p[i] = 1;
	}
	return NULL;
}

static void hogs(void)
{
	volatile char *mine = malloc(1 << 19);
	pid_t pids[HOGS];
	pthread_t thread;
	int status, start[2];
	char line[64];

	CHECK(pipe(start) == 0);
	memset((void *)mine, 7, 1 << 19);
	for (int i = 0; i < HOGS; i++) {
		CHECK((pids[i] = fork()) >= 0);
		if (!pids[i]) {
			close(start[1]);
			CHECK(read(start[0], &status, 1) == 0);
			if (i % 2)
				pthread_create(&thread, NULL, grow, NULL);
			grow(i >= 2 ? "" : NULL);
		}
	}
	close(start[1]);
	for (int i = 0; i < HOGS; i++) {
		status = wait_code(pids[i]);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		snprintf(line, sizeof(line), "out of memory: limits[%d]", pids[i]);
		CHECK(times_said(line) == 1);
	}
	for (int i = 0; i < 1 << 19; i += 4096)
		CHECK(mine[i] == 7);
}

static const struct check checks[] = {
    {"limits are kept", limits_are_kept},
    {"open files", open_files},
    {"sizes of files", sizes_of_files},
    {"address spaces", address_spaces},
    {"stacks", stacks},
    {"processes", processes},
    {"fork bomb", fork_bomb},
    {"hogs", hogs},
};

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "--deep"))
		return deep(atoi(argv[2])) < 0;
	self = "/usr/bin/limits";
	return RUN_CHECKS("limits", checks, argc, argv);
}
