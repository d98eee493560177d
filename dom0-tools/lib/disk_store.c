/* SPDX-License-Identifier: MIT */
/* Making disks: see disk_store.h. */
#include "disk_store.h"
#include "files.h"
#include "lock.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* ---- Which back end ---- */

/* Does a driver of Dom0's kernel serve it? On other kernels rl-blkd does, whatever was asked for. */
static bool by_driver(const struct disk *d)
{
	return d->type == DISK_PHY && !access(device_drivers, F_OK);
}

int disk_has_server(const struct disk *d, char why[DISK_WHY])
{
	struct stat st;

	if (!by_driver(d))
		return lock_holder("rl-blkd") || lock_holder("rl-keeper")
			   ? 0
			   : disk_refuse(why, "rl-blkd, which serves disks, is not running; start it with "
					      "`rl-keeper`, or beside Xen's daemons with `rl-blkd &`");
	if (!device_has_driver("vbd"))
		return disk_refuse(
		    why, "backendtype=phy needs the driver xen-blkback; `modprobe xen-blkback` loads "
			 "it, and without backendtype rl-blkd serves the disk");
	if (d->format != DISK_RAW || stat(d->target, &st) || !S_ISBLK(st.st_mode))
		return disk_refuse(why, "backendtype=phy is for block devices as they are; leave it out, and "
					"rl-blkd serves the disk");
	return 0;
}

/* ---- Writing ---- */

struct attach {
	const struct disk *disks;
	unsigned count;
	const char *protocol; /* of the guest's kernel; NULL: unknown */
	unsigned *failed;
	char *why; /* "" unless a sentence says it */
};

static void put_front(struct writer *w, const struct attach *a, const struct disk *d, const char *front,
		      const char *back)
{
	device_put_folder(w, front, "n%u r0");
	device_put(w, front, "backend", back);
	device_put_number(w, front, "backend-id", 0);
	device_put_number(w, front, "virtual-device", vdev_number(d->vdev));
	device_put(w, front, "device-type", d->cdrom ? "cdrom" : "disk");
	device_put_number(w, front, "trusted", 1);
	if (a->protocol)
		device_put(w, front, "protocol", a->protocol);
	device_put_number(w, front, "state", 1);
}

/* FORMAT:PATH, as libxl has it for its own `qdisk`; a driver of the kernel wants the path. */
static void put_params(struct writer *w, const struct disk *d, const char *back)
{
	const char *format = by_driver(d) ? "" : disk_format_name(d->format);
	char *params = NULL;
	size_t size;
	FILE *out = open_memstream(&params, &size);

	if (!out) {
		writer_stop(w, ENOMEM);
		return;
	}
	if (d->format != DISK_EMPTY)
		fprintf(out, "%s%s%s", format, *format ? ":" : "", d->target);
	if (fclose(out))
		writer_stop(w, ENOMEM);
	else
		device_put(w, back, "params", params);
	free(params);
}

static void put_back(struct writer *w, const struct disk *d, const char *front, const char *back)
{
	struct stat st;
	char number[24];

	device_put_folder(w, back, "n0 r%u");
	device_put(w, back, "frontend", front);
	device_put_number(w, back, "frontend-id", w->id);
	device_put_number(w, back, "online", 1);
	device_put_number(w, back, "removable", d->cdrom);
	device_put_number(w, back, "bootable", 1);
	device_put(w, back, "dev", d->vdev);
	device_put(w, back, "type", by_driver(d) ? "phy" : "qdisk");
	device_put(w, back, "mode", d->readonly ? "r" : "w");
	device_put(w, back, "device-type", d->cdrom ? "cdrom" : "disk");
	device_put_number(w, back, "discard-enable", d->discard != DISK_NO_DISCARD);
	device_put_number(w, back, "direct-io-safe", d->direct_io_safe);
	device_put(w, back, "specification", "xen");
	put_params(w, d, back);
	if (by_driver(d) && !stat(d->target, &st)) {
		snprintf(number, sizeof(number), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
		device_put(w, back, "physical-device", number);
		device_put(w, back, "hotplug-status", "connected");
	}
	device_put_number(w, back, "state", 1);
}

static void attach_one(struct writer *w, const struct attach *a, const struct disk *d)
{
	char front[80], back[80];
	struct disk_seen seen;

	if (disk_find(w->xs, w->tx, w->id, vdev_number(d->vdev), &seen)) {
		disk_refuse(a->why,
			    "domain %u has a disk %s already; needed: another vdev, or first `rl "
			    "block-detach %u %s`",
			    w->id, seen.dev, w->id, seen.dev);
		writer_stop(w, EEXIST);
		return;
	}
	if (disk_is_free(w->xs, w->tx, d, NULL, -1, a->why)) {
		writer_stop(w, EBUSY);
		return;
	}
	snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%ld", w->id, vdev_number(d->vdev));
	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%ld", by_driver(d) ? "vbd" : "qdisk",
		 w->id, vdev_number(d->vdev));
	put_front(w, a, d, front, back);
	put_back(w, d, front, back);
}

static void attach_all(struct writer *w, const void *arg)
{
	const struct attach *a = arg;

	*a->why = '\0';
	for (unsigned i = 0; i < a->count && !w->failed; i++) {
		*a->failed = i;
		attach_one(w, a, &a->disks[i]);
	}
}

/* How the guest's kernel lays a ring out; kernels that know more than one say so themselves. NULL: unknown. */
static const char *protocol_of(struct hv *hv, unsigned id)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_get_address_size, .domain = id};

	if (hv_domctl(hv, &op) < 0)
		return NULL;
	return op.u.address_size.size == 32 ? "x86_32-abi" : "x86_64-abi";
}

int disks_attach(struct hv *hv, struct xs *xs, unsigned id, const struct disk *disks, unsigned count,
		 unsigned *failed, char why[DISK_WHY])
{
	struct attach a = {disks, count, protocol_of(hv, id), failed, why};
	struct writer w = {.xs = xs, .id = id};

	*failed = 0;
	if (!writer_run(&w, attach_all, &a))
		return 0;
	return *why ? -1 : disk_refuse(why, "cannot write it into the store: %s", strerror(errno));
}

/* ---- Waiting ---- */

int disk_wait(struct xs *xs, unsigned id, const struct disk *d, char why[DISK_WHY])
{
	struct disk_seen seen;

	if (!disk_find(xs, 0, id, vdev_number(d->vdev), &seen))
		return disk_refuse(why, "it was taken away meanwhile");
	return device_wait(xs, seen.back, false, "/var/log/rl-blkd.log", why);
}
