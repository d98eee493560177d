/* SPDX-License-Identifier: MIT */
/*
 * A PV domain: its memory as dom/first_memory.h plans it, its first vCPU as xen/xen.h's start_info has it.
 *
 * Rule for page tables: a frame may become one only while it has no writable mapping. So every foreign mapping is gone
 * before the root is pinned; pinning makes the hypervisor validate the whole tree.
 */
#include "build.h"
#include "err.h"
#include "guest_abi.h"

#include <errno.h>
#include <string.h>

static const struct guest_abi *abi_of(const struct build *b)
{
	return b->plan.kind == &first_pv64 ? &abi_pv64 : &abi_pv32;
}

static int set_kind(struct build *b)
{
	struct xen_domctl size = {.cmd = XEN_DOMCTL_set_address_size};
	long rc = 0;

	size.u.address_size.size = b->plan.kind->word * 8;
	if (size.u.address_size.size == 32)
		rc = build_domctl(b, &size);
	return rc < 0 ? fail_errno(rc, "the hypervisor refuses to run a pv32 domain") : 0;
}

/* ---- Contents ---- */

static void fill_kernel(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	uint64_t start = (b->plan.image.pfn + first) << FRAME_SHIFT;
	struct elf_piece p;

	memset(at, 0, count * FRAME_SIZE);
	for (uint32_t i = 0; elf_kernel_piece(&b->kernel.image, i, &p); i++)
		build_copy(at, start, count * FRAME_SIZE, p.at, p.data, p.size);
}

static void fill_p2m(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		first_p2m_page(&b->plan, first + i, b->p2m, at + i * FRAME_SIZE);
}

/* @table: the plan's first. */
static void fill_these(struct build *b, const struct first_range *table, uint8_t *at, uint64_t first,
		       uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		first_table(&b->plan, table->pfn + first + i, b->p2m, (uint64_t *)(at + i * FRAME_SIZE));
}

static void fill_tables(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	fill_these(b, &b->plan.tables, at, first, count);
}

static void fill_p2m_tables(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	fill_these(b, &b->plan.p2m_tables, at, first, count);
}

static void fill_start_info(struct build *b, uint8_t *at, uint64_t first, uint64_t count)
{
	const struct first_facts facts = {
	    .shared_info = b->shared_info << FRAME_SHIFT,
	    .store_port = b->result->store_port,
	    .console_port = b->result->console_port,
	    .cmdline = b->conf->cmdline,
	};

	first_start_info(&b->plan, b->p2m, &facts, at);
}

static int fill_memory(struct build *b)
{
	const struct first_memory *p = &b->plan;

	return build_fill(b, p->image, fill_kernel) || build_fill(b, p->initrd, build_initrd) ||
		       build_fill(b, p->p2m, fill_p2m) || build_fill(b, p->start_info, fill_start_info) ||
		       build_fill(b, p->stack, build_zero) || build_fill(b, p->tables, fill_tables) ||
		       build_fill(b, p->p2m_tables, fill_p2m_tables) || build_rings(b)
		   ? -1
		   : 0;
}

/* ---- What the hypervisor must do or know ---- */

static int find_shared_info(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo};
	long rc = build_domctl(b, &op);

	b->shared_info = op.u.getdomaininfo.shared_info_frame;
	return rc < 0 ? fail_errno(rc, "shared_info page of domain %u", b->id) : 0;
}

static int fill_hypercall_page(struct build *b)
{
	struct xen_domctl op = {.cmd = XEN_DOMCTL_hypercall_init};
	gva_t page = b->kernel.image.notes.hypercall_page;
	long rc;

	if (!page)
		return 0;
	op.u.hypercall_init.gmfn = b->p2m[first_pfn(&b->plan, page)];
	rc = build_domctl(b, &op);
	return rc < 0 ? fail_errno(rc, "hypercall page of the kernel") : 0;
}

static int pin_tables(struct build *b)
{
	uint64_t root = b->p2m[b->plan.tables.pfn];
	struct mmuext_op op = {.cmd = b->plan.kind->levels == 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE};
	long rc;

	op.arg1.mfn = root;
	rc = hv_mmuext_op(b->hv, &op, b->id);
	return rc < 0 ? fail_errno(rc, "the hypervisor refuses the first page tables of domain %u", b->id)
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
	const struct elf_notes *notes = &b->kernel.image.notes;
	const struct guest_abi *abi = abi_of(b);
	struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext};
	size_t mark = b->hv->used;
	uint64_t sp = first_va(&b->plan, b->plan.stack.pfn + 1);
	uint8_t *ctx = hv_buf(b->hv, abi->ctx.size);
	long rc;

	abi_put(abi, ctx, abi->ctx.flags, VGCF_in_kernel | VGCF_online);
	abi_put(abi, ctx, abi->ctx.ip, notes->entry);
	abi_put(abi, ctx, abi->ctx.sp, sp);
	abi_put(abi, ctx, abi->ctx.si, first_va(&b->plan, b->plan.start_info.pfn));
	abi_put(abi, ctx, abi->ctx.eflags, 0x202); /* IF, and the bit that is always set */
	abi_put16(ctx, abi->ctx.cs, abi->kernel_cs);
	abi_put16(ctx, abi->ctx.ss, abi->kernel_ss);
	abi_put16(ctx, abi->ctx.ds, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.es, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.fs, abi->kernel_ds);
	abi_put16(ctx, abi->ctx.gs, abi->kernel_ds);
	abi_put(abi, ctx, abi->ctx.kernel_ss, abi->kernel_ss);
	abi_put(abi, ctx, abi->ctx.kernel_sp, sp);
	abi_put(abi, ctx, abi->ctx.cr3, abi->cr3(b->p2m[b->plan.tables.pfn]));
	if (notes->extended_cr3 && abi == &abi_pv32)
		abi_put(abi, ctx, abi->ctx.vm_assist, 1u << VMASST_TYPE_pae_extended_cr3);
	op.u.vcpucontext.vcpu = 0;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, ctx);
	rc = build_domctl(b, &op);
	hv_release(b->hv, mark);
	return rc < 0 ? fail_errno(rc, "the hypervisor refuses the first vCPU's state of domain %u", b->id)
		      : 0;
}

/* ---- All together ---- */

static int make_plan(struct build *b)
{
	struct first_request rq = {.kernel = &b->kernel.image,
				   .nr_pages = b->conf->memory_kb / 4,
				   .initrd_size = b->initrd_size,
				   .rings = true};
	const char *wrong = first_memory_plan(&b->plan, &rq);

	if (wrong && b->plan.used_pages > rq.nr_pages)
		return fail("the domain does not fit: kernel and initrd need %llu MiB, it has %llu MiB; "
			    "raise memory=",
			    (unsigned long long)(b->plan.used_pages + 255) / 256,
			    (unsigned long long)rq.nr_pages / 256);
	return wrong ? fail("%s: %s", b->conf->kernel, wrong) : 0;
}

static int steps(struct build *b)
{
	return set_kind(b) || domconf_effect(b) || build_memory(b) || find_shared_info(b) || build_ports(b) ||
		       fill_memory(b) || build_grants(b) || fill_hypercall_page(b) || pin_tables(b) ||
		       mask_events(b) || set_context(b)
		   ? -1
		   : 0;
}

int build_pv(struct build *b)
{
	if (kernel_load(&b->kernel, b->conf->kernel) || build_read_initrd(b) || make_plan(b) ||
	    build_create(b, abi_of(b)->kind, 0))
		return -1;
	if (!steps(b))
		return 0;
	build_undo(b);
	return -1;
}
