/* SPDX-License-Identifier: MIT */
/*
 * What is around the toolstack's disks: the store itself and a back end, in a child process, files in a folder of their own, and block devices
 * that only have names and numbers. `behaves` says how the back end and the guest do.
 */
#pragma once

#include "cfg.h"
#include "disk_image.h"
#include "disk_store.h"
#include "domconf.h"
#include "err.h"
#include "lock.h"
#include "record.h"
#include "store_child.h"
#include "tools_store_client.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

static char dir[] = "/tmp/ringlet-disks-XXXXXX";
static struct xs *xs;
static struct hv hv;

static enum {
	WELL,
	SILENT,
	REFUSING,
	STUBBORN_GUEST
} * behaves;

/* ---- The other side ---- */

static void serve_one(unsigned dom, unsigned number)
{
	char path[96], back[80], front[80], state;

	snprintf(back, sizeof(back), "/local/domain/0/backend/qdisk/%u/%u", dom, number);
	snprintf(front, sizeof(front), "/local/domain/%u/device/vbd/%u/state", dom, number);
	snprintf(path, sizeof(path), "%s/state", back);
	state = *value(0, 0, path);
	if (*behaves == SILENT || state == '[')
		return;
	if (state == '1' && *behaves != REFUSING)
		put_value(0, 0, path, "2");
	if (state == '5' && (*behaves != STUBBORN_GUEST || *value(0, 0, front) == '['))
		put_value(0, 0, path, "6");
	snprintf(path, sizeof(path), "%s/hotplug-status", back);
	if (*value(0, 0, path) != '[')
		return;
	if (*behaves == REFUSING) {
		put_value(0, 0, path, "error");
		snprintf(path, sizeof(path), "%s/hotplug-error", back);
		put_value(0, 0, path, "the moon is full");
	} else {
		put_value(0, 0, path, "connected");
	}
}

static void back_end(void)
{
	for (unsigned dom = 1; dom <= 3; dom++) {
		char path[64], names[256];

		snprintf(path, sizeof(path), "/local/domain/0/backend/qdisk/%u", dom);
		if (*ask(0, XS_DIRECTORY, 0, path))
			continue;
		memcpy(names, client[0].reply, client[0].len);
		for (char *at = names, *end = names + client[0].len; at < end; at += strlen(at) + 1)
			serve_one(dom, strtoul(at, NULL, 10));
	}
}

/* ---- This side ---- */

static const struct {
	const char *path;
	unsigned major, minor;
} devices[] = {
    {"/dev/pool/v", 253, 17},   {"/dev/vdb", 254, 16},       {"/dev/vdb1", 254, 17},
    {"/dev/vdb10", 254, 26},    {"/dev/vdc", 254, 32},       {"/dev/nvme0n1", 259, 0},
    {"/dev/nvme0n1p1", 259, 1}, {"/dev/nvme0n1p2", 259, 20},
};

/* There are these block devices here. */
int stat(const char *path, struct stat *st)
{
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		if (strcmp(path, devices[i].path))
			continue;
		*st = (struct stat){.st_mode = S_IFBLK | 0600,
				    .st_rdev = makedev(devices[i].major, devices[i].minor)};
		return 0;
	}
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, 0);
}

static long hypercall(struct hv *h, unsigned nr, const uint64_t arg[5])
{
	struct xen_domctl *op = (void *)(uintptr_t)arg[0];

	assert_int_equal(op->cmd, XEN_DOMCTL_get_address_size);
	op->u.address_size.size = op->domain == 2 ? 32 : 64;
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[4][128];
	static unsigned i;

	snprintf(path[++i % 4], sizeof(path[0]), "%s/%s", dir, name);
	return path[i % 4];
}

static const char *make_file(const char *name, const void *head, size_t len, size_t size)
{
	const char *path = path_of(name);
	FILE *out = fopen(path, "w");

	fwrite(head, 1, len, out);
	fclose(out);
	assert_int_equal(truncate(path, size), 0);
	return path;
}

/* "FORMAT NAME", with the file in our directory. */
static struct disk disk_at(const char *vdev, const char *options, const char *target)
{
	char spec[256], why[DISK_WHY];
	struct disk disk;

	snprintf(spec, sizeof(spec), "vdev=%s,%s,target=%s", vdev, options, target);
	assert_int_equal(disk_parse(spec, &disk, why), 0);
	return disk;
}

static int attach(unsigned dom, const char *vdev, const char *options, const char *target, char why[DISK_WHY])
{
	struct disk disk = disk_at(vdev, options, target);
	unsigned failed;
	int rc = disks_attach(&hv, xs, dom, &disk, 1, &failed, why);

	if (!rc)
		rc = disk_wait(xs, dom, &disk, why);
	disk_clear(&disk);
	return rc;
}

static const char *node(const char *fmt, ...)
{
	static char *text;
	char path[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	free(text);
	text = xs_read(xs, 0, path, NULL);
	return text ? text : "[none]";
}

static int begin_test(void **state)
{
	*behaves = WELL;
	device_drivers = "/nowhere";
	device_limits = (struct device_limits){.ready = 20000, .guest = 20000, .closed = 20000};
	for (unsigned dom = 1; dom <= 3; dom++)
		disks_remove(xs, dom);
	xs_rm(xs, 0, "/libxl");
	make_file("a.img", "", 0, 1 << 20);
	make_file("b.img", "", 0, 1 << 20);
	return 0;
}
