/* SPDX-License-Identifier: MIT */
/* The file or block device behind a disk: where it is, whether it can be what it is said to be, and who has it mounted. */
#pragma once

#include "disk_spec.h"

#include <stdint.h>

/* What a path means. */
struct image_id {
	bool block;
	uint64_t device, inode; /* of a block device its number, and 0 */
};

/* -1: it is not there. A loop device of Linux's is the file behind it. */
int image_identify(const char *path, struct image_id *id);
/* Are they one image, or is one of them a partition of the other? */
bool image_overlaps(const struct image_id *a, const struct image_id *b);
/* Where this domain has it mounted, or a part of it; NULL: nowhere. Static storage. */
const char *image_mounted(const struct image_id *id);
extern const char *disk_partitions; /* "/proc/partitions"; tests move it */

/* Make a target that does not begin with / a whole path: of a `phy:` it is below /dev, another one is in the current folder,
 * or beside the file @beside (may be NULL). One that is nowhere is left as it is. -1: out of memory. */
int disk_find_target(struct disk *disk, const char *beside);
/* Can the image be opened as @disk says, and does it look like its format? -1 and @why. An empty drive can. */
int disk_check_image(const struct disk *disk, char why[DISK_WHY]);
/* @disk as a text that disk_parse() reads; malloc()ed, NULL: out of memory. */
char *disk_print(const struct disk *disk);
