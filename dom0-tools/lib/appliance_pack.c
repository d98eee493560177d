/* SPDX-License-Identifier: MIT */
/* Making appliances: see appliance.h. */
#include "appliance.h"
#include "disk_image.h"
#include "domconf.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64 << 10)

/* Its sum and size, as it is copied to @out (NULL: nowhere). -1 and a report. */
static int read_part(const char *source, FILE *out, char sum[SHA256_TEXT], uint64_t *size)
{
	static char buffer[CHUNK];
	FILE *in = fopen(source, "rbe");
	struct sha256 s;
	size_t n;
	int rc = 0;

	if (!in)
		return fail_errno(-errno, "%s: cannot open it", source);
	sha256_begin(&s);
	while (!rc && (n = fread(buffer, 1, sizeof(buffer), in))) {
		sha256_add(&s, buffer, n);
		if (out && fwrite(buffer, 1, n, out) != n)
			rc = fail_errno(-errno, "cannot write a copy of %s", source);
	}
	if (!rc && ferror(in))
		rc = fail_errno(-errno, "%s: cannot read it", source);
	*size = s.bytes;
	sha256_end(&s, sum);
	fclose(in);
	return rc;
}

/* From now on @source (malloc()ed) is the appliance's. */
static int add_part(struct appliance *a, const char *name, char *source, bool ours)
{
	struct appliance_part *part = &a->parts[a->count];
	uint64_t size = 0;

	if (!source || a->count == APPLIANCE_PARTS) {
		free(source);
		return fail("%s: %s", a->path, source ? "it would have too many parts" : "out of memory");
	}
	*part = (struct appliance_part){.source = source, .ours = ours};
	snprintf(part->name, sizeof(part->name), "%s", name);
	a->count++;
	if (read_part(source, NULL, part->sum, &size))
		return -1;
	part->size = size;
	return size <= UINT32_MAX
		   ? 0
		   : fail("%s is larger than 4 GiB, which no part of an appliance can be", source);
}

static int add_file(struct appliance *a, struct cfg *cfg, const char *key, const char *path)
{
	if (!path || !*path)
		return 0;
	return add_part(a, key, strdup(path), false) ? -1 : cfg_set_text(cfg, key, key);
}

/* An image becomes one that stands alone, and has no more in it than the guest wrote. */
static int add_disk(struct appliance *a, struct cfg_value *entry, struct disk *disk)
{
	char name[APPLIANCE_NAME], path[PATH_MAX], *made, *text;

	snprintf(name, sizeof(name), "disk-%.20s.qcow2", disk->vdev);
	snprintf(path, sizeof(path), "%s.%s" FILE_WRITE_TEMP, a->path, name);
	made = strdup(path);
	if (!made)
		return fail("%s: out of memory", a->path);
	unlink(made);
	if (appliance_image((const char *const[]){image_program, "copy", disk->target, made,
						  disk_format_name(disk->format), NULL})) {
		free(made);
		return -1;
	}
	if (add_part(a, name, made, true))
		return -1;
	free(disk->target);
	disk->target = strdup(name);
	disk->format = DISK_QCOW2;
	disk->phy = false;
	disk->type = DISK_ANY;
	text = disk->target ? disk_print(disk) : NULL;
	if (!text)
		return fail("%s: out of memory", a->path);
	free(entry->text);
	entry->text = text;
	return 0;
}

static int add_disks(struct appliance *a, struct cfg *cfg, struct domconf *conf)
{
	const struct cfg_item *item = cfg_find(cfg, "disk");

	for (unsigned i = 0; i < conf->nr_disks; i++)
		if (conf->disks[i].target && *conf->disks[i].target &&
		    add_disk(a, &item->value.list[i], &conf->disks[i]))
			return -1;
	return 0;
}

static void put_head(FILE *out, const char *name, uint32_t size)
{
	uint32_t numbers[CPIO_NUMBERS] = {
	    [CPIO_MODE] = S_IFREG | 0644, [CPIO_SIZE] = size, [CPIO_NAME] = strlen(name) + 1};
	size_t len = CPIO_HEAD + strlen(name) + 1;

	fputs(CPIO_MAGIC, out);
	for (unsigned i = 0; i < CPIO_NUMBERS; i++)
		fprintf(out, "%08" PRIx32, numbers[i]);
	fwrite(name, 1, strlen(name) + 1, out);
	fwrite("\0\0\0", 1, -len & 3, out);
}

static void put_text(FILE *out, const char *name, const char *text)
{
	put_head(out, name, strlen(text));
	fputs(text, out);
	fwrite("\0\0\0", 1, -strlen(text) & 3, out);
}

static int put_part(FILE *out, const struct appliance_part *part)
{
	char sum[SHA256_TEXT];
	uint64_t size;

	put_head(out, part->name, part->size);
	if (read_part(part->source, out, sum, &size))
		return -1;
	fwrite("\0\0\0", 1, -size & 3, out);
	return strcmp(sum, part->sum) ? fail("%s changed while it was packed", part->source) : 0;
}

static int make_texts(struct appliance *a, const struct cfg *cfg)
{
	char *text;
	size_t size;
	struct sha256 s;
	FILE *out = open_memstream(&a->config, &size);

	if (out)
		cfg_write(cfg, out);
	if (!out || fclose(out))
		return fail("%s: out of memory", a->path);
	if (size > APPLIANCE_CONFIG)
		return fail("%s: its configuration has more than %d bytes", a->path, APPLIANCE_CONFIG);
	sha256_begin(&s);
	sha256_add(&s, a->config, size);
	sha256_end(&s, a->parts[0].sum);
	out = open_memstream(&text, &size);
	if (out) {
		fprintf(out, APPLIANCE_HEAD "%d\n", APPLIANCE_FORMAT);
		for (unsigned i = 0; i < a->count; i++)
			fprintf(out, "%s  %s\n", a->parts[i].sum, a->parts[i].name);
	}
	if (!out || fclose(out))
		return fail("%s: out of memory", a->path);
	a->manifest = text;
	return 0;
}

static int put_all(const struct appliance *a, FILE *out)
{
	put_text(out, "manifest", a->manifest);
	put_text(out, "config", a->config);
	for (unsigned i = 1; i < a->count; i++)
		if (put_part(out, &a->parts[i]))
			return -1;
	put_head(out, CPIO_TRAILER, 0);
	return 0;
}

static int write_out(const struct appliance *a)
{
	char temp[PATH_MAX];
	FILE *out;
	int rc, bad;

	snprintf(temp, sizeof(temp), "%s" FILE_WRITE_TEMP, a->path);
	out = fopen(temp, "wbe");
	if (!out)
		return fail_errno(-errno, "%s: cannot make it", temp);
	rc = put_all(a, out);
	bad = ferror(out);
	if ((fclose(out) || bad) && !rc)
		rc = fail("%s: cannot write it; is there room?", temp);
	if (!rc && rename(temp, a->path))
		rc = fail_errno(-errno, "%s: cannot make it", a->path);
	if (rc)
		unlink(temp);
	return rc;
}

int appliance_pack(struct cfg *cfg, const char *out)
{
	struct appliance a = {.path = out, .fd = -1, .count = 1, .parts = {{.name = "config"}}};
	struct domconf conf;
	int rc;

	if (domconf_from(cfg, &conf))
		return -1;
	rc = add_file(&a, cfg, "kernel", conf.kernel) || add_file(&a, cfg, "ramdisk", conf.ramdisk) ||
		     add_disks(&a, cfg, &conf) || make_texts(&a, cfg) || write_out(&a)
		 ? -1
		 : 0;
	for (unsigned i = 0; i < a.count; i++)
		if (a.parts[i].ours)
			unlink(a.parts[i].source);
	appliance_close(&a);
	domconf_free(&conf);
	return rc;
}
