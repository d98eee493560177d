/* SPDX-License-Identifier: MIT */
/* See kernel.h. */
#include "kernel.h"
#include "err.h"
#include "files.h"
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

#include "dom/inflate.h"
#include "dom/packed.h"

#define UNPACKED_MAX (128u << 20)

/* What lib/string.c of the hypervisor offers, by the C library. */
uint64_t parse_number(const char *s, const char **end);
uint64_t parse_number(const char *s, const char **end)
{
	return strtoull(s, (char **)end, 0);
}

int kernel_parse(struct kernel *k, const char *name, const uint8_t *data, size_t size)
{
	const char *wrong;

	memset(k, 0, sizeof(*k));
	wrong = elf_kernel_open(&k->image, data, size);
	return wrong ? fail("%s: %s; needed: a Xen PV kernel as an ELF file, plain or packed", name, wrong)
		     : 0;
}

/* A gzip file unpacked in memory of its own; NULL and a report. */
static uint8_t *unpack_gzip(const char *path, const uint8_t *data, size_t size, size_t *out_size)
{
	size_t unpacked_size;
	uint8_t *out;
	const char *wrong;

	if (!gzip_detect(data, size, &unpacked_size)) {
		fail("%s: its gzip header is damaged", path);
		return NULL;
	}
	*out_size = unpacked_size;

	if (unpacked_size > UNPACKED_MAX) {
		fail("%s: unpacks to %zu MiB; needed: at most %u MiB", path, unpacked_size >> 20,
		     UNPACKED_MAX >> 20);
		return NULL;
	}
	out = malloc(unpacked_size + 1);
	wrong = out ? gzip_unpack(data, size, out, unpacked_size)
		    : "there is not enough memory in Dom0 to unpack it";
	if (!wrong)
		return out;
	fail("%s: %s", path, wrong);
	free(out);
	return NULL;
}

uint8_t *kernel_read_file(const char *path, size_t *size)
{
	uint8_t *file = (uint8_t *)file_read(path, KERNEL_FILE_MAX, size), *unpacked = NULL;
	const uint8_t *data = file;
	size_t packed = *size;
	const char *by;
	int linux_image;

	if (!file)
		return NULL;
	linux_image = bzimage_payload(&data, &packed);
	by = linux_image < 0 ? NULL : packed_by(data, packed);
	if (!by && !linux_image)
		return file;
	if (!by)
		fail("%s: %s", path,
		     linux_image < 0
			 ? "its bzImage header is damaged"
			 : "a Linux image whose kernel is not packed by gzip, xz, lzma, lz4 or zstd");
	else if (!strcmp(by, "gzip"))
		unpacked = unpack_gzip(path, data, packed, size);
	free(file);
	return by && strcmp(by, "gzip") ? unpack_file(path, UNPACKED_MAX, size) : unpacked;
}

int kernel_load(struct kernel *k, const char *path)
{
	size_t size;
	uint8_t *file;
	int rc;

	memset(k, 0, sizeof(*k));
	file = kernel_read_file(path, &size);
	if (!file)
		return -1;
	rc = kernel_parse(k, path, file, size);
	k->file = file;
	k->size = size;
	if (rc)
		kernel_free(k);
	return rc;
}

void kernel_free(struct kernel *k)
{
	free(k->file);
	k->file = NULL;
}
