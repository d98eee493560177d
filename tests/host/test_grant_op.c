/* SPDX-License-Identifier: MIT */
/*
 * Specification: the hypercall grant_table_op (hypervisor/gnt/grant_table_op.c), with the mechanism written down.
 *   whose     others' whole tables are Dom0's to name; granters go by their numbers; a page by its frame number is the
 *             caller's
 *   lists     each entry has its own status, in the guest's structure and nothing else of it; a structure that is not the
 *             guest's ends the list; a long list makes way and goes on with the rest
 *   unmap     of a batch all first halves, one flush if a mapping went, then each second half that is due, whatever failed
 *   grow      a table grows in steps, and its frames are told when it has all of them
 *   flush     of the cache: a part of one page of the caller's, and only what gives no old contents back
 *   kept      each reference that is taken is let go, but that of a mapping
 */
#include "guest_host.h"
#include "gnt/grant_table_op.c"

static struct domain doms[2]; /* an ordinary one, and another */
static struct grant_table tables[2];
static struct vcpu vcpu;
static struct page_info frames[4];
struct page_info *frame_table = frames;
mfn_t max_mfn = ARRAY_SIZE(frames);

struct domain *domain_by_id(domid_t id)
{
	struct domain *d = id == DOMID_SELF ? current->domain : id < 2 ? &doms[id] : NULL;

	if (d)
		d->refs++;
	return d;
}
void domain_put(struct domain *d)
{
	assert_true(d->refs > 0);
	d->refs--;
}
static int status;           /* of what the mechanism is asked */
static uint32_t most = 1000; /* frames that there is memory for */
int grant_grow(struct domain *d, uint32_t n)
{
	note("grow d%u %u", d->id, n);
	if (n > most)
		return GNTST_no_space;
	d->grants->frames = MAX(n, d->grants->frames);
	return GNTST_okay;
}
int grant_map(struct vcpu *v, struct domain *granter, struct gnttab_map_grant_ref *op)
{
	note("map d%u %u", granter->id, op->ref);
	op->handle = 77;
	return status;
}
int grant_copy(struct domain *d, struct domain *from, struct domain *to, const struct gnttab_copy *op)
{
	note("copy d%u to d%u", from->id, to->id);
	return status;
}
int grant_swap(struct domain *d, grant_ref_t a, grant_ref_t b)
{
	note("swap %u %u", a, b);
	return status;
}
void grant_dump(struct domain *d)
{
	note("dump d%u", d->id);
}
int grant_unmap_begin(struct vcpu *v, struct grant_unmap *u, uint64_t host_addr, uint64_t dev_addr,
		      uint64_t new_addr)
{
	note("begin %u %lx %lx %lx", u->handle, host_addr, dev_addr, new_addr);
	u->done = host_addr ? GNTMAP_host_map : dev_addr ? GNTMAP_device_map : 0;
	return u->done ? GNTST_okay : GNTST_bad_handle;
}
void grant_unmap_end(struct domain *d, const struct grant_unmap *u)
{
	note("end %u", u->handle);
}
void tlb_flush_cpus(uint32_t cpus)
{
	note("flush %x", cpus);
}
struct page_info *page_get_mfn(mfn_t mfn, struct domain *d)
{
	if (mfn != 2 || d != current->domain)
		return NULL;
	frames[mfn].count++;
	return &frames[mfn];
}
void frame_release(struct page_info *pg)
{
	fail();
}

static void *arg;

static int setup(void **state)
{
	guest_pv64.low_end = NOWHERE;
	for (int i = 0; i < 2; i++) {
		tables[i] = (struct grant_table){.frames = 1, .max_frames = 20};
		for (int k = 0; k < 20; k++)
			tables[i].shared[k] = (void *)((k + 1) * PAGE_SIZE * (i + 1));
		doms[i] = (struct domain){.id = i, .abi = &guest_pv64, .grants = &tables[i]};
	}
	vcpu = (struct vcpu){.domain = &doms[1]};
	doms[1].mm.tlb_cpus = 6;
	host_percpu.vcpu = &vcpu;
	arg = (void *)guest_memory();
	memset(arg, 0, GUEST_BYTES);
	host_directmap = (uint64_t)arg;
	frames[2].count = 1;
	status = 0;
	most = 1000;
	looks = work_after = 0;
	deeds[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	return frames[2].count != 1 || doms[0].refs || doms[1].refs;
}

static long asks(unsigned cmd, uint64_t at, uint64_t count)
{
	return hc_grant_table_op(cmd, at, count);
}

/* One structure of a whole table, whose domain the test has set: the status that comes back. */
#define single(cmd, type, ...)                                                     \
	({                                                                         \
		struct type *op_ = arg;                                            \
		*op_ = (struct type){__VA_ARGS__};                                 \
		assert_int_equal(asks(GNTTABOP_##cmd, (uint64_t)arg, 1), 0);       \
		assert_int_equal(asks(GNTTABOP_##cmd, NOWHERE, 1), -EFAULT);       \
		assert_int_equal(asks(GNTTABOP_##cmd, (uint64_t)arg, 2), -EINVAL); \
		assert_int_equal(doms[0].refs + doms[1].refs, 0);                  \
		*op_;                                                              \
	})

static void whole_tables(void **state)
{
	struct gnttab_query_size q;

	q = single(query_size, gnttab_query_size, .dom = DOMID_SELF);
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 1);
	assert_int_equal(q.max_nr_frames, 20);
	assert_int_equal(single(query_size, gnttab_query_size, .dom = 1).status, GNTST_okay);
	q = single(query_size, gnttab_query_size, .dom = 0);
	assert_int_equal(q.status, GNTST_permission_denied);
	assert_int_equal(q.nr_frames, 0);
	assert_int_equal(single(get_status_frames, gnttab_get_status_frames, .dom = 0).status,
			 GNTST_permission_denied);
	assert_int_equal(single(get_status_frames, gnttab_get_status_frames, .dom = 1).status,
			 GNTST_general_error);
	assert_int_equal(single(dump_table, gnttab_dump_table, .dom = 1).status, GNTST_permission_denied);
	assert_done("");
	*(struct gnttab_get_version *)arg = (struct gnttab_get_version){.dom = 0};
	assert_int_equal(asks(GNTTABOP_get_version, (uint64_t)arg, 1), -EPERM);
	assert_int_equal(single(get_version, gnttab_get_version, .dom = 1).version, 1);
	doms[1].privileged = true;
	assert_int_equal(single(query_size, gnttab_query_size, .dom = 0).status, GNTST_okay);
	assert_int_equal(single(query_size, gnttab_query_size, .dom = 9).status, GNTST_bad_domain);
	assert_int_equal(single(dump_table, gnttab_dump_table, .dom = 9).status, GNTST_bad_domain);
	assert_done("");
	assert_int_equal(single(dump_table, gnttab_dump_table, .dom = 0).status, GNTST_okay);
	assert_done("dump d0;");
	*(struct gnttab_get_version *)arg = (struct gnttab_get_version){.dom = 9};
	assert_int_equal(asks(GNTTABOP_get_version, (uint64_t)arg, 1), -ESRCH);
	assert_int_equal(asks(GNTTABOP_get_version, NOWHERE, 1), -EFAULT);
}

static void versions(void **state)
{
	struct gnttab_set_version *v = arg;
	static const long results[] = {-EINVAL, 0, -ENOSYS, -EINVAL};

	for (unsigned i = 0; i < ARRAY_SIZE(results); i++) {
		v->version = i;
		assert_int_equal(asks(GNTTABOP_set_version, (uint64_t)arg, 1), results[i]);
		assert_int_equal(v->version, 1);
	}
	assert_int_equal(asks(GNTTABOP_set_version, NOWHERE, 1), -EFAULT);
}

static void sets_up(void **state)
{
	struct gnttab_setup_table *op = arg;
	uint64_t *list = (uint64_t *)arg + 100;

	*op = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 3, .frame_list = (uint64_t)list};
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_okay);
	for (int i = 0; i < 3; i++)
		assert_int_equal(list[i], virt_to_mfn(tables[1].shared[i]));
	assert_int_equal(list[3], 0);
	assert_done("grow d1 3;");
	op->nr_frames = 20;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_done("grow d1 9;grow d1 15;grow d1 20;");
	tables[1].frames = 1;
	work_after = looks + 2;
	list[0] = 5;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), RESTARTED);
	assert_int_equal(restart_nr, __HYPERVISOR_grant_table_op);
	assert_int_equal(restart_args[0], GNTTABOP_setup_table);
	assert_int_equal(restart_args[1], (uint64_t)arg);
	assert_int_equal(restart_args[2], 1);
	assert_int_equal(list[0], 5);
	assert_done("grow d1 7;grow d1 13;");
	most = 14;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_no_space);
	assert_int_equal(list[0], 5);
	assert_done("grow d1 19;");
	op->nr_frames = 21;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_general_error);
	op->nr_frames = 2;
	op->frame_list = NOWHERE - 8;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_bad_virt_addr);
	op->dom = 0;
	assert_int_equal(asks(GNTTABOP_setup_table, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_permission_denied);
	assert_int_equal(asks(GNTTABOP_setup_table, NOWHERE, 1), -EFAULT);
}

static void maps(void **state)
{
	struct gnttab_map_grant_ref *op = arg;

	*op = (struct gnttab_map_grant_ref){.dom = 0, .ref = 8, .host_addr = 0x1234};
	assert_int_equal(asks(GNTTABOP_map_grant_ref, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, 0);
	assert_int_equal(op->handle, 77);
	assert_int_equal(doms[0].refs, 1); /* the mapping's */
	doms[0].refs = 0;
	status = GNTST_bad_gntref;
	assert_int_equal(asks(GNTTABOP_map_grant_ref, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_bad_gntref);
	assert_done("map d0 8;map d0 8;");
	op->dom = DOMID_SELF;
	assert_int_equal(asks(GNTTABOP_map_grant_ref, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_bad_domain);
	op->dom = 9;
	op->status = 0;
	assert_int_equal(asks(GNTTABOP_map_grant_ref, (uint64_t)arg, 1), 0);
	assert_int_equal(op->status, GNTST_bad_domain);
	assert_done("");
	assert_int_equal(asks(GNTTABOP_map_grant_ref, NOWHERE, 1), -EFAULT);
}

static void copies(void **state)
{
	static const struct {
		domid_t from, to;
		uint16_t flags;
		int16_t status;
		const char *done;
	} cases[] = {
	    {0, 1, GNTCOPY_source_gref | GNTCOPY_dest_gref, 0, "copy d0 to d1;"},
	    {0, DOMID_SELF, GNTCOPY_source_gref, 0, "copy d0 to d1;"},
	    {DOMID_SELF, 0, GNTCOPY_dest_gref, 0, "copy d1 to d0;"},
	    {DOMID_SELF, DOMID_SELF, 0, 0, "copy d1 to d1;"},
	    {0, DOMID_SELF, 0, GNTST_permission_denied, ""},
	    {1, DOMID_SELF, 0, GNTST_permission_denied, ""}, /* the caller is DOMID_SELF */
	    {DOMID_SELF, 0, GNTCOPY_source_gref, GNTST_permission_denied, ""},
	    {DOMID_SELF, 9, GNTCOPY_dest_gref, GNTST_bad_domain, ""},
	    {9, DOMID_SELF, 0, GNTST_bad_domain, ""},
	    {0, 9, GNTCOPY_source_gref | GNTCOPY_dest_gref, GNTST_bad_domain, ""},
	};
	struct gnttab_copy *op = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		*op = (struct gnttab_copy){.flags = cases[i].flags, .status = 99};
		op->source.domid = cases[i].from;
		op->dest.domid = cases[i].to;
		assert_int_equal(asks(GNTTABOP_copy, (uint64_t)arg, 1), 0);
		assert_int_equal(op->status, cases[i].status);
		assert_int_equal(doms[0].refs + doms[1].refs, 0);
		assert_done(cases[i].done);
	}
	assert_int_equal(asks(GNTTABOP_copy, NOWHERE, 1), -EFAULT);
}

/* @count entries of @size bytes, of which the list says how they come out. */
static void is_list(unsigned cmd, size_t size)
{
	uint64_t at = (uint64_t)arg;

	memset(arg, 0, GUEST_BYTES);
	looks = work_after = 0;
	assert_int_equal(asks(cmd, at, 0), 0);
	assert_int_equal(asks(cmd, at, 1ul << 31), -EINVAL);
	assert_int_equal(asks(cmd, at, 40), 0);
	assert_int_equal(looks, 2);
	work_after = looks + 2;
	assert_int_equal(asks(cmd, at, 40), RESTARTED);
	assert_int_equal(restart_args[0], cmd);
	assert_int_equal((restart_args[1] - at) / size + restart_args[2], 40);
	assert_int_equal((restart_args[1] - at) % size, 0);
	assert_in_range(restart_args[2], 8, 16);
	looks = work_after = 0;
	assert_int_equal(asks(cmd, at, 16), 0);
	assert_int_equal(looks, 0); /* at the end there is no need */
	assert_int_equal(asks(cmd, NOWHERE - 3 * size, 4), -EFAULT);
}

static void lists_of(void **state)
{
	is_list(GNTTABOP_map_grant_ref, sizeof(struct gnttab_map_grant_ref));
	doms[0].refs = 0;
	is_list(GNTTABOP_copy, sizeof(struct gnttab_copy));
	is_list(GNTTABOP_transfer, sizeof(struct gnttab_transfer));
	is_list(GNTTABOP_swap_grant_ref, sizeof(struct gnttab_swap_grant_ref));
	is_list(GNTTABOP_cache_flush, sizeof(struct gnttab_cache_flush));
	is_list(GNTTABOP_unmap_grant_ref, sizeof(struct gnttab_unmap_grant_ref));
	is_list(GNTTABOP_unmap_and_replace, sizeof(struct gnttab_unmap_and_replace));
	assert_int_equal(asks(ARRAY_SIZE(lists), (uint64_t)arg, 1), -ENOSYS);
	assert_int_equal(asks(ARRAY_SIZE(lists), (uint64_t)arg, 1ul << 31), -EINVAL);
	assert_int_equal(asks(GNTTABOP_query_size, (uint64_t)arg, 1ul << 31), -EINVAL);
}

static void transfers_and_swaps(void **state)
{
	struct gnttab_transfer *t = arg;
	struct gnttab_swap_grant_ref *s = arg;

	assert_int_equal(asks(GNTTABOP_transfer, (uint64_t)arg, 1), 0);
	assert_int_equal(t->status, GNTST_bad_page);
	*s = (struct gnttab_swap_grant_ref){.ref_a = 4, .ref_b = 5};
	status = GNTST_eagain;
	assert_int_equal(asks(GNTTABOP_swap_grant_ref, (uint64_t)arg, 1), 0);
	assert_int_equal(s->status, GNTST_eagain);
	assert_done("swap 4 5;");
}

static void unmaps(void **state)
{
	struct gnttab_unmap_grant_ref *op = arg;

	op[0] = (struct gnttab_unmap_grant_ref){.host_addr = 0x1000, .dev_bus_addr = 0x2000, .handle = 1};
	op[1] = (struct gnttab_unmap_grant_ref){.handle = 2};
	op[2] = (struct gnttab_unmap_grant_ref){.dev_bus_addr = 0x3000, .handle = 3};
	assert_int_equal(asks(GNTTABOP_unmap_grant_ref, (uint64_t)arg, 3), 0);
	assert_done("begin 1 1000 2000 0;begin 2 0 0 0;begin 3 0 3000 0;flush 6;end 3;end 1;");
	assert_int_equal(op[0].status, GNTST_okay);
	assert_int_equal(op[1].status, GNTST_bad_handle);
	assert_int_equal(asks(GNTTABOP_unmap_and_replace, (uint64_t)arg, 1), 0);
	assert_done("begin 1 1000 0 2000;flush 6;end 1;");
	assert_int_equal(asks(GNTTABOP_unmap_grant_ref, (uint64_t)&op[2], 1), 0);
	assert_done("begin 3 0 3000 0;end 3;"); /* no translation went */
	op = (void *)(NOWHERE - sizeof(*op));
	*op = (struct gnttab_unmap_grant_ref){.host_addr = 0x1000, .handle = 1};
	assert_int_equal(asks(GNTTABOP_unmap_grant_ref, (uint64_t)op, 3), -EFAULT);
	assert_done("begin 1 1000 0 0;flush 6;end 1;");
	op = (void *)(NOWHERE - 2 * sizeof(*op));
	op[0] = op[1];
	guest_pv64.low_end = (uint64_t)&op[1] + UNMAP_RESULTS; /* its answer finds no place */
	assert_int_equal(asks(GNTTABOP_unmap_grant_ref, (uint64_t)op, 2), -EFAULT);
	assert_done("begin 1 1000 0 0;begin 1 1000 0 0;flush 6;end 1;end 1;");
	/* After a batch that failed none follows. */
	op = arg;
	memset(op, 0, 17 * sizeof(*op));
	op[16] = (struct gnttab_unmap_grant_ref){.host_addr = 0x1000, .handle = 16};
	guest_pv64.low_end = (uint64_t)&op[1];
	guest_pv64.high_start = (uint64_t)&op[16];
	assert_int_equal(asks(GNTTABOP_unmap_grant_ref, (uint64_t)op, 17), -EFAULT);
	assert_done("begin 0 0 0 0;");
	guest_pv64.low_end = NOWHERE;
	guest_pv64.high_start = ~0ull;
}

static void flushes(void **state)
{
	static const struct {
		uint32_t op;
		uint16_t offset, length;
		long result;
		mfn_t mfn;
	} cases[] = {
	    {GNTTAB_CACHE_CLEAN, 0, PAGE_SIZE, 0, 2},
	    {GNTTAB_CACHE_CLEAN, 1, PAGE_SIZE, -EINVAL, 2},
	    {GNTTAB_CACHE_CLEAN, PAGE_SIZE - 1, 1, 0, 2},
	    {GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL, 100, 60, 0, 2},
	    {GNTTAB_CACHE_INVAL, 0, 64, -EOPNOTSUPP, 2},
	    {GNTTAB_CACHE_CLEAN, 0, 64, -EINVAL, 1}, /* another's */
	    {GNTTAB_CACHE_CLEAN, 0, 0, 0, 1},
	    {0, 0, 64, 0, 1},
	    {1u << 31, 0, 64, -EINVAL, 2},
	    {4, 0, 64, -EINVAL, 2},
	};
	struct gnttab_cache_flush *op = arg;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		*op = (struct gnttab_cache_flush){.a.dev_bus_addr = cases[i].mfn << PAGE_SHIFT | 5,
						  .offset = cases[i].offset,
						  .length = cases[i].length,
						  .op = cases[i].op};
		assert_int_equal(asks(GNTTABOP_cache_flush, (uint64_t)arg, 1), cases[i].result);
		assert_int_equal(frames[2].count, 1);
	}
	assert_int_equal(asks(GNTTABOP_cache_flush, NOWHERE, 1), -EFAULT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(whole_tables), TEST(versions), TEST(sets_up), TEST(maps),
	    TEST(copies),       TEST(lists_of), TEST(unmaps),  TEST(transfers_and_swaps),
	    TEST(flushes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
