/* SPDX-License-Identifier: MIT */
/*
 * failing: every allocation fails in turn. On the checked build of the kernel each scenario is repeated in a process of its
 * own, of which first the first allocation fails, then the second, until none is left; whatever the scenario makes of
 * it, the kernel goes on, and nothing is lost.
 * failing held: what takes long, once each; prints for how long the kernel lock was held at most.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "free_kib.h"

#define PAGE       4096ul
#define POINTS_MAX 500
#define LEAK_KIB   16 /* for all points of a scenario */
#define LONGEST_NS 5000000ull

static void order(const char *text)
{
	int fd = open("/dev/checks", O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		printf("no /dev/checks: this is not the checked build\n");
		exit(2);
	}
	close(fd);
}

static void ask(unsigned *seen, unsigned *failed, unsigned long long *held, unsigned *call)
{
	FILE *f = fopen("/dev/checks", "r");

	if (!f || fscanf(f, "seen %u failed %u held %llu call %u", seen, failed, held, call) != 4)
		exit(2);
	fclose(f);
}

static void forks(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void executes(void)
{
	execl("/bin/true", "true", "argument", (char *)NULL);
}

static void runs_script(void)
{
	execl("/tmp/failing/script", "script", (char *)NULL);
}

static void *nothing(void *unused)
{
	return NULL;
}

static void threads(void)
{
	pthread_t t;

	if (!pthread_create(&t, NULL, nothing, NULL))
		pthread_join(t, NULL);
}

static void files(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0644);
	char c;

	if (write(fd, "hello", 5) == 5 && pwrite(fd, "far", 3, 9 << 20) == 3)
		lseek(fd, 0, SEEK_SET);
	if (read(fd, &c, 1) == 1 && !ftruncate(fd, 6000))
		close(fd);
	link("file", "other");
	rename("other", "third");
	symlink("file", "link");
	close(open("link", O_RDONLY));
	unlink("third");
	unlink("link");
	unlink("file");
}

static void directories(void)
{
	static char path[4096];
	int dir;

	mkdir("one", 0755);
	mkdir("one/two", 0755);
	mkfifo("one/two/fifo", 0644);
	rename("one/two", "moved");
	chdir("moved");
	if (!getcwd(path, sizeof(path)))
		path[0] = 0;
	dir = open("..", O_RDONLY | O_DIRECTORY);
	unlinkat(dir, "moved/fifo", 0);
	unlinkat(dir, "moved", AT_REMOVEDIR);
	unlinkat(dir, "one/two", AT_REMOVEDIR);
	unlinkat(dir, "one", AT_REMOVEDIR);
	close(dir);
}

static void pipes(void)
{
	int ends[2] = {-1, -1};
	struct pollfd p[2];
	fd_set set;
	char c;

	if (pipe(ends))
		return;
	p[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	p[1] = (struct pollfd){.fd = ends[1], .events = POLLIN};
	poll(p, 2, 1);
	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){0, 1000});
	if (write(ends[1], "x", 1) == 1 && read(ends[0], &c, 1) == 1)
		dup2(ends[0], 100);
	close(100);
	close(ends[0]);
	close(ends[1]);
}

static void maps(void)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *s;

	if (p == MAP_FAILED)
		return;
	mprotect(p + PAGE, PAGE, PROT_NONE);
	munmap(p + 8 * PAGE, PAGE);
	mremap(p + 16 * PAGE, 8 * PAGE, 4096 * PAGE, MREMAP_MAYMOVE);
	s = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s != MAP_FAILED && read(-1, s, 1) < 0)
		munmap(s, 4 * PAGE);
	if (p != MAP_FAILED)
		p[0] = 1;
	munmap(p, 64 * PAGE);
}

static void mounts(void)
{
	mkdir("mnt", 0755);
	if (!mount("none", "mnt", "tmpfs", 0, NULL)) {
		close(open("mnt/file", O_RDWR | O_CREAT, 0644));
		mkdir("mnt/dir", 0755);
		umount("mnt");
	}
	rmdir("mnt");
}

static void tells(void)
{
	static const char *const paths[] = {"/proc/self/maps", "/proc/self/stat", "/proc/mounts",
					    "/proc/meminfo", "/proc/self/cmdline"};
	char buf[200];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int fd = open(paths[i], O_RDONLY);

		if (fd >= 0 && read(fd, buf, sizeof(buf)) >= 0)
			close(fd);
	}
	if (readlink("/proc/self/exe", buf, sizeof(buf)) < 0 ||
	    readlink("/proc/self/cwd", buf, sizeof(buf)) < 0)
		return;
}

static void locks(void)
{
	int fd = open("lock", O_RDWR | O_CREAT, 0644);
	struct flock all = {.l_type = F_WRLCK}, part = {.l_type = F_UNLCK, .l_start = 10, .l_len = 5};

	fcntl(fd, F_SETLK, &all);
	fcntl(fd, F_SETLK, &part);
	close(fd);
	unlink("lock");
}

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
    {"forks", forks},     {"executes", executes}, {"runs a script", runs_script},
    {"threads", threads}, {"files", files},       {"directories", directories},
    {"pipes", pipes},     {"maps", maps},         {"mounts", mounts},
    {"tells", tells},     {"locks", locks},
};

/* The scenario with its nth allocation failing; whether there was one. */
static unsigned attempt(const struct scenario *s, unsigned nth)
{
	unsigned seen, failed, call;
	unsigned long long held;
	char text[32];
	pid_t child = fork();

	if (!child) {
		chdir("/tmp/failing");
		snprintf(text, sizeof(text), "fail %u", nth);
		order(text);
		s->run();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	ask(&seen, &failed, &held, &call);
	order("reset");
	return failed;
}

static int all_scenarios(void)
{
	unsigned points = 0;

	mkdir("/tmp/failing", 0755);
	close(open("/tmp/failing/script", O_CREAT | O_WRONLY, 0755));
	if (system("echo '#! /bin/sh -e' > /tmp/failing/script; chmod 755 /tmp/failing/script"))
		return 1;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		unsigned nth = 1;
		unsigned long before;

		attempt(&scenarios[i], 1);
		attempt(&scenarios[i], 0);
		if (system("rm -rf /tmp/failing/[a-r]* /tmp/failing/[t-z]*"))
			return 1;
		before = free_kib();
		while (nth < POINTS_MAX && attempt(&scenarios[i], nth))
			nth++;
		if (system("umount /tmp/failing/mnt 2>/dev/null; rm -rf /tmp/failing/[a-r]* "
			   "/tmp/failing/[t-z]*"))
			return 1;
		printf("# %s: %u points\n", scenarios[i].name, nth - 1);
		if (nth < 3 || nth == POINTS_MAX)
			return 1;
		if (free_kib() + LEAK_KIB < before) {
			printf("# %lu KiB are lost\n", before - free_kib());
			return 1;
		}
		points += nth - 1;
	}
	printf("failing: %u points borne\n", points);
	return 0;
}

#define BIG (24ul << 20)

static void hold_memory(void)
{
	char *p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, BIG);
	forks();
	mprotect(p, BIG, PROT_READ);
	mprotect(p, BIG, PROT_READ | PROT_WRITE);
	p = mremap(p, BIG, 2 * BIG, MREMAP_MAYMOVE);
	madvise(p, BIG / 2, MADV_DONTNEED);
	munmap(p, 2 * BIG);
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, BIG); /* and the end of the process */
}

static void hold_tables(void)
{
	unsigned long step = 2ul << 20, count = 400, i;
	char *p = mmap(NULL, count * step, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	mprotect(p, count * step, PROT_READ | PROT_WRITE);
	for (i = 0; i < count; i++)
		p[i * step] = 1;
	forks();
	munmap(p, count * step);
}

static void hold_file(void)
{
	int fd = open("/tmp/big", O_RDWR | O_CREAT, 0644), zero = open("/dev/zero", O_RDONLY);
	char *p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (read(zero, p, BIG) < 0 || write(fd, p, BIG) < 0 || pread(fd, p, BIG, 0) < 0 ||
	    getrandom(p, 1 << 20, 0) < 0)
		return;
	ftruncate(fd, 10);
	if (pwrite(fd, p, BIG, 0) > 0)
		unlink("/tmp/big");
	close(fd);
}

static void hold_names(void)
{
	char path[64], listing[100000];
	int dir;

	mkdir("/tmp/names", 0755);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/tmp/names/%d", i);
		close(open(path, O_CREAT | O_WRONLY, 0644));
	}
	dir = open("/tmp/names", O_RDONLY | O_DIRECTORY);
	while (syscall(SYS_getdents64, dir, listing, sizeof(listing)) > 0)
		;
	close(dir);
	strcpy(listing, "/tmp/names");
	for (int i = 0; i < 1000; i++)
		strcat(listing, "/.");
	chdir(listing);
}

static void hold_areas(void)
{
	char *p = mmap(NULL, 8192 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), buf[4096];
	int fd;

	for (unsigned long i = 0; i < 8192; i += 2)
		mprotect(p + i * PAGE, PAGE, PROT_NONE);
	forks();
	fd = open("/proc/self/maps", O_RDONLY);
	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	munmap(p, 8192 * PAGE);
}

static int all_holds(void)
{
	static void (*const holds[])(void) = {hold_memory, hold_tables, hold_file, hold_names, hold_areas};
	int bad = 0;

	for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++) {
		unsigned seen, failed, call;
		unsigned long long held;
		pid_t child;

		order("reset");
		child = fork();
		if (!child) {
			holds[i]();
			_exit(0);
		}
		waitpid(child, NULL, 0);
		ask(&seen, &failed, &held, &call);
		printf("# %zu: the lock was held for %llu ns at most, to the end of call %u\n", i, held,
		       call);
		bad += held > LONGEST_NS;
	}
	return bad != 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return argc > 1 && !strcmp(argv[1], "held") ? all_holds() : all_scenarios();
}
