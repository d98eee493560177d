/* SPDX-License-Identifier: MIT */
/* See disk_image.h. */
#include "disk_image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char *disk_partitions = "/proc/partitions";

/* The file behind loop device @number, if it is one. */
static int behind_loop(dev_t number, struct stat *st)
{
	char path[64], file[PATH_MAX];
	size_t len = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop/backing_file", major(number), minor(number));
	in = fopen(path, "re");
	if (in) {
		len = fread(file, 1, sizeof(file) - 1, in);
		fclose(in);
	}
	file[len] = '\0';
	file[strcspn(file, "\n")] = '\0';
	return *file ? stat(file, st) : -1;
}

int image_identify(const char *path, struct image_id *id)
{
	struct stat st, file;

	if (stat(path, &st))
		return -1;
	if (S_ISBLK(st.st_mode) && !behind_loop(st.st_rdev, &file))
		st = file;
	id->block = S_ISBLK(st.st_mode);
	id->device = id->block ? st.st_rdev : st.st_dev;
	id->inode = id->block ? 0 : st.st_ino;
	return 0;
}

/* Block device number @device, or the one that is called @name. */
static bool find_device(uint64_t device, const char *name, char found[64], uint64_t *number)
{
	FILE *in = fopen(disk_partitions, "re");
	unsigned major_number, minor_number;
	bool there = false;
	char line[256];

	while (in && !there && fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%u %u %*u %63s", &major_number, &minor_number, found) != 3)
			continue;
		*number = makedev(major_number, minor_number);
		there = name ? !strcmp(found, name) : *number == device;
	}
	if (in)
		fclose(in);
	return there;
}

/* Is it a partition of @whole? Both kernels list them, and call vdb's vdb1, and nvme0n1's nvme0n1p1. */
static bool is_part(uint64_t device, uint64_t whole)
{
	char name[64], found[64];
	uint64_t number;
	size_t len;

	if (!find_device(device, NULL, name, &number))
		return false;
	len = strlen(name);
	while (len && isdigit((unsigned char)name[len - 1]))
		len--;
	if (len > 1 && name[len] && name[len - 1] == 'p' && isdigit((unsigned char)name[len - 2]))
		len--;
	name[len] = '\0';
	return find_device(0, name, found, &number) && number == whole && number != device;
}

bool image_overlaps(const struct image_id *a, const struct image_id *b)
{
	if (a->block != b->block)
		return false;
	if (a->device == b->device && a->inode == b->inode)
		return true;
	return a->block && (is_part(a->device, b->device) || is_part(b->device, a->device));
}

const char *image_mounted(const struct image_id *id)
{
	static char where[256];
	char device[256], line[1024];
	FILE *in = fopen("/proc/mounts", "re");
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		struct image_id mounted;

		found = sscanf(line, "%255s %255s", device, where) == 2 && *device == '/' &&
			!image_identify(device, &mounted) && image_overlaps(&mounted, id);
	}
	if (in)
		fclose(in);
	return found ? where : NULL;
}

static int set_target(struct disk *d, const char *folder)
{
	size_t size = strlen(folder) + strlen(d->target) + 2;
	char *whole = malloc(size);

	if (!whole)
		return -1;
	snprintf(whole, size, "%s/%s", strcmp(folder, "/") ? folder : "", d->target);
	free(d->target);
	d->target = whole;
	return 0;
}

int disk_find_target(struct disk *d, const char *beside)
{
	const char *slash = beside ? strrchr(beside, '/') : NULL;
	char path[PATH_MAX];

	if (!d->target || !*d->target || *d->target == '/')
		return 0;
	if (d->phy)
		return set_target(d, "/dev");
	if (access(d->target, F_OK)) {
		if (!slash)
			return 0;
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - beside), beside, d->target);
		if (access(path, F_OK))
			return 0;
		free(d->target);
		d->target = strdup(path);
		if (!d->target)
			return -1;
	}
	return *d->target != '/' && getcwd(path, sizeof(path)) ? set_target(d, path) : 0;
}

/* ---- What it looks like ---- */

/* How files of formats begin that are not raw. */
static const struct {
	const char *magic;
	size_t len;
	const char *name;
} magics[] = {
    {"QFI\xfb", 4, "qcow2"}, {"QED", 4, "qed"},      {"KDMV", 4, "vmdk"},
    {"vhdxfile", 8, "vhdx"}, {"conectix", 8, "vhd"}, {"<<< ", 4, "vdi"},
};

static const char *looks_like(const char *head, ssize_t len)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if (len >= (ssize_t)magics[i].len && !memcmp(head, magics[i].magic, magics[i].len))
			return magics[i].name;
	return "raw";
}

static int check_format(const struct disk *d, int fd, char why[DISK_WHY])
{
	char head[16] = "";
	ssize_t len = pread(fd, head, sizeof(head), 0);
	const char *like = looks_like(head, len), *said = disk_format_name(d->format);

	if (len < 0)
		return disk_refuse(why, "image %s cannot be read: %s", d->target, strerror(errno));
	if (!strcmp(like, said))
		return 0;
	if (d->format == DISK_QCOW2)
		return disk_refuse(
		    why,
		    "image %s is not qcow2, which the format says; needed: raw, if it holds the disk as it "
		    "is",
		    d->target);
	return disk_refuse(
	    why,
	    "image %s begins like %s, but the format says raw; if a tool made it so, %s (if its guest "
	    "wrote that, do not)",
	    d->target, like,
	    strcmp(like, "qcow2") ? "convert it by `qemu-img convert -O raw`" : "say format=qcow2");
}

static int check_size(const struct disk *d, int fd, char why[DISK_WHY])
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return disk_refuse(why, "image %s has no size: %s", d->target, strerror(errno));
	if (size >= 512)
		return 0;
	return disk_refuse(
	    why,
	    "image %s has %lld bytes, and a disk one sector (512) at least; `truncate -s 1G` makes "
	    "it larger",
	    d->target, (long long)size);
}

int disk_check_image(const struct disk *d, char why[DISK_WHY])
{
	struct stat st;
	int fd, rc;

	if (d->format == DISK_EMPTY)
		return 0;
	if (stat(d->target, &st))
		return disk_refuse(why,
				   errno == ENOENT
				       ? "image %s: no such file; check the path (it is looked up in Dom0's "
					 "file system)"
				       : "image %s cannot be reached; check the path",
				   d->target);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return disk_refuse(why, "image %s is neither a file nor a block device", d->target);
	if (S_ISBLK(st.st_mode) && d->format != DISK_RAW)
		return disk_refuse(
		    why,
		    "image %s is a block device, and a %s image must be a file, which can grow; `qemu-img "
		    "convert -O raw` puts what it holds onto a device, and the format is raw then",
		    d->target, disk_format_name(d->format));
	fd = open(d->target, (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return disk_refuse(why, "image %s cannot be opened to %s: %s", d->target,
				   d->readonly ? "read"
					       : "write; needed: access r, or an image that can be written",
				   strerror(errno));
	rc = check_format(d, fd, why) || check_size(d, fd, why) ? -1 : 0;
	close(fd);
	return rc;
}

char *disk_print(const struct disk *d)
{
	static const char *const types[] = {"", "phy", "tap", "qdisk", "standalone"};
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (d->format != DISK_EMPTY)
		fprintf(out, "format=%s,", disk_format_name(d->format));
	fprintf(out, "vdev=%s,", d->vdev);
	fprintf(out, d->cdrom ? "devtype=cdrom," : "access=%s,", d->readonly ? "ro" : "rw");
	if (d->type)
		fprintf(out, "backendtype=%s,", types[d->type]);
	if (d->discard)
		fprintf(out, "%sdiscard,", d->discard == DISK_DISCARD ? "" : "no-");
	if (d->direct_io_safe)
		fputs("direct-io-safe,", out);
	/* One comma at the end is not the target's. */
	fprintf(out, "target=%s%s", d->target ? d->target : "",
		d->target && *d->target && d->target[strlen(d->target) - 1] == ',' ? "," : "");
	return fclose(out) ? NULL : text;
}
