/* SPDX-License-Identifier: MIT */
/*
 * disk: is a disk (or a file) what was written to it, and how fast is it? What it has is lost.
 *
 *	disk check PATH     writers write all of it side by side, each with its own pattern, and fsync() now and then; after the
 *	                    kernel has forgotten what it knew of the disk, all is read and compared
 *	disk speed PATH     microseconds for a request, in a row and at random; what is written counts until it is on the disk
 *	disk speed PATH ROW COUNT
 *	                    only this row of them, from 1 on, and so many requests
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

static const struct row {
	const char *what;
	size_t size;
	bool writes, random;
} rows[] = {
    {"read 64 KiB, in a row", LARGE, false, false},
    {"write 64 KiB, in a row", LARGE, true, false},
    {"read 4 KiB, at random", BLOCK, false, true},
    {"write 4 KiB, at random", BLOCK, true, true},
};

static void speed_of(const struct row *r, unsigned count, uint64_t bytes)
{
	int fd = open_it(O_RDWR);
	uint32_t state = 1;
	uint64_t began, took;

	forget(fd);
	began = now();
	for (unsigned i = 0; i < count; i++) {
		off_t at = (off_t)i * r->size % bytes;

		if (r->random) {
			state = state * 1103515245u + 12345u;
			at = (off_t)(state % (bytes / r->size)) * r->size;
		}
		if ((r->writes ? pwrite(fd, buf, r->size, at) : pread(fd, buf, r->size, at)) !=
		    (ssize_t)r->size)
			die(r->what);
	}
	if (r->writes && fsync(fd))
		die("fsync");
	took = now() - began;
	printf("%-24s %5u requests %8.1f us each %8.1f MB/s\n", r->what, count, took / 1000.0 / count,
	       (double)r->size * count * 1000 / took);
	close(fd);
}

/* One row, or all (0) as often as is good for each. */
static int speed(uint64_t bytes, unsigned row, unsigned count)
{
	bytes = (bytes < MOST ? bytes : MOST) / LARGE * LARGE;
	for (unsigned i = 1; i <= sizeof(rows) / sizeof(*rows); i++)
		if (row == i)
			speed_of(&rows[i - 1], count, bytes);
		else if (!row)
			speed_of(&rows[i - 1], rows[i - 1].random ? RANDOM : bytes / LARGE, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned row = argc == 5 ? atoi(argv[3]) : 0, count = argc == 5 ? atoi(argv[4]) : 0;
	bool checks = argc == 3 && !strcmp(argv[1], "check"),
	     measures = argc >= 3 && !strcmp(argv[1], "speed");
	off_t bytes;

	if (!checks && !(measures && (argc == 3 || (row && count)))) {
		fprintf(stderr,
			"usage: disk check PATH | disk speed PATH [ROW COUNT]    (what PATH has is lost)\n");
		return 2;
	}
	path = argv[2];
	bytes = lseek(open_it(O_RDWR), 0, SEEK_END);
	if (bytes < (off_t)LARGE) {
		fprintf(stderr, "disk: %s: is smaller than 64 KiB\n", path);
		return 1;
	}
	return checks ? check(bytes / BLOCK) : speed(bytes, row, count);
}
