/* SPDX-License-Identifier: MIT */
/*
 * Specification: the loader of the initial domain takes any file and either understands it or says why not.
 *   elf       both classes; notes in segments, in sections, as __xen_guest; a note cut off by the file's end
 *   kinds     kernels that Xen would refuse (another loader, interface or entry, PVH alone, no PAE) are refused with a reason
 *   symbols   a kernel that wants its symbol table gets it behind its image; a damaged one is left out
 *   hostile   every byte of a good file changed, every length cut: no access outside, no endless loop
 *   gzip      what gzip makes at every level comes back; damaged files are refused; nothing is written past the size
 *             that a file declares, by a literal, a match or a stored block
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf_host.h"
#include "dom/inflate.c"

static void elf64(void **state)
{
	struct elf_kernel k;
	size_t n = make_elf64(0x100000);

	assert_null(elf_kernel_open(&k, image, n));
	assert_int_equal(k.notes.virt_base, 0xffffffff80000000);
	assert_int_equal(k.notes.entry, 0xffffffff80101000);
	assert_int_equal(k.notes.hypercall_page, 0xffffffff80002000);
	assert_true(k.notes.extended_cr3);
	assert_int_equal(k.start, 0x100000);
	assert_int_equal(k.end, 0x103000);
}

static void cut_note(void **state)
{
	struct elf_kernel k;
	size_t n = make_elf64(0x100000);

	/* The last note promises 12 bytes and the file has 4. */
	poke(n - 4 - 12, 12, 4);
	assert_null(elf_kernel_open(&k, image, n));
	assert_true(k.notes.extended_cr3);
}

/* The section __xen_guest of a file without notes. */
static void legacy(void **state)
{
	static const char text[] =
	    "GUEST_OS=Hurd,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,HYPERCALL_PAGE=0x2,LOADER=generic,PAE=yes";
	struct elf_kernel k;

	make_elf64(0x40000000);
	poke(24, 0x40001234, 8);
	poke(120, 0, 4);
	poke(40, 0x600, 8); /* shoff */
	poke(58, 64, 2);
	poke(60, 2, 2);
	poke(62, 1, 2);
	poke(0x600, 1, 4); /* the name's place in section 1, the strings */
	poke(0x600 + 4, 1, 4);
	poke(0x600 + 24, 0x800, 8);
	poke(0x600 + 32, sizeof(text), 8);
	memcpy(image + 0x800, text, sizeof(text));
	poke(0x640 + 4, 3, 4);
	poke(0x640 + 24, 0x900, 8);
	poke(0x640 + 32, 32, 8);
	memcpy(image + 0x900, "\0__xen_guest", 13);
	assert_null(elf_kernel_open(&k, image, sizeof(image)));
	assert_int_equal(k.notes.virt_base, 0x40000000);
	assert_int_equal(k.notes.paddr_offset, 0x40000000);
	assert_int_equal(k.notes.hypercall_page, 0x40002000);
	assert_int_equal(k.notes.entry, 0x40001234);
	assert_false(k.notes.extended_cr3);
	assert_int_equal(k.start, 0);
}

/* What one more note makes of a good kernel. Where a type comes twice, the later one counts. */
static void kernels_of_another_kind(void **state)
{
	static const struct {
		uint32_t type, n;
		const char *text;
		uint64_t number; /* without a text */
		const char *expect;
	} cases[] = {
	    {XEN_ELFNOTE_GUEST_VERSION, 4, "1.0", 0, NULL},
	    {XEN_ELFNOTE_LOADER, 8, "special", 0, "LOADER"},
	    {XEN_ELFNOTE_LOADER, 7, "generi", 0, "LOADER"},
	    {XEN_ELFNOTE_LOADER, 0, "", 0, "LOADER"},
	    {XEN_ELFNOTE_LOADER, 12, "generic-ish", 0, NULL},
	    {XEN_ELFNOTE_XEN_VERSION, 8, "xen-2.0", 0, "XEN_VERSION"},
	    {XEN_ELFNOTE_XEN_VERSION, 7, "xen-3.", 0, "XEN_VERSION"},
	    {XEN_ELFNOTE_PHYS32_ENTRY, 8, NULL, 0x1000000, NULL},
	    {XEN_ELFNOTE_ENTRY, 8, NULL, 0, "entry lies outside"},
	    {XEN_ELFNOTE_ENTRY, 8, NULL, 0xffffffff800fffff, "entry lies outside"},
	    {XEN_ELFNOTE_ENTRY, 8, NULL, 0xffffffff80100000, NULL},
	    {XEN_ELFNOTE_ENTRY, 8, NULL, 0xffffffff80102fff, NULL},
	    {XEN_ELFNOTE_ENTRY, 8, NULL, 0xffffffff80103000, "entry lies outside"},
	    {XEN_ELFNOTE_VIRT_BASE, 8, NULL, 0xffffffffffefe000, "leave the address space"},
	    {XEN_ELFNOTE_VIRT_BASE, 8, NULL, 0xffffffff80000800, "inside a page"},
	    {XEN_ELFNOTE_INIT_P2M, 8, NULL, 0xffffffff80102000, "P2M would lie inside"},
	    {XEN_ELFNOTE_INIT_P2M, 8, NULL, 0xffffffff80103000, NULL},
	    {XEN_ELFNOTE_INIT_P2M, 8, NULL, 0x8000000001, "inside a page"},
	    {XEN_ELFNOTE_FEATURES, 28, "!writable_page_tables|other", 0, NULL},
	    {XEN_ELFNOTE_FEATURES, 27, "!writable_page_tables|!dom", 0, "FEATURES"},
	    {XEN_ELFNOTE_FEATURES, 6, "!dom01", 0, "FEATURES"},
	    {XEN_ELFNOTE_FEATURES, 5, "!dom0", 0, NULL},
	    {XEN_ELFNOTE_FEATURES, 1, "!", 0, "FEATURES"},
	    {XEN_ELFNOTE_FEATURES, 1, "|", 0, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = make_elf64(0x100000);
		struct elf_kernel k;
		const char *wrong;

		n = cases[i].text ? put_note(n, cases[i].type, cases[i].text, cases[i].n)
				  : put_number(n, cases[i].type, cases[i].number);
		poke(120 + 32, n - 0x400, 8);
		wrong = elf_kernel_open(&k, image, n);
		if (!wrong != !cases[i].expect || (wrong && !strstr(wrong, cases[i].expect)))
			fail_msg("case %zu: %s", i, wrong ? wrong : "taken");
	}
}

/* Notes that are all there are. */
static void too_few_notes(void **state)
{
	struct elf_kernel k;
	size_t n;

	make_elf64(0x100000);
	n = put_number(0x400, XEN_ELFNOTE_PHYS32_ENTRY, 0x100000);
	poke(120 + 32, n - 0x400, 8);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "PVH"));
	n = put_note(n, XEN_ELFNOTE_GUEST_OS, "linux", 6);
	poke(120 + 32, n - 0x400, 8);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "XEN_VERSION"));
	n = put_note(n, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	n = put_number(n, XEN_ELFNOTE_ENTRY, 0x100000);
	poke(120 + 32, n - 0x400, 8);
	assert_null(elf_kernel_open(&k, image, n));
	assert_false(k.notes.not_dom0);
	n = put_number(n, XEN_ELFNOTE_SUPPORTED_FEATURES, 1u << 11);
	poke(120 + 32, n - 0x400, 8);
	assert_null(elf_kernel_open(&k, image, n));
	assert_false(k.notes.not_dom0);
	n = put_number(n, XEN_ELFNOTE_SUPPORTED_FEATURES, 1u << 31);
	poke(120 + 32, n - 0x400, 8);
	assert_null(elf_kernel_open(&k, image, n));
	assert_true(k.notes.not_dom0);
	n = put_number(n, XEN_ELFNOTE_PADDR_OFFSET, 0);
	poke(120 + 32, n - 0x400, 8);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "PADDR_OFFSET"));
}

/* A 32-bit kernel must say that it has PAE, and lie below 4 GiB. */
static void elf32(void **state)
{
	struct elf_kernel k;
	size_t n;

	memset(image, 0, sizeof(image));
	memcpy(image, "\177ELF\1\1\1", 7);
	poke(18, EM_386, 2);
	poke(24, 0xc0100000, 4);
	poke(28, 52, 4); /* phoff */
	poke(42, 32, 2);
	poke(44, 2, 2);
	poke(52, PT_LOAD, 4);
	poke(52 + 12, 0x100000, 4);
	poke(52 + 20, 0x3000, 4);
	poke(84, PT_NOTE, 4);
	poke(84 + 4, 0x400, 4);
	n = put_note(0x400, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	n = put_note(n, XEN_ELFNOTE_LOADER, "generic", 8);
	n = put_note(n, XEN_ELFNOTE_VIRT_BASE, &(uint32_t){0xc0000000}, 4);
	poke(84 + 16, n - 0x400, 4);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "without PAE"));
	n = put_note(n, XEN_ELFNOTE_PAE_MODE, "no", 3);
	poke(84 + 16, n - 0x400, 4);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "without PAE"));
	n = put_note(n, XEN_ELFNOTE_PAE_MODE, "bimodal", 8);
	poke(84 + 16, n - 0x400, 4);
	assert_null(elf_kernel_open(&k, image, n));
	assert_true(k.notes.extended_cr3);
	assert_int_equal(k.notes.entry, 0xc0100000);
	n = put_note(n, XEN_ELFNOTE_VIRT_BASE, &(uint32_t){0xffeff000}, 4);
	poke(84 + 16, n - 0x400, 4);
	assert_non_null(strstr(elf_kernel_open(&k, image, n), "leave the address space"));
}

/* Section @i of a table at 0x800. */
static void put_section(unsigned i, uint32_t type, uint32_t link, uint64_t offset, uint64_t size)
{
	size_t at = 0x800 + i * 64;

	poke(at, 1, 4);
	poke(at + 4, type, 4);
	poke(at + 24, offset, 8);
	poke(at + 32, size, 8);
	poke(at + 40, link, 4);
}

/* 3 symbols at 0xa00 and 13 bytes of names at 0xb00, and the note that asks for them. */
static size_t make_symbols(const char *answer)
{
	size_t end = make_elf64(0x100000);

	end = put_note(end, XEN_ELFNOTE_BSD_SYMTAB, answer, strlen(answer) + 1);
	poke(120 + 32, end - 0x400, 8);
	poke(40, 0x800, 8);
	poke(58, 64, 2);
	poke(60, 4, 2);
	poke(62, 3, 2);
	put_section(1, SHT_SYMTAB, 3, 0xa00, 72);
	put_section(2, SHT_STRTAB, 0, 0xc00, 5); /* another's */
	put_section(3, SHT_STRTAB, 0, 0xb00, 13);
	return end;
}

static uint64_t head_field(const struct elf_symbols *s, size_t at, unsigned bytes)
{
	return get(s->head + 4 + at, bytes);
}

static void symbols(void **state)
{
	static const uint64_t bad[][2] = {
	    {0x800 + 64 + 32, 4096},    /* symbols beyond the end of the file, */
	    {0x800 + 64 + 24, ~0ull},   /* or nowhere */
	    {0x800 + 64 + 40, 9},       /* names in no section, */
	    {0x800 + 64 + 40, 1},       /* in one of another kind, */
	    {0x800 + 3 * 64 + 32, 4096} /* too long */
	};
	struct elf_kernel k;

	make_symbols("yes");
	assert_null(elf_kernel_open(&k, image, sizeof(image)));
	assert_int_equal(k.symbols.start, 0x103000);
	assert_int_equal(k.symbols.head_size, 4 + 64 + 3 * 64);
	assert_int_equal(k.symbols.piece[0].at, 0x103000 + 264);
	assert_int_equal(k.symbols.piece[0].size, 72);
	assert_ptr_equal(k.symbols.piece[0].data, image + 0xa00);
	assert_int_equal(k.symbols.piece[1].at, 0x103000 + 264 + 72);
	assert_int_equal(k.symbols.piece[1].size, 13);
	assert_ptr_equal(k.symbols.piece[1].data, image + 0xb00);
	assert_int_equal(k.end, 0x103000 + 264 + 72 + 16);
	assert_int_equal(get(k.symbols.head, 4), 260 + 72 + 13);
	assert_memory_equal(k.symbols.head + 4, "\177ELF\2\1\1", 7);
	assert_int_equal(head_field(&k.symbols, 40, 8), 64);        /* e_shoff */
	assert_int_equal(head_field(&k.symbols, 56, 2), 0);         /* e_phnum */
	assert_int_equal(head_field(&k.symbols, 60, 2), 3);         /* e_shnum */
	assert_int_equal(head_field(&k.symbols, 128 + 24, 8), 260); /* symbols */
	assert_int_equal(head_field(&k.symbols, 128 + 40, 4), 2);   /* named there: */
	assert_int_equal(head_field(&k.symbols, 192 + 24, 8), 332);
	assert_int_equal(head_field(&k.symbols, 192 + 32, 8), 13);

	make_symbols("no");
	assert_null(elf_kernel_open(&k, image, sizeof(image)));
	assert_int_equal(k.symbols.head_size, 0);
	assert_int_equal(k.end, 0x103000);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		make_symbols("yes");
		poke(bad[i][0], bad[i][1], i == 2 || i == 3 ? 4 : 8);
		assert_null(elf_kernel_open(&k, image, sizeof(image)));
		assert_int_equal(k.symbols.head_size, 0);
		assert_int_equal(k.end, 0x103000);
	}
}

/* Exactly as long as said, so that the address sanitizer sees each byte too many. */
static void try_open(size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct elf_kernel k;
	struct elf_part p;

	memcpy(copy, image, n);
	if (!elf_kernel_open(&k, copy, n)) {
		for (uint32_t i = 0; elf_segment(&k.elf, i, &p); i++)
			assert_true(p.offset + p.filesz <= n);
		for (unsigned i = 0; i < 2; i++)
			assert_true(k.symbols.piece[i].data + k.symbols.piece[i].size <= copy + n);
	}
	free(copy);
}

static void hostile(size_t n)
{
	for (size_t cut = 0; cut < n; cut++)
		try_open(cut);
	for (size_t at = 0; at < n; at++) {
		static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
		uint8_t old = image[at];

		for (unsigned i = 0; i < sizeof(values); i++) {
			image[at] = values[i];
			try_open(n);
		}
		image[at] = old;
	}
}

static void hostile_elf(void **state)
{
	hostile(make_elf64(0x100000));
	make_symbols("yes");
	hostile(0xb00 + 13);
}

/* Bytes that compress somewhat. */
static void fill(uint8_t *data, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1103515245 + 12345;
		data[i] = i > 300 && x >> 30 ? data[i - 1 - (x >> 8) % 299] : x >> 16;
	}
}

static size_t gzip(const char *options, const uint8_t *data, size_t n, uint8_t *out, size_t size)
{
	char name[] = "/tmp/ringlet-gzip-XXXXXX", command[128];
	int fd = mkstemp(name);
	FILE *pipe;
	size_t got;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
	snprintf(command, sizeof(command), "gzip %s -c %s", options, name);
	pipe = popen(command, "r");
	got = fread(out, 1, size, pipe);
	assert_int_equal(pclose(pipe), 0);
	unlink(name);
	return got;
}

static void gzip_round_trip(void **state)
{
	static uint8_t data[200000], packed[250000], back[200000];
	static const char *const options[] = {"-1", "-6n", "-9"};
	static const size_t sizes[] = {1, 5, 70000, 200000};

	fill(data, sizeof(data));
	for (unsigned o = 0; o < 3; o++) {
		for (unsigned i = 0; i < 4; i++) {
			size_t n = gzip(options[o], data, sizes[i], packed, sizeof(packed)), size;

			assert_true(gzip_detect(packed, n, &size));
			assert_int_equal(size, sizes[i]);
			assert_null(gzip_unpack(packed, n, back, size));
			assert_memory_equal(back, data, size);
			/* Whatever stands behind it. */
			assert_int_equal(gzip_length(packed, n), n);
			memset(packed + n, 0xff, 1000);
			assert_int_equal(gzip_length(packed, n + 1000), n);
			assert_int_equal(gzip_length(packed, n - 1), 0);
		}
	}
}

static void gzip_damaged(void **state)
{
	static uint8_t data[3000], packed[5000];
	size_t n, size;

	fill(data, sizeof(data));
	n = gzip("-9", data, sizeof(data), packed, sizeof(packed));
	for (size_t at = 0; at < n; at++) {
		uint8_t *copy = malloc(n), *out = malloc(sizeof(data));

		memcpy(copy, packed, n);
		copy[at] ^= 0x55;
		/* The time stamp and the like in the header do not matter; everything else does. */
		if (gzip_detect(copy, n, &size) && size == sizeof(data) && !gzip_unpack(copy, n, out, size))
			assert_memory_equal(out, data, sizeof(data));
		free(copy);
		free(out);
	}
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1), *out = malloc(sizeof(data));

		memcpy(copy, packed, cut);
		if (gzip_detect(copy, cut, &size))
			assert_non_null(gzip_unpack(copy, cut, out, sizeof(data)));
		free(copy);
		free(out);
	}
}

/* The file says @less bytes fewer than it holds. */
static void check_overflow(const char *options, const uint8_t *data, size_t n, size_t less)
{
	static uint8_t packed[5000];
	size_t packed_size = gzip(options, data, n, packed, sizeof(packed)), size;
	uint8_t *out = malloc(n - less);

	packed[packed_size - 4] -= less; /* no borrow, by the sizes below */
	assert_true(gzip_detect(packed, packed_size, &size));
	assert_int_equal(size, n - less);
	assert_non_null(gzip_unpack(packed, packed_size, out, size));
	free(out);
}

static void gzip_overflow(void **state)
{
	static uint8_t data[1255];

	for (size_t less = 1; less < 200; less += 11) {
		/* Nearly all of it one match after the other. */
		memset(data, 'm', sizeof(data));
		check_overflow("-9", data, sizeof(data), less);
		/* Literals. */
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = i * i % 251 < 128 ? i % 7 : i * i % 251;
		check_overflow("-1", data, 255, less);
		/* What nothing compresses is stored. */
		for (uint32_t i = 0, x = 1; i < sizeof(data); i++) {
			x = x * 1103515245 + 12345;
			data[i] = x >> 23;
		}
		check_overflow("-6", data, sizeof(data), less);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kernels_of_another_kind),
	    cmocka_unit_test(too_few_notes),
	    cmocka_unit_test(elf32),
	    cmocka_unit_test(elf64),
	    cmocka_unit_test(cut_note),
	    cmocka_unit_test(legacy),
	    cmocka_unit_test(symbols),
	    cmocka_unit_test(hostile_elf),
	    cmocka_unit_test(gzip_round_trip),
	    cmocka_unit_test(gzip_damaged),
	    cmocka_unit_test(gzip_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
