/* SPDX-License-Identifier: MIT */
/*
 * The domain builder against a fake hypervisor: for both kinds, build from a small ELF kernel with notes,
 * then look at the domain through its own page tables as its first instruction would. Then let each hypercall
 * fail in turn: nothing may remain. And what overflows or points elsewhere: a long command line, memory that fills no
 * whole page of the P2M, a hypercall page outside its memory.
 */
#include "build.h"
#include "builder.h"
#include "err.h"
#include "guest_abi.h"
#include "tools_fake.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <xen/grant_table.h>
#include <xen/elfnote.h>

static char kernel_file[] = "/tmp/ringlet-kernel-XXXXXX", initrd_file[] = "/tmp/ringlet-initrd-XXXXXX";
#define KERNEL_FILE kernel_file
#define INITRD_FILE initrd_file
#define INITRD_SIZE 10000

#define BASE64 0xffffffff80000000ull
#define BASE32 0xc0000000ull

/* ---- A kernel to build from ---- */

static uint8_t image[32768];
static size_t notes_len;
static uint64_t hypercall_page; /* offset from the base */
static const char *cmdline;

static void reset(void)
{
	fake_reset();
	hypercall_page = 0x101000;
	cmdline = "hello world";
}

static void add_note(uint32_t type, const void *desc, uint32_t size)
{
	uint8_t *at = image + 0x2000 + notes_len;
	uint32_t head[3] = {4, size, type};

	memcpy(at, head, 12);
	memcpy(at + 12, "Xen", 4);
	memcpy(at + 16, desc, size);
	notes_len += 16 + ((size + 3) & ~3u);
}

static void add_number(uint32_t type, uint64_t value, bool is64)
{
	add_note(type, &value, is64 ? 8 : 4);
}

/* Text of 0x1800 bytes at 1 MiB, 0x3000 in memory; entry at +0x10; hypercall page at +0x1000. */
static void write_kernel(bool is64, uint64_t init_p2m, bool initrd_by_pfn)
{
	uint64_t base = is64 ? BASE64 : BASE32;
	FILE *out = fopen(KERNEL_FILE, "wb");

	memset(image, 0, sizeof(image));
	notes_len = 0;
	add_number(XEN_ELFNOTE_VIRT_BASE, base, is64);
	add_number(XEN_ELFNOTE_ENTRY, base + 0x100010, is64);
	add_number(XEN_ELFNOTE_HYPERCALL_PAGE, base + hypercall_page, is64);
	add_note(XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	add_note(XEN_ELFNOTE_LOADER, "generic", 8);
	add_note(XEN_ELFNOTE_PAE_MODE, "yes", 4);
	if (init_p2m)
		add_number(XEN_ELFNOTE_INIT_P2M, init_p2m, is64);
	if (initrd_by_pfn)
		add_number(XEN_ELFNOTE_MOD_START_PFN, 1, is64);
	if (is64) {
		Elf64_Ehdr h = {.e_machine = EM_X86_64,
				.e_type = ET_EXEC,
				.e_version = 1,
				.e_phoff = 64,
				.e_ehsize = 64,
				.e_phentsize = 56,
				.e_phnum = 2,
				.e_entry = 1};
		Elf64_Phdr p[2] = {{.p_type = PT_LOAD,
				    .p_offset = 0x4000,
				    .p_vaddr = base + 0x100000,
				    .p_paddr = 0x100000,
				    .p_filesz = 0x1800,
				    .p_memsz = 0x3000},
				   {.p_type = PT_NOTE, .p_offset = 0x2000, .p_filesz = notes_len}};

		memcpy(h.e_ident, "\177ELF\2\1\1", 7);
		memcpy(image, &h, sizeof(h));
		memcpy(image + 64, p, sizeof(p));
	} else {
		Elf32_Ehdr h = {.e_machine = EM_386,
				.e_type = ET_EXEC,
				.e_version = 1,
				.e_phoff = 52,
				.e_ehsize = 52,
				.e_phentsize = 32,
				.e_phnum = 2,
				.e_entry = 1};
		Elf32_Phdr p[2] = {{.p_type = PT_LOAD,
				    .p_offset = 0x4000,
				    .p_vaddr = base + 0x100000,
				    .p_paddr = 0x100000,
				    .p_filesz = 0x1800,
				    .p_memsz = 0x3000},
				   {.p_type = PT_NOTE, .p_offset = 0x2000, .p_filesz = notes_len}};

		memcpy(h.e_ident, "\177ELF\1\1\1", 7);
		memcpy(image, &h, sizeof(h));
		memcpy(image + 52, p, sizeof(p));
	}
	for (int i = 0; i < 0x1800; i++)
		image[0x4000 + i] = i * 7;
	fwrite(image, 1, 0x4000 + 0x1800, out);
	fclose(out);
	out = fopen(INITRD_FILE, "wb");
	for (int i = 0; i < INITRD_SIZE; i++)
		fputc(i * 13, out);
	fclose(out);
}

/* ---- The domain seen from inside ---- */

static bool is64;

static uint64_t ctx_word(unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, fake.context + offset, is64 ? 8 : 4);
	return value;
}

/* The leaf entry for @va, or 0. */
static uint64_t walk(uint64_t va)
{
	const struct guest_abi *abi = is64 ? &abi_pv64 : &abi_pv32;
	uint64_t entry = ctx_word(abi->ctx.cr3) >> 12;

	entry = entry << 12 | 1;
	for (unsigned level = abi->first->levels; level >= 1; level--) {
		uint8_t *frame = fake_frame(entry >> 12 & 0xfffffffff);
		unsigned slot = va >> (12 + 9 * (level - 1)) & (level == 3 && !is64 ? 3 : 511);

		if (!(entry & 1))
			return 0;
		assert_non_null(frame);
		memcpy(&entry, frame + slot * 8, 8);
	}
	return entry & 1 ? entry : 0;
}

static uint8_t *at_va(uint64_t va)
{
	uint64_t entry = walk(va);

	assert_true(entry & 1);
	return fake_frame(entry >> 12 & 0xfffffffff) + (va & 4095);
}

static uint64_t word_at(uint64_t va, unsigned offset)
{
	uint64_t value = 0;

	memcpy(&value, at_va(va) + offset, is64 ? 8 : 4);
	return value;
}

/* Told as soon as there is a domain, before it has anything; the caller may refuse it. */
static bool refuses;
static int created(void *arg, const struct build_result *so_far)
{
	assert_ptr_equal(arg, &refuses);
	assert_int_equal(so_far->id, FAKE_DOMID);
	assert_true(fake.alive);
	assert_int_equal(fake.given, 0);
	return refuses ? -1 : 0;
}

static struct build_result build(uint64_t memory_mib, int *rc)
{
	static struct build_result result;
	struct domconf conf = {.kernel = KERNEL_FILE,
			       .ramdisk = INITRD_FILE,
			       .cmdline = (char *)cmdline,
			       .memory_kb = memory_mib * 1024,
			       .maxmem_kb = memory_mib * 1024,
			       .vcpus = 2};
	struct build_request request = {.conf = &conf, .created = created, .arg = &refuses};
	struct hv hv;

	assert_int_equal(hv_open_with(&hv, &fake_ops), 0);
	*rc = build_domain(&hv, &request, &result);
	assert_int_equal(hv.used, 0);
	hv_close(&hv);
	return result;
}

static void check_start_info(const struct guest_abi *abi, uint64_t si, const struct build_result *r)
{
	assert_string_equal((char *)at_va(si), abi->first->magic);
	assert_int_equal(word_at(si, abi->first->start_info.nr_pages), 16 * 256);
	assert_int_equal(word_at(si, abi->first->start_info.shared_info), fake.shared_info_mfn << 12);
	assert_int_equal(word_at(si, abi->first->start_info.console_mfn), r->console_mfn);
	assert_int_equal(word_at(si, abi->first->start_info.store_mfn), r->store_mfn);
	assert_string_equal((char *)at_va(si) + abi->first->start_info.cmd_line, "hello world");
	assert_int_equal(word_at(si, abi->first->start_info.mod_len), INITRD_SIZE);
}

/* Machine frame of @pfn by the guest's P2M. */
static uint64_t p2m_of(const struct guest_abi *abi, uint64_t si, uint64_t pfn)
{
	return word_at(word_at(si, abi->first->start_info.mfn_list) + pfn * abi->first->word, 0);
}

/* The tables of @level below @entry, each counted at its place. */
static uint64_t tables_below(uint64_t entry, unsigned level, unsigned levels)
{
	uint8_t *frame = fake_frame(entry >> 12 & 0xfffffffff);
	uint64_t n = 1, below;

	for (unsigned slot = 0; level > 1 && slot < (level == 3 && levels == 3 ? 4 : 512); slot++) {
		memcpy(&below, frame + slot * 8, 8);
		n += below & 1 ? tables_below(below, level - 1, levels) : 0;
	}
	return n;
}

static void check_tables(const struct guest_abi *abi, uint64_t si, uint64_t base)
{
	uint64_t pt = word_at(si, abi->first->start_info.pt_base);
	uint64_t count = word_at(si, abi->first->start_info.nr_pt_frames);
	uint64_t apart = word_at(si, abi->first->start_info.nr_p2m_frames);

	if (apart) /* the P2M's own tables are counted with it */
		apart -= word_at(si, abi->first->start_info.nr_pages) * abi->first->word / FRAME_SIZE;
	assert_int_equal(walk(pt) >> 12 & 0xfffffffff, fake.pinned); /* root first */
	assert_int_equal(tables_below(fake.pinned << 12, abi->first->levels, abi->first->levels),
			 count + apart); /* none twice, none unused */
	for (uint64_t i = 0; i < count; i++)
		assert_int_equal(walk(pt + i * 4096) & 2, 0);
	assert_int_equal(walk(si) & 2, 2);
	/* Every page of the area is what the P2M says. */
	for (uint64_t va = base; walk(va); va += 4096)
		assert_int_equal(walk(va) >> 12 & 0xfffffffff, p2m_of(abi, si, (va - base) >> 12));
	/* 512 KiB above the boot stack. */
	assert_true(walk((pt + count * 4096) + 4096 + 512 * 1024 - 4096));
}

/* Dom0 may use the console's page and the store's, and no other. */
static void check_grants(const struct build_result *r)
{
	const struct grant_entry_v1 *e = (void *)fake_frame(fake.grant_mfn);
	uint64_t mfn[2] = {r->console_mfn, r->store_mfn};

	for (unsigned i = 0; i < FRAME_SIZE / sizeof(*e); i++) {
		assert_int_equal(e[i].flags, i < 2 ? GTF_permit_access : 0);
		assert_int_equal(e[i].domid, 0);
		assert_int_equal(e[i].frame, i < 2 ? mfn[i] : 0);
	}
}

static void check_domain(bool wide, uint64_t init_p2m, bool by_pfn)
{
	const struct guest_abi *abi = wide ? &abi_pv64 : &abi_pv32;
	uint64_t base = wide ? BASE64 : BASE32, si, mod;
	struct build_result r;
	int rc;

	is64 = wide;
	reset();
	write_kernel(wide, init_p2m, by_pfn);
	r = build(16, &rc);
	assert_int_equal(rc, 0);
	assert_true(fake.alive);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(fake.address_size, wide ? 0 : 32);
	assert_int_equal(fake.max_vcpus, 2);
	assert_string_equal(r.kind, abi->kind);
	assert_int_equal(fake.pin_cmd, wide ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE);
	assert_int_equal(ctx_word(abi->ctx.ip), base + 0x100010);
	assert_true(wide || fake.pinned < 0x100000); /* a PAE root lies below 4 GiB, the rest anywhere */
	assert_true(p2m_of(abi, ctx_word(abi->ctx.si), 0) >= 0x100000);
	assert_int_equal(ctx_word(abi->ctx.cr3), fake.pinned << 12);
	assert_int_equal(ctx_word(abi->ctx.vm_assist), wide ? 0 : 1 << VMASST_TYPE_pae_extended_cr3);
	assert_int_equal(ctx_word(abi->ctx.cs) & 0xffff, abi->kernel_cs);
	si = ctx_word(abi->ctx.si);
	check_start_info(abi, si, &r);
	check_tables(abi, si, base);
	check_grants(&r);
	/* The kernel and the zeros behind it; the hypercall page; the stack's top word. */
	for (int i = 0; i < 0x1800; i++)
		assert_int_equal(*at_va(base + 0x100000 + i), (uint8_t)(i * 7));
	assert_int_equal(*at_va(base + 0x102fff), 0);
	assert_int_equal(fake.hypercall_mfn, walk(base + 0x101000) >> 12 & 0xfffffffff);
	assert_true(walk(ctx_word(abi->ctx.sp) - 8) & 2);
	/* The initrd, by address or by frame number. */
	mod = word_at(si, abi->first->start_info.mod_start);
	for (int i = 0; i < INITRD_SIZE; i += 97) {
		uint8_t *at =
		    by_pfn ? fake_frame(p2m_of(abi, si, mod + (i >> 12))) + (i & 4095) : at_va(mod + i);

		assert_int_equal(*at, (uint8_t)(i * 13));
	}
	assert_int_equal(word_at(si, abi->first->start_info.flags) & SIF_MOD_START_PFN,
			 by_pfn ? SIF_MOD_START_PFN : 0);
	if (init_p2m)
		assert_int_equal(word_at(si, abi->first->start_info.mfn_list), init_p2m);
	/* Events masked for every vCPU. */
	assert_int_equal(fake_frame(fake.shared_info_mfn)[31 * 64 + 1], 1);
}

static void pv64_starts(void **state)
{
	check_domain(true, 0, false);
}

static void pv64_as_linux_starts(void **state)
{
	check_domain(true, 0x8000000000ull, true);
}

static void pv32_starts(void **state)
{
	check_domain(false, 0, false);
	/* The hypervisor puts the M2P into the L2 of the last GiB. */
	assert_true(walk(0xc0000000));
}

static void memory_in_pieces_will_do(void **state)
{
	int rc;

	is64 = true;
	reset();
	fake.largest_order = 0;
	write_kernel(true, 0, false);
	build(16, &rc);
	assert_int_equal(rc, 0);
}

static void unwanted_is_undone(void **state)
{
	int rc;

	reset();
	write_kernel(true, 0, false);
	refuses = true;
	build(16, &rc);
	refuses = false;
	assert_int_equal(rc, -1);
	assert_false(fake.alive);
	assert_int_equal(fake.given, 0);
}

static void too_small_is_said(void **state)
{
	int rc;

	reset();
	write_kernel(true, 0, false);
	build(1, &rc);
	assert_int_equal(rc, -1);
	assert_false(fake.alive);
	assert_non_null(strstr(fail_last(), "raise memory="));
}

static void too_large_is_said(void **state)
{
	int rc;

	reset();
	write_kernel(true, 0, false);
	build(80, &rc);
	assert_int_equal(rc, -1);
	assert_false(fake.alive);
	assert_non_null(strstr(fail_last(), "lower memory="));
}

/* A domain of @memory_mib that was built; its start_info. */
static uint64_t built(bool wide, uint64_t memory_mib)
{
	int rc;

	is64 = wide;
	write_kernel(wide, 0, false);
	build(memory_mib, &rc);
	assert_int_equal(rc, 0);
	return ctx_word((wide ? &abi_pv64 : &abi_pv32)->ctx.si);
}

/* start_info has 1,024 bytes for it, the last one zero. */
static void long_cmdline_is_cut(void **state)
{
	static char line[5001];

	memset(line, 'x', sizeof(line) - 1);
	for (int wide = 0; wide < 2; wide++) {
		const struct guest_abi *abi = wide ? &abi_pv64 : &abi_pv32;
		const char *at;

		reset();
		cmdline = line;
		at = (char *)at_va(built(wide, 16)) + abi->first->start_info.cmd_line;
		assert_int_equal(strnlen(at, MAX_GUEST_CMDLINE + 1), MAX_GUEST_CMDLINE - 1);
		for (int i = MAX_GUEST_CMDLINE; i < FRAME_SIZE - (int)abi->first->start_info.cmd_line; i++)
			assert_int_equal(at[i], 0); /* nothing lies there: no P2M lies apart */
	}
}

/* The P2M's last page: its entries past the last frame are invalid. */
static void odd_memory_ends_the_p2m(void **state)
{
	for (int wide = 0; wide < 2; wide++) {
		const struct guest_abi *abi = wide ? &abi_pv64 : &abi_pv32;
		uint64_t si, pages = 15 * 256, per_page = FRAME_SIZE / abi->first->word;

		reset();
		si = built(wide, 15);
		assert_int_equal(word_at(si, abi->first->start_info.nr_pages), pages);
		assert_true(pages % per_page);
		for (uint64_t pfn = 0; pfn < pages; pfn++)
			assert_non_null(fake_frame(p2m_of(abi, si, pfn)));
		for (uint64_t pfn = pages; pfn % per_page; pfn++)
			assert_int_equal(p2m_of(abi, si, pfn), wide ? ~0ull : ~0u);
	}
}

/* The first area ends at a multiple of 4 MiB, so a domain has at least that. */
static void smallest_has_its_area(void **state)
{
	for (int wide = 0; wide < 2; wide++) {
		uint64_t base = wide ? BASE64 : BASE32, si;
		int rc;

		reset();
		si = built(wide, 4);
		assert_int_equal(walk(base + 1023 * 4096) >> 12 & 0xfffffffff,
				 p2m_of(wide ? &abi_pv64 : &abi_pv32, si, 1023));
		assert_int_equal(walk(base + 1024 * 4096), 0);
		reset();
		build(3, &rc);
		assert_int_equal(rc, -1);
		assert_non_null(strstr(fail_last(), "need 4 MiB, it has 3 MiB; raise memory="));
	}
}

static void hypercall_page_lies_inside(void **state)
{
	static const uint64_t outside[] = {0x100800,   0x400000, 0x1000000,
					   0x7ffff000, -0x1000,  -0x7fffffffull};
	int rc;

	for (unsigned i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		reset();
		hypercall_page = outside[i];
		write_kernel(true, 0, false);
		build(16, &rc);
		assert_int_equal(rc, -1);
		assert_false(fake.alive);
		assert_non_null(strstr(fail_last(), "outside its memory"));
	}
	reset();
	hypercall_page = 0x3ff000; /* its last page */
	write_kernel(true, 0, false);
	build(16, &rc);
	assert_int_equal(rc, 0);
}

static void every_failure_is_undone(void **state)
{
	unsigned total;
	int rc;

	for (int wide = 0; wide < 2; wide++) {
		is64 = wide;
		reset();
		write_kernel(wide, 0, false);
		build(16, &rc);
		total = fake.calls;
		for (unsigned at = 1; at <= total; at++) {
			reset();
			fake.fail_at = at;
			build(16, &rc);
			/* Extents that fail are asked for again in smaller ones: that is no error. */
			assert_int_equal(fake.alive, rc == 0);
			assert_int_equal(fake.maps, 0);
		}
	}
}

/* What of some bytes falls into a window goes there, and nothing beside it. */
static void copies_keep_to_their_window(void **state)
{
	uint8_t data[64], *window = malloc(16);

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = i + 1;
	memset(window, 0, 16);
	build_copy(window, 100, 16, 110, data, sizeof(data));
	assert_int_equal(window[9], 0);
	assert_memory_equal(window + 10, data, 6);
	build_copy(window, 100, 16, 90, data, sizeof(data));
	assert_memory_equal(window, data + 10, 16);
	build_copy(window, 100, 16, 116, data, sizeof(data));
	build_copy(window, 100, 16, 36, data, sizeof(data));
	assert_memory_equal(window, data + 10, 16);
	free(window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(copies_keep_to_their_window), cmocka_unit_test(pv64_starts),
	    cmocka_unit_test(pv64_as_linux_starts),        cmocka_unit_test(pv32_starts),
	    cmocka_unit_test(memory_in_pieces_will_do),    cmocka_unit_test(unwanted_is_undone),
	    cmocka_unit_test(too_small_is_said),           cmocka_unit_test(too_large_is_said),
	    cmocka_unit_test(long_cmdline_is_cut),         cmocka_unit_test(odd_memory_ends_the_p2m),
	    cmocka_unit_test(hypercall_page_lies_inside),  cmocka_unit_test(every_failure_is_undone),
	    cmocka_unit_test(smallest_has_its_area),
	};
	int failed;

	/* Names of this process's own: others may be testing, too. */
	if (close(mkstemp(kernel_file)) || close(mkstemp(initrd_file)))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(KERNEL_FILE);
	unlink(INITRD_FILE);
	free(fake.ram);
	return failed;
}
