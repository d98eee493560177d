/* SPDX-License-Identifier: MIT */
/*
 * An appliance: a domain in one file (docs/appliances.md), which is a cpio archive (newc) of
 *
 *	manifest          "# Ringlet appliance, format 1", then for each other part a line as sha256sum(1) writes it
 *	config            its configuration, in which the others have the names that they have here
 *	kernel, ramdisk   as they were; there may be no ramdisk
 *	disk-VDEV.qcow2   the image of that disk, with nothing behind it
 *
 * in the manifest's order. Whoever made the file is not trusted: it can give its domain these parts and nothing else of Dom0's.
 */
#pragma once

#include "cfg.h"
#include "sha256.h"

#include <stdbool.h>
#include <stdint.h>

#define APPLIANCE_FORMAT   1
#define APPLIANCE_PARTS    32
#define APPLIANCE_NAME     40
#define APPLIANCE_MANIFEST 8192 /* bytes at most */
#define APPLIANCE_CONFIG   (64 << 10)
#define APPLIANCE_HEAD     "# Ringlet appliance, format "

/* The archive: "070701" and 13 numbers of 8 hexadecimal digits; the name and the contents each end at a multiple of 4. */
#define CPIO_HEAD    110
#define CPIO_MAGIC   "070701"
#define CPIO_TRAILER "TRAILER!!!"
enum cpio_number {
	CPIO_MODE = 1,
	CPIO_SIZE = 6,
	CPIO_NAME = 11,
	CPIO_NUMBERS = 13
};

struct appliance_part {
	char name[APPLIANCE_NAME];
	char sum[SHA256_TEXT];
	/* For who packs: */
	char *source; /* a file; malloc()ed */
	bool ours;    /* made for this, and removed after it */
	uint32_t size;
};

struct appliance {
	const char *path; /* for messages; not owned */
	int fd;
	struct appliance_part parts[APPLIANCE_PARTS];
	unsigned count;
	char *manifest, *config; /* their texts, malloc()ed */
};

extern const char *image_program; /* rl-image; tests have it elsewhere */

/* appliance_pack.c. Make @out of a configuration with whole paths, which is changed. -1 and a report; then @out is as it was. */
int appliance_pack(struct cfg *cfg, const char *out);

/* appliance.c. Open @path, and read its manifest and configuration, which are checked. -1 and a report. */
int appliance_open(struct appliance *a, const char *path);
void appliance_close(struct appliance *a);
/* Put all parts into the folder @dir, which is there, each checked; they replace those that are there when all are right. Then
 * `manifest` is written. -1 and a report: what was there is as before. */
int appliance_unpack(struct appliance *a, const char *dir);
/* Make the configuration one of the parts in @dir: whole paths, and images that may be written (made by rl-image if they are not
 * there). -1 and a report: it wants what is no part of it. */
int appliance_settle(const struct appliance *a, const char *dir, struct cfg *cfg);
/* Remove @dir/FILE for each file that appliances have there; the guest's writes alone, or all and the folder. 0, or -errno. */
int appliance_remove(const char *dir, bool all);
/* Did the guest of another file write on its disks in @dir? They would not fit to this file's. */
bool appliance_keeps_other(const struct appliance *a, const char *dir);
/* The part of this name; NULL: there is none. */
const struct appliance_part *appliance_part(const struct appliance *a, const char *name);

/* Run rl-image with these words (NULL at the end). -1 and a report, by it or by us. */
int appliance_image(const char *const words[]);
