/* SPDX-License-Identifier: MIT */
/*
 * Kernels come as ELF, as gzip of it, or as a Linux bzImage, whose payload is one of these (Linux,
 * Documentation/arch/x86/boot.rst: setup_sects 0x1f1, header 0x202, payload_offset 0x248).
 */
#include "boot/kernel_image.h"
#include "dom/inflate.h"
#include "lib/string.h"
#include "mm/page.h"

#define SECTOR         512
#define SETUP_SECTS    0x1f1
#define HEADER_MAGIC   0x202
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define SETUP_END      0x250
#define UNPACKED_MAX   (512ul << 20)

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static const char *unwrap_bzimage(struct kernel_image *k)
{
	const uint8_t *p = k->data;
	uint64_t start, length;

	if (k->size < SETUP_END || memcmp(p + HEADER_MAGIC, "HdrS", 4))
		return NULL;
	start = ((p[SETUP_SECTS] ? p[SETUP_SECTS] : 4) + 1) * SECTOR + (uint64_t)le32(p + PAYLOAD_OFFSET);
	length = le32(p + PAYLOAD_LENGTH);
	if (start > k->size || length > k->size - start || length < 4)
		return "its bzImage header is damaged";
	k->data = p + start;
	k->size = length;
	if (!memcmp(k->data,
		    "\xfd"
		    "7zXZ",
		    5))
		return "it is compressed with xz; use one made with gzip, or the plain vmlinux";
	if (le32(k->data) == 0x184c2102)
		return "it is compressed with lz4; use one made with gzip, or the plain vmlinux";
	if (le32(k->data) == 0xfd2fb528)
		return "it is compressed with zstd; use one made with gzip, or the plain vmlinux";
	return NULL;
}

const char *kernel_image_open(struct kernel_image *k, const void *data, size_t size)
{
	const char *wrong;
	size_t unpacked;

	*k = (struct kernel_image){.data = data, .size = size};
	wrong = unwrap_bzimage(k);
	if (wrong || !gzip_detect(k->data, k->size, &unpacked))
		return wrong;
	if (!unpacked || unpacked > UNPACKED_MAX)
		return "its unpacked size cannot be right";
	k->order = block_order(unpacked);
	k->unpacked = heap_alloc_pages(k->order);
	if (!k->unpacked)
		return "there is no memory to unpack it";
	wrong = gzip_unpack(k->data, k->size, k->unpacked, unpacked);
	k->data = k->unpacked;
	k->size = unpacked;
	if (wrong)
		kernel_image_close(k);
	return wrong;
}

void kernel_image_close(struct kernel_image *k)
{
	if (k->unpacked)
		heap_free_pages(k->unpacked, k->order);
	k->unpacked = NULL;
}
