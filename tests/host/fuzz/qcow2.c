/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of qcow2 images: an input is a whole image. Whatever is in it, it is refused with a sentence, or it is a disk: what
 * is written is read again, also after it was closed and opened once more, and writing never changes another place.
 */
#include "err.h"
#include "qcow2.h"
#include "record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SECTORS 512u /* looked at, from the beginning */

static char folder[64];
static char path[80];
static uint8_t twin[SECTORS * SECTOR_SIZE], got[SECTORS * SECTOR_SIZE];

static void remove_folder(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command))
		abort();
}

static void must(bool so)
{
	if (!so)
		abort();
}

static void make(const char *name, const uint8_t *data, size_t size)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char blkd[80];

	fail_quiet(true);
	/* Flushes cost nothing in memory. */
	snprintf(folder, sizeof(folder), "%s/ringlet-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(folder))
		abort();
	snprintf(blkd, sizeof(blkd), "%s/blkd", folder);
	run_dir = folder;
	memset(got, 'b', 20000);
	make("base", got, 20000); /* what some inputs have behind them */
	atexit(remove_folder);
	return mkdir(blkd, 0700);
}

static struct image *open_it(bool readonly, bool sure)
{
	struct image *image = NULL;
	char why[512] = "";
	int rc = image_open(path, "qcow2", readonly, "a fuzzer", &image, why, sizeof(why));

	must(rc ? rc < 0 && *why && !sure : image != NULL);
	return image;
}

static void look(struct image *image, unsigned sectors)
{
	must(!image->ops->read(image, 0, got, sectors * SECTOR_SIZE));
	must(!memcmp(got, twin, sectors * SECTOR_SIZE));
}

static void change(struct image *image, unsigned sectors, uint32_t *seed)
{
	unsigned sector = (*seed = *seed * 1103515245 + 12345) / 65536 % sectors;
	unsigned count = 1 + (*seed = *seed * 1103515245 + 12345) / 65536 % 12;
	uint8_t *at = twin + sector * SECTOR_SIZE;

	if (count > sectors - sector)
		count = sectors - sector;
	switch (*seed >> 16 & 7) {
	case 0:
		must(!image->ops->flush(image));
		break;
	case 1:
		must(!image->ops->discard(image, sector, count));
		must(!image->ops->read(image, sector, at, count * SECTOR_SIZE));
		break;
	default:
		memset(at, *seed >> 20, count * SECTOR_SIZE);
		must(!image->ops->write(image, sector, at, count * SECTOR_SIZE));
	}
}

static unsigned looked_at(const struct image *image)
{
	return image->sectors < SECTORS ? image->sectors : SECTORS;
}

/* All must work but where the image behind it cannot be read. */
static void use(uint32_t seed)
{
	struct image *image = open_it(false, false);
	unsigned sectors;

	if (!image)
		return;
	sectors = looked_at(image);
	if (sectors && !image->ops->read(image, 0, twin, sectors * SECTOR_SIZE)) {
		for (unsigned i = 0; i < 24; i++)
			change(image, sectors, &seed);
		look(image, sectors);
		image->ops->close(image);
		image = open_it(false, true);
		look(image, sectors);
	}
	if (qcow2_grow(image, image->sectors + 4096) == 0 && sectors) {
		image->ops->close(image);
		image = open_it(true, true);
		look(image, sectors);
	}
	image->ops->close(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image *image;
	uint32_t seed = 1;

	for (size_t i = 0; i < size; i++)
		seed = (seed ^ data[i]) * 16777619;
	make("image", data, size);
	image = open_it(true, false);
	if (image) {
		(void)image->ops->read(image, 0, got, looked_at(image) * SECTOR_SIZE);
		image->ops->close(image);
	}
	use(seed);
	return 0;
}
