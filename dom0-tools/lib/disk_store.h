/* SPDX-License-Identifier: MIT */
/*
 * Disks in the store. Each is two directories, which its front end and its back end watch:
 *
 *	/local/domain/DOM/device/vbd/N            owned by the guest: where the back end is, and what the guest writes
 *	/local/domain/0/backend/KIND/DOM/N        owned by Dom0: what the disk is, and what the back end writes
 *
 * N is vdev_number(). KIND is `qdisk`, which rl-blkd serves, or `vbd` for the driver of a Linux Dom0 (backendtype=phy). What
 * is known of a disk is read from Dom0's own directory only, since the guest may write anything into its one.
 */
#pragma once

#include "device.h"
#include "disk_spec.h"
#include "hv.h"

#include <stdint.h>

/* A disk that a domain has, as the store has it. */
struct disk_seen {
	unsigned id;
	long number;
	bool qdisk, cdrom, writes;
	char dev[32]; /* its vdev as it was written */
	char back[80], front[80];
};

/* ---- disk_store.c: making ---- */

/* Can a back end be there for @disk? -1 and @why: said before anything is made. */
int disk_has_server(const struct disk *disk, char why[DISK_WHY]);
/*
 * Write the disks of domain @id, all or none, in a transaction. -1 and @why, with *failed the disk that it is about: the domain
 * has one of that number, or another disk is on the same image, and one of the two writes.
 */
int disks_attach(struct hv *hv, struct xs *xs, unsigned id, const struct disk *disks, unsigned count,
		 unsigned *failed, char why[DISK_WHY]);
/* Wait until the back end is ready for the front end. -1 and @why, with what the back end says. */
int disk_wait(struct xs *xs, unsigned id, const struct disk *disk, char why[DISK_WHY]);
/* Change what is in a drive: the target of @disk, or nothing. -1 and @why; what was there before is there again. */
int disk_insert(struct xs *xs, const struct disk_seen *drive, const struct disk *disk, char why[DISK_WHY]);

/* ---- disk_use.c: who uses an image ---- */

/*
 * Does this domain have @disk's image mounted, or another disk have it, and one of the two writes? -1 and @why. Not looked at
 * is the disk @but (NULL: none) and are those of domain @replaced (-1: none), which gives its own up.
 */
int disk_is_free(struct xs *xs, uint32_t tx, const struct disk *disk, const char *but, long replaced,
		 char why[DISK_WHY]);

/* ---- disk_end.c: finding and ending ---- */

/* All disks of domain @id, malloc()ed into *out. Their number. */
size_t disks_of(struct xs *xs, uint32_t tx, unsigned id, struct disk_seen **out);
/* The one whose number is @number, or false. */
bool disk_find(struct xs *xs, uint32_t tx, unsigned id, long number, struct disk_seen *out);
/* Take it away from a running domain. @force: whatever its guest does with it. -1 and @why: the guest does not let go of it. */
int disk_detach(struct xs *xs, const struct disk_seen *disk, bool force, char why[DISK_WHY]);
/* Take all away from a domain that does not run any more. */
void disks_remove(struct xs *xs, unsigned id);
