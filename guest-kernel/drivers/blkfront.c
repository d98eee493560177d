/* SPDX-License-Identifier: MIT */
/*
 * The front end of virtual disks, as far as the store goes: which states follow from which, and what the back end offers
 * (Xen's io/blkif.h, and xenbus.h for the states). blk_ring.c has the requests.
 *
 *	we      they
 *	1       2       it has made its offers: we make a ring, and tell where it is          -> 3
 *	3       4       it uses the ring; the disk appears                                    -> 4
 *	4       4       it has said that again: size or medium are others
 *	4       2       it was restarted: a new ring, and what was not answered again         -> 3
 *	4       5, 6    and `online`: it goes, and may come again; requests wait              -> 6, 1
 *	4       5, 6    else the tools take the disk away: what is under way ends, all else fails  -> 6
 *
 * A back end that does what cannot be loses its disk: requests fail from then on.
 */
#include "drivers/blkfront.h"
#include "drivers/blk_ring.h"
#include "drivers/xenbus_device.h"
#include "kern/block/cache.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"

#define XVD_MAJOR    202u
#define XVD_EXTENDED (1u << 28) /* in a number: disks from 16 on, of 256 minors each */

#ifdef __x86_64__
#define PROTOCOL "x86_64-abi"
#else
#define PROTOCOL "x86_32-abi"
#endif

struct vbd {
	struct xenbus_device xenbus;
	struct blk_ring ring;
	struct block_device *disk; /* NULL: not yet, or no more */
	bool ended;                /* until the tools make the device anew */
	char name[BLOCK_NAME_MAX];
	char medium[XENBUS_VALUE_MAX];
};

static const char *const keys[] = {"sectors",
				   "sector-size",
				   "physical-sector-size",
				   "info",
				   "params",
				   "feature-persistent",
				   "feature-flush-cache",
				   "feature-barrier",
				   "feature-discard",
				   "feature-max-indirect-segments",
				   NULL};

/* ---- Names ---- */

/* Disks of IDE's and SCSI's numbers have names of this kind, too. Docs: misc/vbd-interface of Xen. */
static void number_split(unsigned number, unsigned *disk, unsigned *part)
{
	unsigned major = number >> 8, minor = number & 0xff;

	*disk = minor >> 4;
	*part = minor & 15;
	if (number & XVD_EXTENDED) {
		*disk = (number & ~XVD_EXTENDED) >> 8;
		*part = minor;
	} else if (major == 3 || major == 22) {
		*disk = (major == 22 ? 2 : 0) + (minor >> 6);
		*part = minor & 63;
	}
}

/* 0 is a, 25 is z, 26 is aa. */
static size_t letters(unsigned disk, char *to)
{
	size_t n = disk >= 26 ? letters(disk / 26 - 1, to) : 0;

	to[n] = 'a' + disk % 26;
	return n + 1;
}

static u32 name_disk(unsigned number, char name[BLOCK_NAME_MAX])
{
	unsigned disk, part;
	size_t n = 3;

	number_split(number, &disk, &part);
	strlcpy(name, "xvd", BLOCK_NAME_MAX);
	n += letters(disk & 0xfff, name + n);
	name[n] = '\0';
	if (part)
		snprintf(name + n, BLOCK_NAME_MAX - n, "%u", part);
	return (XVD_MAJOR << 8) + (disk << 4 | (part & 15));
}

/* ---- The disk, as the block layer has it ---- */

static bool submit(struct block_device *disk, struct block_request *r)
{
	return blk_ring_submit(&((struct vbd *)disk->driver)->ring, r);
}

static void release(struct block_device *disk)
{
	kfree(disk);
}

static void disk_offers(struct vbd *v)
{
	v->disk->readonly = xenbus_number(&v->xenbus, "info", 0) & VDISK_READONLY;
	v->disk->discards = xenbus_number(&v->xenbus, "feature-discard", 0);
	v->disk->flushes = v->ring.flush_op;
	v->disk->max_pieces = v->ring.max_pieces;
}

static int disk_new(struct vbd *v, u64 sectors)
{
	struct block_device *d = kzalloc(sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->rdev = name_disk(v->xenbus.number, d->name);
	d->sectors = sectors;
	d->block_size = xenbus_number(&v->xenbus, "sector-size", SECTOR_SIZE);
	d->physical_size = xenbus_number(&v->xenbus, "physical-sector-size", d->block_size);
	d->submit = submit;
	d->release = release;
	d->driver = v;
	v->disk = d;
	disk_offers(v);
	rc = block_add(d);
	if (!rc)
		return 0;
	v->disk = NULL;
	kfree(d);
	return rc;
}

/* It is there no more: what the ring has fails, and everything from now on. The ring is closed. */
static void disk_end(struct vbd *v)
{
	struct block_device *d = v->disk;

	blk_ring_fail(&v->ring);
	v->disk = NULL;
	if (d)
		block_remove(d);
}

static void end(struct vbd *v)
{
	blk_ring_close(&v->ring);
	disk_end(v);
	v->ended = true;
	xenbus_set_state(&v->xenbus, XenbusStateClosed);
}

/* ---- The ring ---- */

static void interrupt(void *data)
{
	struct vbd *v = data;
	const char *wrong = blk_ring_answers(&v->ring);

	if (wrong) {
		log_warn("%s: the back end %s; the disk is given up\n", v->name, wrong);
		blk_ring_close(&v->ring);
		disk_end(v);
		v->ended = true;
	}
	if (v->disk)
		v->disk->flushes = v->ring.flush_op;
	if (v->ended || (v->ring.refuses && blk_ring_idle(&v->ring)))
		xenbus_look(&v->xenbus);
}

/* Tells the back end of the ring, which may be there from a transaction that failed. */
static void offer(struct vbd *v)
{
	struct xenbus_device *x = &v->xenbus;
	int rc = 0;

	v->ring.backend = x->backend;
	if (!v->ring.shared)
		rc = blk_ring_open(&v->ring, interrupt, v);
	if (rc) {
		log_warn("%s: no ring or port for it: error %d\n", v->name, rc);
		return end(v);
	}
	v->ring.refuses = false;
	xenbus_write(x, "ring-ref", "%u", v->ring.ref);
	xenbus_write(x, "event-channel", "%u", v->ring.port);
	xenbus_write(x, "protocol", PROTOCOL);
	xenbus_write(x, "feature-persistent", "1");
	xenbus_set_state(x, XenbusStateInitialised);
}

static void ring_offers(struct vbd *v)
{
	const struct xenbus_device *x = &v->xenbus;
	u64 indirect = xenbus_number(x, "feature-max-indirect-segments", 0);

	v->ring.persistent = xenbus_number(x, "feature-persistent", 0);
	v->ring.has_barrier = xenbus_number(x, "feature-barrier", 0);
	v->ring.flush_op = xenbus_number(x, "feature-flush-cache", 0) ? BLKIF_OP_FLUSH_DISKCACHE
			   : v->ring.has_barrier                      ? BLKIF_OP_WRITE_BARRIER
								      : 0;
	v->ring.max_pieces = indirect > BLKIF_MAX_SEGMENTS_PER_REQUEST ? MIN(indirect, BLK_PIECES)
								       : BLKIF_MAX_SEGMENTS_PER_REQUEST;
}

/* The back end has said again that it is connected: what is different? */
static void refresh(struct vbd *v, u64 sectors)
{
	if (strcmp(v->medium, xenbus_value(&v->xenbus, "params")))
		buffer_forget(v->disk);
	if (sectors != v->disk->sectors)
		block_resized(v->disk, sectors);
}

static bool size_fits(u64 size)
{
	return size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1));
}

static void connect(struct vbd *v)
{
	struct xenbus_device *x = &v->xenbus;
	u64 sectors = xenbus_number(x, "sectors", 0);
	int rc = 0;

	if (!*xenbus_value(x, "sectors") || !size_fits(xenbus_number(x, "sector-size", SECTOR_SIZE))) {
		log_warn("%s: the back end does not say how large the disk is, or its sectors\n", v->name);
		return end(v);
	}
	if (!v->ring.runs)
		ring_offers(v);
	if (v->disk && !v->ring.runs)
		disk_offers(v);
	if (v->disk)
		refresh(v, sectors);
	else
		rc = disk_new(v, sectors);
	if (rc) {
		log_warn("%s: cannot be a block device: error %d\n", v->name, rc);
		return end(v);
	}
	strlcpy(v->medium, xenbus_value(x, "params"), sizeof(v->medium));
	if (!v->ring.runs)
		log_print("%s: %llu sectors of domain %u, %u pieces in a request%s\n", v->name,
			  (unsigned long long)sectors, x->backend, v->ring.max_pieces,
			  v->ring.persistent ? ", which it keeps mapped" : "");
	xenbus_set_state(x, XenbusStateConnected);
	blk_ring_run(&v->ring);
}

/* ---- States ---- */

/* The back end goes. Tools that want the disk no more have said so before. */
static void closing(struct vbd *v, enum xenbus_state back)
{
	if (v->xenbus.online && back != XenbusStateUnknown) {
		blk_ring_close(&v->ring);
		xenbus_set_state(&v->xenbus,
				 back == XenbusStateClosed ? XenbusStateInitialising : XenbusStateClosed);
		return;
	}
	v->ring.refuses = true;
	if (back != XenbusStateClosing || blk_ring_idle(&v->ring))
		end(v);
}

/* The tools have just made the device, or we begin anew with it. */
static void begin(struct vbd *v, enum xenbus_state back)
{
	if (v->ended || !blk_ring_idle(&v->ring) || v->ring.runs) { /* they have made it a second time */
		blk_ring_close(&v->ring);
		disk_end(v);
		v->ended = false;
	}
	if (back == XenbusStateInitWait)
		offer(v);
}

static void changed(struct xenbus_device *x)
{
	struct vbd *v = container_of(x, struct vbd, xenbus);
	enum xenbus_state back = x->back_state;

	if (!*v->name)
		name_disk(x->number, v->name);
	v->ring.name = v->name;
	if (x->state == XenbusStateInitialising)
		begin(v, back);
	else if (v->ended)
		xenbus_set_state(x, XenbusStateClosed);
	else if (x->state == XenbusStateClosed && v->disk && back == XenbusStateClosed && x->online)
		xenbus_set_state(x, XenbusStateInitialising);
	else if (!v->ring.shared)
		; /* somebody else's state: not made for this kernel */
	else if (back == XenbusStateInitWait && x->state == XenbusStateConnected) {
		blk_ring_close(&v->ring);
		offer(v);
	} else if (back == XenbusStateConnected)
		connect(v);
	else if (back == XenbusStateClosing || back == XenbusStateClosed || back == XenbusStateUnknown)
		closing(v, back);
	x->settled = back == XenbusStateUnknown || back >= XenbusStateConnected ||
		     x->state >= XenbusStateConnected ||
		     (x->state != XenbusStateInitialising && !v->ring.shared);
}

static struct xenbus_device *make(void)
{
	struct vbd *v = kzalloc(sizeof(*v));

	return v ? &v->xenbus : NULL;
}

static void gone(struct xenbus_device *x)
{
	struct vbd *v = container_of(x, struct vbd, xenbus);

	blk_ring_close(&v->ring);
	disk_end(v);
	kfree(v);
}

static const struct xenbus_driver driver = {
    .class = "vbd", .keys = keys, .make = make, .changed = changed, .gone = gone};

void blkfront_init(void)
{
	xenbus_driver_add(&driver);
}
