/* SPDX-License-Identifier: MIT */
/* Finding the ELF file inside what the boot loader brought. */
#pragma once

#include "lib/types.h"

struct kernel_image {
	const void *data;
	size_t size;
	void *unpacked; /* a copy, or NULL */
	unsigned order; /* its size */
};

/* Unwrap a gzip file or a Linux bzImage. NULL, or a sentence. */
const char *kernel_image_open(struct kernel_image *k, const void *data, size_t size);
void kernel_image_close(struct kernel_image *k);
