/* SPDX-License-Identifier: MIT */
/* checkup: what programs and scripts expect to find on any Unix with Linux's system calls. */
#define _GNU_SOURCE
#include "checkup.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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
	bool in, out, err;
	char name[32];
	struct stat st;

	CHECK(readlink("/dev/fd", name, sizeof(name)) == 13 && !memcmp(name, "/proc/self/fd", 13));
	CHECK(lstat("/dev/stderr", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(pipe(ends) == 0);
	dup2(ends[1], 1);
	dup2(ends[1], 2);
	dup2(ends[0], 0);
	out = system("echo out > /dev/stdout") == 0 && says(ends[0], "out\n");
	err = system("echo err >> /dev/stderr; echo fd > /dev/fd/2") == 0 && says(ends[0], "err\nfd\n");
	in = write(ends[1], "in", 2) == 2 && says(open("/dev/stdin", O_RDONLY), "in");
	dup2(kept, 1);
	dup2(kept_errors, 2);
	CHECK(out && err && in);
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
	int fd = open("/tmp/checkup.fd", O_RDWR | O_CREAT | O_TRUNC, 0600), again, ends[2], before;
	char path[40], text[64];
	pid_t pid;

	before = entries("/proc/self/fd");
	CHECK(before >= 7); /* ".", "..", 0 to 2, this one and the directory's own */
	CHECK(pipe(ends) == 0 && entries("/proc/self/fd") == before + 2);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	CHECK(readlink(path, text, sizeof(text)) > 6 && !memcmp(text, "pipe:[", 6));
	CHECK(write(fd, "kept", 4) == 4 && unlink("/tmp/checkup.fd") == 0);
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

const struct check expected_checks[] = {
    {"standard streams have names", standard_streams_have_names},
    {"open files are listed", open_files_are_listed},
    {"many descriptors", many_descriptors},
    {"stat has all fields", stat_has_all_fields},
    {"archives", archives},
    {NULL, NULL},
};
