/* SPDX-License-Identifier: MIT */
/*
 * rl-unpack FILE: writes what the file carries packed to the standard output. FILE is a Linux bzImage, or a file of
 * gzip, xz, lzma, lz4 or zstd. A program of its own, since its input is untrusted and its libraries are those that
 * Debian builds for glibc; rl runs it when a kernel is packed by another packer than gzip.
 */
#include "err.h"
#include "files.h"
#include "unpack.h"

#include "dom/inflate.h"
#include "dom/packed.h"

#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#define XZ_MEMORY (256ull << 20) /* the largest dictionary that xz(1) makes is 64 MiB, Linux's 128 */
#define CHUNK     (256u << 10)
#define LZ4_BLOCK (8u << 20) /* of the older form */

static const char damaged[] = "its packed data is damaged or cut off",
		  no_memory[] = "there is not enough memory to unpack it";
static uint64_t written;

static void put(const void *data, size_t n)
{
	written += n;
	for (const char *p = data; n;) {
		ssize_t done = write(STDOUT_FILENO, p, n);

		if (done < 0)
			exit(1); /* the reader has had enough */
		p += done;
		n -= done;
	}
}

static const char *unpack_gzip(const uint8_t *in, size_t n)
{
	size_t size;
	const char *wrong = damaged;
	void *out;

	if (!gzip_detect(in, n, &size) || size > KERNEL_FILE_MAX)
		return damaged;
	out = malloc(size + 1);
	wrong = out ? gzip_unpack(in, n, out, size) : no_memory;
	if (!wrong)
		put(out, size);
	free(out);
	return wrong;
}

/* xz and lzma, which liblzma tells apart. */
static const char *unpack_lzma(const uint8_t *in, size_t n)
{
	static uint8_t out[CHUNK];
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret rc = lzma_auto_decoder(&s, XZ_MEMORY, 0);

	s.next_in = in;
	s.avail_in = n;
	while (rc == LZMA_OK) {
		s.next_out = out;
		s.avail_out = sizeof(out);
		rc = lzma_code(&s, LZMA_FINISH);
		put(out, sizeof(out) - s.avail_out);
	}
	n = s.avail_in;
	lzma_end(&s);
	if (rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR)
		return no_memory;
	return rc == LZMA_STREAM_END && !n ? NULL : damaged;
}

static const char *unpack_zstd(const uint8_t *in, size_t n)
{
	static uint8_t out[CHUNK];
	ZSTD_DStream *s = ZSTD_createDStream();
	ZSTD_inBuffer from = {in, n, 0};
	size_t left = 1, before;

	if (!s)
		return no_memory;
	do {
		ZSTD_outBuffer to = {out, sizeof(out), 0};

		before = from.pos;
		left = ZSTD_decompressStream(s, &to, &from);
		if (ZSTD_isError(left))
			break;
		put(out, to.pos);
		before += to.pos; /* nothing in and nothing out: no progress */
	} while (left && before != from.pos);
	ZSTD_freeDStream(s);
	return left || from.pos != n ? damaged : NULL;
}

/* Blocks of up to 8 MiB, each behind its packed size. */
static const char *unpack_lz4_blocks(const uint8_t *in, size_t n)
{
	char *out = malloc(LZ4_BLOCK);
	const char *wrong = out ? NULL : no_memory;

	for (in += 4, n -= 4; n && !wrong;) {
		uint32_t size;
		int got = -1;

		memcpy(&size, in, n < 4 ? n : 4);
		if (n > 4 && size <= n - 4 && size <= LZ4_COMPRESSBOUND(LZ4_BLOCK))
			got = LZ4_decompress_safe((const char *)in + 4, out, size, LZ4_BLOCK);
		if (got < 0) {
			wrong = damaged;
			break;
		}
		put(out, got);
		in += 4 + size;
		n -= 4 + size;
	}
	free(out);
	return wrong;
}

static const char *unpack_lz4_frame(const uint8_t *in, size_t n)
{
	static uint8_t out[CHUNK];
	LZ4F_dctx *s;
	size_t left = 1;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&s, LZ4F_VERSION)))
		return no_memory;
	while (left && n) {
		size_t to = sizeof(out), from = n;

		left = LZ4F_decompress(s, out, &to, in, &from, NULL);
		if (LZ4F_isError(left))
			break;
		put(out, to);
		in += from;
		n -= from;
	}
	LZ4F_freeDecompressionContext(s);
	return left || n ? damaged : NULL;
}

static const char *unpack(const char *by, const uint8_t *in, size_t n)
{
	if (!strcmp(by, "gzip"))
		return unpack_gzip(in, n);
	if (!strcmp(by, "xz") || !strcmp(by, "lzma"))
		return unpack_lzma(in, n);
	if (!strcmp(by, "zstd"))
		return unpack_zstd(in, n);
	if (!strcmp(by, "lz4"))
		return in[0] == 2 ? unpack_lz4_blocks(in, n) : unpack_lz4_frame(in, n);
	return "needed: gzip, xz, lzma, lz4 or zstd";
}

int main(int argc, char **argv)
{
	const uint8_t *data;
	const char *by, *wrong;
	uint32_t expected;
	size_t n;
	int linux_image;

	fail_program("rl-unpack");
	if (argc != 2) {
		fail("usage: rl-unpack FILE; what it carries packed goes to the standard output");
		return 2;
	}
	data = (const uint8_t *)file_read(argv[1], KERNEL_FILE_MAX, &n);
	if (!data)
		return 1;
	linux_image = bzimage_payload(&data, &n);
	by = linux_image < 0 ? NULL : packed_by(data, n);
	if (!by) {
		fail("%s: it is not packed by gzip, xz, lzma, lz4 or zstd%s", argv[1],
		     linux_image < 0 ? ": its bzImage header is damaged" : "");
		return 1;
	}
	memcpy(&expected, data + n - 4, sizeof(expected));
	wrong = unpack(by, data, linux_image && strcmp(by, "gzip") ? n - 4 : n);
	if (!wrong && linux_image && written != expected)
		wrong = "its unpacked size is not the one it states";
	if (wrong)
		fail("%s (%s): %s", argv[1], by, wrong);
	return wrong ? 1 : 0;
}
