/* SPDX-License-Identifier: MIT */
#include "disk_twin.h"

#include "files.h"
#include "record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static char said[8192];

void disks_make_folder(void)
{
	/* Flushes cost nothing in memory. */
	snprintf(folder, sizeof(folder), "%s/ringlet-disks-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(folder));
	make_dirs(disks_path("blkd"));
	run_dir = folder; /* the notes of who has which image */
}

void disks_remove_folder(void)
{
	disks_must("rm -rf %s", folder);
}

const char *disks_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int run(const char *fmt, va_list args)
{
	char command[2048];
	int used = snprintf(command, sizeof(command), "cd %s && ", folder);
	size_t got;
	FILE *f;

	vsnprintf(command + used, sizeof(command) - used - 8, fmt, args);
	strcat(command, " 2>&1");
	f = popen(command, "r");
	assert_non_null(f);
	got = fread(said, 1, sizeof(said) - 1, f);
	said[got] = '\0';
	return pclose(f) >> 8;
}

int disks_run(const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = run(fmt, args);
	va_end(args);
	return rc;
}

void disks_must(const char *fmt, ...)
{
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = run(fmt, args);
	va_end(args);
	if (rc)
		fail_msg("%s ended with %d: %s", fmt, rc, said);
}

const char *disks_said(void)
{
	return said;
}

struct image *disks_open(const char *name, bool readonly)
{
	struct image *image = NULL;
	char why[512] = "";

	if (image_open(disks_path(name), "qcow2", readonly, "a test", &image, why, sizeof(why)))
		fail_msg("%s", why);
	return image;
}

void disks_refused(const char *name, bool readonly, const char *words)
{
	struct image *image = NULL;
	char why[512] = "";

	assert_int_not_equal(
	    image_open(disks_path(name), "qcow2", readonly, "a test", &image, why, sizeof(why)), 0);
	if (!strstr(why, words))
		fail_msg("\"%s\" is not in: %s", words, why);
}

uint64_t disks_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Places gather in some parts of the disk, so that clusters are met again. */
static void choose(struct twin *t, uint64_t *sector, uint64_t *count)
{
	uint64_t most = disks_random(&t->seed) % 8 ? 16 : 600;

	*sector = disks_random(&t->seed) % t->sectors;
	if (disks_random(&t->seed) % 2)
		*sector = *sector / 16 % 8 * (t->sectors / 8) + *sector % 16;
	*count = 1 + disks_random(&t->seed) % most;
	if (*count > t->sectors - *sector)
		*count = t->sectors - *sector;
}

static void write_some(struct twin *t, uint64_t sector, uint64_t count)
{
	uint64_t *at = (uint64_t *)(t->bytes + sector * SECTOR_SIZE);

	for (uint64_t i = 0; i < count * SECTOR_SIZE / 8; i++)
		at[i] = disks_random(&t->seed);
	assert_int_equal(t->image->ops->write(t->image, sector, at, count * SECTOR_SIZE), 0);
}

static void read_some(struct twin *t, uint64_t sector, uint64_t count)
{
	uint8_t *got = malloc(count * SECTOR_SIZE);

	assert_int_equal(t->image->ops->read(t->image, sector, got, count * SECTOR_SIZE), 0);
	if (memcmp(got, t->bytes + sector * SECTOR_SIZE, count * SECTOR_SIZE))
		fail_msg("sectors %llu to %llu are not what was written", (unsigned long long)sector,
			 (unsigned long long)(sector + count));
	free(got);
}

/* Each sector is then what it was, or zeros. */
static void discard_some(struct twin *t, uint64_t sector, uint64_t count)
{
	static const uint8_t zeros[SECTOR_SIZE];
	uint8_t *got = malloc(count * SECTOR_SIZE), *want = t->bytes + sector * SECTOR_SIZE;

	assert_int_equal(t->image->ops->discard(t->image, sector, count), 0);
	assert_int_equal(t->image->ops->read(t->image, sector, got, count * SECTOR_SIZE), 0);
	for (uint64_t i = 0; i < count * SECTOR_SIZE; i += SECTOR_SIZE)
		if (memcmp(got + i, want + i, SECTOR_SIZE))
			assert_memory_equal(got + i, zeros, SECTOR_SIZE);
	memcpy(want, got, count * SECTOR_SIZE);
	free(got);
}

void twin_work(struct twin *t, unsigned count)
{
	uint64_t sector, sectors;

	while (count--) {
		choose(t, &sector, &sectors);
		switch (disks_random(&t->seed) % 20) {
		case 0:
			assert_int_equal(t->image->ops->flush(t->image), 0);
			break;
		case 1 ... 3:
			discard_some(t, sector, sectors);
			break;
		case 4 ... 12:
			write_some(t, sector, sectors);
			break;
		default:
			read_some(t, sector, sectors);
		}
	}
}

void twin_same(struct twin *t)
{
	uint64_t part;

	for (uint64_t sector = 0; sector < t->sectors; sector += part) {
		part = t->sectors - sector < 2048 ? t->sectors - sector : 2048;
		read_some(t, sector, part);
	}
}

void twin_check(struct twin *t)
{
	FILE *f = fopen(disks_path("twin.raw"), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(t->bytes, SECTOR_SIZE, t->sectors, f), t->sectors);
	fclose(f);
	disks_must("qemu-img check -f qcow2 %s", t->name);
	disks_must("qemu-img compare -f qcow2 -F raw %s twin.raw", t->name);
}
