/* SPDX-License-Identifier: MIT */
/* What this toolset does of all disks that can be written down. See disk_spec.h. */
#include "disk_spec.h"

#include <ctype.h>
#include <string.h>

static bool has_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text;
}

int disk_usable(const struct disk *d, char why[DISK_WHY])
{
	const char *format = disk_format_name(d->format);

	if (vdev_number(d->vdev) < 0 || !*d->vdev)
		return disk_refuse(
		    why, "\"%s\" is no virtual disk; needed: xvda to xvdp, xvda1, hda, sda or the like",
		    d->vdev);
	if (d->script && *d->script && strcmp(d->script, "block"))
		return disk_refuse(
		    why,
		    "script %s is not run here: network disks work with xl on a Linux Dom0; needed: "
		    "a file or block device",
		    d->script);
	if (d->colo)
		return disk_refuse(why, "replication (COLO) is not supported; leave its parameters out");
	if (d->model == DISK_VIRTIO)
		return disk_refuse(
		    why, "specification=virtio needs QEMU beside the guest; leave it out for Xen's own");
	if (d->type == DISK_TAP || d->type == DISK_STANDALONE)
		return disk_refuse(
		    why, "this backendtype is not supported; needed: phy or qdisk, or no backendtype");
	if (d->backend && *d->backend && strcmp(d->backend, "0") && strcmp(d->backend, "Domain-0"))
		return disk_refuse(why, "back ends run in Domain-0 only, not in \"%s\"; leave backend= out",
				   d->backend);
	if (d->format == DISK_QCOW || d->format == DISK_VHD || d->format == DISK_QED)
		return disk_refuse(
		    why, "format %s is not supported; `qemu-img convert -O qcow2` makes a qcow2 of it",
		    format);
	if (d->target && has_control(d->target))
		return disk_refuse(why, "its target has a control character in it; rename the file");
	if (!d->cdrom && !*d->target)
		return disk_refuse(why,
				   "it has no target; needed: a file or block device (only a cdrom may be "
				   "empty)");
	return 0;
}
