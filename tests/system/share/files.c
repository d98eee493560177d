/* SPDX-License-Identifier: MIT */
/*
 * What a program may expect of files in a folder that the host shares, in the folder named by the argument. Each line that
 * fails is printed; the exit code is 0 if none does.
 */
#include "../check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG   (300 * 1024 + 17)
#define NAMES 150

static char text[BIG], got[BIG];

/* The size as the path and as the open file say it. */
static void check_size(int fd, const char *name, off_t size)
{
	struct stat by_name, by_fd;

	CHECK(!stat(name, &by_name) && by_name.st_size == size);
	CHECK(!fstat(fd, &by_fd) && by_fd.st_size == size && by_fd.st_ino == by_name.st_ino);
	CHECK(lseek(fd, 0, SEEK_END) == size);
}

static void contents(void)
{
	int fd = open("big", O_RDWR | O_CREAT | O_EXCL, 0444), again;

	for (size_t i = 0; i < BIG; i++)
		text[i] = i * 7 + i / 4096;
	CHECK(fd >= 0 && write(fd, text, BIG) == BIG);
	check_size(fd, "big", BIG);
	CHECK(pread(fd, got, BIG, 0) == BIG && !memcmp(got, text, BIG));
	CHECK(pread(fd, got, 100, BIG - 10) == 10 && !memcmp(got, text + BIG - 10, 10));
	CHECK(pread(fd, got, 100, BIG) == 0 && pread(fd, got, 100, BIG + 100000) == 0);
	CHECK(pwrite(fd, "xyz", 3, 70000) == 3 && pread(fd, got, 3, 70000) == 3 && !memcmp(got, "xyz", 3));
	CHECK(!fchmod(fd, 0644) && !ftruncate(fd, 5000)); /* the host does this by the file's name */
	check_size(fd, "big", 5000);
	again = open("big", O_WRONLY | O_APPEND);
	CHECK(again >= 0 && write(again, "end", 3) == 3);
	check_size(fd, "big", 5003);
	CHECK(pread(fd, got, 10, 4999) == 4 && !memcmp(got + 1, "end", 3));
	FAILS(open("big", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK(write(fd, (void *)16, 10) < 0 && errno == EFAULT);
	/* The name goes, the file stays for those who have it open. */
	CHECK(!unlink("big") && pread(fd, got, 3, 5000) == 3 && !memcmp(got, "end", 3));
	FAILS(open("big", O_RDONLY), ENOENT);
	close(again);
	close(fd);
}

static void mappings(void)
{
	int fd = open("map", O_RDWR | O_CREAT | O_TRUNC, 0644), only;
	char *private, *shared;

	CHECK(write(fd, text, BIG) == BIG);
	only = open("map", O_RDONLY);
	private = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	shared = mmap(NULL, BIG, PROT_READ, MAP_SHARED, only, 0);
	CHECK(private != MAP_FAILED && !memcmp(private, text, BIG));
	CHECK(shared != MAP_FAILED && !memcmp(shared, text, BIG));
	CHECK(mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	FAILS(mprotect(shared, BIG, PROT_READ | PROT_WRITE), EACCES);
	private[5000] = 'p';
	CHECK(pread(fd, got, 1, 5000) == 1 && got[0] == text[5000]);
	CHECK(pwrite(fd, "written", 7, 9000) == 7 && !memcmp(shared + 9000, "written", 7));
	munmap(private, BIG);
	munmap(shared, BIG);
	close(only);
	close(fd);
	CHECK(!unlink("map"));
}

static void names(void)
{
	struct stat st;
	struct dirent *e;
	char name[300];
	int count = 0, again = 0;
	DIR *dir;

	CHECK(!mkdir("d", 0755));
	FAILS(mkdir("d", 0755), EEXIST);
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "d/a-name-that-is-not-short-%d", i);
		CHECK(!close(open(name, O_CREAT | O_WRONLY, 0644)));
	}
	FAILS(rmdir("d"), ENOTEMPTY);
	FAILS(unlink("d"), EISDIR);
	FAILS(rename("d", "d/below"), EINVAL);
	FAILS(open("d/a-name-that-is-not-short-1/x", O_RDONLY), ENOTDIR);
	dir = opendir("d");
	while (dir && (e = readdir(dir)))
		count += *e->d_name == 'a';
	CHECK(count == NAMES);
	rewinddir(dir);
	while (dir && (e = readdir(dir))) {
		if (*e->d_name != 'a')
			continue;
		snprintf(name, sizeof(name), "d/%s", e->d_name);
		CHECK(!unlink(name));
		again++;
	}
	closedir(dir);
	CHECK(again == NAMES && !rmdir("d"));
	CHECK(!close(open("one", O_CREAT | O_WRONLY, 0644)) && !close(open("two", O_CREAT | O_WRONLY, 0600)));
	CHECK(!chown("one", 12, 34)); /* whether or not the host may */
	CHECK(!chmod("one", 0640) && !stat("one", &st) && (st.st_mode & 07777) == 0640);
	CHECK(!utimensat(AT_FDCWD, "one", (struct timespec[2]){{1000000000, 5}, {1100000000, 0}}, 0));
	CHECK(!stat("one", &st) && st.st_mtime == 1100000000 && st.st_atime == 1000000000);
	CHECK(!rename("one", "two") && !stat("two", &st) && st.st_mtime == 1100000000);
	FAILS(stat("one", &st), ENOENT);
	CHECK(!link("two", "three") && !stat("three", &st) && st.st_nlink == 2 && !unlink("three"));
	CHECK(!symlink("two", "link") && !lstat("link", &st) && S_ISLNK(st.st_mode) && st.st_size == 3);
	CHECK(!stat("link", &st) && S_ISREG(st.st_mode) && !unlink("link") && !unlink("two"));
	FAILS(mkfifo("fifo", 0644), EPERM);
	memset(text, 'n', 300);
	text[300] = 0;
	FAILS(open(text, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
}

/* One file has one inode: a lock of one process holds for another that opens the file by another name. */
static void locks(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open("lock", O_RDWR | O_CREAT, 0644), status = 1;

	CHECK(!link("lock", "lock2") && !fcntl(fd, F_SETLK, &lock));
	if (!fork()) {
		fd = open("lock2", O_RDWR);
		_exit(fcntl(fd, F_SETLK, &lock) == 0);
	}
	wait(&status);
	CHECK(status == 0 && !unlink("lock") && !unlink("lock2"));
	close(fd);
}

/* Several at a time, each with a file of its own. */
static void together(void)
{
	char name[16];
	int status;

	for (int i = 0; i < 6; i++) {
		if (fork())
			continue;
		failed = 0;
		snprintf(name, sizeof(name), "child%d", i);
		for (int round = 0; round < 5; round++) {
			int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

			memset(text, 'a' + i, 100000);
			CHECK(write(fd, text, 100000) == 100000 && pread(fd, got, BIG, 0) == 100000);
			CHECK(!memcmp(text, got, 100000));
			close(fd);
		}
		CHECK(!unlink(name));
		_exit(failed);
	}
	while (wait(&status) > 0)
		CHECK(status == 0);
}

int main(int argc, char **argv)
{
	if (argc != 2 || chdir(argv[1])) {
		printf("needs a folder\n");
		return 2;
	}
	contents();
	mappings();
	names();
	locks();
	together();
	return failed;
}
