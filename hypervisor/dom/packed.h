/* SPDX-License-Identifier: MIT */
/* What a packed file is, by its first bytes; and where a Linux bzImage has its kernel. */
#pragma once

#include "lib/types.h"

/* "gzip", "xz", "lz4", ...: the packer whose file begins at @data; NULL if it is none that is known. */
const char *packed_by(const void *data, size_t n);
/*
 * If *data of *n bytes is a Linux bzImage, make them what it carries: a packed kernel, as a rule (Linux,
 * Documentation/arch/x86/boot.rst: setup_sects 0x1f1, "HdrS" 0x202, payload_offset 0x248, payload_length 0x24c). Behind the
 * packed bytes stands, within the payload, their unpacked size, 4 bytes; gzip ends with it anyway.
 * 1: done; 0: it is no bzImage; -1: its header leads outside the file.
 */
int bzimage_payload(const uint8_t **data, size_t *n);
