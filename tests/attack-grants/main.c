/* SPDX-License-Identifier: MIT */
/*
 * A guest that grants and maps tries to get more than was granted, or to confuse the counts:
 *   numbers        references, handles, domains, addresses and flags from everywhere
 *   lying entries  frames that are not the granter's: of the hypervisor, of devices, of no owner
 *   types          a page table mapped or copied to by a grant; a granted frame made a page table while it
 *                  is mapped writable, by host and by device; a descriptor table as a copy's target
 *   rights         a read-only grant mapped writable, made writable later, given back as another's
 *   entries        changed, moved, overwritten, taken away with their table before the handle is given back
 *   twice          the same handle again, the same entry for two handles, both in one list
 *   the list       in bad or read-only memory; the answers over the mapping itself
 *   versions       switched to and fro while mapped
 *   limits         handles until there are no more
 * After each the granter's view must be right: no mark while nothing is mapped, and its page usable for
 * anything again.
 */
#include "fw.h"
#include "xen/grant_table.h"

const char test_title[] = "attack-grants";

#define REF     8u
#define FOREVER 300u /* a reference that some attack leaves in use for good */
#define PERMS   (PTE_P | PTE_RW | PTE_A | PTE_D)

static struct grant_entry_v1 *table;
static volatile uint32_t *page, *window; /* the granted page, and where it gets mapped */
static uint64_t window_pte;              /* machine address of the entry that maps the window */
static uint32_t seed = 12345;

static uint32_t random(void)
{
	return seed = seed * 1664525 + 1013904223;
}

static uint64_t frame_of(const volatile void *p)
{
	return va_to_mfn((const void *)p);
}

static long one(unsigned cmd, void *op)
{
	return hypercall_grant_table_op(cmd, op, 1);
}

static void grant(grant_ref_t ref, uint64_t mfn, unsigned flags)
{
	table[ref].domid = 0;
	table[ref].frame = mfn;
	barrier();
	table[ref].flags = GTF_permit_access | flags;
}

static unsigned marks(grant_ref_t ref)
{
	barrier();
	return table[ref].flags & (GTF_reading | GTF_writing);
}

static int map(grant_ref_t ref, uint64_t where, unsigned flags, struct gnttab_map_grant_ref *op)
{
	*op = (struct gnttab_map_grant_ref){.host_addr = where, .flags = flags, .ref = ref, .status = 77};
	check_eq(one(GNTTABOP_map_grant_ref, op), 0);
	return op->status;
}

static int unmap(grant_handle_t handle, uint64_t where, uint64_t device)
{
	struct gnttab_unmap_grant_ref op = {.host_addr = where, .dev_bus_addr = device, .handle = handle};

	op.status = 77;
	check_eq(one(GNTTABOP_unmap_grant_ref, &op), 0);
	return op.status;
}

static unsigned long va(const volatile void *p)
{
	return (unsigned long)p;
}

static int remap(const volatile void *where, pte_t pte)
{
	return hypercall_update_va_mapping(va(where), pte, UVMF_INVLPG);
}

static int pin_l1(const volatile void *p)
{
	return mmuext1(MMUEXT_PIN_L1_TABLE, frame_of(p), 0);
}

/* Nothing is left of an attack: the page can become a table and a page again. */
static void check_clean(const char *after)
{
	struct gnttab_map_grant_ref op;

	remap(window, 0);
	if (marks(REF))
		failure("%s: marks %x left", after, marks(REF));
	for (unsigned i = 0; i < PAGE_SIZE / 4; i++)
		page[i] = 0;
	if (page_set_ro((void *)page, true) || pin_l1(page) ||
	    mmuext1(MMUEXT_UNPIN_TABLE, frame_of(page), 0) || page_set_ro((void *)page, false))
		failure("%s: the page has uses left", after);
	grant(REF, frame_of(page), 0);
	if (map(REF, va(window), GNTMAP_host_map, &op) || unmap(op.handle, va(window), 0))
		failure("%s: the page cannot be mapped any more", after);
}

static void numbers(void)
{
	static const uint64_t addresses[] = {0,
					     8,
					     0x7ffffffff000,
					     0x800000000000,
					     HYPERVISOR_VIRT_START,
					     0xffff830000000000,
					     0xfffffffffffffff8,
					     1ull << 52};
	struct gnttab_map_grant_ref op;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t at = addresses[random() % ARRAY_SIZE(addresses)] + (random() & 0xff8);

		/* Bit 1 alone would be right, and the address never is. */
		op = (struct gnttab_map_grant_ref){.host_addr = at,
						   .flags = (random() & ~3u) | 2,
						   .ref = random() % 3 ? REF : random(),
						   .dom = random() % 3 ? 0 : random()};
		check_eq(one(GNTTABOP_map_grant_ref, &op), 0);
		check(op.status < 0);
		check(unmap(random() | 0x1000000, at, at) < 0);
	}
	check_clean("numbers");
}

static void lying_entries(void)
{
	/* The first page, video memory, the local APIC, behind all memory, the last frame there is. */
	static const uint64_t frames[] = {0,     1,       0xa0,    0xb8,     0x100,
					  0x101, 0x7ffff, 0xfee00, 0xffffff, 0xffffffff};
	struct gnttab_copy copy = {.flags = GNTCOPY_source_gref, .len = 8};
	struct gnttab_map_grant_ref op;

	copy.source.u.ref = REF;
	copy.dest.u.gmfn = frame_of(page);
	copy.dest.domid = DOMID_SELF;
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		grant(REF, frames[i], 0);
		/* Xen lets Dom0 grant itself devices' memory, which it may map anyway. */
		if (frames[i] == 0x100 || frames[i] == 0x101)
			check(map(REF, va(window), GNTMAP_host_map | GNTMAP_readonly, &op) < 0);
		check(map(REF, va(window), GNTMAP_device_map, &op) < 0);
		check_eq(one(GNTTABOP_copy, &copy), 0);
		check(copy.status < 0);
		check_eq(marks(REF), 0);
	}
	grant(REF, frame_of(page), 0);
	check_clean("lying entries");
}

static void page_tables(void)
{
	struct gnttab_copy copy = {.flags = GNTCOPY_dest_gref, .len = 8};
	struct gnttab_map_grant_ref op;
	uint64_t l1 = window_pte >> 12;

	/* The live table that maps the window itself, and the root. */
	copy.source.u.gmfn = frame_of(page);
	copy.source.domid = DOMID_SELF;
	copy.dest.u.ref = REF;
	for (int i = 0; i < 2; i++) {
		grant(REF, i ? root_mfn() : l1, 0);
		check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_general_error);
		check_eq(map(REF, 0, GNTMAP_device_map, &op), GNTST_general_error);
		check_eq(one(GNTTABOP_copy, &copy), 0);
		check_eq(copy.status, GNTST_general_error);
		check_eq(marks(REF), 0);
		check_eq(map(REF, va(window), GNTMAP_host_map | GNTMAP_readonly, &op), GNTST_okay);
		check_eq(marks(REF), GTF_reading);
		check(!(*pte_of(va(window), 1) & PTE_RW));
		check_eq(unmap(op.handle, va(window), 0), GNTST_okay);
	}
	copy.flags = 0;
	copy.dest.u.gmfn = l1;
	copy.dest.domid = DOMID_SELF;
	check_eq(one(GNTTABOP_copy, &copy), 0);
	check_eq(copy.status, GNTST_general_error);
	grant(REF, frame_of(page), 0);
	check_clean("page tables");
}

/* The page is mapped writable by grant: read-only for its owner, may it become a table? */
static void make_table(void)
{
	struct gnttab_map_grant_ref op;

	check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_okay);
	check_eq(page_set_ro((void *)page, true), 0);
	check(pin_l1(page) < 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_okay);
	check_eq(pin_l1(page), 0);
	check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_general_error);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, frame_of(page), 0), 0);

	check_eq(map(REF, 0, GNTMAP_device_map, &op), GNTST_okay);
	check(pin_l1(page) < 0);
	check_eq(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	check_eq(page_set_ro((void *)page, false), 0);
	check_clean("make a table");
}

static void rights(void)
{
	struct gnttab_map_grant_ref ro, rw;
	volatile uint32_t *second = window + PAGE_SIZE / 4;

	grant(REF, frame_of(page), GTF_readonly);
	check_eq(map(REF, va(window), GNTMAP_host_map, &rw), GNTST_general_error);
	check_eq(map(REF, va(window), GNTMAP_host_map | GNTMAP_readonly, &ro), GNTST_okay);
	check_eq(map(REF, va(second), GNTMAP_host_map, &rw), GNTST_general_error);
	check_eq(marks(REF), GTF_reading);
	check_eq(unmap(ro.handle, va(window), 0), GNTST_okay);

	/* Give back the read-only entry in the name of the writable one, to keep on writing. */
	grant(REF, frame_of(page), 0);
	check_eq(map(REF, va(window), GNTMAP_host_map | GNTMAP_readonly, &ro), GNTST_okay);
	check_eq(map(REF, va(second), GNTMAP_host_map, &rw), GNTST_okay);
	check_eq(unmap(rw.handle, va(window), 0), GNTST_general_error);
	check_eq(unmap(ro.handle, va(second), 0), GNTST_general_error);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(rw.handle, va(second), 0), GNTST_okay);
	check_eq(marks(REF), GTF_reading);
	check_eq(unmap(ro.handle, va(window), 0), GNTST_okay);

	/* The entry changes while it is in use: what counts is what it said first. */
	check_eq(map(REF, va(window), GNTMAP_host_map, &rw), GNTST_okay);
	table[REF].frame = frame_of(window);
	check_eq(map(REF, va(second), GNTMAP_host_map | GNTMAP_readonly, &ro), GNTST_okay);
	check(ro.dev_bus_addr == frame_of(page) << 12);
	check_eq(unmap(ro.handle, va(second), 0), GNTST_okay);
	check_eq(unmap(rw.handle, va(window), 0), GNTST_okay);
	remap(second, 0);
	grant(REF, frame_of(page), 0);
	check_clean("rights");
}

static void twice(void)
{
	struct gnttab_unmap_grant_ref list[4];
	struct gnttab_map_grant_ref op;

	check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_okay);
	for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = (struct gnttab_unmap_grant_ref){.host_addr = va(window), .handle = op.handle};
	check_eq(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, list, ARRAY_SIZE(list)), 0);
	check_eq(list[0].status, GNTST_okay);
	for (unsigned i = 1; i < ARRAY_SIZE(list); i++)
		check(list[i].status < 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_bad_handle);
	check_clean("twice");
}

/* Entries that the guest changed itself: the handle cannot be given back, but nothing else is wrong. Each
 * time the reference stays marked. */
static void lost_entries(void)
{
	struct gnttab_map_grant_ref op;
	uint64_t mine = frame_of(page) << 12;

	grant(FOREVER, frame_of(page), 0);
	check_eq(map(FOREVER, va(window), GNTMAP_host_map, &op), GNTST_okay);
	check_eq(remap(window, 0), 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_general_error);
	check_eq(marks(FOREVER), GTF_reading | GTF_writing);
	/* Read-only by hand, writable by the handle. */
	check_eq(remap(window, mine | PTE_P | PTE_A), 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_general_error);
	/* Another frame in its place. */
	check_eq(remap(window, frame_of(window) << 12 | PERMS), 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_general_error);
	check_eq(window[0], 0);
	/* An entry of the guest's own with the same frame and rights is as good as the lost one. */
	check_eq(remap(window, mine | PERMS), 0);
	check_eq(unmap(op.handle, va(window), 0), GNTST_okay);
	check_eq(marks(FOREVER), 0);
	check_clean("lost entries");
}

/* A granted frame in a table that is taken out of use, and the table hooked in again. */
static void lost_tables(void)
{
	struct gnttab_map_grant_ref op;
	pte_t *l1 = page_alloc();

	table_ready(l1);
	check_eq(pin_l1(l1), 0);
	check_eq(map(REF, (uint64_t)frame_of(l1) << 12 | 8, GNTMAP_host_map | GNTMAP_contains_pte, &op),
		 GNTST_okay);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, frame_of(l1), 0), 0);
	check_eq(unmap(op.handle, (uint64_t)frame_of(l1) << 12 | 8, 0), GNTST_general_error);
	check_eq(page_set_ro((void *)page, true), 0);
	check_eq(pin_l1(page), 0); /* no entry maps it any more */
	check(pin_l1(l1) < 0);     /* so this one may not come back */
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, frame_of(page), 0), 0);
	check_eq(page_set_ro((void *)page, false), 0);
	check_eq(pin_l1(l1), 0);
	check_eq(unmap(op.handle, (uint64_t)frame_of(l1) << 12 | 8, 0), GNTST_okay);
	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, frame_of(l1), 0), 0);
	check_eq(page_set_ro(l1, false), 0);
	check_clean("lost tables");
}

static void replaced(void)
{
	struct gnttab_unmap_and_replace r = {.host_addr = va(window)};
	struct gnttab_map_grant_ref op;

	check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_okay);
	r.handle = op.handle;
	r.new_addr = HYPERVISOR_VIRT_START;
	check_eq(one(GNTTABOP_unmap_and_replace, &r), 0);
	check(r.status < 0);
	r.new_addr = 0x7ffff000;
	check_eq(one(GNTTABOP_unmap_and_replace, &r), 0);
	check(r.status < 0);
	window[1] = 5;
	check_eq(page[1], 5);
	check_eq(marks(REF), GTF_reading | GTF_writing);
	check_eq(unmap(op.handle, va(window), 0), GNTST_okay);
	check_clean("replaced");
}

static void bad_lists(void)
{
	static const unsigned long pointers[] = BAD_POINTERS;
	struct gnttab_map_grant_ref *op = (void *)window;

	for (unsigned i = 0; i < ARRAY_SIZE(pointers); i++)
		for (unsigned cmd = 0; cmd <= GNTTABOP_cache_flush; cmd++)
			check(one(cmd, (void *)pointers[i]) < 0);
	/* The answer goes where the mapping now is, or, by a TLB, where it was: into a page of ours anyway.
	 */
	check_eq(remap(window, frame_of(window) << 12 | PERMS), 0);
	grant(FOREVER + 2, frame_of(page), 0);
	*op = (struct gnttab_map_grant_ref){
	    .host_addr = va(window), .flags = GNTMAP_host_map, .ref = FOREVER + 2};
	check_eq(one(GNTTABOP_map_grant_ref, op), 0);
	check_clean("bad lists");
	/* A read-only page holds the list: the answer is lost, and the handle with it. */
	check_eq(remap(window, frame_of(window) << 12 | PERMS), 0);
	grant(FOREVER, frame_of(page), 0);
	*op = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map | GNTMAP_readonly, .ref = FOREVER};
	check_eq(page_set_ro((void *)window, true), 0);
	check_eq(one(GNTTABOP_map_grant_ref, op), -XEN_EFAULT);
	check_eq(page_set_ro((void *)window, false), 0);
	check_eq(op->status, 0);
	check_clean("lost answers");
}

static void versions(void)
{
	struct gnttab_map_grant_ref op;
	struct gnttab_get_version get = {.dom = DOMID_SELF};

	check_eq(map(REF, va(window), GNTMAP_host_map, &op), GNTST_okay);
	for (unsigned v = 0; v < 6; v++) {
		struct gnttab_set_version set = {.version = v & 3};
		long rc = one(GNTTABOP_set_version, &set);

		check(v == 1 || v == 5 ? rc == 0 : rc < 0);
		check_eq(marks(REF), GTF_reading | GTF_writing);
	}
	check_eq(one(GNTTABOP_get_version, &get), 0);
	check_eq(get.version, 1);
	check_eq(unmap(op.handle, va(window), 0), GNTST_okay);
	check_clean("versions");
}

/* Handles until there are no more. Some are given back, the others are the domain's end to clean up. */
static void limits(void)
{
	static struct gnttab_map_grant_ref first[64], next[64];
	struct gnttab_map_grant_ref op;
	unsigned long mapped = 0;
	int status = GNTST_okay;

	grant(FOREVER + 1, frame_of(page), 0);
	while (status == GNTST_okay && mapped < 1000000) {
		struct gnttab_map_grant_ref *maps = mapped ? next : first;

		for (unsigned i = 0; i < ARRAY_SIZE(first); i++)
			maps[i] = (struct gnttab_map_grant_ref){.flags = GNTMAP_device_map | GNTMAP_readonly,
								.ref = FOREVER + 1};
		check_eq(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, ARRAY_SIZE(first)), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(first) && status == GNTST_okay; i++) {
			status = maps[i].status;
			mapped += status == GNTST_okay;
		}
	}
	printk("%lu handles\n", mapped);
	/* Xen stops earlier: its counts of an entry's uses have 8 bits. */
	check(status == GNTST_no_space || status == GNTST_general_error);
	check(mapped >= ARRAY_SIZE(first));
	for (unsigned i = 0; i < ARRAY_SIZE(first); i++)
		check_eq(unmap(first[i].handle, 0, first[i].dev_bus_addr), GNTST_okay);
	check_eq(map(FOREVER + 1, 0, GNTMAP_device_map | GNTMAP_readonly, &op), GNTST_okay);
	check_clean("limits");
}

void test_main(void)
{
	struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
	xen_pfn_t frame;

	table = page_alloc();
	page = page_alloc();
	window = page_alloc();
	page_alloc(); /* its second page */
	window_pte = pte_maddr(va(window), 1);
	set_xen_guest_handle(setup.frame_list, &frame);
	if (one(GNTTABOP_setup_table, &setup) || setup.status || remap(table, (pte_t)frame << 12 | PERMS))
		error("no grant table");
	grant(REF, frame_of(page), 0);
	check_clean("the start");
	numbers();
	lying_entries();
	page_tables();
	make_table();
	rights();
	twice();
	lost_entries();
	lost_tables();
	replaced();
	bad_lists();
	versions();
	limits();
}
