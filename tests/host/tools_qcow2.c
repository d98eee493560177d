/* SPDX-License-Identifier: MIT */
/*
 * Specification: qcow2 images that qemu-img makes are read and written, so that qemu-img finds nothing wrong in them afterwards and
 * the same data as in a twin, and what QEMU writes is read: with clusters of any size, counts of any width, both versions, alone
 * and behind one another. A full disk costs the request that met it, and nothing that was written before. A disk can
 * grow. What an image may not be is refused with a sentence that says how to mend it.
 */
#include "disk_twin.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a disk with room for so many bytes more (the linker's --wrap) ---- */

static int64_t room = INT64_MAX;

ssize_t __real_pwrite(int fd, const void *from, size_t bytes, off_t at);
ssize_t __wrap_pwrite(int fd, const void *from, size_t bytes, off_t at);

ssize_t __wrap_pwrite(int fd, const void *from, size_t bytes, off_t at)
{
	if ((int64_t)bytes > room) {
		errno = ENOSPC;
		return -1;
	}
	if (room != INT64_MAX)
		room -= bytes;
	return __real_pwrite(fd, from, bytes, at);
}

/* ---- a file that is a block device ---- */

static bool devices;

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_fstat(int fd, struct stat *st)
{
	int rc = __real_fstat(fd, st);

	if (devices)
		st->st_mode = S_IFBLK | 0600;
	return rc;
}

/* ---- images ---- */

static struct twin twin_new(const char *name, uint64_t bytes)
{
	struct twin t = {.name = name,
			 .bytes = calloc(bytes, 1),
			 .sectors = bytes / SECTOR_SIZE,
			 .seed = 88172645463325252};

	assert_non_null(t.bytes);
	return t;
}

static void twin_close(struct twin *t)
{
	t->image->ops->close(t->image);
	t->image = NULL;
}

static void work_and_check(struct twin *t, unsigned rounds, unsigned count)
{
	while (rounds--) {
		t->image = disks_open(t->name, false);
		assert_int_equal(t->image->sectors, t->sectors);
		twin_work(t, count);
		twin_same(t);
		twin_close(t);
		twin_check(t);
	}
}

static void alone(void **state)
{
	static const char *const options[] = {
	    "cluster_size=512",
	    "cluster_size=4k",
	    "cluster_size=64k",
	    "cluster_size=2M",
	    "compat=0.10",
	    "compat=0.10,cluster_size=512",
	    "lazy_refcounts=on,cluster_size=1k",
	    "refcount_bits=1",
	    "refcount_bits=2,cluster_size=1k",
	    "refcount_bits=4,cluster_size=512",
	    "refcount_bits=8",
	    "refcount_bits=32,cluster_size=512",
	    "refcount_bits=64,cluster_size=512",
	    "preallocation=metadata,cluster_size=4k",
	    "preallocation=falloc",
	};

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct twin t = twin_new("a.qcow2", 20 << 20);

		print_message("# %s\n", options[i]);
		disks_must("qemu-img create -f qcow2 -o %s a.qcow2 20M", options[i]);
		t.seed += i;
		work_and_check(&t, 2, 1000);
		free(t.bytes);
	}
}

/* What is behind it, of any size: filled by QEMU with another byte in each part. */
static void make_base(const char *name, const char *format, unsigned mib, uint8_t *bytes, uint64_t seed)
{
	for (unsigned i = 0; i < 12; i++) {
		unsigned at = disks_random(&seed) % (mib * 1024 - 100), count = 1 + disks_random(&seed) % 100;

		disks_must("qemu-io -f %s -c 'write -P %u %uk %uk' %s", format, i + 1, at, count, name);
		memset(bytes + at * 1024ul, i + 1, count * 1024);
	}
}

static void behind_one_another(void **state)
{
	static const char *const options[] = {"cluster_size=64k", "cluster_size=512",
					      "compat=0.10,cluster_size=4k", "cluster_size=2M"};

	for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct twin t = twin_new("top.qcow2", 12 << 20);

		disks_must("qemu-img create -f raw base.raw 7M");
		make_base("base.raw", "raw", 7, t.bytes, 7);
		disks_must(
		    "mkdir -p sub && qemu-img create -f qcow2 -b ../base.raw -F raw sub/middle.qcow2 9M");
		make_base("sub/middle.qcow2", "qcow2", 9, t.bytes, 11);
		disks_must("qemu-img create -f qcow2 -o %s -b sub/middle.qcow2 -F qcow2 top.qcow2 12M",
			   options[i]);
		t.image = disks_open(t.name, true);
		twin_same(&t);
		twin_close(&t);
		disks_must("cp base.raw base.before && cp sub/middle.qcow2 middle.before");
		work_and_check(&t, 2, 800);
		disks_must("cmp base.raw base.before && cmp sub/middle.qcow2 middle.before && rm top.qcow2");
		free(t.bytes);
	}
}

/* Two clones of one base at a time. */
static void clones(void **state)
{
	struct twin a = twin_new("one.qcow2", 6 << 20), b = twin_new("two.qcow2", 6 << 20);

	disks_must("qemu-img create -f qcow2 base.qcow2 6M");
	make_base("base.qcow2", "qcow2", 6, a.bytes, 5);
	memcpy(b.bytes, a.bytes, 6 << 20);
	disks_must("qemu-img create -f qcow2 -b base.qcow2 -F qcow2 one.qcow2 && cp one.qcow2 two.qcow2");
	b.seed++;
	a.image = disks_open("one.qcow2", false);
	b.image = disks_open("two.qcow2", false);
	disks_refused("base.qcow2", false, "uses it");
	disks_refused("one.qcow2", false, "a test uses it");
	for (unsigned i = 0; i < 20; i++) {
		twin_work(&a, 20);
		twin_work(&b, 20);
	}
	twin_close(&a);
	twin_close(&b);
	twin_check(&a);
	twin_check(&b);
	free(a.bytes);
	free(b.bytes);
}

/* QEMU writes, in all the ways that it has; we read, and go on. */
static void written_by_qemu(void **state)
{
	struct twin t = twin_new("q.qcow2", 10 << 20);

	disks_must("qemu-img create -f qcow2 -o cluster_size=4k q.qcow2 10M");
	make_base("q.qcow2", "qcow2", 10, t.bytes, 3);
	disks_must(
	    "qemu-io -f qcow2 -c 'write -z 1M 512k' -c 'write -z -u 3M 100k' -c 'discard 4M 64k' q.qcow2");
	memset(t.bytes + (1 << 20), 0, 512 << 10);
	memset(t.bytes + (3 << 20), 0, 100 << 10);
	memset(t.bytes + (4 << 20), 0, 64 << 10);
	for (unsigned i = 0; i < 3; i++) {
		work_and_check(&t, 1, 500);
		disks_must("qemu-io -f qcow2 -c 'write -P 200 %u 12345k' q.qcow2 || qemu-io -f qcow2 -c "
			   "'write -P 200 %uk 100k' q.qcow2",
			   i, i * 2000 + 3);
		memset(t.bytes + (i * 2000 + 3) * 1024ul, 200, 100 << 10);
	}
	free(t.bytes);
}

/* QEMU was killed with counts that it had not written yet. */
static void left_dirty(void **state)
{
	struct twin t = twin_new("d.qcow2", 8 << 20);

	disks_must("qemu-img create -f qcow2 -o lazy_refcounts=on d.qcow2 8M");
	disks_run("qemu-io -f qcow2 -c 'write -P 17 100k 3000k' -c flush -c abort d.qcow2");
	disks_run("qemu-img info d.qcow2 && qemu-img check d.qcow2");
	assert_non_null(strstr(disks_said(), "ERROR"));
	memset(t.bytes + (100 << 10), 17, 3000 << 10);
	t.image = disks_open("d.qcow2", true);
	twin_same(&t);
	twin_close(&t);
	work_and_check(&t, 1, 300);
	free(t.bytes);
}

static uint64_t file_bytes(const char *name)
{
	disks_must("stat -c %%s %s", name);
	return strtoull(disks_said(), NULL, 10);
}

/* The disk below is full, at each possible place: an error, nothing else; with room again, all goes on. */
static void full_disk(void **state)
{
	struct twin t = twin_new("f.qcow2", 4 << 20);
	uint8_t *data = malloc(40 << 10), *was = malloc(40 << 10);
	unsigned failed = 0;

	disks_must("qemu-img create -f qcow2 -o cluster_size=1k f.qcow2 4M");
	t.image = disks_open(t.name, false);
	for (unsigned i = 0; i < 1500; i++) {
		uint64_t sector = disks_random(&t.seed) % (t.sectors - 80),
			 count = 1 + disks_random(&t.seed) % 79;
		uint8_t *want = t.bytes + sector * SECTOR_SIZE;

		memset(data, i, count * SECTOR_SIZE);
		room = disks_random(&t.seed) % 3 ? disks_random(&t.seed) % 60000 : INT64_MAX;
		if (t.image->ops->write(t.image, sector, data, count * SECTOR_SIZE) == 0) {
			memcpy(want, data, count * SECTOR_SIZE);
		} else {
			failed++;
			room = INT64_MAX;
			assert_int_equal(t.image->ops->read(t.image, sector, was, count * SECTOR_SIZE), 0);
			for (uint64_t s = 0; s < count * SECTOR_SIZE; s += SECTOR_SIZE) {
				if (memcmp(was + s, want + s, SECTOR_SIZE))
					assert_memory_equal(was + s, data + s, SECTOR_SIZE);
				memcpy(want + s, was + s, SECTOR_SIZE);
			}
		}
		if (i % 50 == 0)
			(void)t.image->ops->flush(t.image);
		room = INT64_MAX;
		if (i % 100 == 0)
			assert_int_equal(t.image->ops->discard(t.image, 0, 2000), 0);
		if (i % 100 == 0)
			memset(t.bytes, 0, 2000 * SECTOR_SIZE);
	}
	assert_true(failed > 100);
	twin_same(&t);
	twin_close(&t);
	twin_check(&t);
	free(data);
	free(was);
	free(t.bytes);
}

static void discard_gives_back(void **state)
{
	struct twin t = twin_new("g.qcow2", 8 << 20);
	uint64_t before;

	disks_must("qemu-img create -f qcow2 g.qcow2 8M");
	t.image = disks_open(t.name, false);
	memset(t.bytes, 5, 8 << 20);
	assert_int_equal(t.image->ops->write(t.image, 0, t.bytes, 8 << 20), 0);
	assert_int_equal(t.image->ops->flush(t.image), 0);
	before = file_bytes("g.qcow2");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(t.image->ops->discard(t.image, 0, t.sectors), 0);
		assert_int_equal(t.image->ops->flush(t.image), 0);
		disks_must("test $(du -k g.qcow2 | cut -f1) -lt 1000");
		assert_int_equal(t.image->ops->write(t.image, 0, t.bytes, 8 << 20), 0);
		assert_int_equal(t.image->ops->flush(t.image), 0);
	}
	assert_true(file_bytes("g.qcow2") <= before + 65536);
	twin_close(&t);
	twin_check(&t);
	free(t.bytes);
}

static void grows(void **state)
{
	static const char *const options[] = {"cluster_size=512", "cluster_size=4k", "cluster_size=64k",
					      "compat=0.10,cluster_size=1k"};
	static const uint64_t mib[] = {3, 4, 16, 17, 64};

	for (unsigned o = 0; o < sizeof(options) / sizeof(*options); o++) {
		struct twin t = twin_new("w.qcow2", 64 << 20);

		t.sectors = 2 << 11;
		disks_must("qemu-img create -f qcow2 -o %s w.qcow2 2M", options[o]);
		for (unsigned i = 0; i < sizeof(mib) / sizeof(*mib); i++) {
			work_and_check(&t, 1, 200);
			t.image = disks_open(t.name, false);
			assert_int_equal(qcow2_grow(t.image, 1), -EINVAL);
			assert_int_equal(qcow2_grow(t.image, mib[i] << 11), 0);
			t.sectors = mib[i] << 11;
			twin_work(&t, 300);
			twin_close(&t);
			twin_check(&t);
		}
		free(t.bytes);
	}
}

/* Images that we make are as QEMU's, for it and for us. */
static void made_here(void **state)
{
	struct twin t = twin_new("m.qcow2", 9 << 20);

	assert_int_equal(qcow2_create(disks_path("m.qcow2"), 9 << 11, NULL, NULL), 0);
	assert_int_equal(qcow2_create(disks_path("m.qcow2"), 9 << 11, NULL, NULL), -EEXIST);
	work_and_check(&t, 1, 300);
	disks_must("mv m.qcow2 below.qcow2");
	assert_int_equal(qcow2_create(disks_path("m.qcow2"), 9 << 11, "below.qcow2", "qcow2"), 0);
	disks_must("qemu-img info m.qcow2");
	assert_non_null(strstr(disks_said(), "backing file: below.qcow2"));
	assert_non_null(strstr(disks_said(), "backing file format: qcow2"));
	work_and_check(&t, 1, 300);
	assert_int_equal(qcow2_create(disks_path("large.qcow2"), 1ull << 42, NULL, NULL), 0); /* 2 PiB */
	disks_must("qemu-img check large.qcow2");
	assert_int_equal(qcow2_create(disks_path("larger.qcow2"), (1ull << 42) + 1, NULL, NULL), -EFBIG);
	free(t.bytes);
}

/* Put bytes into a file: a damaged image. */
static void poke(const char *name, uint64_t at, uint64_t value, unsigned bytes)
{
	int fd = open(disks_path(name), O_RDWR);
	uint8_t all[8];

	put_be64(all, value);
	assert_int_equal(pwrite(fd, all + 8 - bytes, bytes, at), bytes);
	close(fd);
}

static uint64_t peek(const char *name, uint64_t at)
{
	int fd = open(disks_path(name), O_RDONLY);
	uint8_t all[8];

	assert_int_equal(pread(fd, all, 8, at), 8);
	close(fd);
	return be64(all);
}

static void refused(void **state)
{
	disks_must("qemu-img create -f raw r.raw 4M && qemu-io -f raw -c 'write -P 1 0 1M' r.raw");
	disks_refused("r.raw", false, "is no qcow2 image; if it is a raw one, write format=raw");
	disks_must("qemu-img create -f qcow2 d.qcow2 4M");
	devices = true;
	disks_refused("d.qcow2", true, "is a block device, and a qcow2 image must be a file");
	devices = false;
	disks_must("qemu-img convert -c -O qcow2 r.raw c.qcow2");
	disks_refused("c.qcow2", false, "make a plain copy with: qemu-img convert");
	disks_must("qemu-img convert -c -O qcow2 -o compression_type=zstd r.raw c.qcow2");
	disks_refused("c.qcow2", true, "compression is not supported");
	disks_must("qemu-img create -f qcow2 e.qcow2 4M");
	poke("e.qcow2", QCOW2_CRYPT, 2, 4); /* making a real one wants to measure the processor */
	disks_refused("e.qcow2", true, "it is encrypted");
	disks_must("qemu-img create -f qcow2 s.qcow2 4M && qemu-img snapshot -c one s.qcow2");
	disks_refused("s.qcow2", false, "snapshots inside an image");
	disks_must("qemu-img create -f qcow2 -o data_file=x.data x.qcow2 4M");
	disks_refused("x.qcow2", false, "external data file");
	disks_must("qemu-img create -f qcow2 -o extended_l2=on l.qcow2 4M");
	disks_refused("l.qcow2", false, "extended L2 entries");
	disks_must("qemu-img create -f qcow2 p.qcow2 4M && cp p.qcow2 u.qcow2");
	poke("u.qcow2", 72, 1ull << 40, 8);
	disks_refused("u.qcow2", true, "incompatible features 0x10000000000");
	poke("u.qcow2", 72, 2, 8);
	disks_refused("u.qcow2", false, "qemu-img check -r all");
	poke("u.qcow2", 4, 4, 4);
	disks_refused("u.qcow2", false, "version 4; 2 and 3");
	disks_refused("nowhere.qcow2", false, "No such file");
}

static void refused_behind(void **state)
{
	struct image *image;

	disks_must(
	    "qemu-img create -f qcow2 a1.qcow2 4M && qemu-img create -f qcow2 -b a1.qcow2 -F qcow2 b1.qcow2");
	disks_must("qemu-img rebase -u -b b1.qcow2 -F qcow2 a1.qcow2");
	disks_refused("b1.qcow2", true, "lies behind itself");
	disks_must("qemu-img rebase -u -b gone.qcow2 -F qcow2 a1.qcow2");
	disks_refused("b1.qcow2", true, "gone.qcow2: cannot open: No such file");
	disks_must("qemu-img rebase -u -b nbd://host/x -F raw a1.qcow2");
	disks_refused("a1.qcow2", true, "nbd://host/x, which is no file");
	disks_must("qemu-img rebase -u -b v.vmdk -F vmdk a1.qcow2");
	disks_refused("a1.qcow2", true, "format \"vmdk\"");
	disks_must("qemu-img create -f raw r.raw 4M && qemu-img create -f qcow2 -o compat=0.10 -b r.raw -F "
		   "raw n.qcow2");
	assert_int_equal(peek("n.qcow2", QCOW2_V2_LENGTH) >> 32, QCOW2_BACKING_FORMAT);
	poke("n.qcow2", QCOW2_V2_LENGTH, 0x12345678, 4); /* today's qemu-img makes none without */
	disks_refused("n.qcow2", true, "qemu-img rebase -u -b r.raw -F raw|qcow2");
	disks_must("qemu-img create -f qcow2 0.qcow2 4M");
	for (unsigned i = 1; i <= QCOW2_MAX_CHAIN + 1; i++)
		disks_must("qemu-img create -f qcow2 -b %u.qcow2 -F qcow2 %u.qcow2", i - 1, i);
	image = disks_open("16.qcow2", true);
	image->ops->close(image);
	disks_refused("17.qcow2", true, "more than 16 images");
}

/* Contradictions are found when it is opened, not when a guest's data are gone. */
static void damaged(void **state)
{
	uint64_t l1, l2;

	disks_must("qemu-img create -f qcow2 ok.qcow2 4M && qemu-io -f qcow2 -c 'write -P 1 0 1M' ok.qcow2");
	l1 = peek("ok.qcow2", QCOW2_L1_AT);
	l2 = peek("ok.qcow2", l1) & QCOW2_OFFSET;
	disks_must("cp ok.qcow2 x1.qcow2");
	poke("x1.qcow2", l2 + 8, peek("x1.qcow2", l2), 8);
	disks_refused("x1.qcow2", true, "a cluster used twice");
	disks_must("cp ok.qcow2 x1.qcow2");
	poke("x1.qcow2", l2 + 8, peek("x1.qcow2", l2) + 512, 8);
	disks_refused("x1.qcow2", true, "damaged: a cluster of data");
	poke("x1.qcow2", l2 + 8, 1ull << 60 | 65536, 8);
	disks_refused("x1.qcow2", true, "damaged: an entry of L2");
	poke("x1.qcow2", l1, l1 | QCOW2_COPIED, 8);
	disks_refused("x1.qcow2", true, "a cluster used twice");
	disks_must("cp ok.qcow2 x1.qcow2 && truncate -s 1M x1.qcow2");
	disks_refused("x1.qcow2", true, "was the file cut short?");
	disks_must("cp ok.qcow2 x1.qcow2");
	poke("x1.qcow2", (peek("x1.qcow2", peek("x1.qcow2", QCOW2_REFTABLE_AT))) + 2 * (l2 / 65536), 0, 2);
	disks_refused("x1.qcow2", false, "in use is counted as free");
	poke("x1.qcow2", QCOW2_L1_AT, 77, 8);
	disks_refused("x1.qcow2", false, "the table L1");
	poke("x1.qcow2", QCOW2_L1_ENTRIES, 0, 4);
	disks_refused("x1.qcow2", false, "does not do for a disk of");
	poke("x1.qcow2", QCOW2_CLUSTER_BITS, 40, 4);
	disks_refused("x1.qcow2", false, "from 512 bytes to 2 MiB");
}

/* Work in a process that ends without closing the image, at once. */
static void work_and_die(struct twin *t, unsigned count)
{
	pid_t child = fork();
	int status;

	if (!child) {
		setenv("CMOCKA_TEST_ABORT", "1", 1); /* what fails here does not go on with the next test */
		t->image = disks_open(t->name, false);
		twin_work(t, count);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

/* A process that is killed loses nothing that a guest was answered, flushed or not. */
static void killed(void **state)
{
	static const char *const options[] = {"cluster_size=512", "cluster_size=64k",
					      "refcount_bits=1,cluster_size=4k"};

	for (unsigned o = 0; o < sizeof(options) / sizeof(*options); o++) {
		struct twin t = twin_new("k.qcow2", 16 << 20);

		free(t.bytes);
		t.bytes = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		disks_must("qemu-img create -f qcow2 -o %s k.qcow2 16M", options[o]);
		for (unsigned i = 0; i < 12; i++) {
			t.seed += i;
			work_and_die(&t, 1 + disks_random(&t.seed) % 150);
			disks_random(&t.seed);
			t.image = disks_open(t.name, i % 4 == 3);
			if (i % 4 != 3)
				twin_same(&t);
			twin_close(&t);
			if (i % 4 != 3)
				twin_check(&t);
		}
		munmap(t.bytes, 16 << 20);
	}
}

/* ... unless another program has written to the image before it is taken over: at the same place of the disk, or into the cluster
 * that was free. The image stays whole. */
static void killed_and_changed(void **state)
{
	static const char *const changes[] = {"write 0 256k", "write 1M 64k",
					      "write 2M 64k' -c 'write 0 64k' -c 'discard 2M 64k"};
	static const unsigned sectors[] = {0, 2048, 0}; /* where there is something of QEMU's then */
	struct image *image;
	uint8_t data[4096] = {1};
	pid_t child;

	for (unsigned i = 0; i < 3; i++) {
		disks_must(
		    "qemu-img create -f qcow2 h.qcow2 4M && qemu-io -f qcow2 -c 'write 3M 64k' h.qcow2");
		child = fork();
		if (!child) {
			image = disks_open("h.qcow2", false);
			image->ops->write(image, 8, data, sizeof(data));
			image->ops->write(image, 256, data, sizeof(data));
			_exit(0);
		}
		waitpid(child, NULL, 0);
		disks_must("qemu-io -d unmap -f qcow2 -c '%s' h.qcow2", changes[i]);
		image = disks_open("h.qcow2", false);
		assert_int_equal(image->ops->read(image, sectors[i], data, sizeof(data)), 0);
		assert_int_equal(data[0], 0xcd); /* qemu-io's */
		image->ops->close(image);
		disks_must("qemu-img check h.qcow2");
	}
}

/* Something else cuts the file short while it is in use: errors, once a word, and no crash. */
static void shrinks_in_use(void **state)
{
	struct image *image;
	uint8_t data[4096];

	disks_must("qemu-img create -f qcow2 -o cluster_size=4k z.qcow2 8M && qemu-io -f qcow2 -c 'write -P "
		   "1 0 8M' z.qcow2");
	image = disks_open("z.qcow2", false);
	assert_int_equal(image->ops->read(image, 0, data, 4096), 0);
	disks_must("truncate -s 100k z.qcow2");
	for (unsigned i = 0; i < 16384 - 8; i += 8)
		assert_true(image->ops->read(image, i, data, 4096) == 0 ||
			    image->ops->read(image, i, data, 4096) == -EIO);
	image->ops->close(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(alone),
	    cmocka_unit_test(behind_one_another),
	    cmocka_unit_test(clones),
	    cmocka_unit_test(written_by_qemu),
	    cmocka_unit_test(left_dirty),
	    cmocka_unit_test(full_disk),
	    cmocka_unit_test(discard_gives_back),
	    cmocka_unit_test(grows),
	    cmocka_unit_test(made_here),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(refused_behind),
	    cmocka_unit_test(damaged),
	    cmocka_unit_test(killed),
	    cmocka_unit_test(killed_and_changed),
	    cmocka_unit_test(shrinks_in_use),
	};
	int rc;

	disks_make_folder();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	disks_remove_folder();
	return rc;
}
