/* SPDX-License-Identifier: MIT */
/*
 * What a virtual disk lies in: an image, in a format of its own. The ring's code (ring.h) sees sectors of 512 bytes and
 * these functions alone. A worker process serves one disk and so has one image open (and those behind it).
 *
 * Results are 0 or -errno. Ranges were checked against `sectors` by the caller; buffers are aligned to sectors. After an error the
 * image must still be usable: the guest is told, and goes on. What an operation finds to say about its image it reports by
 * warn() (err.h), once for a kind of trouble and not for each request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR_SIZE  512
#define SECTOR_SHIFT 9

struct image;

struct image_ops {
	int (*read)(struct image *image, uint64_t sector, void *to, size_t bytes);
	int (*write)(struct image *image, uint64_t sector, const void *from, size_t bytes);
	/* All writes that were answered are on the disk below when it returns. */
	int (*flush)(struct image *image);
	/* A hint; what is read there later is zeros or what was there. NULL: not offered. */
	int (*discard)(struct image *image, uint64_t sector, uint64_t sectors);
	/* Sees whether the size has changed, and sets `sectors`. NULL: it cannot change. */
	int (*look)(struct image *image);
	/* Writes out what it holds back, closes and frees. */
	void (*close)(struct image *image);
};

/* The first member of a format's own structure. */
struct image {
	const struct image_ops *ops;
	uint64_t sectors; /* the disk's size, as the guest sees it */
	bool readonly;
	bool parallel; /* read and write may be called by several threads at a time */
	bool discards; /* discard has an effect here; the caller of image_open() may clear it */
};

/* A format: `open` gets a path that image_open() was given, and opens it by image_file(), as it does with those behind it. */
struct image_format {
	const char *name;
	int (*open)(const char *path, bool readonly, const char *user, struct image **image, char *why,
		    size_t size);
};

extern const struct image_format raw_format;
extern const struct image_format qcow2_format;

/* Open @path ("": an empty drive), in the format of that name ("raw", "qcow2"), for @user ("domain web, disk xvda"), who is named to whoever finds
 * it locked. On failure @why is a sentence for the log without a full stop, and tells how to mend it. */
int image_open(const char *path, const char *format, bool readonly, const char *user, struct image **image,
	       char *why, size_t size);

/* Who has the file for which image_open() ended with -EBUSY, as that one was called; "": it is not known. */
const char *image_holder(void);

/* Open and lock one file or block device: shared to read, alone to write. The lock ends with the descriptor. The
 * descriptor, or -errno and @why. */
int image_file(const char *path, bool readonly, const char *user, char *why, size_t size);
/* Bytes of the file or block device @fd, or -errno. */
int64_t image_file_size(int fd);
/* All of it, or -errno: -EIO where the file ends before. */
int image_pread(int fd, void *to, size_t bytes, uint64_t offset);
int image_pwrite(int fd, const void *from, size_t bytes, uint64_t offset);
