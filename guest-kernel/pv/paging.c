/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a PV guest. The tables are the ones that the processor walks, so frame numbers in them are
 * machine frames, and nothing may write them but the hypervisor, which checks each entry: no frame is both a
 * page table and writable, through any mapping. Hence these rules:
 *  - pfn_to_mfn by the list the domain builder gave, mfn_to_pfn by the machine's table;
 *  - a frame that becomes a table is first made read-only in the linear map (table_enter), and writable again
 *    when it is no longer one (table_leave);
 *  - a root is pinned: validated now, and kept valid also while it is not the current one.
 * So the linear map changes all the time, single pages of it, for all processors. To flush them all each time
 * would cost two interrupts for each table; but no other processor touches the page before it has the kernel
 * lock. So changes are counted, and a processor that takes the lock and has missed some flushes its own TLB.
 * The linear map itself is made in linear.c.
 */
#include "x86/internal.h"
#include "cpu_ops.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/page.h"
#include "linear.h"
#include "xen/memory.h"

#ifdef __x86_64__
#define FIRST_SHARED_SLOT 272u /* 256 to 271 are the hypervisor's */
#define HOOK_FLAGS(level) (PTE_P | PTE_W | PTE_U)
#define MMUEXT_PIN_ROOT   MMUEXT_PIN_L4_TABLE
#else
/* The four entries of a PAE root have no rights. */
#define HOOK_FLAGS(level) ((level) == 3 ? PTE_P : PTE_P | PTE_W | PTE_U)
#define MMUEXT_PIN_ROOT   MMUEXT_PIN_L3_TABLE
#define KERNEL_ENTRIES    ((HYPERVISOR_VIRT_START - LINEAR_BASE) >> 21) /* of the kernel's level 2 table */
#endif

#define ROW_MAX 16u /* frames of machine_in_a_row() */

pfn_t kernel_root;

static unsigned linear_changes, linear_seen[CPU_MAX];

static struct mmu_update queue[128];
static unsigned queued, batch_depth;

void paging_init(void)
{
	kernel_root = image_to_pfn((const void *)start_info->pt_base);
	linear_map_init();
}

uint64_t pfn_to_mfn(pfn_t pfn)
{
	return linear_frame_list[pfn];
}

pfn_t mfn_to_pfn(uint64_t mfn)
{
	return ((const unsigned long *)MACH2PHYS_VIRT_START)[mfn];
}

uint64_t machine_address(const void *virt)
{
	return pfn_to_mfn(virt_to_pfn(virt)) << PAGE_SHIFT | ((uintptr_t)virt & ~PAGE_MASK);
}

pte_t pte_make(pfn_t pfn, pte_t flags)
{
	return pfn_to_mfn(pfn) << PAGE_SHIFT | flags;
}

pfn_t pte_pfn(pte_t pte)
{
	return mfn_to_pfn((pte & PTE_FRAME) >> PAGE_SHIFT);
}

static void queue_flush(void)
{
	unsigned done = 0;

	if (queued && hypercall_mmu_update(queue, queued, &done, DOMID_SELF))
		panic("page table entry %llx at %llx refused", (long long)queue[done].val,
		      (long long)queue[done].ptr);
	queued = 0;
}

static void queue_add(const pte_t *ptep, pte_t pte)
{
	if (queued == ARRAY_SIZE(queue))
		queue_flush();
	queue[queued].ptr = machine_address(ptep) | MMU_NORMAL_PT_UPDATE;
	queue[queued++].val = pte;
}

void pte_set(pte_t *ptep, pte_t pte)
{
	queue_add(ptep, pte);
	if (!batch_depth)
		queue_flush();
}

void pte_batch_begin(void)
{
	batch_depth++;
}

void pte_batch_end(void)
{
	if (!--batch_depth)
		queue_flush();
}

/* A refused entry ends a call; note why and go on behind it. */
static void apply_foreign(const struct mmu_update *updates, int *errors, unsigned count, domid_t owner)
{
	for (unsigned at = 0; at < count;) {
		unsigned done = 0;
		int rc = hypercall_mmu_update(updates + at, count - at, &done, owner);

		at += done;
		if (!rc)
			return;
		if (at < count)
			errors[at++] = rc;
	}
}

void pte_set_foreign(pte_t *ptep, const xen_pfn_t *mfns, int *errors, unsigned count, pte_t flags,
		     domid_t owner)
{
	queue_flush();
	for (unsigned i = 0, n; i < count; i += n) {
		for (n = 0; n < ARRAY_SIZE(queue) && i + n < count; n++) {
			errors[i + n] = 0;
			queue[n].ptr = machine_address(ptep + i + n) | MMU_NORMAL_PT_UPDATE;
			queue[n].val = (uint64_t)mfns[i + n] << PAGE_SHIFT | flags | PTE_FOREIGN;
		}
		apply_foreign(queue, errors + i, n, owner);
	}
}

static void linear_remap(pfn_t pfn, pte_t flags)
{
	linear_changes++;
	linear_seen[cpu_id()]++;
	if (hypercall_update_va_mapping((uintptr_t)pfn_to_virt(pfn), pte_make(pfn, flags), UVMF_INVLPG))
		panic("frame %lx refused with flags %llx", pfn, (long long)flags);
}

/* A page of the linear map shows the device's frame from now on; its own frame is not used any more. */
void *device_page(uint64_t address)
{
	pfn_t pfn = page_alloc(0);
	void *page = pfn_to_virt(pfn);

	if (!pfn)
		return NULL;
	linear_changes++;
	linear_seen[cpu_id()]++;
	if (hypercall_update_va_mapping(
		(uintptr_t)page, (address & PTE_FRAME) | LINEAR_WRITABLE | PTE_UNCACHED, UVMF_INVLPG)) {
		page_free(pfn);
		return NULL;
	}
	return (char *)page + (address & ~PAGE_MASK);
}

/* Their machine frames are exchanged for others; nothing may map them meanwhile. */
bool machine_in_a_row(pfn_t first, unsigned order)
{
	xen_pfn_t in[ROW_MAX], out = first;
	struct xen_memory_exchange x = {.in = {.nr_extents = 1u << order, .domid = DOMID_SELF},
					.out = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF}};
	unsigned n = 1u << order, i = 1;
	bool done;

	while (i < n && pfn_to_mfn(first + i) == pfn_to_mfn(first) + i)
		i++;
	if (i == n || n > ROW_MAX)
		return i == n;
	for (i = 0; i < n; i++) {
		in[i] = pfn_to_mfn(first + i);
		linear_remap(first + i, 0);
	}
	set_xen_guest_handle(x.in.extent_start, in);
	set_xen_guest_handle(x.out.extent_start, &out);
	done = !hypercall_memory_op(XENMEM_exchange, &x) && x.nr_exchanged == n;
	for (i = 0; i < n; i++) {
		if (done)
			linear_frame_list[first + i] = out + i;
		linear_remap(first + i, LINEAR_WRITABLE);
	}
	return done;
}

void table_enter(pfn_t pfn)
{
	linear_remap(pfn, LINEAR_READ_ONLY);
}

void table_leave(pfn_t pfn)
{
	linear_remap(pfn, LINEAR_WRITABLE);
}

bool page_guard(void *page, bool on)
{
	linear_remap(virt_to_pfn(page), on ? 0 : LINEAR_WRITABLE);
	return true;
}

void table_hook(struct root *r, unsigned level, pte_t *slot, pfn_t pfn)
{
	pte_t pte = pte_make(pfn, HOOK_FLAGS(level));

	queue_add(slot, pte);
	if (level == 4) /* the same user half below both roots */
		queue_add((pte_t *)pfn_to_virt(r->user) + (slot - (pte_t *)pfn_to_virt(r->kernel)), pte);
	queue_flush();
}

static void mmuext(const struct mmuext_op *ops, unsigned count)
{
	unsigned done = 0;

	queue_flush();
	if (hypercall_mmuext_op(ops, count, &done, DOMID_SELF))
		panic("extended operation %u on %lx refused", ops[done].cmd, (long)ops[done].arg1.mfn);
}

/* The kernel's half of a root, written while it is still ordinary memory. */
static int fill_root(struct root *r)
{
	pte_t *root = pfn_to_virt(r->kernel);
	const pte_t *kernel = pfn_to_virt(kernel_root);

	r->user = table_alloc();
	if (!r->user)
		return -ENOMEM;
#ifdef __x86_64__
	memcpy(root + FIRST_SHARED_SLOT, kernel + FIRST_SHARED_SLOT,
	       (TABLE_ENTRIES - FIRST_SHARED_SLOT) * sizeof(pte_t));
#else
	/* The second frame is the level 2 table of the last GiB: the hypervisor adds its own entries to it
	 * and so requires one for each root. */
	memcpy(pfn_to_virt(r->user), pfn_to_virt(pte_pfn(kernel[KERNEL_SLOT])),
	       KERNEL_ENTRIES * sizeof(pte_t));
	root[KERNEL_SLOT] = pte_make(r->user, PTE_P);
#endif
	return 0;
}

int root_enter(struct root *r)
{
	struct mmuext_op pin[2] = {{.cmd = MMUEXT_PIN_ROOT}, {.cmd = MMUEXT_PIN_ROOT}};

	if (fill_root(r)) {
		table_free(r->kernel);
		return -ENOMEM;
	}
	table_enter(r->kernel);
	table_enter(r->user);
	pin[0].arg1.mfn = pfn_to_mfn(r->kernel);
	pin[1].arg1.mfn = pfn_to_mfn(r->user);
	mmuext(pin, TABLE_LEVELS == 4 ? 2 : 1);
	return 0;
}

void root_leave(struct root *r)
{
	struct mmuext_op unpin[2] = {{.cmd = MMUEXT_UNPIN_TABLE}, {.cmd = MMUEXT_UNPIN_TABLE}};

	unpin[0].arg1.mfn = pfn_to_mfn(r->kernel);
	unpin[1].arg1.mfn = pfn_to_mfn(r->user);
	mmuext(unpin, TABLE_LEVELS == 4 ? 2 : 1);
}

void root_free(struct root *r)
{
	table_leave(r->kernel);
	table_leave(r->user);
	table_free(r->kernel);
	table_free(r->user);
}

void root_load(const struct root *r)
{
	struct mmuext_op base[2] = {{.cmd = MMUEXT_NEW_BASEPTR}, {.cmd = MMUEXT_NEW_USER_BASEPTR}};

	linear_seen[cpu_id()] = linear_changes; /* a new base flushes everything */
	base[0].arg1.mfn = pfn_to_mfn(r ? r->kernel : kernel_root);
	base[1].arg1.mfn = r ? pfn_to_mfn(r->user) : 0;
	mmuext(base, TABLE_LEVELS == 4 ? 2 : 1);
}

/* The hypervisor flushes other vCPUs where they run, and need not do anything for one that does not. */
void tlb_flush_page(uintptr_t va)
{
	unsigned long cpus = root_sharers();
	struct mmuext_op op = {.cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = va};

	if (cpus) {
		cpus |= 1ul << cpu_id();
		op.cmd = MMUEXT_INVLPG_MULTI;
		set_xen_guest_handle(op.arg2.vcpumask, &cpus);
	}
	mmuext(&op, 1);
}

void tlb_flush_all(void)
{
	unsigned long cpus = root_sharers();
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

	if (cpus) {
		cpus |= 1ul << cpu_id();
		op.cmd = MMUEXT_TLB_FLUSH_MULTI;
		set_xen_guest_handle(op.arg2.vcpumask, &cpus);
	}
	mmuext(&op, 1);
}

void tlb_catch_up(void)
{
	struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

	if (linear_seen[cpu_id()] == linear_changes)
		return;
	linear_seen[cpu_id()] = linear_changes;
	mmuext(&op, 1);
}
