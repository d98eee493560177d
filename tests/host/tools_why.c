/* SPDX-License-Identifier: MIT */
/*
 * The report on a crashed domain: names from symbol tables of both classes, damaged ones too; a stack read through the
 * guest's page tables, whatever these and its registers say.
 */
#include "err.h"
#include "files.h"
#include "guest_abi.h"
#include "peek.h"
#include "record.h"
#include "symbols.h"
#include "tools_fake.h"
#include "why.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT64 0xffffffff80001000ull
#define TEXT32 0xc0001000u
#define SYMS   7

static const char strings[] = "\0first\0second\0label\0data\0e\033[31mvil\0unended";
enum {
	FIRST = 1,
	SECOND = 7,
	LABEL = 14,
	DATA = 20,
	EVIL = 25,
	UNENDED = 35
};

/* A kernel: code of 0x300 bytes with two functions, and a label at the beginning of the second, before it in the table. */
#define IMAGE(bits, text)                                                                                   \
	struct image##bits {                                                                                \
		Elf##bits##_Ehdr h;                                                                         \
		Elf##bits##_Shdr s[4];                                                                      \
		Elf##bits##_Sym sym[SYMS];                                                                  \
		char names[sizeof(strings) - 1];                                                            \
	};                                                                                                  \
	static struct image##bits im##bits;                                                                 \
	static void make##bits(void)                                                                        \
	{                                                                                                   \
		memset(&im##bits, 0, sizeof(im##bits));                                                     \
		memcpy(im##bits.h.e_ident, bits == 64 ? "\177ELF\2\1\1" : "\177ELF\1\1\1", 7);              \
		im##bits.h.e_machine = bits == 64 ? EM_X86_64 : EM_386;                                     \
		im##bits.h.e_phentsize = sizeof(Elf##bits##_Phdr);                                          \
		im##bits.h.e_shentsize = sizeof(Elf##bits##_Shdr);                                          \
		im##bits.h.e_shoff = offsetof(struct image##bits, s);                                       \
		im##bits.h.e_shnum = 4;                                                                     \
		im##bits.s[1] = (Elf##bits##_Shdr){                                                         \
		    .sh_type = SHT_PROGBITS, .sh_flags = SHF_EXECINSTR, .sh_addr = text, .sh_size = 0x300}; \
		im##bits.s[2] = (Elf##bits##_Shdr){.sh_type = SHT_SYMTAB,                                   \
						   .sh_offset = offsetof(struct image##bits, sym),          \
						   .sh_size = sizeof(im##bits.sym),                         \
						   .sh_link = 3};                                           \
		im##bits.s[3] = (Elf##bits##_Shdr){.sh_type = SHT_STRTAB,                                   \
						   .sh_offset = offsetof(struct image##bits, names),        \
						   .sh_size = sizeof(im##bits.names)};                      \
		memcpy(im##bits.names, strings, sizeof(im##bits.names));                                    \
		im##bits.sym[1] = (Elf##bits##_Sym){                                                        \
		    .st_name = FIRST, .st_info = STT_FUNC, .st_shndx = 1, .st_value = text + 0x10};         \
		im##bits.sym[2] = (Elf##bits##_Sym){                                                        \
		    .st_name = LABEL, .st_info = STT_NOTYPE, .st_shndx = 1, .st_value = text + 0x200};      \
		im##bits.sym[3] = (Elf##bits##_Sym){.st_name = SECOND,                                      \
						    .st_info = STT_FUNC,                                    \
						    .st_shndx = 1,                                          \
						    .st_value = text + 0x200,                               \
						    .st_size = -1};                                         \
		im##bits.sym[4] = (Elf##bits##_Sym){                                                        \
		    .st_name = DATA, .st_info = STT_OBJECT, .st_shndx = 1, .st_value = text + 0x20};        \
		im##bits.sym[5] = (Elf##bits##_Sym){                                                        \
		    .st_name = DATA, .st_info = STT_NOTYPE, .st_shndx = SHN_ABS, .st_value = text + 0x20};  \
	}

/* The two layouts differ in the order of their fields only. */
/* clang-format off */
IMAGE(64, TEXT64)
IMAGE(32, TEXT32)
/* clang-format on */

static const char *look(const struct symbols *s, uint64_t address)
{
	static char name[SYMBOL_NAME + 24];
	char plain[SYMBOL_NAME];
	uint64_t start;

	if (!symbols_find(s, address, plain, &start))
		return "";
	snprintf(name, sizeof(name), "%s+%llx", plain, (unsigned long long)(address - start));
	return name;
}

static void names_are_found(struct symbols *s, uint64_t text)
{
	assert_string_equal(look(s, text + 0x10), "first+0");
	assert_string_equal(look(s, text + 0x1ff), "first+1ef");
	assert_string_equal(look(s, text + 0x200), "second+0"); /* the function, not its label */
	assert_string_equal(look(s, text + 0x2ff), "second+ff");
	assert_string_equal(look(s, text + 0xf), ""); /* before the first */
	assert_string_equal(look(s, text + 0x300), "");
	assert_string_equal(look(s, 0), "");
	assert_true(symbols_in_text(s, text + 0x2ff));
	assert_false(symbols_in_text(s, text + 0x300));
	assert_false(symbols_in_text(s, text - 1));
}

static void both_classes(void **state)
{
	struct symbols s;

	make64();
	assert_null(symbols_open(&s, (uint8_t *)&im64, sizeof(im64)));
	names_are_found(&s, TEXT64);
	make32();
	assert_null(symbols_open(&s, (uint8_t *)&im32, sizeof(im32)));
	names_are_found(&s, TEXT32);
}

static const char *opened(struct symbols *s, size_t size)
{
	uint8_t *exact = malloc(size); /* so that a read behind it is seen */
	const char *wrong;

	memcpy(exact, &im64, size);
	wrong = symbols_open(s, exact, size);
	if (!wrong)
		for (uint64_t at = TEXT64; at < TEXT64 + 0x300; at += 0x10)
			look(s, at);
	free(exact);
	return wrong;
}

static void damaged_tables(void **state)
{
	struct symbols s;

	make64();
	im64.s[2].sh_size = -1;
	assert_string_equal(opened(&s, sizeof(im64)), "it has no symbol table");
	make64();
	im64.s[2].sh_link = 77;
	assert_string_equal(opened(&s, sizeof(im64)), "it has no symbol table");
	make64();
	im64.s[3].sh_offset = ~0ull - 4;
	assert_string_equal(opened(&s, sizeof(im64)), "it has no symbol table");
	make64();
	im64.s[1].sh_flags = 0;
	assert_string_equal(opened(&s, sizeof(im64)), "it has no section of code");
	make64();
	im64.s[2].sh_size = sizeof(Elf64_Sym) * 2 + 5; /* a part of a symbol at its end */
	assert_null(opened(&s, sizeof(im64)));
	make64();
	im64.s[1].sh_addr = -0x100; /* around the end of the address space */
	assert_null(opened(&s, sizeof(im64)));
	make64();
	im64.h.e_shnum = 0xffff;
	assert_null(opened(&s, sizeof(im64)));
	assert_string_equal(opened(&s, 30), "it is not an ELF file");
	for (size_t size = 64; size < sizeof(im64); size++)
		opened(&s, size);
	for (size_t at = 0; at < sizeof(im64); at++) { /* any byte may be anything */
		make64();
		((uint8_t *)&im64)[at] ^= 0xff;
		opened(&s, sizeof(im64));
	}
}

static void hostile_names(void **state)
{
	struct symbols s;

	make64();
	im64.sym[1].st_name = EVIL;
	im64.sym[3].st_name = UNENDED;
	assert_null(symbols_open(&s, (uint8_t *)&im64, sizeof(im64)));
	assert_string_equal(look(&s, TEXT64 + 0x10), "e?[31mvil+0");
	assert_string_equal(look(&s, TEXT64 + 0x200), "unended+0");
	im64.sym[1].st_name = sizeof(im64.names);
	im64.sym[3].st_name = -1;
	assert_string_equal(look(&s, TEXT64 + 0x10), "");
	assert_string_equal(look(&s, TEXT64 + 0x200), "");
}

/* ---- A domain ---- */

static char dir[] = "/tmp/ringlet-why-XXXXXX", kernel_path[64];
static struct hv hv;

#define FRAME(n)  (FAKE_BASE + 100 + (n))
#define STACK     4 /* the frame behind the tables */
#define STACK64   0xffff880000003000ull
#define STACK32   0xc8003000u
#define LEVELS(k) ((k) == &abi_pv64 ? 4u : 3u)

static void put_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

static void put_word(const struct guest_abi *abi, unsigned offset, uint64_t value)
{
	abi_put(abi, fake_frame(FRAME(STACK)), offset, value);
}

/* A domain that has one page mapped, its stack; it is in `second`, called by `first`, and an exception was in between. */
static void make_domain(const struct guest_abi *abi)
{
	uint64_t stack = abi == &abi_pv64 ? STACK64 : STACK32, text = abi == &abi_pv64 ? TEXT64 : TEXT32;
	unsigned word = abi->first->word, levels = LEVELS(abi);
	char config[128];

	fake_reset();
	fake.alive = true;
	fake.address_size = word * 8;
	for (unsigned i = 0; i <= STACK; i++)
		memset(fake_frame(FRAME(i)), 0, FRAME_SIZE);
	for (unsigned level = levels; level; level--) {
		uint64_t *table = (uint64_t *)fake_frame(FRAME(levels - level));

		table[stack >> (12 + 9 * (level - 1)) & 511] =
		    (uint64_t)(level == 1 ? FRAME(STACK) : FRAME(levels - level + 1)) << 12 | 1;
	}
	abi_put(abi, fake.context, abi->ctx.flags, VGCF_in_kernel | VGCF_online);
	abi_put(abi, fake.context, abi->ctx.ip, text + 0x208);
	abi_put(abi, fake.context, abi->ctx.sp, stack + 0xf00);
	abi_put(abi, fake.context, abi->ctx.bp, stack + 0xf40);
	abi_put(abi, fake.context, abi->ctx.cr3, abi->cr3(FRAME(0)));
	put_word(abi, 0xf40, stack + 0xf80);
	put_word(abi, 0xf40 + word, text + 0x200); /* behind a call that is the last thing in `first` */
	put_word(abi, 0xf60, text + 0x280);        /* interrupted */
	put_word(abi, 0xf70, text + 0x300);        /* no code */
	put_word(abi, 0xf80, 0);
	put_word(abi, 0xf80 + word, text + 0x40);
	if (abi == &abi_pv64)
		put_file(kernel_path, &im64, sizeof(im64));
	else
		put_file(kernel_path, &im32, sizeof(im32));
	make_dirs(record_path(FAKE_DOMID, NULL));
	snprintf(config, sizeof(config), "kernel = \"%s\"\n", kernel_path);
	put_file(record_path(FAKE_DOMID, "config"), config, strlen(config));
}

static const struct xen_domctl_getdomaininfo crashed = {
    .domain = FAKE_DOMID, .flags = XEN_DOMINF_shutdown | 3u << XEN_DOMINF_shutdownshift, .max_vcpu_id = 1};

static char *report(const char *kernel)
{
	char *text = why_text(&hv, &crashed, kernel);

	assert_non_null(text);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(hv.used, 0);
	return text;
}

static void says(const char *part)
{
	char *text = report(NULL);

	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
	free(text);
}

static void lacks(const char *part)
{
	char *text = report(NULL);

	if (strstr(text, part))
		fail_msg("\"%s\" in: %s", part, text);
	free(text);
}

static void names_the_callers(void **state)
{
	make64();
	make_domain(&abi_pv64);
	says("(pv64) crashed");
	says("stack pointer ffff880000003f00\n"
	     "    at ffffffff80001208 second+0x8\n"
	     "    by ffffffff80001200 first+0x1f0\n"
	     "     ? ffffffff80001280 second+0x80\n"
	     "    by ffffffff80001040 first+0x30\n");
	make32();
	make_domain(&abi_pv32);
	says("stack pointer c8003f00\n"
	     "    at c0001208 second+0x8\n"
	     "    by c0001200 first+0x1f0\n"
	     "     ? c0001280 second+0x80\n"
	     "    by c0001040 first+0x30\n");
}

static void without_names(void **state)
{
	char *text;

	make64();
	make_domain(&abi_pv64);
	im64.s[2].sh_type = SHT_NULL;
	put_file(kernel_path, &im64, sizeof(im64));
	says("Addresses only. ");
	says(": it has no symbol table\n");
	says("    at ffffffff80001208\n    by ffffffff80001200\n    by ffffffff80001040\n");
	make64();
	put_file("/tmp/ringlet-why-other", &im64, sizeof(im64));
	text = report("/tmp/ringlet-why-other");
	assert_non_null(strstr(text, "second+0x8"));
	free(text);
	unlink("/tmp/ringlet-why-other");
	unlink(kernel_path);
	says(kernel_path); /* and what is wrong with it */
	unlink(record_path(FAKE_DOMID, "config"));
	says("The file of its kernel is not known");
	fake.address_size = 0;
	says("Only of pv64 and pv32 kernels");
}

static void an_application(void **state)
{
	make64();
	make_domain(&abi_pv64);
	abi_put(&abi_pv64, fake.context, abi_pv64.ctx.flags, VGCF_online);
	says("vCPU 0, in an application, at ffffffff80001208\n");
	lacks("first");
}

/* Nothing that a guest has in its registers, on its stack or in its tables is followed to anywhere else. */
static void hostile_guests(void **state)
{
	static const uint64_t wild[] = {
	    0,           1,           7,       0xfff,      0x800000000000, 0x7ffffffffff8,
	    STACK64 + 1, STACK64 - 8, STACK32, 0xfffffff8, 0x1fffffffff,   0xffff800000000000,
	    -8,          -1};
	const struct guest_abi *const kinds[] = {&abi_pv64, &abi_pv32};

	make64();
	make32();
	for (unsigned k = 0; k < 2; k++) {
		const struct guest_abi *abi = kinds[k];
		uint64_t *leaf;

		for (unsigned i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
			make_domain(abi);
			abi_put(abi, fake.context, abi->ctx.bp, wild[i]);
			says("second+0x8");
			abi_put(abi, fake.context, abi->ctx.sp, wild[i]);
			says("second+0x8");
			make_domain(abi);
			abi_put(abi, fake.context, abi->ctx.sp, wild[i]);
			says("first+0x1f0"); /* by the chain alone */
			put_word(abi, 0xf40, wild[i]);
			says("first+0x1f0");
		}
		make_domain(abi);
		abi_put(abi, fake.context, abi->ctx.cr3, -1); /* no frame of its own */
		lacks("first");
		make_domain(abi);
		leaf = (uint64_t *)fake_frame(FRAME(LEVELS(abi) - 1));
		leaf[3] = 0x7ffffffffffff001; /* neither is that */
		lacks("first");
		make_domain(abi);
		for (unsigned at = 0; at < FRAME_SIZE;
		     at += abi->first->word) /* all of it, more than is shown */
			put_word(abi, at, abi == &abi_pv64 ? TEXT64 + 0x20 : TEXT32 + 0x20);
		abi_put(abi, fake.context, abi->ctx.sp, abi == &abi_pv64 ? STACK64 : STACK32);
		says(" more\n");
		make_domain(abi);
		((uint64_t *)fake_frame(FRAME(LEVELS(abi) - 2)))[abi == &abi_pv64 ? 0 : 64] |=
		    1 << 7; /* a large page */
		lacks("first");
	}
}

static void kept_once(void **state)
{
	char *text;

	make64();
	make_domain(&abi_pv64);
	assert_null(why_kept(FAKE_DOMID));
	assert_non_null(freopen("/dev/null", "w", stderr));
	why_keep(&hv, &crashed);
	abi_put(&abi_pv64, fake.context, abi_pv64.ctx.flags, VGCF_online);
	why_keep(&hv, &crashed);
	text = why_kept(FAKE_DOMID);
	assert_non_null(text);
	assert_non_null(strstr(text, "second+0x8"));
	free(text);
}

static int set_up(void **state)
{
	run_dir = mkdtemp(dir);
	snprintf(kernel_path, sizeof(kernel_path), "%s/kernel", dir);
	fail_quiet(true);
	return hv_open_with(&hv, &fake_ops);
}

static int tear_down(void **state)
{
	unlink(kernel_path);
	record_remove(FAKE_DOMID);
	hv_close(&hv);
	free(fake.ram);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_classes),   cmocka_unit_test(damaged_tables),
	    cmocka_unit_test(hostile_names),  cmocka_unit_test(names_the_callers),
	    cmocka_unit_test(without_names),  cmocka_unit_test(an_application),
	    cmocka_unit_test(hostile_guests), cmocka_unit_test(kept_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
