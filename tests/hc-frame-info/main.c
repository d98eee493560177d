/* SPDX-License-Identifier: MIT */
/*
 * frame_info: a frame's type follows its uses: writable while it is mapped so, none when it is not, a page table
 * while it is pinned. Asking leaves no trace. Frames that are not the caller's, or not there at all, give -EINVAL; an
 * answer that cannot be written gives -EFAULT, and nothing is written.
 */
#include "fw.h"
#include "ringlet/frame_info.h"

const char test_title[] = "hc-frame-info";

static struct ringlet_frame_info info_of(const void *page)
{
	struct ringlet_frame_info info = {~0u, ~0u, ~0u, ~0u};

	check_eq(hypercall_frame_info(va_to_mfn(page), &info), 0);
	return info;
}

/* What is known of a frame @page in each state of its life. */
static void life(void)
{
	pte_t *page = page_alloc();
	struct ringlet_frame_info writable = info_of(page), now;

	check_eq(writable.type, RINGLET_FRAME_writable);
	check_eq(writable.uses, 1);
	check_eq(writable.references, 2); /* allocated; mapped */
	check_eq(writable.flags & RINGLET_FRAME_pinned, 0);

	check_eq(page_set_ro(page, true), 0);
	now = info_of(page);
	check_eq(now.type, RINGLET_FRAME_none);
	check_eq(now.uses, 0);
	check_eq(now.references, 2); /* a read-only mapping is one too */

	check_eq(mmuext1(MMUEXT_PIN_L1_TABLE, va_to_mfn(page), 0), 0);
	now = info_of(page);
	check_eq(now.type, RINGLET_FRAME_l1);
	check_eq(now.uses, 1);
	check_eq(now.references, 3);
	check_eq(now.flags, RINGLET_FRAME_pinned | RINGLET_FRAME_validated);

	check_eq(mmuext1(MMUEXT_UNPIN_TABLE, va_to_mfn(page), 0), 0);
	check_eq(page_set_ro(page, false), 0);
	now = info_of(page);
	check_eq(now.type, writable.type);
	check_eq(now.uses, writable.uses);
	check_eq(now.references, writable.references);

	now = info_of(root_page());
	check_eq(now.type, ROOT_LEVEL);
	check(now.uses >= 1);
}

static void no_trace(void)
{
	struct ringlet_frame_info info = info_of(root_page()), again;

	for (unsigned i = 0; i < 1000; i++)
		again = info_of(root_page());
	check_eq(again.references, info.references);
	check_eq(again.uses, info.uses);
}

/* Frames of the hypervisor, of nobody, of no memory, of no machine. */
static void not_ours(void)
{
	static const unsigned long far[] = {
	    0x100000, 0xfffff, 0xffffffff, ~0ul, ~0ul >> 1, 1ul << (8 * sizeof(long) - 1), ~0ul >> 12};
	struct ringlet_frame_info info = {77, 77, 77, 77};
	unsigned long max = hypercall_memory_op(XENMEM_maximum_ram_page, NULL), ours = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(far); i++)
		check_eq(hypercall_frame_info(far[i], &info), -XEN_EINVAL);
	check_eq(hypercall_frame_info(0, &info), -XEN_EINVAL);
	check_eq(info.type, 77);
	for (unsigned long mfn = 0; mfn < max + 16; mfn++) {
		long rc = hypercall_frame_info(mfn, &info);

		check(rc == 0 || rc == -XEN_EINVAL);
		ours += rc == 0;
	}
	/* What was given to us, and a few pages that the hypervisor shares with us. */
	check(ours >= start_info->nr_pages && ours < start_info->nr_pages + 8);
}

static void bad_answers(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	unsigned *readonly = page_alloc();
	unsigned long mfn = va_to_mfn(readonly);

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		check_eq(hypercall_frame_info(mfn, (void *)bad[i]), -XEN_EFAULT);
	*readonly = 77;
	check_eq(page_set_ro(readonly, true), 0);
	check_eq(hypercall_frame_info(mfn, readonly), -XEN_EFAULT);
	check_eq(*readonly, 77);
}

void test_main(void)
{
	life();
	no_trace();
	not_ours();
	bad_answers();
}
