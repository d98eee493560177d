/* SPDX-License-Identifier: MIT */
/*
 * What a program may expect of files on an ext2, in the folder that is named; it leaves some in FOLDER/kept, which
 * tests/system/ext2.py looks for on the disk. With "full" besides, it fills the disk first. Each line that fails is printed; the exit code
 * is 0 if none does.
 */
#define _GNU_SOURCE
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 300000
static char data[SIZE], other[SIZE];

static int make(const char *name, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	return fd;
}

static int has(const char *name, size_t n)
{
	int fd = open(name, O_RDONLY);
	ssize_t got = read(fd, other, SIZE);

	close(fd);
	return fd >= 0 && got == (ssize_t)n && !memcmp(data, other, n);
}

static void contents(void)
{
	int fd = make("file", SIZE);
	struct stat st;
	char *map;

	CHECK(!fstat(fd, &st) && st.st_size == SIZE && st.st_blocks >= SIZE / 512 &&
	      st.st_blocks < SIZE / 512 + 40);
	CHECK(pwrite(fd, "far", 3, 5LL << 30) == 3 && !fstat(fd, &st));
	CHECK(st.st_size == (5LL << 30) + 3 && st.st_blocks < SIZE / 512 + 80);
	CHECK(pread(fd, other, 5, (5LL << 30) - 2) == 5 && !memcmp(other, "\0\0far", 5));
	CHECK(!ftruncate(fd, SIZE / 2) && !ftruncate(fd, SIZE) && pread(fd, other, SIZE, 0) == SIZE);
	CHECK(!memcmp(data, other, SIZE / 2));
	for (int i = SIZE / 2; i < SIZE; i++)
		CHECK(!other[i]);
	CHECK(pwrite(fd, data, SIZE, 0) == SIZE && !fsync(fd) && !fdatasync(fd));
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED && !memcmp(map, data, SIZE));
	map[5000] ^= 1;
	CHECK(has("file", SIZE) && pwrite(fd, "new", 3, 100000) == 3 && !memcmp(map + 100000, "new", 3));
	CHECK(pwrite(fd, data + 100000, 3, 100000) == 3 && !munmap(map, SIZE));
	CHECK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	close(fd);
	fd = open("file", O_WRONLY | O_APPEND | O_DSYNC);
	CHECK(pwrite(fd, data, 1000, 0) == 1000 && !fstat(fd, &st) && st.st_size == SIZE + 1000);
	CHECK(!truncate("file", SIZE) && has("file", SIZE));
	close(fd);
	CHECK(!unlink("file") && access("file", F_OK) < 0);
}

static void names(void)
{
	char name[300];
	struct stat st;
	int fd;

	memset(name, 'n', sizeof(name));
	name[256] = 0;
	FAILS(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
	name[255] = 0;
	close(make(name, 10));
	CHECK(has(name, 10) && !rename(name, "short") && !link("short", name) && !stat("short", &st) &&
	      st.st_nlink == 2);
	FAILS(mkdir(name, 0755), EEXIST);
	CHECK(!unlink(name) && !stat("short", &st) && st.st_nlink == 1);
	CHECK(!mkdir("a", 0755) && !mkdir("a/b", 0750) && !stat("a", &st) && st.st_nlink == 3);
	FAILS(rename("a", "a/b/c"), EINVAL);
	FAILS(rmdir("a"), ENOTEMPTY);
	CHECK(!rename("a/b", "b") && !stat("a", &st) && st.st_nlink == 2 && !rename("b", "a"));
	CHECK(!symlink("short", "a/link") && readlink("a/link", name, 300) == 5);
	memset(name, '/', 200);
	strcpy(name + 200, "tmp");
	CHECK(!symlink(name, "slow") && readlink("slow", other, 300) == 203 && !stat("slow", &st) &&
	      S_ISDIR(st.st_mode));
	/* The old file stays for who has it open. */
	close(make("old", 20000));
	fd = open("old", O_RDONLY);
	close(make("new", 30000));
	CHECK(!rename("new", "old") && has("old", 30000) && access("new", F_OK) < 0);
	CHECK(read(fd, other, SIZE) == 20000 && !memcmp(data, other, 20000) && !fstat(fd, &st) &&
	      !st.st_nlink);
	close(fd);
	CHECK(!unlink("old") && !unlink("slow") && !unlink("a/link") && !unlink("short") && !rmdir("a"));
}

static void attributes(void)
{
	const struct timespec times[2] = {{4102444800, 123456789}, {-5, 7}};
	const struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
	struct stat st;
	int fd = make("times", 1);

	CHECK(!futimens(fd, times) && !fchmod(fd, 04751) && !fchown(fd, 70000, 80000) && !fstat(fd, &st));
	CHECK(st.st_mode == (S_IFREG | 04751) && st.st_uid == 70000 && st.st_gid == 80000);
	CHECK(st.st_atim.tv_sec == times[0].tv_sec && st.st_atim.tv_nsec == times[0].tv_nsec);
	FAILS(futimens(fd, bad), EINVAL);
	CHECK(write(fd, "x", 1) == 1 && !fstat(fd, &st) && st.st_mtime > 1600000000 &&
	      st.st_mtime < 4000000000);
	close(fd);
	CHECK(!unlink("times") && !mkfifo("fifo", 0600) && !mknod("zero", S_IFCHR | 0600, makedev(1, 5)));
	fd = open("zero", O_RDONLY);
	CHECK(read(fd, other, 10) == 10 && !memcmp(other, "\0\0\0\0\0\0\0\0\0\0", 10));
	close(fd);
	CHECK(!unlink("fifo") && !unlink("zero"));
}

/* The program itself, copied: it runs, and cannot be written meanwhile. */
static void runs(const char *self)
{
	char command[600];

	snprintf(command, sizeof(command), "cp %s copy && ./copy; [ $? = 9 ]", self);
	CHECK(!system(command));
	CHECK(!unlink("copy"));
}

/* Several at a time make, write, rename and remove: nobody sees half a file. */
static void several(void)
{
	int status, pids[4];

	for (int p = 0; p < 4; p++) {
		pids[p] = fork();
		if (pids[p])
			continue;
		for (int i = 0; i < 60 && !failed; i++) {
			char name[20];
			int fd;

			snprintf(name, sizeof(name), "mine%d", p);
			close(make(name, 3000 + i * 500));
			CHECK(!rename(name, "all"));
			fd = open("all", O_RDONLY);
			if (fd >= 0) {
				ssize_t n = read(fd, other, SIZE);

				CHECK(n >= 3000 && !memcmp(data, other, n));
				close(fd);
			}
			if (i % 5 == p)
				unlink("all");
		}
		exit(failed);
	}
	for (int p = 0; p < 4; p++)
		CHECK(waitpid(pids[p], &status, 0) == pids[p] && !status);
	unlink("all");
}

static void full(void)
{
	struct statfs before, after;
	char name[30];
	int n = 0, fd;

	sync();
	CHECK(!statfs(".", &before) && before.f_bfree > 100);
	CHECK(!mkdir("full", 0755));
	for (;; n++) {
		ssize_t got;

		snprintf(name, sizeof(name), "full/%d", n);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0)
			break;
		got = write(fd, data, SIZE);
		close(fd);
		if (got < 0)
			break;
	}
	CHECK(errno == ENOSPC && n > 3 && !statfs(".", &after) && after.f_bfree < 20);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "full/%d", i);
		CHECK(!unlink(name));
	}
	unlink(name); /* the one that has no place for its contents, if it has a name */
	snprintf(name, sizeof(name), "full/%d", n);
	unlink(name);
	CHECK(!rmdir("full"));
	sync();
	CHECK(!statfs(".", &after) && after.f_bfree == before.f_bfree && after.f_ffree == before.f_ffree);
}

static void kept(void)
{
	const struct timespec times[2] = {{4102444800, 5}, {4102444800, 123456789}};
	char name[256];
	int fd;

	CHECK(!mkdir("kept", 0755) && !chdir("kept"));
	fd = make("file", SIZE);
	CHECK(!futimens(fd, times));
	close(fd);
	fd = make("far", 0);
	CHECK(pwrite(fd, "far", 3, 5LL << 30) == 3);
	close(fd);
	memset(name, 'l', 255);
	name[255] = 0;
	close(make(name, 100));
	CHECK(!link(name, "link") && !symlink("the target of a link", "fast"));
	/* Removed, but open when the machine ends */
	fd = make("open", SIZE);
	CHECK(!unlink("open"));
	if (!fork()) {
		setsid();
		close(0);
		close(1);
		close(2);
		sleep(1000);
	}
}

int main(int argc, char **argv)
{
	char self[300];

	if (argc == 1)
		return open(argv[0], O_WRONLY) < 0 && errno == ETXTBSY ? 9 : 1;
	for (int i = 0; i < SIZE; i++)
		data[i] = i * 31 + (i >> 8) * 7;
	CHECK(realpath(argv[0], self) && !chdir(argv[1]));
	contents();
	names();
	attributes();
	runs(self);
	several();
	if (argc > 2)
		full();
	kept();
	return failed;
}
