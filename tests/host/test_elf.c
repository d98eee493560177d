/* SPDX-License-Identifier: MIT */
/*
 * Specification: what a kernel's file says of itself, one statement at a time.
 *   headers   each field that makes a file none of ours; sizes and places at their limits, and one beyond
 *   addresses segments and the entry at the first and last address where they may be, and one beyond
 *   notes     only Xen's count, wherever they stand; what is cut off ends the list
 *   guest     the section of old kernels: each key by its whole name, alone
 *   symbols   of the header that is made for them every field
 *   packed    by the first bytes, if they are all there; a bzImage's payload up to the file's last byte
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "elf_host.h"
#define le32 packed_le32
#include "dom/packed.c"
#undef le32

#define BASE 0xffffffff80000000ul

static struct elf_kernel k;

/* What is said of the first @n bytes of the image, of which the file has no more. */
static void says(size_t n, const char *expect)
{
	uint8_t *copy = malloc(n);
	const char *wrong;

	memcpy(copy, image, n);
	wrong = elf_kernel_open(&k, copy, n);
	if (!wrong != !expect || (wrong && !strstr(wrong, expect)))
		fail_msg("\"%s\", and not \"%s\"", wrong ? wrong : "good", expect ? expect : "good");
	free(copy);
}

static void headers(void **state)
{
	static const struct {
		unsigned at, value, bytes;
		const char *expect;
	} cases[] = {
	    {0, 0x80, 1, "not an ELF file"},
	    {4, 3, 1, "class or byte order"},
	    {4, 0, 1, "class or byte order"},
	    {5, 2, 1, "class or byte order"},
	    {18, EM_386, 2, "another processor"},
	    {54, 55, 2, "impossible size"},
	    {54, 56, 2, NULL},
	    {56, 0, 2, "no Xen notes"},
	    {56, 1, 2, "no Xen notes"},
	};
	size_t n;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		n = make_elf64(0x100000);
		poke(cases[i].at, cases[i].value, cases[i].bytes);
		says(n, cases[i].expect);
	}
	make_elf64(0x100000);
	poke(56, 0, 2);
	says(51, "not an ELF file");
	says(63, "cut off");
	says(64, "no Xen notes");
	poke(4, ELF_CLASS32, 1);
	poke(18, EM_386, 2);
	poke(42, 32, 2);
	poke(44, 0, 2);
	poke(48, 0, 2);
	says(52, "no Xen notes");
	/* The program headers end with the file. */
	n = make_elf64(0x100000);
	memcpy(image + n, image + 64, 2 * 56);
	poke(32, n, 8);
	says(n + 2 * 56, NULL);
	says(n + 2 * 56 - 1, "no Xen notes"); /* the second is not there */
	poke(32, ~0ull, 8);
	says(n, "no Xen notes");
}

/* A segment of @size bytes at @paddr, its entry the first of them; pseudo-physical 0 is @base. */
static void placed(uint64_t paddr, uint64_t size, uint64_t base, uint64_t offset, const char *expect)
{
	size_t n = make_elf64(paddr);

	poke(64 + 40, size, 8);
	n = put_number(n, XEN_ELFNOTE_VIRT_BASE, base);
	n = put_number(n, XEN_ELFNOTE_ENTRY, base + paddr - offset);
	n = put_number(n, XEN_ELFNOTE_PADDR_OFFSET, offset);
	poke(120 + 32, n - 0x400, 8);
	says(n, expect);
}

static void addresses(void **state)
{
	static const char outside[] = "outside any memory", space[] = "address space";

	placed(0, 0x3000, BASE, 0, NULL);
	placed(0, 0x3000, 0, 0, NULL); /* where no INIT_P2M is no P2M inside */
	placed(1ull << 40, 0x3000, 0, 0, NULL);
	placed((1ull << 40) + 1, 0x3000, 0, 0, outside);
	placed(0x1000, 1ull << 40, 0, 0, NULL);
	placed(0x1000, (1ull << 40) + 1, 0, 0, outside);
	placed(0x100000, 0x3000, BASE, 0x100000, NULL);
	assert_int_equal(k.start, 0);
	placed(0x100000, 0x3000, BASE, 0x100001, outside);
	placed(0x100000, 0x3000, 0xffffffffffefd000, 0, NULL);  /* to the last address */
	placed(0x100000, 0x3000, 0xffffffffffefe000, 0, space); /* over it */
	placed(0x100000, 0x3000, 0xfffffffffff00000, 0, space); /* all of it beyond */
}

static void notes(void **state)
{
	size_t n = make_elf64(0x100000), end;

	/* Another's, and one whose name only begins so. */
	end = put_number(n, XEN_ELFNOTE_ENTRY, 0);
	memcpy(image + n + 12, "Foo", 4);
	poke(120 + 32, end - 0x400, 8);
	says(end, NULL);
	assert_int_equal(k.notes.entry, BASE + 0x101000);
	poke(n, 8, 4);
	memcpy(image + n + 12, "Xen\0", 4);
	says(end, NULL);
	assert_int_equal(k.notes.entry, BASE + 0x101000);
	/* A descriptor that ends with the file counts, and what promises more ends the list. */
	n = make_elf64(0x100000);
	end = put_number(n, XEN_ELFNOTE_HYPERCALL_PAGE, BASE);
	poke(120 + 32, end - 0x400, 8);
	says(end, NULL);
	assert_int_equal(k.notes.hypercall_page, BASE);
	poke(n + 4, ~0u, 4);
	says(end, NULL);
	assert_int_equal(k.notes.hypercall_page, BASE);
	poke(n, ~0u, 4);
	says(end, NULL);
	assert_int_equal(k.notes.hypercall_page, BASE + 0x2000);
	/* In a section of notes, without a segment of them. */
	n = make_elf64(0x100000);
	poke(120, PT_LOAD + 100, 4);
	poke(40, 0x800, 8);
	poke(58, 64, 2);
	poke(60, 2, 2);
	poke(0x840 + 4, SHT_NOTE, 4);
	poke(0x840 + 24, 0x400, 8);
	poke(0x840 + 32, n - 0x400, 8);
	says(0x880, NULL);
	assert_int_equal(k.notes.hypercall_page, BASE + 0x2000);
	says(0x87f, "no Xen notes"); /* the section header is not there */
	poke(58, 63, 2);
	says(0x880, "no Xen notes"); /* nor are those of an impossible size */
	poke(58, 64, 2);
	poke(0x840 + 4, SHT_NOTE + 1, 4);
	says(0x880, "no Xen notes");
}

/* Of a kernel without notes: section 2 is __xen_guest, with @text; section 1 the names, of @names bytes at the file's end. */
static void old_kernel(const char *text, size_t names, const char *expect)
{
	make_elf64(0x100000);
	poke(120, 0, 4);
	poke(40, 0x600, 8);
	poke(58, 64, 2);
	poke(60, 3, 2);
	poke(62, 1, 2);
	poke(0x640 + 24, 0xa00, 8);
	poke(0x640 + 32, names, 8);
	poke(0x680, 1, 4);
	poke(0x680 + 24, 0x900, 8);
	poke(0x680 + 32, strlen(text), 8);
	strcpy((char *)image + 0x900, text);
	memcpy(image + 0xa00, "\0__xen_guest", 13);
	says(0xa00 + names, expect);
}

#define OLD      "LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,ELF_PADDR_OFFSET=0,"
#define OLD_GOOD OLD "VIRT_ENTRY=0xffffffff80100800"

static void guest(void **state)
{
	/* A key that is longer, shorter, or another of the same length is another key. */
	static const char *const others[] = {
	    "LOADERS=none",
	    "LOADED=none",
	    "LOADE=none",
	    "LOADER",
	    "XEN_VER2=none",
	    "XEN_VES=none",
	    "VIRT_BASE2=5",
	    "VIRT_BASS=5",
	    "VIRT_ENTRY2=0",
	    "VIRT_ENTRZ=0",
	    "ELF_PADDR_OFFSET2=0x200000",
	    "ELF_PADDR_OFFSES=0x200000",
	    "FEATURES2=!none",
	    "FEATUREZ=!none",
	    "HYPERCALL_PAGF=3",
	    "HYPERCALL_PAGES=3",
	    "BSD_SYMTAC",
	    "BSD_SYMTA",
	    "PAF=yes[extended-cr3]",
	    "PAES=yes[extended-cr3]",
	};
	char text[400];

	old_kernel(OLD_GOOD, 13, NULL);
	assert_int_equal(k.notes.entry, BASE + 0x100800);
	assert_false(k.notes.pae || k.notes.extended_cr3 || k.notes.bsd_symtab);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		snprintf(text, sizeof(text), "%s,%s", OLD_GOOD, others[i]);
		old_kernel(text, 13, NULL);
		assert_int_equal(k.notes.entry, BASE + 0x100800);
		assert_int_equal(k.notes.hypercall_page, 0);
		assert_false(k.notes.pae || k.notes.extended_cr3 || k.notes.bsd_symtab);
	}
	old_kernel("GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0,VIRT_ENTRY=0x100000", 13, NULL);
	old_kernel("GUEST_OT=linux,XEN_VER=xen-3.0,VIRT_BASE=0,VIRT_ENTRY=0x100000", 13, "LOADER");
	old_kernel(OLD_GOOD ",FEATURES=!none", 13, "FEATURES");
	old_kernel(OLD_GOOD ",FEATURES=none", 13, NULL);
	old_kernel(OLD_GOOD ",PAE=yes", 13, NULL);
	assert_true(k.notes.pae && !k.notes.extended_cr3);
	old_kernel(OLD_GOOD ",PAE=yes[extended-cr3]", 13, NULL);
	assert_true(k.notes.pae && k.notes.extended_cr3);
	old_kernel(OLD_GOOD ",PAE=no", 13, NULL);
	assert_false(k.notes.pae);
	old_kernel(OLD_GOOD ",BSD_SYMTAB", 13, NULL);
	assert_true(k.notes.bsd_symtab);
	old_kernel(OLD_GOOD ",BSD_SYMTAB=yes", 13, NULL);
	assert_true(k.notes.bsd_symtab);
	old_kernel("BSD_SYMTAB," OLD_GOOD, 13, NULL);
	assert_true(k.notes.bsd_symtab);
	old_kernel(OLD_GOOD, 12, "no Xen notes"); /* its name has no end in the table of names */
	old_kernel(OLD_GOOD, 1, "no Xen notes");
}

static void symbols(void **state)
{
	static const uint8_t zeros[64];
	const uint8_t *head = k.symbols.head + 4;
	size_t n = make_elf64(0x100000);

	n = put_note(n, XEN_ELFNOTE_BSD_SYMTAB, "yes", 4);
	poke(120 + 32, n - 0x400, 8);
	poke(40, 0x800, 8);
	poke(58, 72, 2); /* larger than they need be */
	poke(60, 3, 2);
	poke(62, 2, 2);
	poke(0x848 + 4, SHT_SYMTAB, 4);
	poke(0x848 + 24, 0xa00, 8);
	poke(0x848 + 32, 24, 8);
	poke(0x848 + 40, 2, 4);
	poke(0x890 + 4, SHT_STRTAB, 4);
	poke(0x890 + 24, 0xb00, 8);
	poke(0x890 + 32, 5, 8);
	says(0xb05, NULL);
	assert_memory_equal(head, image, 32); /* what kind of file, and its entry */
	assert_int_equal(get(head + 32, 8), 0);
	assert_int_equal(get(head + 40, 8), 64);
	assert_int_equal(get(head + 54, 4), 0);  /* no program headers */
	assert_int_equal(get(head + 58, 2), 64); /* as they are there */
	assert_int_equal(get(head + 60, 2), 3);
	assert_int_equal(get(head + 62, 2), 0);
	assert_memory_equal(head + 64, zeros, 64); /* section 0 */
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(get(head + 64 + i * 64, 4), 0); /* no names */
}

static void packed(void **state)
{
	static const struct {
		const char *bytes, *name;
		size_t n;
	} cases[] = {
	    {"\x28\xb5\x2f\xfd", "zstd", 4}, {"\x28\xb5\x2f", NULL, 3},
	    {"\x1f\x8b", "gzip", 2},         {"\x1f", NULL, 1},
	    {"\x04\x22\x4d\x19", NULL, 4},   {"\x5d\0\0", "lzma", 3},
	    {"\x5d\0\1", NULL, 3},
	};
	const uint8_t *at;
	size_t n;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *copy = malloc(cases[i].n);
		const char *name;

		memcpy(copy, cases[i].bytes, cases[i].n);
		name = packed_by(copy, cases[i].n);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_null(name);
		free(copy);
	}
	/* The payload, 100 bytes behind two sectors, ends with the file. */
	memset(image, 0, sizeof(image));
	poke(SETUP_SECTS, 1, 1);
	memcpy(image + HEADER_MAGIC, "HdrS", 4);
	poke(PAYLOAD_OFFSET, 100, 4);
	poke(PAYLOAD_LENGTH, 50, 4);
	at = image;
	n = 1024 + 150;
	assert_int_equal(bzimage_payload(&at, &n), 1);
	assert_ptr_equal(at, image + 1124);
	assert_int_equal(n, 50);
	at = image;
	n = 1024 + 149;
	assert_int_equal(bzimage_payload(&at, &n), -1);
	n = 1024 + 99;
	assert_int_equal(bzimage_payload(&at, &n), -1);
	for (unsigned length = 3; length < 5; length++) {
		poke(PAYLOAD_LENGTH, length, 4);
		at = image;
		n = sizeof(image);
		assert_int_equal(bzimage_payload(&at, &n), length == 4 ? 1 : -1);
	}
	poke(SETUP_SECTS, 0, 1); /* which says 4 */
	at = image;
	n = sizeof(image);
	assert_int_equal(bzimage_payload(&at, &n), 1);
	assert_ptr_equal(at, image + 5 * 512 + 100);
	at = image;
	n = SETUP_END - 1;
	assert_int_equal(bzimage_payload(&at, &n), 0);
	n = SETUP_END;
	assert_int_equal(bzimage_payload(&at, &n), -1);
	image[HEADER_MAGIC]++;
	assert_int_equal(bzimage_payload(&at, &n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(headers), cmocka_unit_test(addresses), cmocka_unit_test(notes),
	    cmocka_unit_test(guest),   cmocka_unit_test(symbols),   cmocka_unit_test(packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
