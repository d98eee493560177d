/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of rl's kernel reader, whole: a file that is an ELF image, or one packed by gzip, or a Linux bzImage that
 * carries such. Every byte of every segment must be there, and the first memory can be planned. The first byte of the input says what stands around the
 * rest: nothing, gzip's header and a trailer that declares a size, or a bzImage's set-up code as well.
 */
#include "err.h"
#include "files.h"
#include "input.h"
#include "kernel.h"
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

#include "dom/first_memory.h"
#include "dom/inflate.h"

static const uint8_t *file;
static size_t file_size;

/* In place of files.c: the "file" is the input. */
char *file_read(const char *path, size_t max, size_t *size)
{
	char *copy = malloc(file_size + 1);

	memcpy(copy, file, file_size);
	copy[file_size] = '\0';
	*size = file_size;
	return copy;
}

/* In place of unpack.c: no other program is run here. */
uint8_t *unpack_file(const char *path, size_t max, size_t *size)
{
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fail_quiet(true);
	return 0;
}

/* Sum of all bytes, so that each is read. */
static unsigned sum(const uint8_t *data, size_t n)
{
	unsigned s = 0;

	while (n--)
		s += *data++;
	return s;
}

/* Whatever its notes ask for: its first memory is inside the domain's, and each of its tables can be written. */
static void plan(const struct elf_kernel *k)
{
	enum {
		PAGES = 4096
	};
	static const mfn_t mfn[PAGES];
	struct first_request rq = {.kernel = k, .nr_pages = PAGES, .initrd_size = 5000, .rings = true};
	struct first_memory m;
	uint64_t page[512];

	if (first_memory_plan(&m, &rq))
		return;
	if (m.used_pages > PAGES || m.v_end <= m.v_start || m.v_end % (4 << 20))
		abort();
	for (uint64_t i = 0; i < m.tables.count; i++)
		if (!first_table(&m, m.tables.pfn + i, mfn, page))
			abort();
	for (uint64_t i = 0; i < m.p2m_tables.count; i++)
		if (!first_table(&m, m.p2m_tables.pfn + i, mfn, page))
			abort();
}

static void load(const uint8_t *data, size_t size)
{
	volatile unsigned bytes = 0;
	struct elf_piece p;
	struct kernel k;

	file = data;
	file_size = size;
	if (kernel_load(&k, "fuzz"))
		return;
	for (uint32_t i = 0; elf_kernel_piece(&k.image, i, &p); i++)
		bytes += sum(p.data, p.size);
	plan(&k.image);
	kernel_free(&k);
}

/* gzip unpacks to the size that it declares, or says why not; in memory that ends there. What unpacks has a length. */
static void unpack(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1), *out;
	size_t n;

	memcpy(copy, data, size);
	if (gzip_detect(copy, size, &n) && n <= 65536) {
		out = malloc(n ? n : 1);
		if (!gzip_unpack(copy, size, out, n)) {
			(void)sum(out, n);
			if (!gzip_length(copy, size) || gzip_length(copy, size) > size)
				abort();
		}
		free(out);
	}
	free(copy);
}

#define SETUP 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	uint8_t around[SETUP + 16384] = {[0x1f1] = 1, [0x202] = 'H', 'd', 'r', 'S'};
	uint32_t n, declared[2];

	if (!size || size > 16000)
		return 0;
	n = size - 1;
	if (data[0] % 4 == 0) {
		load(data + 1, n);
		return 0;
	}
	declared[0] = 0;
	declared[1] = (data[0] >> 2) * 97;
	memcpy(around + SETUP, head, 10);
	memcpy(around + SETUP + 10, data + 1, n);
	memcpy(around + SETUP + 10 + n, declared, 8);
	/* The bzImage's payload, perhaps longer than the file. */
	memcpy(around + 0x24c, &(uint32_t){18 + n + (data[0] & 0x80 ? data[0] & 0x7c : 0)}, 4);
	if (data[0] % 4 == 1)
		unpack(around + SETUP, 18 + n);
	else if (data[0] % 4 == 2)
		load(around + SETUP, 18 + n);
	else
		load(around, SETUP + 18 + n);
	return 0;
}
