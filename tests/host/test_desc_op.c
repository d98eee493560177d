/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercalls set_gdt and update_descriptor (hypervisor/pv/desc_op.c) on real frames.
 *   list    the frames of a GDT are as many as its entries need, and read from the guest; more than there may be is refused
 *   pieces  one frame after the other is audited, with a look at other work between them
 *   write   a descriptor is written, as the audit leaves it, into a frame of the caller that is a table of descriptors or may be
 *           written; no other frame, and nothing of it stays held
 */
#include "mm_host.h"

#include <string.h>

#include "xlat.c"
#include "pv/desc_op.c"

static struct domain *d[2];
static struct page_info *pg[2];
static struct vcpu v;
static uint64_t list[GDT_GUEST_PAGES];
static unsigned readable, read, pieces, set_entries;
static int answer;

int guest_get_word(uint64_t *dst, gva_t array, uint64_t index)
{
	assert_ptr_equal(array, list);
	if (index >= readable)
		return -EFAULT;
	read++;
	*dst = list[index];
	return 0;
}
int desc_set_gdt(struct vcpu *of, const mfn_t *frames, uint32_t entries)
{
	assert_memory_equal(frames, list, (entries + 511) / 512 * sizeof(*list));
	set_entries = entries;
	return pieces && pieces-- ? -ERESTART : answer;
}
long hypercall_restart(unsigned nr, unsigned nargs, const uint64_t *args)
{
	assert_int_equal(nr, __HYPERVISOR_set_gdt);
	return hc_set_gdt(args[0], args[1]);
}

static int setup(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		d[i] = host_domain(&host_pv64, 16);
		pg[i] = domain_alloc_pages(d[i], 3, 0);
		assert_non_null(pg[i]);
	}
	v.domain = d[0];
	host_percpu.vcpu = &v;
	for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
		list[i] = 100 + i;
	readable = GDT_GUEST_PAGES;
	read = pieces = 0;
	answer = 0;
	return 0;
}
static int teardown(void **state)
{
	host_domain_free(d[0]);
	host_domain_free(d[1]);
	return 0;
}

static void lists(void **state)
{
	static const unsigned entries[] = {0, 1, 512, 513, 7168};

	for (unsigned i = 0; i < ARRAY_SIZE(entries); i++) {
		read = 0;
		assert_int_equal(hc_set_gdt((uint64_t)list, entries[i]), 0);
		assert_int_equal(read, (entries[i] + 511) / 512);
		assert_int_equal(set_entries, entries[i]);
	}
	read = 0;
	assert_int_equal(hc_set_gdt((uint64_t)list, 7169), -EINVAL);
	assert_int_equal(read, 0);
	readable = 1;
	set_entries = 0;
	assert_int_equal(hc_set_gdt((uint64_t)list, 513), -EFAULT);
	assert_int_equal(set_entries, 0);
	assert_int_equal(hc_set_gdt((uint64_t)list, 512), 0);
	pieces = 9;
	answer = -EINVAL;
	assert_int_equal(hc_set_gdt((uint64_t)list, 512), -EINVAL);
	assert_int_equal(pieces, 0);
}

static void lists_wait(void **state)
{
	for (unsigned i = 0; i < 20; i++) { /* mm_host.c's other work comes at random */
		pieces = 1;
		assert_int_equal(hc_set_gdt((uint64_t)list, 1), 0);
		assert_int_equal(pieces, 0);
	}
}

static uint64_t *word(unsigned of, unsigned frame, unsigned n)
{
	return (uint64_t *)mfn_to_virt(page_to_mfn(&pg[of][frame])) + n;
}
static uint64_t machine(unsigned of, unsigned frame, unsigned n)
{
	return (page_to_mfn(&pg[of][frame]) << PAGE_SHIFT) + 8 * n;
}

static void writes(void **state)
{
	uint32_t refs = pg[0][0].count;

	*word(0, 0, 1) = 0;
	assert_int_equal(hc_update_descriptor(machine(0, 0, 1), 4), 0);
	assert_int_equal(*word(0, 0, 1), 5); /* as the audit left it */
	assert_int_equal(pg[0][0].type & PGT_COUNT, 0);
	assert_int_equal(pg[0][0].count, refs);
	assert_int_equal(hc_update_descriptor(machine(0, 0, 1) + 4, 8), -EINVAL);
	assert_int_equal(hc_update_descriptor(machine(0, 0, 1), ~0ul), -EINVAL); /* the audit refuses */
	assert_int_equal(hc_update_descriptor(1ul << 50, 4), -EINVAL);
	assert_int_equal(*word(0, 0, 1), 5);
	/* A table of descriptors that is in use. */
	assert_int_equal(page_get_and_type(&pg[0][1], d[0], PGT_SEGDESC), 0);
	assert_int_equal(hc_update_descriptor(machine(0, 1, 511), 8), 0);
	assert_int_equal(*word(0, 1, 511), 9);
	assert_int_equal(page_type_of(&pg[0][1]), PGT_SEGDESC);
	assert_int_equal(pg[0][1].type & PGT_COUNT, 1);
	page_put_and_type(&pg[0][1]);
	/* A page table, and another's frame. */
	memset(word(0, 2, 0), 0, PAGE_SIZE);
	assert_int_equal(page_get_and_type(&pg[0][2], d[0], PGT_L1), 0);
	refs = pg[0][2].count;
	assert_int_equal(hc_update_descriptor(machine(0, 2, 0), 8), -EINVAL);
	assert_int_equal(*word(0, 2, 0), 0);
	assert_int_equal(pg[0][2].count, refs);
	page_put_and_type(&pg[0][2]);
	*word(1, 0, 0) = 0;
	assert_int_equal(hc_update_descriptor(machine(1, 0, 0), 8), -EINVAL);
	assert_int_equal(*word(1, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(lists, setup, teardown),
	    cmocka_unit_test_setup_teardown(lists_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(writes, setup, teardown),
	};

	host_init();
	return cmocka_run_group_tests_name("desc_op", tests, NULL, NULL);
}
