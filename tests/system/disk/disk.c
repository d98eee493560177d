/* SPDX-License-Identifier: MIT */
/*
 * What a program may expect of block devices: vda, which the host logs, vdb with bad sectors, vdc, which is read-only. The places that
 * are written are known to tests/system/disk.py too. Each line that fails is printed; the exit code is 0 if none does.
 */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BLKROGET     _IO(0x12, 94)
#define BLKRRPART    _IO(0x12, 95)
#define BLKGETSIZE   _IO(0x12, 96)
#define BLKFLSBUF    _IO(0x12, 97)
#define BLKSSZGET    _IO(0x12, 104)
#define BLKDISCARD   _IO(0x12, 119)
#define BLKPBSZGET   _IO(0x12, 123)
#define BLKGETSIZE64 _IOR(0x12, 114, size_t)

/* In sectors; tests/system/disk.py knows them too. */
#define SIZE      65531L /* of vda: its last page is not whole */
#define SYNCED    40960L /* from here on, one sector in 16, a write by each way to the disk */
#define DISCARDED 49152L
#define BAD_READ  300L
#define BAD_WRITE 600L

static char page[4096], other[4 * 4096];

static void sizes(void)
{
	int fd = open("/dev/vda", O_RDONLY), value;
	unsigned physical;
	struct stat st;
	long sectors;
	uint64_t bytes;

	CHECK(lseek(fd, 0, SEEK_END) == SIZE * 512 && lseek(fd, -512, SEEK_CUR) == (SIZE - 1) * 512);
	CHECK(!ioctl(fd, BLKGETSIZE64, &bytes) && bytes == SIZE * 512);
	CHECK(!ioctl(fd, BLKGETSIZE, &sectors) && sectors == SIZE);
	CHECK(!ioctl(fd, BLKSSZGET, &value) && value == 512);
	CHECK(!ioctl(fd, BLKPBSZGET, &physical) && physical == 512);
	CHECK(!ioctl(fd, BLKROGET, &value) && value == 0);
	CHECK(!fstat(fd, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(254, 0) && st.st_size == 0);
	FAILS(ioctl(fd, BLKGETSIZE64, (void *)8), EFAULT);
	FAILS(ioctl(fd, 0x5401, page), ENOTTY);
	FAILS(write(fd, page, 512), EBADF);
	close(fd);
	CHECK(!mknod("/tmp/none", S_IFBLK | 0600, makedev(254, 200)));
	FAILS(open("/tmp/none", O_RDONLY), ENXIO);
	CHECK(!mknod("/tmp/vda", S_IFBLK | 0600, makedev(254, 0)));
	CHECK((fd = open("/tmp/vda", O_RDONLY)) >= 0 && pread(fd, page, 512, 0) == 512);
	close(fd);
}

static void ends(void)
{
	int fd = open("/dev/vda", O_RDWR);

	CHECK(pread(fd, page, 4096, SIZE * 512) == 0 && pread(fd, page, 4096, (SIZE - 1) * 512) == 512);
	FAILS(pwrite(fd, page, 1, SIZE * 512), ENOSPC);
	FAILS(pwrite(fd, page, 1, 1LL << 60), ENOSPC);
	CHECK(pread(fd, page, 1, 1LL << 60) == 0);
	memset(page, 'E', 4096);
	CHECK(pwrite(fd, page, 4096, SIZE * 512 - 100) == 100);
	FAILS(pread(fd, (void *)8, 512, 0), EFAULT);
	FAILS(pwrite(fd, (void *)8, 4096, 4096 * 9),
	      EFAULT); /* a whole page, which is not in memory: nothing is written */
	CHECK(pread(fd, other, 4096, 4096 * 9) == 4096 && memcmp(other, page, 4096));
	CHECK(!fsync(fd));
	close(fd);
	fd = open("/dev/vda", O_WRONLY | O_APPEND);
	FAILS(write(fd, page, 1), ENOSPC);
	close(fd);
}

/* Each is on the disk, by a flush, before the next one is written: the host's log tells. */
static void synced(void)
{
	int plain = open("/dev/vda", O_RDWR), data = open("/dev/vda", O_WRONLY | O_DSYNC),
	    all = open("/dev/vda", O_WRONLY | O_SYNC);
	int fds[] = {data, plain, all, plain, plain};

	for (int i = 0; i < 5; i++) {
		memset(page, 'a' + i, 512);
		CHECK(pwrite(fds[i], page, 512, (SYNCED + 16 * i) * 512) == 512);
		if (i == 1)
			CHECK(!fsync(plain));
		if (i == 3)
			CHECK(!fdatasync(plain));
	}
	sync();
	memset(other, 0, sizeof(other));
	CHECK(pwrite(plain, other, sizeof(other), DISCARDED * 512) == sizeof(other));
	CHECK(!ioctl(plain, BLKFLSBUF, 0));
	CHECK(!ioctl(plain, BLKDISCARD, (uint64_t[]){DISCARDED * 512, sizeof(other)}));
	FAILS(ioctl(plain, BLKDISCARD, (uint64_t[]){DISCARDED * 512 + 1, 512}), EINVAL);
	FAILS(ioctl(plain, BLKDISCARD, (uint64_t[]){0, SIZE * 512 + 512}), EINVAL);
	FAILS(ioctl(plain, BLKDISCARD, (uint64_t[]){-512LL, 1024}), EINVAL);
	close(plain);
	close(data);
	close(all);
}

/* EIO for what is bad, and nothing else. */
static void bad_sectors(void)
{
	int fd = open("/dev/vdb", O_RDWR);
	long first = BAD_READ / 8 * 8 * 512;

	CHECK(pread(fd, other, sizeof(other), first - 8192) == 8192);
	FAILS(pread(fd, other, 4096, first), EIO);
	FAILS(pread(fd, other, 1, first + 4095), EIO);
	CHECK(pread(fd, other, 4096, first + 4096) == 4096);
	memset(other, 'W', sizeof(other));
	CHECK(pwrite(fd, other, sizeof(other), BAD_WRITE / 8 * 4096 - 8192) == sizeof(other));
	FAILS(fsync(fd), EIO);
	CHECK(!fsync(fd));
	close(fd);
}

static void read_only(void)
{
	int fd = open("/dev/vdc", O_RDWR), value = 0;

	CHECK(!ioctl(fd, BLKROGET, &value) && value == 1);
	FAILS(write(fd, page, 512), EPERM);
	CHECK(read(fd, page, 512) == 512 && !memcmp(page, "read-only", 9));
	close(fd);
}

static void partitions(void)
{
	int disk = open("/dev/vda", O_RDWR), part = open("/dev/vda5", O_RDWR);

	FAILS(ioctl(disk, BLKRRPART, 0), EBUSY);
	memset(page, 'P', 512);
	CHECK(pwrite(part, page, 512, 512) == 512);
	FAILS(ioctl(part, BLKRRPART, 0), EINVAL);
	close(part);
	CHECK(!ioctl(disk, BLKRRPART, 0)); /* what was written to the partition is on the disk then */
	part = open("/dev/vda5", O_RDONLY);
	CHECK(part >= 0 && pread(part, other, 512, 512) == 512 && !memcmp(page, other, 512));
	close(disk);
	close(part);
}

int main(void)
{
	sizes();
	ends();
	synced();
	partitions();
	bad_sectors();
	read_only();
	return failed;
}
