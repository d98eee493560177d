/* SPDX-License-Identifier: MIT */
/*
 * disk: is a disk (or a file) what was written to it, and how fast is it? What it has is lost.
 *
 *	disk check PATH     writers write all of it side by side, each with its own pattern, and fsync() now and then; after the
 *	                    kernel has forgotten what it knew of the disk, all is read and compared
 *	disk speed PATH     microseconds for a request, in a row and at random; what is written counts until it is on the disk
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 4u
#define BLOCK   4096u
#define LARGE   65536u
#define MOST    (16u << 20) /* bytes that `speed` uses */
#define RANDOM  256u        /* requests at random */

static const char *path;
static unsigned char buf[LARGE];

static void die(const char *what)
{
	fprintf(stderr, "disk: %s: %s: %s\n", path, what, strerror(errno));
	exit(1);
}

static int open_it(int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		die("open");
	return fd;
}

/* What is read next comes from the disk. A file keeps what it has. */
static void forget(int fd)
{
	ioctl(fd, BLKFLSBUF, 0);
}

static void fill(uint32_t block, unsigned char *to)
{
	uint32_t state = block * 2654435761u + 1;

	for (unsigned i = 0; i < BLOCK; i++) {
		state = state * 1103515245u + 12345u;
		to[i] = state >> 16;
	}
}

/* Every WRITERS-th run of 1 to 8 blocks; the runs' lengths are the same for all writers. */
static void writer(unsigned self, uint32_t blocks)
{
	int fd = open_it(O_RDWR);
	uint32_t at = 0;

	for (unsigned run = 0; at < blocks; run++) {
		uint32_t n = 1 + run * 5 % 8;

		for (uint32_t i = 0; run % WRITERS == self && i < n && at + i < blocks; i++) {
			fill(at + i, buf);
			if (pwrite(fd, buf, BLOCK, (off_t)(at + i) * BLOCK) != BLOCK)
				die("write");
		}
		if (run % 64 == 63 && fsync(fd))
			die("fsync");
		at += n;
	}
	if (fsync(fd))
		die("fsync");
	exit(0);
}

static int check(uint32_t blocks)
{
	unsigned char wanted[BLOCK];
	unsigned failed = 0;
	int status, fd;

	for (unsigned i = 0; i < WRITERS; i++)
		if (!fork())
			writer(i, blocks);
	while (wait(&status) > 0)
		failed += status != 0;
	if (failed)
		return 1;
	fd = open_it(O_RDONLY);
	forget(fd);
	for (uint32_t block = 0; block < blocks; block++) {
		fill(block, wanted);
		if (pread(fd, buf, BLOCK, (off_t)block * BLOCK) != BLOCK)
			die("read");
		if (memcmp(buf, wanted, BLOCK)) {
			printf("disk: block %u is not what was written\n", block);
			return 1;
		}
	}
	printf("disk: %u blocks of %u writers are what was written\n", blocks, WRITERS);
	return 0;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void speed_of(const char *what, bool writes, size_t size, unsigned count, bool random, uint64_t bytes)
{
	int fd = open_it(O_RDWR);
	uint32_t state = 1;
	uint64_t began, took;

	forget(fd);
	began = now();
	for (unsigned i = 0; i < count; i++) {
		off_t at = (off_t)i * size;

		if (random) {
			state = state * 1103515245u + 12345u;
			at = (off_t)(state % (bytes / size)) * size;
		}
		if ((writes ? pwrite(fd, buf, size, at) : pread(fd, buf, size, at)) != (ssize_t)size)
			die(what);
	}
	if (writes && fsync(fd))
		die("fsync");
	took = now() - began;
	printf("%-24s %5u requests %8.1f us each %8.1f MB/s\n", what, count, took / 1000.0 / count,
	       (double)size * count * 1000 / took);
	close(fd);
}

static int speed(uint64_t bytes)
{
	unsigned large;

	bytes = bytes < MOST ? bytes : MOST;
	large = bytes / LARGE;
	speed_of("read 64 KiB, in a row", false, LARGE, large, false, bytes);
	speed_of("write 64 KiB, in a row", true, LARGE, large, false, bytes);
	speed_of("read 4 KiB, at random", false, BLOCK, RANDOM, true, bytes);
	speed_of("write 4 KiB, at random", true, BLOCK, RANDOM, true, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	off_t bytes;

	if (argc != 3 || (strcmp(argv[1], "check") && strcmp(argv[1], "speed"))) {
		fprintf(stderr, "usage: disk check|speed PATH    (what PATH has is lost)\n");
		return 2;
	}
	path = argv[2];
	bytes = lseek(open_it(O_RDWR), 0, SEEK_END);
	if (bytes < (off_t)LARGE) {
		fprintf(stderr, "disk: %s: is smaller than 64 KiB\n", path);
		return 1;
	}
	return argv[1][0] == 'c' ? check(bytes / BLOCK) : speed(bytes);
}
