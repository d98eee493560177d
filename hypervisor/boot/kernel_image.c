/* SPDX-License-Identifier: MIT */
/* Kernels come as ELF, as gzip of it, or as a Linux bzImage, whose payload is one of these. */
#include "boot/kernel_image.h"
#include "dom/inflate.h"
#include "dom/packed.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/page.h"

#define UNPACKED_MAX (512ul << 20)

/* Why a file packed by @by cannot be read, and what to do about it. */
static const char *how_to_unpack(const char *by)
{
	static char sentence[120];

	snprintf(sentence, sizeof(sentence),
		 "it is packed by %s; pack it by gzip, or unpack it: rl-unpack FILE > vmlinux", by);
	return sentence;
}

const char *kernel_image_open(struct kernel_image *k, const void *data, size_t size)
{
	const uint8_t *packed = data;
	const char *wrong, *by;
	size_t unpacked;

	*k = (struct kernel_image){.data = data, .size = size};
	if (bzimage_payload(&packed, &size) < 0)
		return "its bzImage header is damaged";
	k->data = packed;
	k->size = size;
	by = packed_by(packed, size);
	if (by && strcmp(by, "gzip"))
		return how_to_unpack(by);
	if (!gzip_detect(k->data, k->size, &unpacked))
		return by ? "its gzip header is damaged" : NULL;
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
