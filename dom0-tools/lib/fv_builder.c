/* SPDX-License-Identifier: MIT */
/*
 * type = "fv": a domain that finds what a bare PC's boot loader leaves (docs/fv.md). Its kernel is a multiboot1 one
 * (Multiboot Specification 0.6.96), loaded at the physical addresses of its segments; firmware's tables are reduced to
 * a few words of ACPI, by which the domain switches itself off.
 *
 * Guest frames: 0 to 255 the first MiB (multiboot information at 0x9000, ACPI at 0xe0000), the kernel at its own
 * addresses, the initrd behind it, RAM to the end; then the console and the store page, which it cannot see.
 */
#include "build.h"
#include "err.h"
#include "guest_abi.h"

#include <string.h>

#include "dom/elf.h"
#include "ringlet/fv.h"
#include "ringlet/pc.h"

#define LOW_FRAMES  256
#define RAM_LOW_END 0x9f000u /* firmware keeps the rest below 1 MiB */
#define MIB         0x100000u
#define MAX_MEMORY  0xc0000000ull /* a PC has its devices above */

#define LOADER_MAGIC 0x2badb002u
#define MBI_AT       0x9000u
#define MODULE_AT    (MBI_AT + 0x100)
#define MMAP_AT      (MBI_AT + 0x200)
#define NAME_AT      (MBI_AT + 0x300)
#define CMDLINE_AT   0xa000u
#define CMDLINE_MAX  4096

#define MBI_FLAGS 0x24du /* memory, command line, modules, memory map, loader's name */

#define ACPI_AT   0xe0000u
#define RSDT_AT   (ACPI_AT + 0x40)
#define FADT_AT   (ACPI_AT + 0x80)
#define DSDT_AT   (ACPI_AT + 0x100)
#define FADT_SIZE 116
#define FADT_DSDT 40
#define PM1A_CNT  64
#define HEADER    36

static void put32(uint8_t *page, uint32_t at, uint32_t value)
{
	memcpy(page + at, &value, sizeof(value));
}

/* Where the kernel's segments lie: frames. */
static struct first_range kernel_place(const struct elf *elf)
{
	uint64_t start = UINT64_MAX, end = 0;
	struct elf_part p;

	for (uint32_t i = 0; elf_segment(elf, i, &p); i++) {
		if (!elf_loadable(&p))
			continue;
		start = p.paddr < start ? p.paddr : start;
		end = p.paddr + p.memsz > end ? p.paddr + p.memsz : end;
	}
	if (start >= end)
		return (struct first_range){0, 0};
	start >>= FRAME_SHIFT;
	return (struct first_range){start, ((end + FRAME_SIZE - 1) >> FRAME_SHIFT) - start};
}

static void fill_kernel(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	uint64_t start = (b->plan.image.pfn + first) << FRAME_SHIFT;
	const struct elf *elf = &b->kernel.image.elf;
	struct elf_part p;

	memset(at, 0, count * FRAME_SIZE);
	for (uint32_t i = 0; elf_segment(elf, i, &p); i++)
		if (elf_loadable(&p))
			build_copy(at, start, count * FRAME_SIZE, p.paddr, elf->data + p.offset, p.filesz);
}

static void put_mmap(uint8_t *low, unsigned i, uint64_t start, uint64_t end, uint32_t type)
{
	uint32_t at = MMAP_AT + i * 24;
	uint64_t size = end - start;

	put32(low, at, 20);
	memcpy(low + at + 4, &start, 8);
	memcpy(low + at + 12, &size, 8);
	put32(low, at + 20, type);
}

static void put_multiboot(struct build *b, uint8_t *low, uint64_t ram_end)
{
	const struct first_range *initrd = &b->plan.initrd;
	size_t name_length = strlen(b->conf->kernel) + 1;

	put32(low, MBI_AT, MBI_FLAGS);
	put32(low, MBI_AT + 4, RAM_LOW_END / 1024);
	put32(low, MBI_AT + 8, (ram_end - MIB) / 1024);
	put32(low, MBI_AT + 16, CMDLINE_AT);
	put32(low, MBI_AT + 20, initrd->count ? 1 : 0);
	put32(low, MBI_AT + 24, MODULE_AT);
	put32(low, MBI_AT + 44, 3 * 24);
	put32(low, MBI_AT + 48, MMAP_AT);
	put32(low, MBI_AT + 64, NAME_AT);
	memcpy(low + NAME_AT, "Ringlet", 8);
	put32(low, MODULE_AT, initrd->pfn << FRAME_SHIFT);
	put32(low, MODULE_AT + 4, (initrd->pfn << FRAME_SHIFT) + b->initrd_size);
	put_mmap(low, 0, 0, RAM_LOW_END, 1);
	put_mmap(low, 1, RAM_LOW_END, MIB, 2);
	put_mmap(low, 2, MIB, ram_end, 1);
	/* The kernel's file name comes first. */
	memcpy(low + CMDLINE_AT, b->conf->kernel, name_length);
	low[CMDLINE_AT + name_length - 1] = ' ';
	strcpy((char *)low + CMDLINE_AT + name_length, b->conf->cmdline);
}

/* The byte that makes the sum of @size bytes zero. */
static uint8_t checksum(const uint8_t *p, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += p[i];
	return -sum;
}

static void put_table(uint8_t *low, uint32_t at, const char *signature, uint32_t size)
{
	memcpy(low + at, signature, 4);
	put32(low, at + 4, size);
	low[at + 8] = 1;
	memcpy(low + at + 10, "RINGLT", 6);
	low[at + 9] = checksum(low + at, size);
}

/* ACPI 6.4, 5.2: RSDP, RSDT, FADT, and a DSDT that says how to sleep for good. */
static void put_acpi(uint8_t *low)
{
	static const uint8_t s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0, 0, 0, 0};

	memcpy(low + DSDT_AT + HEADER, s5, sizeof(s5));
	put_table(low, DSDT_AT, "DSDT", HEADER + sizeof(s5));
	put32(low, FADT_AT + FADT_DSDT, DSDT_AT);
	put32(low, FADT_AT + PM1A_CNT, RINGLET_PC_PM1A_PORT);
	put_table(low, FADT_AT, "FACP", FADT_SIZE);
	put32(low, RSDT_AT + HEADER, FADT_AT);
	put_table(low, RSDT_AT, "RSDT", HEADER + 4);
	memcpy(low + ACPI_AT, "RSD PTR ", 8);
	memcpy(low + ACPI_AT + 9, "RINGLT", 6);
	put32(low, ACPI_AT + 16, RSDT_AT);
	low[ACPI_AT + 8] = checksum(low + ACPI_AT, 20);
}

static void fill_low(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	memset(at, 0, count * FRAME_SIZE);
	put_multiboot(b, at, b->plan.console.pfn << FRAME_SHIFT);
	put_acpi(at);
}

/* The registers a multiboot loader leaves (3.2, Machine state); the hypervisor sets the flat segments. */
static int set_context(struct build *b)
{
	const struct guest_abi *abi = &abi_pv32;
	struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext};
	size_t mark = b->hv->used;
	uint8_t *ctx = hv_buf(b->hv, abi->ctx.size);
	long rc;

	abi_put32(ctx, abi->ctx.flags, VGCF_in_kernel | VGCF_online);
	abi_put32(ctx, abi->ctx.ip, b->kernel.image.elf.entry);
	abi_put32(ctx, abi->ctx.ax, LOADER_MAGIC);
	abi_put32(ctx, abi->ctx.bx, MBI_AT);
	abi_put32(ctx, abi->ctx.failsafe_callback, b->plan.console.pfn);
	abi_put32(ctx, abi->ctx.event_callback, b->result->console_port);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, ctx);
	rc = build_domctl(b, &op);
	hv_release(b->hv, mark);
	return rc < 0 ? fail_errno(rc, "the hypervisor refuses the first state of domain %u", b->id) : 0;
}

static int make_plan(struct build *b)
{
	uint64_t pages = b->conf->memory_kb / 4, need;

	b->plan.image = kernel_place(&b->kernel.image.elf);
	b->plan.initrd.pfn = b->plan.image.pfn + b->plan.image.count;
	b->plan.initrd.count = (b->initrd_size + FRAME_SIZE - 1) >> FRAME_SHIFT;
	need = b->plan.initrd.pfn + b->plan.initrd.count;
	if (b->plan.image.pfn < LOW_FRAMES)
		return fail("%s: its segments are not above 1 MiB; needed: a multiboot kernel",
			    b->conf->kernel);
	if (need >= pages || pages << FRAME_SHIFT > MAX_MEMORY)
		return fail("memory = %llu: an fv domain with this kernel and initrd needs between %llu and "
			    "%llu MiB",
			    (unsigned long long)pages / 256, (unsigned long long)need / 256 + 1,
			    MAX_MEMORY >> 20);
	b->plan.console = (struct first_range){pages, 1};
	b->plan.store = (struct first_range){pages + 1, 1};
	b->plan.nr_pages = pages + 2;
	return 0;
}

static int steps(struct build *b)
{
	return domconf_effect(b) || build_memory(b) || build_ports(b) ||
		       build_fill(b, (struct first_range){0, LOW_FRAMES}, fill_low) ||
		       build_fill(b, b->plan.image, fill_kernel) ||
		       build_fill(b, b->plan.initrd, build_initrd) || build_rings(b) || set_context(b)
		   ? -1
		   : 0;
}

static int load(struct build *b)
{
	struct elf *elf = &b->kernel.image.elf;
	const char *name = b->conf->kernel, *wrong;

	b->kernel.file = kernel_read_file(name, &b->kernel.size);
	if (!b->kernel.file)
		return -1;
	wrong = elf_open(elf, b->kernel.file, b->kernel.size);
	if (!wrong && elf->class != ELF_CLASS32)
		wrong = "a 64-bit image";
	return wrong ? fail("%s: %s; needed: a 32-bit multiboot kernel as an ELF file", name, wrong) : 0;
}

int build_fv(struct build *b)
{
	const struct domconf *c = b->conf;
	uint32_t flags = RINGLET_CDF_fv | (c->fv_patch ? 0 : RINGLET_CDF_fv_nopatch);

	if (c->vcpus != 1)
		return fail("vcpus = %u: an fv domain has one", c->vcpus);
	if (strlen(c->kernel) + strlen(c->cmdline) + 2 > CMDLINE_MAX)
		return fail("the kernel's path and its command line have %zu characters; needed: at most %d, "
			    "a shorter path",
			    strlen(c->kernel) + strlen(c->cmdline), CMDLINE_MAX - 2);
	if (build_read_initrd(b) || load(b) || make_plan(b) || build_create(b, "fv", flags))
		return -1;
	if (!steps(b))
		return 0;
	build_undo(b);
	return -1;
}
