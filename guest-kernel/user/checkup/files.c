/* SPDX-License-Identifier: MIT */
/* checkup: files, their names and what waits for them. */
#define _GNU_SOURCE
#include "checkup.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

const struct check file_checks[] = {
    {"file mappings", file_mappings},     {"names and directories", names_and_directories},
    {"file positions", file_positions},   {"pipes", pipes},
    {"poll and select", poll_and_select}, {NULL, NULL},
};
