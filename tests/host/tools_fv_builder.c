/* SPDX-License-Identifier: MIT */
/*
 * The builder of fv domains (lib/fv_builder.c) against the fake hypervisor: memory holds what a boot loader and a PC's firmware
 * leave, and nothing else; the kernel and the initrd lie where they belong, with zeros behind them. What is no multiboot
 * kernel, or does not fit, is refused with a sentence. Let each hypercall fail in turn: nothing remains.
 */
#include "builder.h"
#include "err.h"
#include "tools_fake.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* err.h has another */

#include "compat_offsets.h"
#include <ringlet/fv.h>

#define TEXT        0x1800u
#define INITRD_SIZE 10000u

static char kernel_file[] = "/tmp/ringlet-kernel-XXXXXX", initrd_file[] = "/tmp/ringlet-initrd-XXXXXX";
static uint8_t file[0x4000];
static Elf32_Ehdr header;
static Elf32_Phdr segment[3];
static struct domconf conf;

static void write_files(void)
{
	FILE *out = fopen(kernel_file, "wb");

	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), segment, sizeof(segment));
	for (unsigned i = 0; i < TEXT; i++)
		file[0x1000 + i] = i * 7;
	fwrite(file, 1, sizeof(file), out);
	fclose(out);
	out = fopen(initrd_file, "wb");
	for (unsigned i = 0; i < INITRD_SIZE; i++)
		fputc(i * 13, out);
	fclose(out);
}

/* A kernel of two segments, at 1 MiB and at 1 MiB and 16 KiB, the upper one first, and one that is not loaded. */
static int setup(void **state)
{
	header = (Elf32_Ehdr){.e_ident = "\177ELF\1\1\1",
			      .e_type = ET_EXEC,
			      .e_machine = EM_386,
			      .e_version = 1,
			      .e_entry = 0x100020,
			      .e_phoff = sizeof(header),
			      .e_ehsize = sizeof(header),
			      .e_phentsize = sizeof(*segment),
			      .e_phnum = 3};
	segment[0] = (Elf32_Phdr){.p_type = PT_LOAD,
				  .p_offset = 0x1000,
				  .p_vaddr = 0xc0104000,
				  .p_paddr = 0x104000,
				  .p_filesz = 0x100,
				  .p_memsz = 0x1801};
	segment[1] = (Elf32_Phdr){.p_type = PT_LOAD,
				  .p_offset = 0x1000,
				  .p_vaddr = 0xc0100000,
				  .p_paddr = 0x100000,
				  .p_filesz = TEXT,
				  .p_memsz = 0x3000};
	segment[2] = (Elf32_Phdr){.p_type = PT_NOTE, .p_paddr = 0x80, .p_memsz = 0x10};
	conf = (struct domconf){.fv = true,
				.fv_patch = true,
				.kernel = kernel_file,
				.ramdisk = initrd_file,
				.cmdline = "root=/dev/ram quiet",
				.memory_kb = 16 * 1024,
				.maxmem_kb = 16 * 1024,
				.vcpus = 1};
	fake_reset();
	write_files();
	fail_quiet(true);
	return 0;
}

static struct build_result result;

static int build(void)
{
	struct hv hv;
	int rc;

	assert_int_equal(hv_open_with(&hv, &fake_ops), 0);
	rc = build_domain(&hv, &(struct build_request){.conf = &conf}, &result);
	assert_int_equal(hv.used, 0);
	hv_close(&hv);
	return rc;
}

static uint8_t *at(uint32_t address)
{
	return fake_frame(fake.mfn_of[address >> 12]) + (address & 4095);
}

static uint32_t word(uint32_t address)
{
	uint32_t value;

	memcpy(&value, at(address), sizeof(value));
	return value;
}

static uint32_t context(unsigned offset)
{
	uint32_t value;

	memcpy(&value, fake.context + offset, sizeof(value));
	return value;
}

static void registers(void)
{
	const unsigned regs = COMPAT_vcpu_guest_context_user_regs;

	assert_int_equal(context(regs + COMPAT_cpu_user_regs_eax), 0x2badb002);
	assert_int_equal(context(regs + COMPAT_cpu_user_regs_ebx), 0x9000);
	assert_int_equal(context(regs + COMPAT_cpu_user_regs_eip), 0x100020);
	assert_int_equal(context(COMPAT_vcpu_guest_context_failsafe_callback_eip),
			 16 * 256); /* frames of RAM */
	assert_int_equal(context(COMPAT_vcpu_guest_context_event_callback_eip), result.console_port);
}

static void memory(void)
{
	for (uint32_t i = 0; i < 0x6000; i++) {
		uint8_t want = i < TEXT ? i * 7 : i >= 0x4000 && i < 0x4100 ? (i - 0x4000) * 7 : 0;

		assert_int_equal(*at(0x100000 + i), want);
	}
	for (uint32_t i = 0; i < 3 * 4096; i++) /* behind the kernel's last page */
		assert_int_equal(*at(0x106000 + i), i < INITRD_SIZE ? (uint8_t)(i * 13) : 0);
	assert_int_equal(result.console_mfn, fake.mfn_of[16 * 256]);
	assert_int_equal(result.store_mfn, fake.mfn_of[16 * 256 + 1]);
	for (unsigned i = 0; i < 4096; i++) {
		assert_int_equal(fake_frame(result.console_mfn)[i], 0);
		assert_int_equal(fake_frame(result.store_mfn)[i], 0);
	}
}

static void multiboot(const char *cmdline, bool initrd)
{
	char line[4096];

	assert_int_equal(word(0x9000), 0x24d);
	assert_int_equal(word(0x9004), 0x9f000 / 1024);
	assert_int_equal(word(0x9008), 15 * 1024);
	snprintf(line, sizeof(line), "%s%s", kernel_file, cmdline);
	assert_string_equal((char *)at(word(0x9010)), line);
	assert_int_equal(word(0x9014), initrd);
	assert_int_equal(word(word(0x9018)), 0x106000);
	assert_int_equal(word(word(0x9018) + 4), 0x106000 + (initrd ? INITRD_SIZE : 0));
	assert_int_equal(word(0x902c), 3 * 24);
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t ends[] = {0, 0x9f000, 0x100000, 16 << 20};
		uint32_t entry = word(0x9030) + i * 24;

		assert_int_equal(word(entry), 20);
		assert_int_equal(word(entry + 4), ends[i]);
		assert_int_equal(word(entry + 8), 0);
		assert_int_equal(word(entry + 12), ends[i + 1] - ends[i]);
		assert_int_equal(word(entry + 20), i == 1 ? 2 : 1);
	}
	assert_string_equal((char *)at(word(0x9040)), "Ringlet");
}

static uint8_t sum(uint32_t address, unsigned n)
{
	uint8_t s = 0;

	while (n--)
		s += *at(address++);
	return s;
}

static void acpi(void)
{
	uint32_t rsdt = word(0xe0010), fadt = word(rsdt + 36), dsdt = word(fadt + 40);

	assert_memory_equal(at(0xe0000), "RSD PTR ", 8);
	assert_int_equal(sum(0xe0000, 20), 0);
	assert_memory_equal(at(rsdt), "RSDT", 4);
	assert_memory_equal(at(fadt), "FACP", 4);
	assert_memory_equal(at(dsdt), "DSDT", 4);
	assert_int_equal(sum(rsdt, word(rsdt + 4)), 0);
	assert_int_equal(sum(fadt, word(fadt + 4)), 0);
	assert_int_equal(sum(dsdt, word(dsdt + 4)), 0);
	assert_int_equal(word(fadt + 64), 0x604);
}

static void starts(void **state)
{
	assert_int_equal(build(), 0);
	assert_true(fake.alive);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(fake.flags & (RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch), RINGLET_CDF_fv);
	assert_string_equal(result.kind, "fv");
	registers();
	memory();
	multiboot(" root=/dev/ram quiet", true);
	acpi();
}

static void without_initrd(void **state)
{
	conf.ramdisk = NULL;
	conf.fv_patch = false;
	assert_int_equal(build(), 0);
	assert_int_equal(fake.flags & (RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch),
			 RINGLET_CDF_fv | RINGLET_CDF_fv_nopatch);
	multiboot(" root=/dev/ram quiet", false);
}

static void refused(const char *why)
{
	write_files();
	assert_int_equal(build(), -1);
	assert_false(fake.alive);
	if (!strstr(fail_last(), why))
		assert_string_equal(fail_last(), why);
}

/* The longest command line that has room, and one that has none: it is refused. */
static void long_command_line(void **state)
{
	static char line[4100];
	size_t most = 4096 - strlen(kernel_file) - 1 - 1;

	memset(line, 'x', sizeof(line) - 1);
	line[0] = ' ';
	line[most + 1] = '\0';
	conf.cmdline = line + 1;
	assert_int_equal(build(), 0);
	multiboot(line, true);
	setup(NULL);
	line[most + 1] = 'x';
	line[most + 2] = '\0';
	conf.cmdline = line + 1;
	refused("needed: at most 4094, a shorter path");
}

static void not_to_be_built(void **state)
{
	conf.vcpus = 2;
	refused("has one");
	setup(NULL);
	conf.kernel = "/tmp/ringlet-none";
	refused("no such file");
	setup(NULL);
	header.e_ident[0] = 0;
	refused("multiboot kernel");
	setup(NULL);
	segment[1].p_paddr = 0xfffff; /* part of it below 1 MiB */
	refused("above 1 MiB");
	setup(NULL);
	segment[0].p_type = segment[1].p_type = PT_NULL; /* nothing to be loaded */
	refused("above 1 MiB");
	setup(NULL);
	conf.memory_kb = conf.maxmem_kb = 3 << 20; /* it fits, but there is no more */
	conf.memory_kb += 4;
	conf.maxmem_kb += 4;
	refused("3072 MiB");
}

/* Kernel and initrd need 0x109 frames, and one more for whatever else. */
static void just_large_enough(void **state)
{
	conf.memory_kb = conf.maxmem_kb = 0x109 * 4;
	refused("needs between 2");
	setup(NULL);
	conf.memory_kb = conf.maxmem_kb = 0x10a * 4;
	assert_int_equal(build(), 0);
}

static void every_failure_is_undone(void **state)
{
	unsigned total;
	int rc;

	assert_int_equal(build(), 0);
	total = fake.calls;
	for (unsigned n = 1; n <= total; n++) {
		setup(NULL);
		fake.fail_at = n;
		rc = build();
		/* Extents that fail are asked for again in smaller ones: that is no error. */
		assert_int_equal(fake.alive, rc == 0);
		assert_int_equal(fake.maps, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(starts, setup),
	    cmocka_unit_test_setup(without_initrd, setup),
	    cmocka_unit_test_setup(long_command_line, setup),
	    cmocka_unit_test_setup(not_to_be_built, setup),
	    cmocka_unit_test_setup(just_large_enough, setup),
	    cmocka_unit_test_setup(every_failure_is_undone, setup),
	};
	int failed;

	if (close(mkstemp(kernel_file)) || close(mkstemp(initrd_file)))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(kernel_file);
	unlink(initrd_file);
	free(fake.ram);
	return failed;
}
