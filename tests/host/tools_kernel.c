/* SPDX-License-Identifier: MIT */
/* Reading kernels: ELF notes (cut ones too), the old-style section, the symbol table, damaged files, many segments, packers, bzImage. */
#include "err.h"
#include "kernel.h"
#include "unpack.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/elfnote.h>

struct image {
	Elf64_Ehdr h;
	Elf64_Phdr p[2];
	Elf64_Shdr s[3];
	char names[32];
	char guest[128];
	uint8_t notes[256];
	uint8_t text[64];
};

static struct image im;

static void make(void)
{
	memset(&im, 0, sizeof(im));
	memcpy(im.h.e_ident, "\177ELF\2\1\1", 7);
	im.h.e_machine = EM_X86_64;
	im.h.e_entry = 0x100000;
	im.h.e_phoff = offsetof(struct image, p);
	im.h.e_phentsize = sizeof(Elf64_Phdr);
	im.h.e_phnum = 1;
	im.p[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			       .p_offset = offsetof(struct image, text),
			       .p_paddr = 0x100000,
			       .p_filesz = 64,
			       .p_memsz = 0x2000};
}

static int parse(struct kernel *k)
{
	return kernel_parse(k, "k", (uint8_t *)&im, sizeof(im));
}

/* One more note, behind those that are there; @there bytes of its @size are in the file. */
static void add_note(uint32_t type, uint32_t size, const void *desc, size_t there)
{
	uint32_t head[3] = {4, size, type};
	uint8_t *at = (uint8_t *)&im + im.p[1].p_offset + im.p[1].p_filesz;

	memcpy(at, head, 12);
	memcpy(at + 12, "Xen", 4);
	memcpy(at + 16, desc, there);
	im.p[1].p_filesz += 16 + (size + 3) / 4 * 4;
}

/* Notes at @offset: the least that Xen needs, made for its interface, and for its loader or Linux. */
static void notes_at(size_t offset)
{
	im.h.e_phnum = 2;
	im.p[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = offset};
	add_note(XEN_ELFNOTE_XEN_VERSION, 8, "xen-3.0", 8);
	add_note(XEN_ELFNOTE_GUEST_OS, 6, "linux", 6);
}

static void least_notes(void)
{
	notes_at(offsetof(struct image, notes));
}

static void defaults_are_modest(void **state)
{
	struct kernel k;

	make();
	assert_int_equal(parse(&k), -1);
	assert_non_null(strstr(fail_last(), "no Xen notes"));
	make();
	least_notes();
	assert_int_equal(parse(&k), 0);
	assert_int_equal(k.image.notes.entry, 0x100000);
	assert_int_equal(k.image.notes.virt_base, 0);
	assert_int_equal(k.image.start, 0x100000);
	assert_int_equal(k.image.end, 0x102000);
	assert_int_equal(k.image.notes.hypercall_page, 0);
	assert_int_equal(k.image.notes.init_p2m, 0);
	assert_int_equal(k.image.elf.class, ELF_CLASS64);
}

static void make_section(const char *text)
{
	make();
	im.h.e_shoff = offsetof(struct image, s);
	im.h.e_shentsize = sizeof(Elf64_Shdr);
	im.h.e_shnum = 3;
	im.h.e_shstrndx = 2;
	memcpy(im.names, "\0__xen_guest", 13);
	strcpy(im.guest, text);
	im.s[1] = (Elf64_Shdr){.sh_name = 1,
			       .sh_type = SHT_PROGBITS,
			       .sh_offset = offsetof(struct image, guest),
			       .sh_size = strlen(im.guest)};
	im.s[2] =
	    (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, names), .sh_size = 13};
}

static void old_section_is_read(void **state)
{
	struct kernel k;

	make_section("GUEST_OS=GNU "
		     "Mach,LOADER=generic,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,ELF_PADDR_OFFSET=0x40000000,"
		     "HYPERCALL_PAGE=0x2,PAE=yes");
	im.p[0].p_paddr = im.h.e_entry = 0x40000000;
	assert_int_equal(parse(&k), 0);
	assert_int_equal(k.image.notes.virt_base, 0x40000000);
	assert_int_equal(k.image.start, 0);
	assert_int_equal(k.image.notes.hypercall_page, 0x40002000);
}

static void addresses_do_not_wrap(void **state)
{
	static const char *const bad[][2] = {
	    {"0xffffffffffeff000", "leave the address space"},
	    {"0xffffffffffefe000", "leave the address space"},
	    {"0x40000800", "inside a page"},
	    {"0xffffffffffefd000", NULL}, /* to the last byte */
	};
	struct kernel k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[128];

		snprintf(text, sizeof(text), "LOADER=generic,XEN_VER=xen-3.0,ELF_PADDR_OFFSET=0,VIRT_BASE=%s",
			 bad[i][0]);
		make_section(text);
		im.p[0].p_memsz = 0x3000;
		im.h.e_entry = 0xffffffffffffe000;
		assert_int_equal(parse(&k), bad[i][1] ? -1 : 0);
		assert_true(!bad[i][1] || strstr(fail_last(), bad[i][1]));
	}
}

static void check_piece(const struct kernel *k, uint32_t i, uint64_t at, const void *data, uint64_t size)
{
	struct elf_piece p;

	assert_true(elf_kernel_piece(&k->image, i, &p));
	assert_int_equal(p.at, at);
	assert_ptr_equal(p.data, data);
	assert_int_equal(p.size, size);
}

/* XEN_ELFNOTE_BSD_SYMTAB: headers, symbols and names become three more pieces, one behind the other. */
static void symbols_are_pieces(void **state)
{
	struct kernel k;

	make();
	least_notes();
	add_note(XEN_ELFNOTE_BSD_SYMTAB, 4, "yes", 4);
	im.h.e_shoff = offsetof(struct image, s);
	im.h.e_shentsize = sizeof(Elf64_Shdr);
	im.h.e_shnum = 3;
	im.s[1] = (Elf64_Shdr){
	    .sh_type = SHT_SYMTAB, .sh_link = 2, .sh_offset = offsetof(struct image, text), .sh_size = 48};
	im.s[2] =
	    (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, names), .sh_size = 13};
	assert_int_equal(parse(&k), 0);
	check_piece(&k, 1, 0, NULL, 0); /* the notes' segment */
	check_piece(&k, 2, 0x102000, k.image.symbols.head, 260);
	check_piece(&k, 3, 0x102000 + 264, im.text, 48);
	check_piece(&k, 4, 0x102000 + 264 + 48, im.names, 13);
	assert_false(elf_kernel_piece(&k.image, 5, &(struct elf_piece){0}));
	assert_int_equal(k.image.end, 0x102000 + 264 + 48 + 16);
}

static void cut_note_is_clamped(void **state)
{
	struct kernel k;

	make();
	/* The description says 12 bytes, the file ends after 4 of them. */
	notes_at(sizeof(im) - 68);
	add_note(XEN_ELFNOTE_PAE_MODE, 12, "yes", 4);
	assert_int_equal(parse(&k), 0);
}

static void damage_is_refused(void **state)
{
	struct kernel k;

	make();
	im.h.e_ident[1] = 'x';
	assert_int_equal(parse(&k), -1);
	assert_non_null(strstr(fail_last(), "not an ELF file"));
	make();
	least_notes();
	im.p[0].p_memsz = 0;
	assert_int_equal(parse(&k), -1);
	make();
	least_notes();
	im.p[0].p_paddr = ~0ull - 100;
	assert_int_equal(parse(&k), -1);
	make();
	im.h.e_phoff = ~0ull - 3;
	assert_int_equal(parse(&k), -1);
}

/* Flip every byte once: whatever happens, nothing is read outside the file (ASan watches). */
static void no_byte_can_hurt(void **state)
{
	struct kernel k;

	for (size_t i = 0; i < sizeof(im); i++) {
		uint8_t *copy = malloc(sizeof(im));

		make();
		memcpy(copy, &im, sizeof(im));
		copy[i] ^= 0xff;
		kernel_parse(&k, "k", copy, sizeof(im));
		kernel_parse(&k, "k", copy, i);
		free(copy);
	}
}

/* However many segments there are, each is loaded; and of those that the headers announce, the ones that the file has. */
static void segments_have_no_limit(void **state)
{
	enum {
		N = 300
	};
	static struct {
		struct image im;
		Elf64_Phdr p[N + 1];
	} big;
	struct elf_piece p;
	struct kernel k;

	make();
	least_notes();
	im.h.e_phoff = sizeof(im);
	im.h.e_entry = 0x102000;
	im.h.e_phnum = N + 2;
	big.p[0] = im.p[1];
	for (unsigned i = 1; i <= N; i++) {
		big.p[i] = im.p[0];
		big.p[i].p_paddr += i * 0x2000;
	}
	big.im = im;
	assert_int_equal(kernel_parse(&k, "k", (uint8_t *)&big, sizeof(big)), 0);
	for (unsigned i = 1; i <= N; i++) {
		assert_true(elf_kernel_piece(&k.image, i, &p));
		assert_int_equal(p.at, 0x100000 + i * 0x2000);
	}
	assert_int_equal(k.image.end, 0x102000 + N * 0x2000);
	for (unsigned i = N + 1; elf_kernel_piece(&k.image, i, &p); i++)
		assert_int_equal(p.size, 0); /* it has no symbols */
}

static char packed[] = "/tmp/ringlet-packed-XXXXXX"; /* this process's own: others may be testing, too */

/* The kernel, packed by gzip(1), into @out; its size. */
static size_t pack(uint8_t *out, size_t size)
{
	char command[64];
	size_t n;
	FILE *f;

	make();
	least_notes();
	snprintf(command, sizeof(command), "gzip -9 >%s", packed);
	f = popen(command, "w");
	fwrite(&im, 1, sizeof(im), f);
	pclose(f);
	f = fopen(packed, "rb");
	n = fread(out, 1, size, f);
	fclose(f);
	assert_true(n > 18 && n < size);
	return n;
}

static int load(struct kernel *k, const uint8_t *file, size_t n)
{
	FILE *f = fopen(packed, "wb");
	int rc;

	fwrite(file, 1, n, f);
	fclose(f);
	rc = kernel_load(k, packed);
	unlink(packed);
	return rc;
}

static void check_loaded(struct kernel *k, int rc)
{
	assert_int_equal(rc, 0);
	assert_int_equal(k->image.notes.entry, 0x100000);
	assert_int_equal(k->image.end, 0x102000);
	kernel_free(k);
}

/* A kernel packed by gzip(1) is read as if it were plain; what it says of its size is not believed. */
static void gzip_comes_back(void **state)
{
	static uint8_t file[4096];
	size_t n = pack(file, sizeof(file));
	struct kernel k;

	check_loaded(&k, load(&k, file, n));
	assert_int_equal(load(&k, file, 100), -1);
	memcpy(file + n - 4, &(uint32_t){(128 << 20) + 1}, 4);
	assert_int_equal(load(&k, file, n), -1);
	assert_non_null(strstr(fail_last(), "unpacks to 128 MiB"));
	memset(file + n - 4, 0xff, 4);
	assert_int_equal(load(&k, file, n), -1);
	assert_non_null(strstr(fail_last(), "unpacks to 4095 MiB"));
}

/* Linux's boot protocol 2.08: sectors of set-up code, then the payload at an offset with a length. */
static void bzimage_comes_back(void **state)
{
	enum {
		SETUP = 2 * 512,
		OFFSET = 40
	};
	static uint8_t file[8192];
	uint32_t n = pack(file + SETUP + OFFSET, 4096), whole = SETUP + OFFSET + n;
	struct kernel k;

	file[0x1f1] = 1;
	memcpy(file + 0x202, "HdrS", 4);
	memcpy(file + 0x248, &(uint32_t){OFFSET}, 4);
	memcpy(file + 0x24c, &n, 4);
	check_loaded(&k, load(&k, file, whole + 100));
	check_loaded(&k, load(&k, file, whole));
	/* Cut short, at each place that the reader may believe to be there. */
	assert_int_equal(load(&k, file, whole - 1), -1);
	assert_int_equal(load(&k, file, SETUP + OFFSET - 1), -1);
	assert_int_equal(load(&k, file, SETUP - 1), -1);
	for (size_t size = 0x240; size < 0x258; size++)
		assert_int_equal(load(&k, file, size), -1);
	/* Numbers that wrap. */
	memset(file + 0x248, 0xff, 4);
	assert_int_equal(load(&k, file, whole), -1);
	memcpy(file + 0x248, &(uint32_t){OFFSET}, 4);
	memset(file + 0x24c, 0xff, 4);
	assert_int_equal(load(&k, file, whole), -1);
	/* Another packer's. */
	memcpy(file + 0x24c, &n, 4);
	file[SETUP + OFFSET] = 0;
	assert_int_equal(load(&k, file, whole), -1);
	assert_non_null(strstr(fail_last(), "is not packed by gzip, xz"));
}

/* Linux's boot protocol 2.08 around @n bytes of a packed kernel, which its size follows, except with gzip. */
static size_t wrap(uint8_t *file, const uint8_t *small, uint32_t n, uint32_t size)
{
	memset(file, 0, 1024);
	file[0x1f1] = 1;
	memcpy(file + 0x202, "HdrS", 4);
	n += 4;
	memcpy(file + 0x24c, &n, 4);
	memcpy(file + 1024, small, n - 4);
	memcpy(file + 1024 + n - 4, &size, 4);
	return 1024 + n;
}

/* What @command makes of the kernel. */
static size_t pack_by(const char *command, uint8_t *out, size_t room)
{
	char line[200];
	size_t n;
	FILE *f;

	make();
	least_notes();
	f = fopen(packed, "wb");
	fwrite(&im, 1, sizeof(im), f);
	fclose(f);
	snprintf(line, sizeof(line), "%s <%s", command, packed);
	f = popen(line, "r");
	n = fread(out, 1, room, f);
	assert_int_equal(pclose(f), 0);
	assert_true(n > 18 && n < room);
	return n;
}

/* Every packer, plain and in a Linux image; cut off anywhere, or of another size than declared, it is refused. */
static void packers_come_back(void **state)
{
	static const char *const packers[] = {"xz -c",
					      "xz -c --check=crc32 --x86 --lzma2=dict=1MiB",
					      "xz --format=lzma -c",
					      "lz4 -q -c",
					      "lz4 -q -l -c",
					      "zstd -q -19 -c"};
	static uint8_t small[4096], file[8192];
	struct kernel k;

	unpack_program = "build/dom0-tools/rl-unpack";
	for (size_t i = 0; i < sizeof(packers) / sizeof(*packers); i++) {
		size_t n = pack_by(packers[i], small, sizeof(small)), whole;

		check_loaded(&k, load(&k, small, n));
		for (size_t cut = 7; cut < n; cut += n / 5)
			assert_int_equal(load(&k, small, cut), -1);
		whole = wrap(file, small, n, sizeof(im));
		check_loaded(&k, load(&k, file, whole));
		assert_int_equal(load(&k, file, whole - 1), -1);
		assert_non_null(strstr(fail_last(), "header is damaged"));
		whole = wrap(file, small, n, sizeof(im) + 1);
		assert_int_equal(load(&k, file, whole), -1);
		whole = wrap(file, small, n - 5, sizeof(im));
		assert_int_equal(load(&k, file, whole), -1);
	}
	assert_int_equal(load(&k, small, pack_by("bzip2 -c", small, sizeof(small))), -1);
}

static void unpacking_has_limits(void **state)
{
	static uint8_t small[65536];
	size_t n = pack_by("xz -c", small, sizeof(small));
	struct kernel k;

	unpack_program = "/nowhere/rl-unpack";
	assert_int_equal(load(&k, small, n), -1);
	assert_non_null(strstr(fail_last(), "cannot run /nowhere/rl-unpack"));
	unpack_program = "build/dom0-tools/rl-unpack";
	n = pack_by("cat >/dev/null; head -c 134217729 /dev/zero | zstd -q -c 2>&1; true", small,
		    sizeof(small));
	assert_int_equal(load(&k, small, n), -1);
	assert_non_null(strstr(fail_last(), "unpacks to more than 128 MiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_modest),   cmocka_unit_test(old_section_is_read),
	    cmocka_unit_test(addresses_do_not_wrap), cmocka_unit_test(symbols_are_pieces),
	    cmocka_unit_test(cut_note_is_clamped),   cmocka_unit_test(damage_is_refused),
	    cmocka_unit_test(no_byte_can_hurt),      cmocka_unit_test(segments_have_no_limit),
	    cmocka_unit_test(gzip_comes_back),       cmocka_unit_test(bzimage_comes_back),
	    cmocka_unit_test(packers_come_back),     cmocka_unit_test(unpacking_has_limits),
	};

	if (close(mkstemp(packed)))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
