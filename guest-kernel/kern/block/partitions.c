/* SPDX-License-Identifier: MIT */
/* The partitions of a disk: devices with the disk's requests. Their table is read without sleeping, as disks are added in interrupts. */
#include "kern/block/internal.h"
#include "kern/block/mbr.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/wait.h"
#include "kern/time/clock.h"
#include "machine.h"

#define SETTLE_NS (30ull * NSEC_PER_SEC)

struct block_scan {
	struct block_device *disk;
	struct block_request r;
	struct block_piece piece;
	struct mbr_scan mbr;
};

static unsigned scanning;
static struct wait_queue settled = {LIST_INIT(settled.waiters)};

static void part_release(struct block_device *part)
{
	kfree(part);
}

static void add_part(struct block_device *disk, unsigned number, u64 first, u64 sectors)
{
	struct block_device *part = kzalloc(sizeof(*part));
	char last = disk->name[strlen(disk->name) - 1];

	if (!part)
		return;
	snprintf(part->name, sizeof(part->name), last >= '0' && last <= '9' ? "%sp%u" : "%s%u", disk->name,
		 number);
	part->rdev = disk->rdev + number;
	part->whole = disk;
	part->first = first;
	part->sectors = sectors;
	part->readonly = disk->readonly;
	part->release = part_release;
	if (block_name(part)) {
		log_warn("block: %s: no name or memory for it\n", part->name);
		kfree(part);
		return;
	}
	disk->users++;
	log_print("block: %s: %llu sectors from %llu on\n", part->name, (unsigned long long)sectors,
		  (unsigned long long)first);
}

static void scan_end(struct block_scan *scan, bool readable)
{
	struct block_device *disk = scan->disk;
	u32 shift = 0;

	while (SECTOR_SIZE << shift < disk->block_size)
		shift++;
	for (unsigned i = 0; i < scan->mbr.count && !disk->gone; i++)
		if (scan->mbr.part[i].blocks)
			add_part(disk, i + 1, scan->mbr.part[i].first << shift,
				 scan->mbr.part[i].blocks << shift);
	if (!readable)
		log_warn("block: %s: its partitions cannot be read\n", disk->name);
	disk->scan = NULL;
	kfree(scan->piece.at);
	kfree(scan);
	scanning--;
	wake_all(&settled);
	block_put(disk);
}

static void scan_read(struct block_scan *scan)
{
	u32 sectors = scan->disk->block_size >> SECTOR_SHIFT;

	scan->r.sector = scan->mbr.sector * sectors;
	scan->r.sectors = sectors;
	block_start(scan->disk, &scan->r);
}

static void scan_done(struct block_request *r)
{
	struct block_scan *scan = container_of(r, struct block_scan, r);

	if (!r->rc && mbr_take(&scan->mbr, scan->piece.at))
		scan_read(scan);
	else
		scan_end(scan, !r->rc);
}

void block_scan(struct block_device *disk)
{
	struct block_scan *scan = kzalloc(sizeof(*scan));
	void *table = kmalloc(PAGE_SIZE);
	u32 sectors = disk->block_size >> SECTOR_SHIFT;

	if (!scan || !table || !disk->sectors) {
		kfree(scan);
		kfree(table);
		return;
	}
	scan->disk = disk;
	scan->piece = (struct block_piece){table, disk->block_size};
	scan->r =
	    (struct block_request){.op = BLOCK_READ, .pieces = &scan->piece, .count = 1, .done = scan_done};
	for (scan->mbr.size = disk->sectors; sectors > 1; sectors /= 2)
		scan->mbr.size /= 2;
	disk->scan = scan;
	disk->users++;
	scanning++;
	scan_read(scan);
}

void block_settle(void)
{
	u64 end = clock_monotonic() + SETTLE_NS;

	while (scanning)
		if (wait_on_until(&settled, end)) {
			log_warn("block: a disk does not answer\n");
			return;
		}
}

static bool in_use(const struct block_device *disk)
{
	const struct block_device *d;

	list_for_each (d, &block_devices, list)
		if (d->whole == disk && d->users > 1)
			return true;
	return false;
}

void block_forget_parts(struct block_device *disk)
{
	struct block_device *d, *next;

	list_for_each_safe (d, next, &block_devices, list)
		if (d->whole == disk)
			block_unname(d);
}

int block_rescan(struct block_device *disk)
{
	if (disk->whole)
		return -EINVAL;
	block_sync_all(); /* what has been written to the partitions that go */
	if (disk->scan || in_use(disk))
		return -EBUSY;
	block_forget_parts(disk);
	block_scan(disk);
	while (disk->scan)
		wait_for(&settled);
	return 0;
}
