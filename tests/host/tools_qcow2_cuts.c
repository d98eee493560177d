/* SPDX-License-Identifier: MIT */
/*
 * Specification: when power fails, at any moment, a qcow2 image has all that was written before the last flush that was answered,
 * and nothing that was never written; qemu-img finds at most leaked clusters in it; and it can be used further.
 *
 * What the code writes to the image is recorded. A cut keeps all up to the last fdatasync() before it; of what came later each
 * sector is there or not, in another order than it was written, and so is each change of the file's length. With CUTS=500 in the
 * environment that many cuts are made (make test-powercuts). Flushes that do nothing must be found out.
 */
#include "disk_twin.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECTORS   (24u << 11)
#define LONGEST   (64u << 20) /* of the file */
#define OPS       500
#define FROM_BASE ~0ull

/* ---- the record of the image's file (the linker's --wrap) ---- */

enum deed {
	WRITE,
	SYNC,
	LENGTH,
	PUNCH
};

static struct record {
	enum deed deed;
	uint64_t at, bytes;
	uint8_t *data;
} * record;
static unsigned nr_record, max_record;
static ino_t recorded;   /* the file; 0: none */
static bool flushes_lie; /* fdatasync() does nothing */

ssize_t __real_pwrite(int fd, const void *from, size_t bytes, off_t at);
int __real_fdatasync(int fd);
int __real_ftruncate(int fd, off_t length);
int __real_fallocate(int fd, int mode, off_t at, off_t bytes);
ssize_t __wrap_pwrite(int fd, const void *from, size_t bytes, off_t at);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate(int fd, off_t length);
int __wrap_fallocate(int fd, int mode, off_t at, off_t bytes);

static void note(int fd, enum deed deed, uint64_t at, uint64_t bytes, const void *data)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_ino != recorded)
		return;
	if (nr_record == max_record) {
		max_record = max_record ? 2 * max_record : 1024;
		record = realloc(record, max_record * sizeof(*record));
	}
	record[nr_record] = (struct record){.deed = deed, .at = at, .bytes = bytes};
	if (data) {
		record[nr_record].data = malloc(bytes);
		memcpy(record[nr_record].data, data, bytes);
	}
	nr_record++;
}

ssize_t __wrap_pwrite(int fd, const void *from, size_t bytes, off_t at)
{
	note(fd, WRITE, at, bytes, from);
	return __real_pwrite(fd, from, bytes, at);
}

int __wrap_fdatasync(int fd)
{
	if (!flushes_lie)
		note(fd, SYNC, 0, 0, NULL);
	return 0;
}

int __wrap_ftruncate(int fd, off_t length)
{
	note(fd, LENGTH, length, 0, NULL);
	return __real_ftruncate(fd, length);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t bytes)
{
	note(fd, PUNCH, at, bytes, NULL);
	return __real_fallocate(fd, mode, at, bytes);
}

/* ---- the work, and what was where ---- */

/* What was in a sector from the moment on that the record was so long. */
static struct stamp {
	unsigned sector, op, from;
	uint64_t value; /* 0: zeros */
	int before;     /* index of the one before */
} * stamps;
static unsigned nr_stamps, max_stamps;
static int newest[SECTORS];

/* Flushes that were answered. */
static struct {
	unsigned op, until;
} flushes[OPS];
static unsigned nr_flushes;

static void stamp(unsigned sector, unsigned op, unsigned from, uint64_t value)
{
	if (nr_stamps == max_stamps) {
		max_stamps = max_stamps ? 2 * max_stamps : 4096;
		stamps = realloc(stamps, max_stamps * sizeof(*stamps));
	}
	stamps[nr_stamps] = (struct stamp){sector, op, from, value, newest[sector]};
	newest[sector] = nr_stamps++;
}

static void fill(uint8_t *at, unsigned sector, uint64_t value)
{
	for (unsigned i = 0; i < SECTOR_SIZE; i += 16) {
		put_be64(at + i, value ? sector : 0);
		put_be64(at + i + 8, value);
	}
}

/* The value in a sector, or -1: nothing that anybody wrote. */
static int64_t value_in(const uint8_t *at, unsigned sector)
{
	uint8_t want[SECTOR_SIZE];
	uint64_t value = be64(at + 8);

	fill(want, sector, value);
	return memcmp(at, want, SECTOR_SIZE) ? -1 : (int64_t)(value & INT64_MAX);
}

static void work(struct image *image, uint64_t seed)
{
	static uint8_t data[600 * SECTOR_SIZE];

	for (unsigned op = 1; op < OPS; op++) {
		unsigned from = nr_record, what = disks_random(&seed) % 16;
		unsigned sector = disks_random(&seed) % SECTORS,
			 count = 1 + disks_random(&seed) % (disks_random(&seed) % 3 ? 16 : 599);

		if (op < 26) { /* clusters of 512 bytes then need a longer table of counts soon */
			what = 15;
			sector = op * 599;
			count = 599;
		} else if (disks_random(&seed) % 2) {
			sector = sector % 8 * (SECTORS / 8) + sector / 8 % 64;
		}
		if (count > SECTORS - sector)
			count = SECTORS - sector;
		if (what < 3) {
			assert_int_equal(image->ops->flush(image), 0);
			flushes[nr_flushes].op = op;
			flushes[nr_flushes++].until = nr_record;
		} else if (what < 5) {
			assert_int_equal(image->ops->discard(image, sector, count), 0);
			assert_int_equal(image->ops->read(image, sector, data, count * SECTOR_SIZE), 0);
			for (unsigned i = 0; i < count; i++)
				if (!value_in(data + i * SECTOR_SIZE, sector + i))
					stamp(sector + i, op, from, 0);
		} else {
			for (unsigned i = 0; i < count; i++) {
				fill(data + i * SECTOR_SIZE, sector + i, op);
				stamp(sector + i, op, from, op);
			}
			assert_int_equal(image->ops->write(image, sector, data, count * SECTOR_SIZE), 0);
		}
	}
}

/* ---- a cut ---- */

static uint8_t *durable, *cut; /* the file: what surely is on the disk, and with what may be */
static uint64_t durable_bytes, cut_bytes;
static unsigned durable_to; /* in the record */

/* @odds of 8 sectors are there; 8: all. */
static void keep(uint8_t *file, uint64_t *bytes, const struct record *r, unsigned odds, uint64_t *seed)
{

	if (r->at + r->bytes > LONGEST)
		fail_msg("the file became too long");
	if (r->deed == LENGTH && (odds == 8 || disks_random(seed) % 8 < odds) && r->at > *bytes)
		*bytes = r->at;
	for (uint64_t done = 0; r->deed != LENGTH && done < r->bytes; done += SECTOR_SIZE) {
		uint64_t part = r->bytes - done < SECTOR_SIZE ? r->bytes - done : SECTOR_SIZE;

		if (odds < 8 && disks_random(seed) % 8 >= odds)
			continue;
		if (r->deed == PUNCH) {
			memset(file + r->at + done, 0, part);
			continue;
		}
		memcpy(file + r->at + done, r->data + done, part);
		if (r->at + done + part > *bytes)
			*bytes = r->at + done + part;
	}
}

/* The file after a cut behind @at entries of the record, none of which is before the last cut. */
static void make_cut(unsigned at, uint64_t *seed)
{
	unsigned synced = at, *order, left, odds = disks_random(seed) % 8;

	while (synced > durable_to && record[synced - 1].deed != SYNC)
		synced--;
	for (; durable_to < synced; durable_to++)
		keep(durable, &durable_bytes, &record[durable_to], 8, NULL);
	memset(cut, 0, cut_bytes);
	memcpy(cut, durable, durable_bytes);
	cut_bytes = durable_bytes;
	left = at - synced;
	order = malloc((left + 1) * sizeof(*order));
	for (unsigned i = 0; i < left; i++)
		order[i] = synced + i;
	for (unsigned i = left; i > 1; i--) {
		unsigned with = disks_random(seed) % i, swap = order[with];

		order[with] = order[i - 1];
		order[i - 1] = swap;
	}
	for (unsigned i = 0; i < left; i++)
		keep(cut, &cut_bytes, &record[order[i]], odds, seed);
	free(order);
}

static void write_cut(void)
{
	FILE *f = fopen(disks_path("cut.qcow2"), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(cut, 1, cut_bytes, f), cut_bytes);
	fclose(f);
}

/* Whether the sector may hold this after a cut behind @at entries, the last flush before which was operation @flush. */
static bool may_hold(unsigned sector, int64_t value, unsigned at, unsigned flush)
{
	int i = newest[sector];

	while (i >= 0 && stamps[i].from > at)
		i = stamps[i].before;
	for (; i >= 0; i = stamps[i].before) {
		if ((int64_t)(stamps[i].value & INT64_MAX) == value)
			return true;
		if (stamps[i].op < flush)
			return false;
	}
	return false;
}

/* How many sectors are wrong in the image after the cut; -1: it cannot be opened or read. */
static int wrong_sectors(unsigned at, bool say)
{
	struct image *image;
	uint8_t *data = malloc(SECTORS * SECTOR_SIZE);
	unsigned flush = 0;
	char why[512] = "";
	int wrong =
	    image_open(disks_path("cut.qcow2"), "qcow2", true, "a test", &image, why, sizeof(why)) ? -1 : 0;

	for (unsigned i = 0; i < nr_flushes && flushes[i].until <= at; i++)
		flush = flushes[i].op;
	if (!wrong) {
		wrong = image->ops->read(image, 0, data, SECTORS * SECTOR_SIZE) ? -1 : 0;
		image->ops->close(image);
	} else if (say) {
		print_message("# %s\n", why);
	}
	for (unsigned sector = 0; sector < SECTORS && wrong >= 0; sector++)
		wrong += !may_hold(sector, value_in(data + sector * SECTOR_SIZE, sector), at, flush);
	free(data);
	return wrong;
}

/* It can be written further; and then nothing is worse than before. */
static bool goes_on(uint64_t *seed)
{
	struct image *image;
	uint8_t data[8192] = {0};
	char why[512];

	if (image_open(disks_path("cut.qcow2"), "qcow2", false, "a test", &image, why, sizeof(why)))
		return false;
	for (unsigned i = 0; i < 40; i++)
		if (image->ops->write(image, disks_random(seed) % (SECTORS - 16), data, sizeof(data)))
			return false;
	image->ops->close(image);
	return disks_run("qemu-img check -f qcow2 cut.qcow2") % 3 == 0;
}

/* Whether something is wrong after a cut: 0 and 3 of qemu-img's exit statuses are fine and leaked clusters. */
static bool bad_cut(unsigned at, uint64_t *seed, bool say)
{
	int checked, wrong;
	bool further;

	make_cut(at, seed);
	write_cut();
	checked = disks_run("qemu-img check -f qcow2 cut.qcow2");
	if (checked && checked != 3 && say)
		print_message("# cut behind %u of %u: qemu-img check: %.600s\n", at, nr_record, disks_said());
	wrong = wrong_sectors(at, say);
	if (wrong && say)
		print_message("# cut behind %u of %u: %d sectors are wrong\n", at, nr_record, wrong);
	further = goes_on(seed);
	if (!further && say)
		print_message("# cut behind %u of %u: cannot be used further\n", at, nr_record);
	return (checked && checked != 3) || wrong || !further;
}

/* Where a cut may do most harm: before the end of a flush; when the header was written; else anywhere. */
static unsigned choose_cut(uint64_t *seed)
{
	unsigned start = disks_random(seed) % (nr_record + 1), way = disks_random(seed) % 4;

	for (unsigned n = 0; n < nr_record && way < 3; n++) {
		unsigned i = (start + n) % nr_record;
		const struct record *r = &record[i];

		if (way == 0 && r->deed == WRITE && r->at < QCOW2_V3_LENGTH)
			return i + 1;
		if (way > 0 && r->deed == SYNC)
			return i;
	}
	return start;
}

static int by_size(const void *a, const void *b)
{
	return *(const unsigned *)a < *(const unsigned *)b ? -1 : 1;
}

static void start_record(const char *options)
{
	struct stat st;
	FILE *f;

	disks_must("qemu-img create -f qcow2 -o %s cuts.qcow2 24M", options);
	assert_int_equal(stat(disks_path("cuts.qcow2"), &st), 0);
	f = fopen(disks_path("cuts.qcow2"), "r");
	memset(durable, 0, LONGEST);
	durable_bytes = fread(durable, 1, LONGEST, f);
	fclose(f);
	recorded = st.st_ino;
	nr_stamps = nr_flushes = durable_to = 0;
	for (unsigned sector = 0; sector < SECTORS; sector++) {
		newest[sector] = -1;
		stamp(sector, 0, 0, strstr(options, "base") ? FROM_BASE : 0);
	}
}

static void end_record(void)
{
	recorded = 0;
	while (nr_record)
		free(record[--nr_record].data);
	disks_must("rm -f cuts.qcow2");
}

/* How many of @count cuts went wrong. */
static unsigned cuts(const char *options, unsigned count, uint64_t seed, bool say)
{
	unsigned *at = malloc(count * sizeof(*at)), bad = 0;
	struct image *image;

	start_record(options);
	image = disks_open("cuts.qcow2", false);
	work(image, seed);
	image->ops->close(image);
	for (unsigned i = 0; i < count; i++)
		at[i] = choose_cut(&seed);
	qsort(at, count, sizeof(*at), by_size);
	for (unsigned i = 0; i < count; i++)
		bad += bad_cut(at[i], &seed, say);
	end_record();
	free(at);
	return bad;
}

static const char *const kinds[] = {"cluster_size=4k", "cluster_size=512",
				    "backing_file=base.raw,backing_fmt=raw,cluster_size=64k",
				    "compat=0.10,cluster_size=1k", "refcount_bits=1,cluster_size=512"};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void make_base(void)
{
	uint8_t sector[SECTOR_SIZE];
	FILE *f = fopen(disks_path("base.raw"), "w");

	for (unsigned i = 0; i < SECTORS; i++) {
		fill(sector, i, FROM_BASE);
		assert_int_equal(fwrite(sector, sizeof(sector), 1, f), 1);
	}
	fclose(f);
}

static void power_is_cut(void **state)
{
	const char *asked = getenv("CUTS");
	unsigned total = asked ? strtoul(asked, NULL, 10) : 20, bad = 0;

	/* Each few cuts see another order of work. */
	for (unsigned i = 0; i < total; i += 4)
		bad += cuts(kinds[i / 4 % KINDS], 4, 1000 + i, true);
	print_message("# %u cuts, %u wrong\n", total, bad);
	assert_int_equal(bad, 0);
}

static void flushes_that_lie_are_found(void **state)
{
	unsigned bad;

	flushes_lie = true;
	bad = cuts(kinds[0], 6, 77, false);
	flushes_lie = false;
	assert_true(bad > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(power_is_cut),
	    cmocka_unit_test(flushes_that_lie_are_found),
	};
	int rc;

	durable = calloc(LONGEST, 1);
	cut = calloc(LONGEST, 1);
	disks_make_folder();
	make_base();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	disks_remove_folder();
	free(durable);
	free(cut);
	free(stamps);
	free(record);
	return rc;
}
