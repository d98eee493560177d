/* SPDX-License-Identifier: MIT */
/*
 * One disk of a domain as xl writes it: "/vm/a.img,raw,xvda,w", "format=qcow2, vdev=xvdb, target=/vm/b.qcow2"
 * (xl-disk-configuration(5)). The grammar is that of Xen's libxlutil 4.17, and so is what is refused; disk_spec.c has it.
 * What this toolset does not do of what can be written is refused afterwards (disk_usable()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum disk_format {
	DISK_UNSET,
	DISK_RAW,
	DISK_QCOW,
	DISK_QCOW2,
	DISK_VHD,
	DISK_QED,
	DISK_EMPTY /* a drive without a disc */
};

enum disk_backend {
	DISK_ANY, /* not said */
	DISK_PHY,
	DISK_TAP,
	DISK_QDISK,
	DISK_STANDALONE
};

enum disk_model {
	DISK_MODEL_UNSET,
	DISK_XEN,
	DISK_VIRTIO
};

enum disk_discard {
	DISK_DISCARD_UNSET,
	DISK_DISCARD,
	DISK_NO_DISCARD
};

/* Texts are malloc()ed, or NULL: not said. */
struct disk {
	char *target; /* the image; of a script what it likes */
	char *vdev;   /* "xvda" */
	char *script;
	char *backend; /* the domain with the back end */
	enum disk_format format;
	enum disk_backend type;
	enum disk_model model;
	enum disk_discard discard;
	bool readonly, cdrom, direct_io_safe;
	bool colo; /* something of xl's replication was said */
	bool phy;  /* it began with `phy:`: a relative target is below /dev */
};

#define DISK_WHY 400

/* Put a sentence into @why. Returns -1. */
int disk_refuse(char why[DISK_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Read @spec. -1: it is refused, and @why is a sentence that says where, and what was needed. @disk is for
 * disk_clear() in any case. */
int disk_parse(const char *spec, struct disk *disk, char why[DISK_WHY]);
/* The same of a disk in @n parts, as xl block-attach takes it: "phy:vg/v" "xvda" "w". */
int disk_parse_parts(size_t n, char *const parts[], struct disk *disk, char why[DISK_WHY]);
/* Can this toolset do it? -1 and @why. */
int disk_usable(const struct disk *disk, char why[DISK_WHY]);
void disk_clear(struct disk *disk);

/* "raw", "qcow2" ...; "" for DISK_EMPTY. */
const char *disk_format_name(enum disk_format format);

/* disk_vdev.c: the number of a virtual disk, which names its directories in the store: xvd, sd, hd with a letter and perhaps
 * a partition, dNpN, or a bare number. -1: it is none of these (Xen's docs/misc/vbd-interface). */
long vdev_number(const char *name);
