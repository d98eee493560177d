/* SPDX-License-Identifier: MIT */
/* Files in memory: opening, reading, writing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include "cost.h"

#define PATH  "/tmp/cost.file"
#define BLOCK 4096

static int fd;
static char block[BLOCK];

static void make_file(void)
{
	fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
	REQUIRE(fd >= 0 && write(fd, block, BLOCK) == BLOCK);
}

static void remove_file(void)
{
	close(fd);
	unlink(PATH);
}

static void open_close(unsigned rounds)
{
	while (rounds--)
		REQUIRE(close(open(PATH, O_RDONLY)) == 0);
}

static void read_block(unsigned rounds)
{
	while (rounds--)
		REQUIRE(pread(fd, block, BLOCK, 0) == BLOCK);
}

static void write_block(unsigned rounds)
{
	while (rounds--)
		REQUIRE(pwrite(fd, block, BLOCK, 0) == BLOCK);
}

const struct workload files[] = {
    {"file_open", 16, 200, 1, make_file, NULL, open_close, remove_file},
    {"file_read", 16, 200, 1, make_file, NULL, read_block, remove_file},
    {"file_write", 16, 200, 1, make_file, NULL, write_block, remove_file},
    {0},
};
