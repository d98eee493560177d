/* SPDX-License-Identifier: MIT */
/*
 * rl-image: images of disks in qcow2, where there is no qemu-img: new ones, clones that share what they have in common, larger ones.
 */
#include "../blkd/qcow2.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "rl-image create FILE SIZE                  a new image: SIZE in bytes, or with k, M, G, T behind it\n"
    "rl-image clone BASE FILE [raw|qcow2]       an image that begins as a copy of BASE and keeps only what "
    "differs;\n"
    "                                           BASE must not change any more. Its format: qcow2 if it ends "
    "in .qcow2\n"
    "rl-image copy FROM FILE [raw|qcow2]        a whole image in qcow2, with nothing behind it and no room "
    "for "
    "zeros\n"
    "rl-image grow FILE SIZE                    make the disk larger\n"
    "rl-image look FILE                         is it whole? Its size, and what lies behind it\n";

static int sectors_of(const char *text, uint64_t *sectors)
{
	static const char units[] = "kMGT";
	char *end;
	unsigned long long bytes = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unit - units + 1) : 0;

	if (end == text || *text == '-' || (*end && (!unit || end[1])) || bytes >> (62 - shift) ||
	    (bytes << shift) % SECTOR_SIZE || !bytes)
		return fail(
		    "\"%s\" is no size of a disk; needed: a multiple of 512 bytes, as in 4G, 200M or 1048576",
		    text);
	*sectors = (bytes << shift) >> SECTOR_SHIFT;
	return 0;
}

static struct image *open_image(const char *path, const char *format, bool readonly)
{
	struct image *image;
	char why[1024] = "";

	if (!image_open(path, format, readonly, "rl-image", &image, why, sizeof(why)))
		return image;
	fail("%s", why);
	return NULL;
}

static int create(const char *path, uint64_t sectors, const char *behind, const char *format)
{
	int rc = qcow2_create(path, sectors, behind, format);

	if (rc == -EFBIG)
		return fail("%s: a disk of more than 2 PiB does not go into clusters of 64 KiB", path);
	return rc ? fail_errno(rc, "%s: cannot make it", path) : 0;
}

static int do_create(char **args)
{
	uint64_t sectors;

	return sectors_of(args[1], &sectors) ? -1 : create(args[0], sectors, NULL, NULL);
}

/* A raw image that looks like another: its guest may have made it so, to have any file of Dom0 behind it. */
static bool looks_like_qcow2(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[4] = {0};
	bool so = fd >= 0 && !image_pread(fd, head, sizeof(head), 0) && be32(head) == QCOW2_MAGIC;

	if (fd >= 0)
		close(fd);
	return so;
}

/* What the clone calls its base: a name alone if they are in one folder, so that the folder can move. */
static const char *name_behind(const char *base, const char *path, char *room)
{
	const char *base_slash = strrchr(base, '/'), *slash = strrchr(path, '/');
	size_t folder = base_slash ? base_slash + 1 - base : 0;

	if (folder == (size_t)(slash ? slash + 1 - path : 0) && !memcmp(base, path, folder))
		return base + folder;
	return realpath(base, room);
}

/* What a clone or a copy is made of, args[0]; its format is args[2], or what its name says. */
static struct image *open_source(const char *verb, char **args, const char **format)
{
	const char *dot = strrchr(args[0], '.');

	*format = args[2] ? args[2] : dot && !strcmp(dot, ".qcow2") ? "qcow2" : "raw";
	if (args[2] || strcmp(*format, "raw") || !looks_like_qcow2(args[0]))
		return open_image(args[0], *format, true);
	fail("%s begins like a qcow2 image; say what it is: rl-image %s %s %s qcow2", args[0], verb, args[0],
	     args[1]);
	return NULL;
}

static int do_clone(char **args)
{
	const char *base = args[0], *path = args[1], *name, *format;
	struct image *image = open_source("clone", args, &format);
	char room[PATH_MAX];
	uint64_t sectors;

	if (!image)
		return -1;
	sectors = image->sectors;
	image->ops->close(image);
	name = name_behind(base, path, room);
	return name ? create(path, sectors, name, format)
		    : fail_errno(-errno, "%s: cannot tell its whole path", base);
}

/* All that is not zeros. 0, or -errno. */
static int copy_sectors(struct image *from, struct image *to)
{
	static uint8_t piece[64 << 10], zeros[sizeof(piece)];
	const uint64_t most = sizeof(piece) >> SECTOR_SHIFT;
	int rc = 0;

	for (uint64_t at = 0, n; !rc && at < from->sectors; at += n) {
		size_t bytes;

		n = from->sectors - at < most ? from->sectors - at : most;
		bytes = n << SECTOR_SHIFT;
		rc = from->ops->read(from, at, piece, bytes);
		if (!rc && memcmp(piece, zeros, bytes))
			rc = to->ops->write(to, at, piece, bytes);
	}
	return rc ? rc : to->ops->flush(to);
}

static int do_copy(char **args)
{
	const char *format;
	struct image *from = open_source("copy", args, &format), *to;
	int rc;

	if (!from)
		return -1;
	rc = create(args[1], from->sectors, NULL, NULL);
	if (!rc) {
		to = open_image(args[1], "qcow2", false);
		rc = to ? copy_sectors(from, to) : -1;
		if (to) {
			to->ops->close(to);
			rc = rc ? fail_errno(rc, "cannot copy %s to %s", args[0], args[1]) : 0;
		}
		if (rc)
			unlink(args[1]);
	}
	from->ops->close(from);
	return rc;
}

static int do_grow(char **args)
{
	struct image *image;
	uint64_t sectors;
	int rc;

	if (sectors_of(args[1], &sectors))
		return -1;
	image = open_image(args[0], "qcow2", false);
	if (!image)
		return -1;
	if (sectors < image->sectors)
		rc = fail("%s: has %llu bytes already, and a disk can only grow", args[0],
			  (unsigned long long)image->sectors << SECTOR_SHIFT);
	else if ((rc = qcow2_grow(image, sectors)) == -EINVAL)
		rc = fail("%s: the image behind it is larger, and would show in what is new", args[0]);
	else if (rc)
		rc = fail_errno(rc, "%s: cannot make it larger", args[0]);
	image->ops->close(image);
	return rc;
}

static int do_look(char **args)
{
	struct image *image = open_image(args[0], "qcow2", true);
	const struct qcow2 *q = (const struct qcow2 *)image;

	if (!image)
		return -1;
	printf("%s: qcow2 version %u, %llu bytes, clusters of %llu, a file of %llu bytes; it is whole\n",
	       args[0], q->version, (unsigned long long)image->sectors << SECTOR_SHIFT,
	       (unsigned long long)q->cluster, (unsigned long long)q->file_size);
	for (const struct image *behind = q->backing; behind; behind = q->backing) {
		if (behind->ops != image->ops) {
			printf("behind it: a raw image of %llu bytes\n",
			       (unsigned long long)behind->sectors << SECTOR_SHIFT);
			break;
		}
		q = (const struct qcow2 *)behind;
		printf("behind it: %s\n", q->path);
	}
	image->ops->close(image);
	return 0;
}

static const struct verb {
	const char *name;
	int least, most;
	int (*run)(char **args);
} verbs[] = {
    {"create", 2, 2, do_create}, {"clone", 2, 3, do_clone}, {"copy", 2, 3, do_copy},
    {"grow", 2, 2, do_grow},     {"look", 1, 1, do_look},
};

int main(int argc, char **argv)
{
	fail_program("rl-image");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs) && argc > 1; i++)
		if (!strcmp(argv[1], verbs[i].name) && argc - 2 >= verbs[i].least &&
		    argc - 2 <= verbs[i].most)
			return verbs[i].run(argv + 2) ? 1 : 0;
	if (argc == 2 && (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}
