/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: see builder.h. `struct build` is the state of one construction; the steps are functions
 * over it, called in order by steps(); each returns 0, or -1 after its report.
 *
 * Rule for page tables: a frame may become one only while nobody maps it writable. So every foreign mapping
 * is gone before the root is pinned; pinning makes the hypervisor validate the whole tree.
 */
#include "build.h"
#include "err.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/memory.h>

#define MAP_CHUNK 256  /* frames mapped at a time: 1 MiB of address space */
#define POPULATE  1024 /* extents per hypercall: fits the arena */
#define MEM_SLACK 1024 /* KiB above maxmem, as xl allows for the shared pages */

long build_domctl(struct build *b, struct xen_domctl *op)
{
	op->domain = b->id;
	return hv_domctl(b->hv, op);
}

/* ---- The domain and its memory ---- */

int build_create(struct build *b, const char *kind, uint32_t flags)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain};
	long ret;

	memcpy(op.u.createdomain.handle, b->request->handle, sizeof(b->request->handle));
	uuid_print(b->request->handle, b->result->uuid);
	op.u.createdomain.flags = flags;
	op.u.createdomain.max_vcpus = b->request->vcpus;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = -1; /* the hypervisor's own limit */
	op.u.createdomain.max_maptrack_frames = -1;
	op.u.createdomain.grant_opts = 1; /* grant tables of version 1 */
	b->result->kind = kind;
	ret = hv_domctl(b->hv, &op);
	if (ret < 0)
		return fail_errno(ret, "the hypervisor refuses a new domain");
	b->id = b->result->id = op.domain;
	if (!b->request->created || !b->request->created(b->request->arg, b->result))
		return 0;
	build_undo(b);
	return -1;
}

static int set_kind(struct build *b)
{
	struct xen_domctl size = {.cmd = XEN_DOMCTL_set_address_size};
	long ret = 0;

	size.u.address_size.size = b->kernel.plan.abi->word * 8;
	if (size.u.address_size.size == 32)
		ret = build_domctl(b, &size);
	return ret < 0 ? fail_errno(ret, "the hypervisor refuses to run a pv32 domain") : 0;
}

int build_limits(struct build *b)
{
	struct xen_domctl vcpus = {.cmd = XEN_DOMCTL_max_vcpus};
	struct xen_domctl mem = {.cmd = XEN_DOMCTL_max_mem};
	long ret;

	vcpus.u.max_vcpus.max = b->request->vcpus;
	ret = build_domctl(b, &vcpus);
	if (ret < 0)
		return fail_errno(ret, "vcpus = %u", b->request->vcpus);
	mem.u.max_mem.max_memkb = b->request->maxmem_kb + MEM_SLACK;
	ret = build_domctl(b, &mem);
	return ret < 0
		   ? fail_errno(ret, "maxmem = %llu MiB", (unsigned long long)b->request->maxmem_kb / 1024)
		   : 0;
}

/* Free memory of the machine in KiB that nobody has claimed. */
static uint64_t free_kb(struct hv *hv)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo};

	if (hv_sysctl(hv, &op) < 0 || op.u.physinfo.free_pages < op.u.physinfo.outstanding_pages)
		return 0;
	return (op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages) * 4;
}

static int too_little(uint64_t wanted_kb, uint64_t left_kb)
{
	return fail("memory = %llu: the machine has %llu MiB left to give; lower memory= or destroy a domain",
		    (unsigned long long)wanted_kb / 1024, (unsigned long long)left_kb / 1024);
}

int build_has_memory(struct hv *hv, uint64_t memory_kb, uint64_t spare_kb)
{
	uint64_t left_kb = free_kb(hv) + spare_kb;

	return memory_kb <= left_kb ? 0 : too_little(memory_kb, left_kb);
}

/* Ask for @count extents of 2^@order frames from @pfn on, with addresses of at most @addr_bits (0: any). Returns how
 * many came (maybe 0), or -errno. */
static long populate(struct build *b, uint64_t pfn, unsigned count, unsigned order, unsigned addr_bits)
{
	size_t mark = b->hv->used;
	xen_pfn_t *extent = hv_buf(b->hv, count * sizeof(*extent));
	struct xen_memory_reservation r = {.nr_extents = count,
					   .extent_order = order,
					   .mem_flags = XENMEMF_address_bits(addr_bits),
					   .domid = b->id};
	long done;

	if (!extent)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		extent[i] = pfn + ((uint64_t)i << order);
	set_xen_guest_handle(r.extent_start, extent);
	done = hv_memory_op(b->hv, XENMEM_populate_physmap, &r, sizeof(r));
	for (long i = 0; i < done; i++)
		for (uint64_t j = 0; j < 1ull << order; j++)
			b->p2m[pfn + ((uint64_t)i << order) + j] = extent[i] + j;
	hv_release(b->hv, mark);
	return done;
}

/* Frames @have to @want. Large extents first, which cost few hypercalls; single frames where memory is in pieces. */
static int populate_range(struct build *b, uint64_t have, uint64_t want)
{
	unsigned order = 9;

	while (have < want) {
		uint64_t left = (want - have) >> order;
		long got = left ? populate(b, have, left < POPULATE ? left : POPULATE, order, 0) : 0;

		if (got < 0 && got != -ENOMEM)
			return fail_errno(got, "memory of the domain");
		if (got > 0)
			have += (uint64_t)got << order;
		else if (order)
			order = order > 4 ? 4 : 0;
		else
			return too_little(b->plan.nr_pages * 4, free_kb(b->hv) + have * 4);
	}
	return 0;
}

/* A pv32 guest's first root lies below 4 GiB, where every kernel can have it; later ones are its own affair. */
static int populate_root(struct build *b, uint64_t pfn)
{
	if (b->plan.abi->levels != 3)
		return populate_range(b, pfn, pfn + 1);
	return populate(b, pfn, 1, 0, 32) == 1
		   ? 0
		   : fail("no memory below 4 GiB is left for a pv32 domain's page table; destroy a domain");
}

int build_memory(struct build *b)
{
	uint64_t pages = b->plan.nr_pages, root = b->plan.tables.pfn;

	b->p2m = calloc(pages, sizeof(*b->p2m));
	if (!b->p2m)
		return fail("out of memory in Dom0 for the frame list of %llu pages",
			    (unsigned long long)pages);
	if (!b->plan.tables.count) /* fv: the tables come later, and are the guest's own */
		return populate_range(b, 0, pages);
	return populate_range(b, 0, root) || populate_root(b, root) || populate_range(b, root + 1, pages) ? -1
													  : 0;
}

/* ---- Contents ---- */

/* Call @fill for pieces of the range, mapped one after another; @first is the piece's offset in frames. */
int build_fill(struct build *b, struct plan_range range,
	       void (*fill)(struct build *b, uint8_t *at, uint64_t first, uint64_t count))
{
	xen_pfn_t frames[MAP_CHUNK];

	for (uint64_t first = 0; first < range.count; first += MAP_CHUNK) {
		uint64_t count = range.count - first < MAP_CHUNK ? range.count - first : MAP_CHUNK;
		uint8_t *at;

		for (uint64_t i = 0; i < count; i++)
			frames[i] = b->p2m[range.pfn + first + i];
		at = hv_map(b->hv, b->id, frames, count);
		if (!at)
			return fail_errno(errno, "cannot map %llu frames of domain %u into Dom0",
					  (unsigned long long)count, b->id);
		fill(b, at, first, count);
		hv_unmap(b->hv, at, count);
	}
	return 0;
}

/* The part of [@from, @from + @size) that falls into the window [@start, @start + @len). */
void build_copy(uint8_t *window, uint64_t start, uint64_t len, uint64_t from, const uint8_t *data,
		uint64_t size)
{
	uint64_t low = from > start ? from : start;
	uint64_t high = from + size < start + len ? from + size : start + len;

	if (low < high)
		memcpy(window + (low - start), data + (low - from), high - low);
}

static void fill_kernel(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	uint64_t va = plan_va(&b->plan, b->plan.image.pfn + first);

	memset(at, 0, count * FRAME_SIZE);
	for (size_t i = 0; i < b->kernel.segments; i++) {
		const struct kernel_segment *s = &b->kernel.segment[i];

		build_copy(at, va, count * FRAME_SIZE, s->va, s->data, s->file_size);
	}
}

static void fill_initrd(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	memset(at + (count - 1) * FRAME_SIZE, 0, FRAME_SIZE);
	build_copy(at, first * FRAME_SIZE, count * FRAME_SIZE, 0, (uint8_t *)b->initrd, b->initrd_size);
}

static void fill_p2m(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	unsigned word = b->plan.abi->word;
	uint64_t per_page = FRAME_SIZE / word;

	memset(at, 0xff, count * FRAME_SIZE); /* entries past the end: invalid */
	for (uint64_t i = 0; i < count * per_page && first * per_page + i < b->plan.nr_pages; i++)
		abi_put(b->plan.abi, at, i * word, b->p2m[first * per_page + i]);
}

void build_zero(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	memset(at, 0, count * FRAME_SIZE);
}

static void fill_tables(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		plan_fill_table(&b->plan, first + i, b->p2m, (uint64_t *)(at + i * FRAME_SIZE));
}

static void fill_start_info(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	const struct guest_abi *abi = b->plan.abi;
	const struct plan *p = &b->plan;
	bool by_pfn = b->kernel.plan.initrd_unmapped;

	memset(at, 0, FRAME_SIZE);
	memcpy(at, abi->magic, strlen(abi->magic));
	abi_put(abi, at, abi->si.nr_pages, p->nr_pages);
	abi_put(abi, at, abi->si.shared_info, b->shared_info << FRAME_SHIFT);
	abi_put32(at, abi->si.flags, p->initrd.count && by_pfn ? SIF_MOD_START_PFN : 0);
	abi_put(abi, at, abi->si.store_mfn, b->p2m[p->store.pfn]);
	abi_put32(at, abi->si.store_evtchn, b->result->store_port);
	abi_put(abi, at, abi->si.console_mfn, b->p2m[p->console.pfn]);
	abi_put32(at, abi->si.console_evtchn, b->result->console_port);
	abi_put(abi, at, abi->si.pt_base, plan_va(p, p->tables.pfn));
	abi_put(abi, at, abi->si.nr_pt_frames, p->tables.count);
	abi_put(abi, at, abi->si.mfn_list, p->p2m_va);
	if (p->initrd.count) {
		abi_put(abi, at, abi->si.mod_start, by_pfn ? p->initrd.pfn : plan_va(p, p->initrd.pfn));
		abi_put(abi, at, abi->si.mod_len, b->initrd_size);
	}
	if (p->p2m_apart) {
		abi_put(abi, at, abi->si.first_p2m_pfn, p->p2m.pfn);
		abi_put(abi, at, abi->si.nr_p2m_frames, p->p2m.count);
	}
	memcpy(at + abi->si.cmd_line, b->request->cmdline,
	       strnlen(b->request->cmdline, MAX_GUEST_CMDLINE - 1));
}

static int fill_memory(struct build *b)
{
	if (build_fill(b, b->plan.image, fill_kernel) || build_fill(b, b->plan.initrd, fill_initrd) ||
	    build_fill(b, b->plan.p2m, fill_p2m) || build_fill(b, b->plan.start_info, fill_start_info) ||
	    build_fill(b, b->plan.store, build_zero) || build_fill(b, b->plan.console, build_zero) ||
	    build_fill(b, b->plan.stack, build_zero) || build_fill(b, b->plan.tables, fill_tables))
		return -1;
	b->result->console_mfn = b->p2m[b->plan.console.pfn];
	b->result->store_mfn = b->p2m[b->plan.store.pfn];
	return 0;
}

/* ---- What the hypervisor must do or know ---- */

static int find_shared_info(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo};
	long ret = build_domctl(b, &op);

	b->shared_info = op.u.getdomaininfo.shared_info_frame;
	return ret < 0 ? fail_errno(ret, "shared_info page of domain %u", b->id) : 0;
}

static int alloc_port(struct build *b, const char *what, unsigned *port)
{
	struct evtchn_alloc_unbound op = {.dom = b->id, .remote_dom = 0};
	long ret = hv_evtchn_op(b->hv, EVTCHNOP_alloc_unbound, &op, sizeof(op));

	*port = op.port;
	return ret < 0 ? fail_errno(ret, "event channel of the %s", what) : 0;
}

int build_ports(struct build *b)
{
	if (alloc_port(b, "store", &b->result->store_port) ||
	    alloc_port(b, "console", &b->result->console_port))
		return -1;
	return 0;
}

static int fill_hypercall_page(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_hypercall_init};
	uint64_t pfn = (b->kernel.hypercall_page - b->plan.virt_base) >> FRAME_SHIFT;
	long ret;

	if (b->kernel.hypercall_page == PLAN_NONE)
		return 0;
	if (pfn < b->plan.image.pfn || pfn >= b->plan.image.pfn + b->plan.image.count)
		return fail(
		    "%s: its hypercall page lies at %#llx, outside the image; the kernel is built wrongly",
		    b->request->kernel, (unsigned long long)b->kernel.hypercall_page);
	op.u.hypercall_init.gmfn = b->p2m[pfn];
	ret = build_domctl(b, &op);
	return ret < 0 ? fail_errno(ret, "hypercall page of the kernel") : 0;
}

static int pin_tables(struct build *b)
{
	uint64_t root = b->p2m[b->plan.tables.pfn];
	struct mmuext_op op = {.cmd = b->plan.abi->levels == 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE};
	long ret;

	op.arg1.mfn = root;
	ret = hv_mmuext_op(b->hv, &op, b->id);
	return ret < 0 ? fail_errno(ret, "the hypervisor refuses the first page tables of domain %u", b->id)
		       : 0;
}

/* Events are masked until the kernel is ready for them. */
static int mask_events(struct build *b)
{
	uint8_t *info = hv_map_one(b->hv, b->id, b->shared_info);

	if (!info)
		return fail_errno(errno, "cannot map the shared_info page of domain %u", b->id);
	for (unsigned v = 0; v < XEN_LEGACY_MAX_VCPUS; v++)
		info[v * sizeof(struct vcpu_info) + offsetof(struct vcpu_info, evtchn_upcall_mask)] = 1;
	hv_unmap(b->hv, info, 1);
	return 0;
}

static int set_context(struct build *b)
{
	const struct guest_abi *abi = b->plan.abi;
	struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext};
	size_t mark = b->hv->used;
	uint64_t sp = plan_va(&b->plan, b->plan.stack.pfn + 1);
	uint8_t *ctx = hv_buf(b->hv, abi->ctx.size);
	long ret;

	abi_put(abi, ctx, abi->ctx.flags, VGCF_in_kernel | VGCF_online);
	abi_put(abi, ctx, abi->ctx.ip, b->kernel.entry);
	abi_put(abi, ctx, abi->ctx.sp, sp);
	abi_put(abi, ctx, abi->ctx.start_info, plan_va(&b->plan, b->plan.start_info.pfn));
	abi_put(abi, ctx, abi->ctx.ip_flags, 0x202); /* IF, and the bit that is always set */
	abi_put16(ctx, abi->ctx.cs, abi->kernel_cs);
	abi_put16(ctx, abi->ctx.ss, abi->kernel_ss);
	abi_put16(ctx, abi->ctx.ds, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.es, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.fs, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.gs, abi->kernel_ds);
	abi_put(abi, ctx, abi->ctx.kernel_ss, abi->kernel_ss);
	abi_put(abi, ctx, abi->ctx.kernel_sp, sp);
	abi_put(abi, ctx, abi->ctx.cr3, abi->cr3(b->p2m[b->plan.tables.pfn]));
	if (b->kernel.extended_cr3)
		abi_put(abi, ctx, abi->ctx.vm_assist, 1u << VMASST_TYPE_pae_extended_cr3);
	op.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, ctx);
	ret = build_domctl(b, &op);
	hv_release(b->hv, mark);
	return ret < 0 ? fail_errno(ret, "the hypervisor refuses the first vCPU's state of domain %u", b->id)
		       : 0;
}

/* ---- All together ---- */

static int read_initrd(struct build *b)
{
	if (!b->request->ramdisk)
		return 0;
	b->initrd = file_read(b->request->ramdisk, 512u << 20, &b->initrd_size);
	return b->initrd ? 0 : -1;
}

static int read_files(struct build *b)
{
	return kernel_load(&b->kernel, b->request->kernel) ? -1 : read_initrd(b);
}

static int steps(struct build *b)
{
	if (set_kind(b) || build_limits(b) || build_memory(b) || find_shared_info(b) || build_ports(b) ||
	    fill_memory(b) || build_grants(b) || fill_hypercall_page(b) || pin_tables(b) || mask_events(b) ||
	    set_context(b))
		return -1;
	return 0;
}

/* A domain half made: give back what it has. */
void build_undo(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_destroydomain};
	long ret;

	do {
		ret = build_domctl(b, &op);
	} while (ret == -EAGAIN || ret == -EINTR);
}

int build_domain(struct hv *hv, const struct build_request *request, struct build_result *result)
{
	struct build b = {.hv = hv, .request = request, .result = result};
	int ret = -1;

	memset(result, 0, sizeof(*result));
	result->id = NO_DOMAIN_YET;
	if (request->fv) {
		ret = read_initrd(&b) ? -1 : build_fv(&b);
	} else if (!read_files(&b) &&
		   !plan_make(&b.plan, &b.kernel.plan, b.initrd_size, request->memory_kb / 4) &&
		   !build_create(&b, b.plan.abi->kind, 0)) {
		ret = steps(&b);
		if (ret)
			build_undo(&b);
	}
	plan_free(&b.plan);
	kernel_free(&b.kernel);
	free(b.initrd);
	free(b.p2m);
	return ret;
}
