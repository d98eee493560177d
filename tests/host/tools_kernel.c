/* SPDX-License-Identifier: MIT */
/* Reading kernels: ELF notes (cut ones too), the old-style section, damaged files, gzip. */
#include "err.h"
#include "inflate.h"
#include "kernel.h"

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

static void plain_elf_is_enough(void **state)
{
	struct kernel k;

	make();
	assert_int_equal(parse(&k), 0);
	assert_int_equal(k.entry, 0x100000);
	assert_int_equal(k.plan.virt_base, 0);
	assert_int_equal(k.plan.start, 0x100000);
	assert_int_equal(k.plan.end, 0x102000);
	assert_true(k.hypercall_page == PLAN_NONE);
	assert_ptr_equal(k.plan.abi, &abi_pv64);
}

static void old_section_is_read(void **state)
{
	struct kernel k;

	make();
	im.p[0].p_paddr = 0x40000000;
	im.h.e_shoff = offsetof(struct image, s);
	im.h.e_shentsize = sizeof(Elf64_Shdr);
	im.h.e_shnum = 3;
	im.h.e_shstrndx = 2;
	memcpy(im.names, "\0__xen_guest", 13);
	strcpy(im.guest, "GUEST_OS=GNU Mach,XEN_VER=xen-3.0,VIRT_BASE=0x40000000,ELF_PADDR_OFFSET=0x40000000,"
			 "HYPERCALL_PAGE=0x2,PAE=yes");
	im.s[1] = (Elf64_Shdr){.sh_name = 1,
			       .sh_type = SHT_PROGBITS,
			       .sh_offset = offsetof(struct image, guest),
			       .sh_size = strlen(im.guest)};
	im.s[2] =
	    (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, names), .sh_size = 13};
	assert_int_equal(parse(&k), 0);
	assert_int_equal(k.plan.virt_base, 0x40000000);
	assert_int_equal(k.plan.start, 0x40000000);
	assert_int_equal(k.hypercall_page, 0x40002000);
	assert_string_equal(k.os, "GNU Mach");
}

static void cut_note_is_clamped(void **state)
{
	uint32_t head[3] = {4, 12, XEN_ELFNOTE_PAE_MODE};
	struct kernel k;

	make();
	im.h.e_phnum = 2;
	/* The description says 12 bytes, the file ends after 4 of them. */
	memcpy(im.text + 64 - 20, head, 12);
	memcpy(im.text + 64 - 8, "Xen", 4);
	memcpy(im.text + 64 - 4, "yes", 4);
	im.p[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = sizeof(im) - 20, .p_filesz = 28};
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
	im.p[0].p_filesz = 1u << 20;
	assert_int_equal(parse(&k), -1);
	assert_non_null(strstr(fail_last(), "past the end"));
	make();
	im.p[0].p_memsz = 0;
	assert_int_equal(parse(&k), -1);
	make();
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

static void gzip_comes_back(void **state)
{
	size_t size = 300000, packed_size, out_size;
	uint8_t *data = malloc(size), *packed = malloc(size + 1000), *out;
	const char *why;
	FILE *f;

	for (int level = 0; level < 3; level++) {
		static const char *const commands[] = {"gzip -1 -c", "gzip -9 -c", "gzip -9 -c"};
		char command[128];

		for (size_t i = 0; i < size; i++) /* text-like, runs, and noise */
			data[i] =
			    level == 2 ? rand() : (i / 1000 % 3 ? "some words of a kernel "[i * 7 % 23] : 0);
		f = fopen("/tmp/ringlet-tools-plain", "wb");
		fwrite(data, 1, size, f);
		fclose(f);
		snprintf(command, sizeof(command), "%s /tmp/ringlet-tools-plain", commands[level]);
		f = popen(command, "r");
		packed_size = fread(packed, 1, size + 1000, f);
		pclose(f);
		assert_true(gzip_is(packed, packed_size));
		out = gzip_unpack(packed, packed_size, 1 << 20, &out_size, &why);
		assert_non_null(out);
		assert_int_equal(out_size, size);
		assert_memory_equal(out, data, size);
		free(out);
		assert_null(gzip_unpack(packed, packed_size, 1000, &out_size, &why));
		out = gzip_unpack(packed, packed_size / 2, 1 << 20, &out_size, &why);
		assert_null(out);
	}
	unlink("/tmp/ringlet-tools-plain");
	free(data);
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_elf_is_enough), cmocka_unit_test(old_section_is_read),
	    cmocka_unit_test(cut_note_is_clamped), cmocka_unit_test(damage_is_refused),
	    cmocka_unit_test(no_byte_can_hurt),    cmocka_unit_test(gzip_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
