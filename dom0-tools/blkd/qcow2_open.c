/* SPDX-License-Identifier: MIT */
/*
 * The header of a qcow2 image, what is refused, and the images behind it.
 */
#include "qcow2.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Images that are being opened, each behind the one before. */
static struct link {
	dev_t dev;
	ino_t ino;
} chain[QCOW2_MAX_CHAIN];
static unsigned depth;

struct reader {
	struct qcow2 *q;
	const char *user;
	struct qcow2_answer answer;
	uint8_t header[QCOW2_V3_LENGTH];
	uint64_t header_length;
	char format[16]; /* of what lies behind; "": not said */
};

int qcow2_refuse(const struct qcow2_answer *to, const char *fmt, ...)
{
	int used = snprintf(to->why, to->size, "%s: ", to->path);
	va_list args;

	va_start(args, fmt);
	if (used > 0 && (size_t)used < to->size)
		vsnprintf(to->why + used, to->size - used, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* What we do not do, and how to get rid of it. */
static int refuse_feature(struct reader *r, const char *what)
{
	return qcow2_refuse(&r->answer,
			    "%s not supported; make a plain copy with: qemu-img convert -O qcow2 %s NEW",
			    what, r->q->path);
}

static int check_features(struct reader *r)
{
	uint64_t features = r->q->version < 3 ? 0 : be64(r->header + QCOW2_INCOMPATIBLE);
	const uint64_t known =
	    QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_EXTERNAL | QCOW2_COMPRESSION | QCOW2_EXTENDED;

	if (be32(r->header + QCOW2_CRYPT))
		return qcow2_refuse(
		    &r->answer, "it is encrypted, which is not supported; make a plain copy with qemu-img "
				"convert, giving the secret");
	if (be32(r->header + QCOW2_SNAPSHOTS))
		return refuse_feature(r, "snapshots inside an image are");
	if (features & QCOW2_EXTERNAL)
		return refuse_feature(r, "an external data file is");
	if (features & QCOW2_COMPRESSION)
		return refuse_feature(r, "compression is");
	if (features & QCOW2_EXTENDED)
		return refuse_feature(r, "extended L2 entries are");
	if (features & ~known)
		return qcow2_refuse(
		    &r->answer,
		    "its incompatible features %#llx are not known here; make a plain copy with a "
		    "QEMU that knows them: qemu-img convert -O qcow2 %s NEW",
		    (unsigned long long)(features & ~known), r->q->path);
	if (features & QCOW2_CORRUPT && !r->q->image.readonly)
		return qcow2_refuse(&r->answer,
				    "it is marked as corrupt; mend it with: qemu-img check -r all %s",
				    r->q->path);
	r->q->dirty = features & QCOW2_DIRTY;
	return 0;
}

static int check_sizes(struct reader *r)
{
	struct qcow2 *q = r->q;
	uint64_t bytes = be64(r->header + QCOW2_SIZE), per_entry;

	if (q->cluster_bits < QCOW2_MIN_BITS || q->cluster_bits > QCOW2_MAX_BITS)
		return qcow2_refuse(&r->answer, "clusters of 2^%u bytes; from 512 bytes to 2 MiB is possible",
				    q->cluster_bits);
	if (q->refcount_order > 6)
		return qcow2_refuse(&r->answer, "counts of 2^%u bits; the header is damaged",
				    q->refcount_order);
	q->cluster = 1ull << q->cluster_bits;
	q->l1_at = be64(r->header + QCOW2_L1_AT);
	q->l1_entries = be32(r->header + QCOW2_L1_ENTRIES);
	q->reftable_at = be64(r->header + QCOW2_REFTABLE_AT);
	q->reftable_entries = ((uint64_t)be32(r->header + QCOW2_REFTABLE_CLUSTERS) << q->cluster_bits) / 8;
	q->image.sectors = bytes >> SECTOR_SHIFT;
	per_entry = q->cluster / 8 << q->cluster_bits;
	if (bytes % SECTOR_SIZE)
		return qcow2_refuse(&r->answer,
				    "its size is not in whole sectors; mend it with: qemu-img resize %s SIZE",
				    q->path);
	if (q->l1_entries * 8 > QCOW2_MAX_L1 || bytes / per_entry + (bytes % per_entry != 0) > q->l1_entries)
		return qcow2_refuse(
		    &r->answer,
		    "a table L1 of %llu entries does not do for a disk of %llu bytes; the header is damaged",
		    (unsigned long long)q->l1_entries, (unsigned long long)bytes);
	if (!q->reftable_entries || q->reftable_entries * 8 > QCOW2_MAX_REFTABLE)
		return qcow2_refuse(&r->answer, "a table of counts of %llu entries; the header is damaged",
				    (unsigned long long)q->reftable_entries);
	return 0;
}

static int read_fields(struct reader *r)
{
	struct qcow2 *q = r->q;
	int64_t bytes = image_file_size(q->fd);
	struct stat st;

	if (!fstat(q->fd, &st) && S_ISBLK(st.st_mode))
		return qcow2_refuse(&r->answer,
				    "is a block device, and a qcow2 image must be a file, which can grow; "
				    "`qemu-img convert -O raw` puts what it holds onto a device");
	if (bytes < 0)
		return qcow2_refuse(&r->answer, "cannot tell its size: %s", strerror(-bytes));
	q->file_size = bytes;
	if (qcow2_pread(q, r->header, sizeof(r->header), 0) || be32(r->header) != QCOW2_MAGIC)
		return qcow2_refuse(&r->answer, "is no qcow2 image; if it is a raw one, write format=raw");
	q->version = be32(r->header + QCOW2_VERSION);
	if (q->version != 2 && q->version != 3)
		return qcow2_refuse(&r->answer, "qcow2 of version %u; 2 and 3 are supported", q->version);
	q->cluster_bits = be32(r->header + QCOW2_CLUSTER_BITS);
	q->refcount_order = q->version < 3 ? 4 : be32(r->header + QCOW2_REFCOUNT_ORDER);
	r->header_length = q->version < 3 ? QCOW2_V2_LENGTH : be32(r->header + QCOW2_LENGTH);
	if (r->header_length % 8 || r->header_length < (q->version < 3 ? QCOW2_V2_LENGTH : QCOW2_V3_LENGTH))
		return qcow2_refuse(&r->answer, "a header of %llu bytes; it is damaged",
				    (unsigned long long)r->header_length);
	return 0;
}

/* The header's extensions: only the format of what lies behind is for us. */
static int read_extensions(struct reader *r)
{
	uint64_t at = r->header_length, end = be64(r->header + QCOW2_BACKING_AT);
	uint8_t head[8];
	uint32_t length;

	if (!end || end > r->q->cluster)
		end = r->q->cluster;
	while (at + sizeof(head) <= end) {
		if (qcow2_pread(r->q, head, sizeof(head), at))
			return qcow2_refuse(&r->answer, "its header cannot be read");
		length = be32(head + 4);
		at += sizeof(head);
		if (!be32(head))
			break;
		if (length > end - at)
			return qcow2_refuse(&r->answer,
					    "an extension of the header is too long; it is damaged");
		if (be32(head) == QCOW2_BACKING_FORMAT) {
			if (length >= sizeof(r->format))
				return qcow2_refuse(&r->answer,
						    "the format of the image behind it is not raw or qcow2");
			if (qcow2_pread(r->q, r->format, length, at))
				return qcow2_refuse(&r->answer, "its header cannot be read");
			r->format[length] = '\0';
		}
		at += (length + 7) & ~7ull;
	}
	return 0;
}

/* A relative name is meant from the folder of the image that has it. */
static char *full_name(const char *of, const char *name)
{
	const char *slash = *name == '/' ? NULL : strrchr(of, '/');
	size_t folder = slash ? slash + 1 - of : 0;
	char *full = malloc(folder + strlen(name) + 1);

	if (full) {
		memcpy(full, of, folder);
		strcpy(full + folder, name);
	}
	return full;
}

/* A guest that may write a raw disk could otherwise make it look like a qcow2 image with any file behind it. */
static int check_format(struct reader *r, const char *name)
{
	if (!strcmp(r->format, "raw") || !strcmp(r->format, "qcow2"))
		return 0;
	if (*r->format)
		return qcow2_refuse(
		    &r->answer,
		    "behind it is an image of the format \"%s\"; make one without with: qemu-img "
		    "convert -O qcow2 %s NEW",
		    r->format, r->q->path);
	return qcow2_refuse(
	    &r->answer,
	    "it does not say in which format %s behind it is; say it with: qemu-img rebase -u -b "
	    "%s -F raw|qcow2 %s",
	    name, name, r->q->path);
}

static int enter_chain(struct reader *r)
{
	struct stat st;

	if (fstat(r->q->fd, &st))
		return qcow2_refuse(&r->answer, "cannot look at it: %s", strerror(errno));
	for (unsigned i = 0; i < depth; i++)
		if (chain[i].dev == st.st_dev && chain[i].ino == st.st_ino)
			return qcow2_refuse(
			    &r->answer,
			    "lies behind itself; give it another image behind it with: qemu-img rebase -u");
	if (depth == QCOW2_MAX_CHAIN)
		return qcow2_refuse(
		    &r->answer,
		    "there are more than %u images behind one another; join some with: qemu-img "
		    "rebase or qemu-img convert",
		    QCOW2_MAX_CHAIN);
	chain[depth++] = (struct link){st.st_dev, st.st_ino};
	return 0;
}

static int open_behind(struct reader *r, const char *name)
{
	char *full;
	int rc = check_format(r, name);

	if (rc)
		return rc;
	if (memchr(name, ':', strcspn(name, "/")))
		return qcow2_refuse(&r->answer, "behind it is %s, which is no file; files only are supported",
				    name);
	rc = enter_chain(r);
	if (rc)
		return rc;
	full = full_name(r->q->path, name);
	rc = full ? image_open(full, r->format, true, r->user, &r->q->backing, r->answer.why, r->answer.size)
		  : -ENOMEM;
	free(full);
	depth--;
	return rc;
}

static int read_behind(struct reader *r)
{
	uint64_t at = be64(r->header + QCOW2_BACKING_AT);
	uint32_t length = be32(r->header + QCOW2_BACKING_LENGTH);
	char name[1024];

	if (!at || !length)
		return 0;
	if (length >= sizeof(name) || at > r->q->cluster || length > r->q->cluster - at)
		return qcow2_refuse(&r->answer,
				    "the name of the image behind it is too long; the header is damaged");
	if (qcow2_pread(r->q, name, length, at))
		return qcow2_refuse(&r->answer, "its header cannot be read");
	name[length] = '\0';
	return open_behind(r, name);
}

/* Bits that say that something else in the file still fits the data. We do not keep it up, so they go before the first write. */
static int clear_automatic(struct reader *r)
{
	static const uint8_t none[8];

	if (r->q->image.readonly || r->q->version < 3 || !be64(r->header + QCOW2_AUTOCLEAR))
		return 0;
	return qcow2_pwrite(r->q, none, sizeof(none), QCOW2_AUTOCLEAR) || qcow2_sync(r->q)
		   ? qcow2_refuse(&r->answer, "its header cannot be written")
		   : 0;
}

int qcow2_read_header(struct qcow2 *q, const char *user, char *why, size_t size)
{
	struct reader r = {.q = q, .user = user, .answer = {q->path, why, size}};
	int rc = read_fields(&r);

	if (!rc)
		rc = check_features(&r);
	if (!rc)
		rc = check_sizes(&r);
	if (!rc)
		rc = read_extensions(&r);
	if (!rc && meta_init(q))
		rc = qcow2_refuse(&r.answer, "not enough memory for its tables");
	if (!rc)
		rc = read_behind(&r);
	if (rc)
		return rc;
	q->file_end = (q->file_size + q->cluster - 1) & ~(q->cluster - 1);
	if (!q->image.readonly && qcow2_extend(q, q->file_end))
		return qcow2_refuse(&r.answer, "cannot be made longer: %s", strerror(errno));
	return clear_automatic(&r);
}
