/* SPDX-License-Identifier: MIT */
/* Reading appliances: see appliance.h. */
#include "appliance.h"
#include "err.h"
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 << 10)

/* Exactly @len bytes of the part @name. -1 and a report. */
static int take(const struct appliance *a, const char *name, void *to, size_t len)
{
	char *p = to;

	while (len) {
		ssize_t got = read(a->fd, p, len);

		if (got < 0)
			return fail_errno(-errno, "%s: cannot read its part \"%s\"", a->path, name);
		if (!got)
			return fail("%s ends within its part \"%s\"; get the whole file again", a->path,
				    name);
		p += got;
		len -= got;
	}
	return 0;
}

static int skip_padding(const struct appliance *a, const char *name, size_t len)
{
	char zeros[4];

	return take(a, name, zeros, -len & 3);
}

static bool read_numbers(const char *head, uint32_t numbers[CPIO_NUMBERS])
{
	for (unsigned i = 0; i < CPIO_NUMBERS; i++) {
		char digits[9] = "";

		memcpy(digits, head + strlen(CPIO_MAGIC) + 8 * i, 8);
		if (strspn(digits, "0123456789abcdefABCDEF") != 8)
			return false;
		numbers[i] = strtoul(digits, NULL, 16);
	}
	return !memcmp(head, CPIO_MAGIC, strlen(CPIO_MAGIC));
}

/* The next entry must be the file @name. 0: it is, of *size bytes; 1: it is not; -1 and a report. */
static int take_head(const struct appliance *a, const char *name, uint32_t *size)
{
	char head[CPIO_HEAD], there[APPLIANCE_NAME];
	uint32_t numbers[CPIO_NUMBERS];
	size_t len = strlen(name) + 1;

	if (take(a, name, head, sizeof(head)))
		return -1;
	if (!read_numbers(head, numbers) || numbers[CPIO_NAME] != len)
		return 1;
	if (take(a, name, there, len) || skip_padding(a, name, sizeof(head) + len))
		return -1;
	*size = numbers[CPIO_SIZE];
	return memcmp(there, name, len) || (*size && !S_ISREG(numbers[CPIO_MODE])) ? 1 : 0;
}

static int expect(const struct appliance *a, const char *name, uint32_t *size)
{
	int rc = take_head(a, name, size);

	return rc > 0 ? fail("%s is damaged: its part \"%s\" is not where it should be; get the file again",
			     a->path, name)
		      : rc;
}

static int check_sum(const struct appliance *a, const struct appliance_part *part, struct sha256 *s)
{
	char sum[SHA256_TEXT];

	sha256_end(s, sum);
	return strcmp(sum, part->sum) ? fail("%s: its part \"%s\" is damaged: it has not the SHA-256 that "
					     "the manifest has; get the file again",
					     a->path, part->name)
				      : 0;
}

/* A whole part, as a text. NULL and a report. */
static char *take_text(const struct appliance *a, const char *name, uint32_t size, uint32_t most)
{
	char *text = size <= most ? malloc(size + 1) : NULL;

	if (size > most)
		fail("%s is damaged: its part \"%s\" would have %u bytes; get the file again", a->path, name,
		     size);
	else if (!text)
		fail("%s: out of memory", a->path);
	else if (take(a, name, text, size) || skip_padding(a, name, size)) {
		free(text);
		text = NULL;
	} else {
		text[size] = '\0';
	}
	return text;
}

/* ---- The manifest ---- */

static bool is_disk(const char *name)
{
	size_t len = strlen(name);

	if (len <= strlen("disk-.qcow2") || strncmp(name, "disk-", 5) || strcmp(name + len - 6, ".qcow2"))
		return false;
	for (name += 5, len -= 11; len && isalnum((unsigned char)*name); len--)
		name++;
	return !len;
}

const struct appliance_part *appliance_part(const struct appliance *a, const char *name)
{
	for (unsigned i = 0; i < a->count; i++)
		if (!strcmp(a->parts[i].name, name))
			return &a->parts[i];
	return NULL;
}

/* One line, "SUM  NAME". No name is a path, and none is there twice. */
static bool take_line(struct appliance *a, const char *line)
{
	struct appliance_part *part = &a->parts[a->count];

	if (a->count == APPLIANCE_PARTS || strspn(line, "0123456789abcdef") != SHA256_TEXT - 1 ||
	    strncmp(line + SHA256_TEXT - 1, "  ", 2) || strlen(line + SHA256_TEXT + 1) >= APPLIANCE_NAME)
		return false;
	memcpy(part->sum, line, SHA256_TEXT - 1);
	strcpy(part->name, line + SHA256_TEXT + 1);
	if (appliance_part(a, part->name))
		return false;
	a->count++;
	if (a->count == 1)
		return !strcmp(part->name, "config");
	return !strcmp(part->name, "kernel") || !strcmp(part->name, "ramdisk") || is_disk(part->name);
}

static int read_manifest(struct appliance *a)
{
	char *copy, *line, *rest;
	long format = 0;
	bool fine;

	if (strncmp(a->manifest, APPLIANCE_HEAD, strlen(APPLIANCE_HEAD)))
		return fail("%s is no appliance: its manifest does not begin as one; `rl pack` makes them",
			    a->path);
	format = strtol(a->manifest + strlen(APPLIANCE_HEAD), &rest, 10);
	if (format > APPLIANCE_FORMAT)
		return fail("%s is too new: its manifest has format %ld, and this rl knows those up to %d; "
			    "take a newer rl",
			    a->path, format, APPLIANCE_FORMAT);
	copy = strdup(rest);
	fine = copy && format == APPLIANCE_FORMAT && *rest == '\n';
	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; fine && line;
	     line = strtok_r(NULL, "\n", &rest))
		fine = take_line(a, line);
	free(copy);
	return fine && a->count ? 0
				: fail("%s: its part \"manifest\" is damaged: a line is not as `rl pack` "
				       "writes it; get the file again",
				       a->path);
}

static int read_config(struct appliance *a)
{
	struct sha256 s;
	uint32_t size;

	if (expect(a, "config", &size))
		return -1;
	a->config = take_text(a, "config", size, APPLIANCE_CONFIG);
	if (!a->config)
		return -1;
	sha256_begin(&s);
	sha256_add(&s, a->config, size);
	return check_sum(a, &a->parts[0], &s);
}

int appliance_open(struct appliance *a, const char *path)
{
	uint32_t size;
	int rc;

	*a = (struct appliance){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (a->fd < 0)
		return fail_errno(-errno, "%s: cannot open it", path);
	rc = take_head(a, "manifest", &size);
	if (rc > 0)
		rc =
		    fail("%s is no appliance: it does not begin with a manifest; `rl pack` makes them", path);
	if (!rc)
		a->manifest = take_text(a, "manifest", size, APPLIANCE_MANIFEST);
	if (!rc && a->manifest && !read_manifest(a) && !read_config(a))
		return 0;
	appliance_close(a);
	return -1;
}

void appliance_close(struct appliance *a)
{
	if (a->fd >= 0)
		close(a->fd);
	free(a->manifest);
	free(a->config);
	for (unsigned i = 0; i < a->count; i++)
		free(a->parts[i].source);
	*a = (struct appliance){.fd = -1};
}

/* ---- Its parts ---- */

/* Nothing else of Dom0's may show through an image: what names a file behind it, or beside it, is refused. */
static int check_image(const struct appliance *a, const char *name, int fd)
{
	static const uint8_t nothing[8];
	uint8_t head[80];

	if (pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, "QFI\xfb\0\0\0\3", 8) ||
	    memcmp(head + 8, nothing, 8) || memcmp(head + 72, nothing, 8))
		return fail(
		    "%s: its part \"%s\" is no qcow2 image that stands alone, as `rl pack` makes them",
		    a->path, name);
	return 0;
}

static int copy_part(const struct appliance *a, const struct appliance_part *part, uint32_t size, int to)
{
	static char buffer[CHUNK];
	struct sha256 s;

	sha256_begin(&s);
	for (uint32_t left = size; left;) {
		uint32_t n = left < CHUNK ? left : CHUNK;

		if (take(a, part->name, buffer, n))
			return -1;
		sha256_add(&s, buffer, n);
		for (uint32_t done = 0; done < n;) {
			ssize_t put = write(to, buffer + done, n - done);

			if (put <= 0)
				return fail_errno(put ? -errno : -ENOSPC,
						  "%s: cannot unpack its part \"%s\"; is there room?",
						  a->path, part->name);
			done += put;
		}
		left -= n;
	}
	return skip_padding(a, part->name, size) || check_sum(a, part, &s) ? -1 : 0;
}

static void name_of(char path[PATH_MAX], const char *dir, const char *name, bool done)
{
	snprintf(path, PATH_MAX, "%s/%s%s", dir, name, done ? "" : FILE_WRITE_TEMP);
}

static int unpack_part(const struct appliance *a, const struct appliance_part *part, const char *dir)
{
	char path[PATH_MAX];
	uint32_t size;
	int fd, rc;

	if (expect(a, part->name, &size))
		return -1;
	name_of(path, dir, part->name, false);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(-errno, "%s: cannot make it", path);
	rc = copy_part(a, part, size, fd);
	if (!rc && is_disk(part->name))
		rc = check_image(a, part->name, fd);
	if (!rc && fsync(fd) && errno != EINVAL)
		rc = fail_errno(-errno, "%s: cannot write it", path);
	close(fd);
	return rc;
}

static int keep_parts(const struct appliance *a, const char *dir)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc;

	for (unsigned i = 1; i < a->count; i++) {
		name_of(from, dir, a->parts[i].name, false);
		name_of(to, dir, a->parts[i].name, true);
		if (rename(from, to))
			return fail_errno(-errno, "%s: cannot replace it", to);
	}
	name_of(to, dir, "manifest", true);
	rc = file_write(to, a->manifest);
	return rc ? fail_errno(rc, "%s: cannot write it", to) : 0;
}

int appliance_unpack(struct appliance *a, const char *dir)
{
	char path[PATH_MAX];
	uint32_t size;
	int rc = 0;

	for (unsigned i = 1; !rc && i < a->count; i++)
		rc = unpack_part(a, &a->parts[i], dir);
	if (!rc)
		rc = expect(a, CPIO_TRAILER, &size);
	if (!rc)
		return keep_parts(a, dir);
	for (unsigned i = 1; i < a->count; i++) {
		name_of(path, dir, a->parts[i].name, false);
		unlink(path);
	}
	return -1;
}
