/* SPDX-License-Identifier: MIT */
/* What programs and scripts expect to find on any Unix with Linux's system calls. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

static bool says(int fd, const char *text)
{
	char buf[64] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

/* A second opening of a pipe is the same pipe: nothing may be made, truncated or lost. */
static void standard_streams_have_names(void)
{
	int ends[2], kept = dup(1), kept_errors = dup(2);
	bool in, out, errors;
	char name[32];
	struct stat st;

	CHECK(readlink("/dev/fd", name, sizeof(name)) == 13 && !memcmp(name, "/proc/self/fd", 13));
	CHECK(lstat("/dev/stderr", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(pipe(ends) == 0);
	dup2(ends[1], 1);
	dup2(ends[1], 2);
	dup2(ends[0], 0);
	out = system("echo out > /dev/stdout") == 0 && says(ends[0], "out\n");
	errors = system("echo err >> /dev/stderr; echo fd > /dev/fd/2") == 0 && says(ends[0], "err\nfd\n");
	in = write(ends[1], "in", 2) == 2 && says(open("/dev/stdin", O_RDONLY), "in");
	dup2(kept, 1);
	dup2(kept_errors, 2);
	CHECK(out && errors && in);
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

static void open_files_are_listed(void)
{
	int fd = open("/tmp/expected.fd", O_RDWR | O_CREAT | O_TRUNC, 0600), again, ends[2], before;
	char path[40], text[64];
	pid_t pid;

	before = entries("/proc/self/fd");
	CHECK(before >= 7); /* ".", "..", 0 to 2, this one and the directory's own */
	CHECK(pipe(ends) == 0 && entries("/proc/self/fd") == before + 2);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	CHECK(readlink(path, text, sizeof(text)) > 6 && !memcmp(text, "pipe:[", 6));
	CHECK(write(fd, "kept", 4) == 4 && unlink("/tmp/expected.fd") == 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	pid = fork();
	if (!pid) { /* it has no name any more, and its own position */
		again = open(path, O_RDONLY);
		_exit(again >= 0 && says(again, "kept") ? 0 : 1);
	}
	CHECK(wait_code(pid) == 0);
	CHECK(close(fd) == 0 && open(path, O_RDWR) == -1 && errno == ENOENT);
	CHECK(open(path, O_RDWR | O_CREAT, 0600) == -1);
	CHECK(unlink("/proc/self/fd/0") == -1 && mkdir("/proc/self/fd/x", 0700) == -1);
	CHECK(chdir("/proc/self/fd") == 0 && getcwd(text, sizeof(text)) && strstr(text, "/fd"));
	CHECK(chdir("..") == 0 && access("stat", F_OK) == 0);
}

static void sparse_files(void)
{
	const off_t far = (off_t)3 << 40, page = 4096;
	int fd = open("/tmp/expected.sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[4] = "xxx", *map;
	struct stat st;

	CHECK(ftruncate(fd, far) == 0 && fstat(fd, &st) == 0 && st.st_size == far && st.st_blocks == 0);
	CHECK(pread(fd, buf, 2, far / 2) == 2 && !buf[0] && !buf[1]);
	CHECK(pwrite(fd, "end", 3, far - 3) == 3 && pwrite(fd, "mid", 3, 5 << 20) == 3);
	CHECK(fstat(fd, &st) == 0 && st.st_blocks == 2 * page / 512);
	CHECK(pread(fd, buf, 4, far - 3) == 3 && !memcmp(buf, "end", 3));
	CHECK(pread(fd, buf, 3, 5 << 20) == 3 && !memcmp(buf, "mid", 3));
	map = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, far - page);
	CHECK(map != MAP_FAILED && !memcmp(map + page - 3, "end", 3) && !map[0]);
	CHECK(munmap(map, page) == 0);
	CHECK(ftruncate(fd, (5 << 20) + 1) == 0 && ftruncate(fd, far) == 0);
	CHECK(pread(fd, buf, 3, 5 << 20) == 3 && !memcmp(buf, "m\0\0", 3));
	CHECK(pread(fd, buf, 3, far - 3) == 3 && !buf[0]);
	CHECK(fstat(fd, &st) == 0 && st.st_blocks == page / 512);
	CHECK(ftruncate(fd, 0) == 0 && fstat(fd, &st) == 0 && st.st_blocks == 0);
	CHECK(ftruncate(fd, -1) == -1 && errno == EINVAL);
	CHECK(ftruncate(fd, (off_t)1 << 60) == -1 && errno == EFBIG);
	CHECK(pwrite(fd, "x", 1, INT64_MAX - 1) == -1 && errno == EFBIG);
	unlink("/tmp/expected.sparse");
}

/* Bytes that fit into a new file of this name. */
static long fill(const char *path)
{
	static char block[4096];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	long n, sum = 0;

	while ((n = write(fd, block, sizeof(block))) > 0)
		sum += n;
	CHECK(n == -1 && errno == ENOSPC);
	close(fd);
	return sum;
}

static long free_memory(void)
{
	struct sysinfo info;

	CHECK(sysinfo(&info) == 0);
	return info.freeram * info.mem_unit;
}

static void tmpfs_has_a_size(void)
{
	struct statfs fs;
	struct stat st;
	long before;
	int fd, i;
	pid_t pid;

	mkdir("/tmp/expected.mnt", 0755);
	CHECK(mount("none", "/tmp/expected.mnt", "tmpfs", 0, "size=64k,bogus=1") == -1 && errno == EINVAL);
	CHECK(mount("none", "/tmp/expected.mnt", "tmpfs", 0, "size=64q") == -1 && errno == EINVAL);
	CHECK(mount("none", "/tmp/expected.mnt", "tmpfs", 0, "size=64k,mode=1700") == 0);
	CHECK(stat("/tmp/expected.mnt", &st) == 0 && (st.st_mode & 07777) == 01700);
	CHECK(statfs("/tmp/expected.mnt", &fs) == 0 && fs.f_blocks * fs.f_bsize == 65536);
	CHECK(fill("/tmp/expected.mnt/a") == 65536);
	CHECK(statfs("/tmp/expected.mnt", &fs) == 0 && fs.f_bfree == 0);
	for (i = 0; i < 3; i++) { /* what is removed can be made again */
		CHECK(unlink("/tmp/expected.mnt/a") == 0);
		CHECK(fill("/tmp/expected.mnt/a") == 65536);
	}
	pid = fork();
	if (!pid) { /* a page that the file cannot have */
		fd = open("/tmp/expected.mnt/b", O_RDWR | O_CREAT, 0600);
		ftruncate(fd, 4096);
		*(char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) = 1;
		_exit(0);
	}
	CHECK(WTERMSIG(wait_code(pid)) == SIGBUS);
	fd = open("/tmp/expected.mnt/b", O_RDWR);
	before = free_memory(); /* what is refused costs nothing, wherever it was to be */
	for (i = 1; i < 1000; i++)
		CHECK(pwrite(fd, "x", 1, (off_t)i << 22) == -1 && errno == ENOSPC);
	CHECK(free_memory() > before - (1 << 20) && close(fd) == 0);
	CHECK(mount("none", "/tmp/expected.mnt", "tmpfs", MS_REMOUNT, "size=128k") == 0);
	CHECK(fill("/tmp/expected.mnt/b") == 65536);
	CHECK(rename("/tmp/expected.mnt/b", "/tmp/b") == -1 && errno == EXDEV);
	fd = open("/tmp/expected.mnt/a", O_RDWR);
	CHECK(umount("/tmp/expected.mnt") == 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	CHECK(rmdir("/tmp/expected.mnt") == 0);
}

static void chroot_holds(void)
{
	char path[64];
	pid_t pid;
	int out = open("/", O_RDONLY | O_DIRECTORY);

	mkdir("/tmp/expected.root", 0755);
	mkdir("/tmp/expected.root/in", 0755);
	CHECK(symlink("/in", "/tmp/expected.root/link") == 0);
	CHECK(chroot("/tmp/nothing") == -1 && errno == ENOENT && chroot("/etc/passwd") == -1 &&
	      errno == ENOTDIR);
	CHECK(chroot("/tmp/expected.root") == 0 && chdir("/link/../in") == 0);
	CHECK(getcwd(path, sizeof(path)) && !strcmp(path, "/in"));
	CHECK(chdir("../../../..") == 0 && getcwd(path, sizeof(path)) && !strcmp(path, "/"));
	CHECK(access("/in", F_OK) == 0 && access("/etc", F_OK) == -1);
	pid = fork();
	if (!pid)
		_exit(access("/in", F_OK) == 0 && access("/../etc", F_OK) == -1 ? 0 : 1);
	CHECK(wait_code(pid) == 0);
	CHECK(fchdir(out) == 0 && !getcwd(path, sizeof(path)) &&
	      errno == ENOENT); /* outside of the new root */
	CHECK(chroot(".") == 0 && chdir("/tmp") == 0);
	CHECK(unlink("expected.root/link") == 0 && rmdir("expected.root/in") == 0 &&
	      rmdir("expected.root") == 0);
}

/* Runs wc -c on one argument of n bytes; its exit code, or errno. */
static int with_argument(size_t n, unsigned copies)
{
	static char *args[600001] = {"sh", "-c", "test $# -gt 0 && test ${#1} -gt 0", "sh"};
	char *text = malloc(n + 1);
	unsigned i;
	pid_t pid;

	memset(text, 'a', n);
	text[n] = 0;
	for (i = 0; i < copies; i++)
		args[4 + i] = text;
	args[4 + copies] = NULL;
	pid = fork();
	if (!pid) {
		execv("/bin/sh", args);
		_exit(errno);
	}
	free(text);
	return WEXITSTATUS(wait_code(pid));
}

static void many_arguments(void)
{
	CHECK(with_argument(100000, 19) == 0);
	CHECK(with_argument(100000, 22) == E2BIG);
	CHECK(with_argument(1, 600000) == E2BIG); /* the pointers count too: they lie on the stack */
	CHECK(sysconf(_SC_ARG_MAX) > 0);
}

static void many_descriptors(void)
{
	struct pollfd p[1000];
	struct rlimit limit;
	int ends[2], i, last = 0;
	fd_set set;
	pid_t pid;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 1024);
	CHECK(pipe(ends) == 0);
	while (last < 1000)
		CHECK((last = dup(ends[0])) > 0);
	CHECK(dup2(ends[0], 1020) == 1020 && fcntl(1020, F_SETFD, FD_CLOEXEC) == 0);
	CHECK(fcntl(1020, F_GETFD) == FD_CLOEXEC && fcntl(last, F_GETFD) == 0);
	for (i = 0; i < 1000; i++)
		p[i] = (struct pollfd){last - i, POLLIN, 0};
	CHECK(write(ends[1], "x", 1) == 1 && poll(p, 900, 0) >= 890);
	FD_ZERO(&set);
	FD_SET(1020, &set);
	CHECK(select(1021, &set, NULL, NULL, NULL) == 1 && FD_ISSET(1020, &set));
	pid = fork();
	if (!pid) { /* all are inherited; close-on-exec ones go */
		execl("/bin/sh", "sh", "-c", "test -e /proc/self/fd/1000 && ! test -e /proc/self/fd/1020",
		      NULL);
		_exit(1);
	}
	CHECK(wait_code(pid) == 0);
	CHECK(dup2(0, limit.rlim_cur) == -1 && errno == EBADF);
	while ((i = dup(0)) >= 0)
		last = i;
	CHECK(errno == EMFILE && last == (int)limit.rlim_cur - 1);
}

static void nobody_gets_more_memory_than_there_is(void)
{
	void *all;

	CHECK(!malloc((size_t)1 << (sizeof(long) == 8 ? 40 : 30)) && errno == ENOMEM);
	all = mmap(NULL, 1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(all != MAP_FAILED && munmap(all, 1 << 30) == 0); /* addresses alone are no memory */
}

static void stat_has_all_fields(void)
{
	char text[1024] = "", *at;
	int fd = open("/proc/self/stat", O_RDONLY), fields = 2;

	CHECK(read(fd, text, sizeof(text) - 1) > 0 && (at = strrchr(text, ')')));
	for (; (at = strchr(at, ' ')); at++)
		fields++;
	CHECK(fields == 52);
}

static void archives(void)
{
	CHECK(system("cd /tmp && mkdir arc && echo text > arc/a && tar czf arc.tgz arc && rm -r arc && "
		     "tar xzf arc.tgz && test \"$(cat arc/a)\" = text && rm arc.tgz") == 0);
	CHECK(system("cd /tmp && tar cjf arc.tbz arc && tar xjf arc.tbz && rm -r arc arc.tbz") == 0);
	CHECK(system("echo text | gzip | zcat | cmp - /dev/fd/3 3<<E\ntext\nE\n") == 0);
	CHECK(system("printf "
		     "'\\375\\067\\172\\130\\132\\000\\000\\004\\346\\326\\264\\106\\000\\000\\000\\000\\034"
		     "\\337\\104"
		     "\\041\\037\\266\\363\\175\\001\\000\\000\\000\\000\\004\\131\\132' | xz -dc") == 0);
}

static const struct check checks[] = {
    {"standard streams have names", standard_streams_have_names},
    {"open files are listed", open_files_are_listed},
    {"sparse files", sparse_files},
    {"a tmpfs has a size", tmpfs_has_a_size},
    {"chroot holds", chroot_holds},
    {"many arguments", many_arguments},
    {"many descriptors", many_descriptors},
    {"nobody gets more memory than there is", nobody_gets_more_memory_than_there_is},
    {"stat has all fields", stat_has_all_fields},
    {"archives", archives},
};

int main(int argc, char **argv)
{
	return RUN_CHECKS("expected", checks, argc, argv);
}
