/* SPDX-License-Identifier: MIT */
/*
 * Specification of raw images: what is read is what was written, beside a twin in memory, whichever way the data goes.
 *   past the cache   an image that is written, where the file system can; an image that is only read never
 *   through it       small writes, and all where there is no such way, or the disk below takes larger pieces only, also if that shows
 *                    half-way
 *   the same         the file afterwards, in all of these cases: to the byte, its length and the rest of a sector at its end included
 *   shorter          a file that has become shorter is an error behind its new end, and the rest of it is still read
 *   errors           other than that refusal are the guest's, and not hidden by another attempt
 *   flush            is one of the file, so what went through the cache is on the disk as well
 */
#define _GNU_SOURCE
#include "disk_twin.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- A file system that can, or cannot, with pieces of a size of its own ---- */

static bool can_direct;
static unsigned piece;      /* what the disk below takes */
static int direct_fd;       /* the last one */
static unsigned past;       /* transfers that went past the cache */
static int direct_error;    /* what each such transfer ends with */
static size_t refused_from; /* that many bytes of a transfer are done, and then it is refused */
static int flushed_fd;

static int direct_open(const char *path, int flags)
{
	if (!can_direct) {
		errno = EINVAL;
		return -1;
	}
	direct_fd = open(path, flags);
	/* Here it may really not be: then the rest of this test still stands. */
	return direct_fd = direct_fd < 0 ? open(path, flags & ~O_DIRECT) : direct_fd;
}

static int refusal(int fd, const void *at, size_t bytes, uint64_t offset)
{
	if (fd != direct_fd)
		return 0;
	if (((uintptr_t)at | bytes | offset) % piece)
		return -EINVAL;
	past++;
	return direct_error;
}

static int seen_pread(int fd, void *to, size_t bytes, uint64_t offset)
{
	int rc = refusal(fd, to, bytes, offset);

	if (!rc && fd == direct_fd && refused_from) {
		memset(to, 0xee, refused_from);
		return -EINVAL;
	}
	return rc ? rc : image_pread(fd, to, bytes, offset);
}

static int seen_pwrite(int fd, const void *from, size_t bytes, uint64_t offset)
{
	int rc = refusal(fd, from, bytes, offset);

	if (!rc && fd == direct_fd && refused_from) {
		assert_int_equal(image_pwrite(fd, from, refused_from, offset), 0);
		return -EINVAL;
	}
	return rc ? rc : image_pwrite(fd, from, bytes, offset);
}

static int seen_fdatasync(int fd)
{
	flushed_fd = fd; /* the real one takes the build machine's disk its time */
	return 0;
}

#define open(path, flags)                     direct_open(path, flags)
#define image_pread(fd, to, bytes, offset)    seen_pread(fd, to, bytes, offset)
#define image_pwrite(fd, from, bytes, offset) seen_pwrite(fd, from, bytes, offset)
#define fdatasync(fd)                         seen_fdatasync(fd)
#include "blkd/raw.c"
#undef open
#undef image_pread
#undef image_pwrite
#undef fdatasync

/* ---- Images ---- */

#define SECTORS_ALL 2051u /* whole pages, then 3 sectors, then REST bytes that are no sector */
#define REST        100u

static char path[] = "/tmp/ringlet-raw-XXXXXX";
static uint8_t *memory; /* at the beginning of a page */

static void has(bool direct, unsigned size)
{
	can_direct = direct;
	piece = size;
	direct_fd = -1;
	past = 0;
	direct_error = 0;
	refused_from = 0;
}

static void make_file(void)
{
	uint8_t rest[REST];
	int fd = open(path, O_RDWR | O_TRUNC);

	memset(rest, 0xa5, sizeof(rest));
	assert_int_equal(image_pwrite(fd, rest, REST, SECTORS_ALL * 512ul), 0);
	close(fd);
}

static struct image *open_raw(bool readonly)
{
	struct image *image;
	char why[300] = "";

	if (raw_format.open(path, readonly, "a test", &image, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(image->sectors, SECTORS_ALL);
	return image;
}

static void check_file(const struct twin *t)
{
	static uint8_t all[(SECTORS_ALL + 1) * 512];
	int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, all, sizeof(all)), SECTORS_ALL * 512 + REST);
	close(fd);
	assert_memory_equal(all, t->bytes, SECTORS_ALL * 512);
	for (unsigned i = 0; i < REST; i++)
		assert_int_equal(all[SECTORS_ALL * 512 + i], 0xa5);
}

static void works_as(bool direct, unsigned size)
{
	struct twin t = {.name = path, .sectors = SECTORS_ALL, .seed = 88172645463325252 + size};

	assert_int_equal(posix_memalign((void **)&t.bytes, 4096, SECTORS_ALL * 512), 0);
	memset(t.bytes, 0, SECTORS_ALL * 512);
	make_file();
	has(direct, size);
	for (unsigned round = 0; round < 2; round++) {
		t.image = open_raw(false);
		assert_true(t.image->parallel);
		twin_work(&t, 400);
		assert_int_equal(t.image->ops->write(t.image, 64, t.bytes + 64 * 512, SMALL_WRITE), 0);
		twin_same(&t);
		t.image->ops->close(t.image);
		check_file(&t);
	}
	assert_int_equal(past > 0, direct);
	free(t.bytes);
}

static void beside_a_twin(void **state)
{
	works_as(false, 1);
	works_as(true, 1);
	works_as(true, 512);
	works_as(true, 4096);
}

static void read_only(void **state)
{
	struct image *image;

	has(true, 1);
	image = open_raw(true);
	assert_int_equal(image->ops->read(image, 0, memory, 4096), 0);
	assert_int_equal(past, 0);
	image->ops->close(image);
}

static void half_way(void **state)
{
	struct image *image;

	make_file();
	has(true, 512);
	image = open_raw(false);
	memset(memory, 7, SMALL_WRITE);
	refused_from = 4096;
	assert_int_equal(image->ops->write(image, 8, memory, SMALL_WRITE), 0);
	memset(memory, 0, SMALL_WRITE);
	assert_int_equal(image->ops->read(image, 8, memory, SMALL_WRITE), 0);
	for (unsigned i = 0; i < SMALL_WRITE; i++)
		assert_int_equal(memory[i], 7);
	assert_int_equal(past, 2);
	image->ops->close(image);
}

static void shorter(void **state)
{
	struct image *image;

	make_file();
	has(true, 512);
	image = open_raw(false);
	memset(memory, 9, 8192);
	assert_int_equal(image->ops->write(image, 0, memory, 8192), 0);
	assert_int_equal(truncate(path, 4096 + 700), 0);
	assert_int_equal(image->ops->read(image, 0, memory + 8192, 4096), 0);
	assert_memory_equal(memory + 8192, memory, 4096);
	assert_int_equal(image->ops->read(image, 8, memory + 8192, 512), 0);
	assert_int_equal(image->ops->read(image, 8, memory, 1024), -EIO); /* its end is within */
	assert_int_equal(image->ops->read(image, 0, memory, 8192), -EIO);
	assert_int_equal(image->ops->read(image, 64, memory, 4096), -EIO);
	assert_int_equal(image->ops->look(image), 0);
	assert_int_equal(image->sectors, 9);
	image->ops->close(image);
}

static void errors(void **state)
{
	struct image *image;

	make_file();
	has(true, 512);
	image = open_raw(false);
	direct_error = -EIO;
	assert_int_equal(image->ops->read(image, 0, memory, 4096), -EIO);
	direct_error = -ENOSPC;
	assert_int_equal(image->ops->write(image, 0, memory, SMALL_WRITE), -ENOSPC);
	past = 0;
	assert_int_equal(image->ops->write(image, 0, memory, SMALL_WRITE - 512), 0);
	assert_int_equal(past, 0);
	image->ops->close(image);
}

static void flushed(void **state)
{
	struct image *image;

	has(true, 4096);
	image = open_raw(false);
	assert_int_equal(image->ops->write(image, 1, memory, 512), 0);
	assert_int_equal(past, 0);
	flushed_fd = -1;
	assert_int_equal(image->ops->flush(image), 0);
	assert_int_equal(flushed_fd, raw_of(image)->fd);
	image->ops->close(image);
}

static int set_up(void **state)
{
	int fd = mkstemp(path);

	disks_make_folder();
	close(fd);
	return fd < 0 || posix_memalign((void **)&memory, 4096, SMALL_WRITE);
}

static int take_down(void **state)
{
	free(memory);
	unlink(path);
	disks_remove_folder();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(beside_a_twin), cmocka_unit_test(read_only), cmocka_unit_test(half_way),
	    cmocka_unit_test(shorter),       cmocka_unit_test(errors),    cmocka_unit_test(flushed),
	};

	return cmocka_run_group_tests(tests, set_up, take_down);
}
