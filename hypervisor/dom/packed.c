/* SPDX-License-Identifier: MIT */
/* See packed.h. */
#include "dom/packed.h"
#include "lib/string.h"

#define SECTOR         512
#define SETUP_SECTS    0x1f1
#define HEADER_MAGIC   0x202
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define SETUP_END      0x250

const char *packed_by(const void *data, size_t n)
{
	static const struct {
		const char *name, *magic;
		uint8_t size;
	} packers[] = {
	    {"gzip", "\x1f\x8b", 2},
	    {"xz",
	     "\xfd"
	     "7zXZ",
	     6},
	    {"lz4", "\x02\x21\x4c\x18", 4}, /* the older form, which Linux uses */
	    {"lz4", "\x04\x22\x4d\x18", 4},
	    {"zstd", "\x28\xb5\x2f\xfd", 4},
	    {"bzip2", "BZh", 3},
	    {"lzma", "\x5d\0\0", 3},
	    {"lzo", "\x89LZO", 4},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(packers); i++)
		if (n >= packers[i].size && !memcmp(data, packers[i].magic, packers[i].size))
			return packers[i].name;
	return NULL;
}

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

int bzimage_payload(const uint8_t **data, size_t *n)
{
	const uint8_t *p = *data;
	uint64_t start, length;

	if (*n < SETUP_END || memcmp(p + HEADER_MAGIC, "HdrS", 4))
		return 0;
	start = ((p[SETUP_SECTS] ? p[SETUP_SECTS] : 4) + 1) * SECTOR + (uint64_t)le32(p + PAYLOAD_OFFSET);
	length = le32(p + PAYLOAD_LENGTH);
	if (start > *n || length > *n - start || length < 4)
		return -1;
	*data += start;
	*n = length;
	return 1;
}
