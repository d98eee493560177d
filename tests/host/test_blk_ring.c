/* SPDX-License-Identifier: MIT */
/*
 * The teaching kernel's ring of a virtual disk (guest-kernel/drivers/blk_ring.c), against a back end that is right, and one that
 * lies in every field of its answers. What the back end still has mapped when it has answered is not used again.
 */
#include "front_host.h"
#include "drivers/blk_ring.c"

void log_at(int level, const char *fmt, ...)
{
}

/* ---- The block layer ---- */

#define REQUESTS 40u

static struct blk_ring *r;
static struct user {
	struct block_request request;
	struct block_piece pieces[BLK_PIECES];
	unsigned ended;
} users[REQUESTS];

void block_done(struct block_request *request, int rc)
{
	struct user *u = container_of(request, struct user, request);

	u->ended++;
	request->rc = rc;
}

/* Request i: `count` pages of its own from page 100 + count * i on, each full of a byte. */
static struct user *want(unsigned i, enum block_op op, unsigned count)
{
	struct user *u = &users[i];

	*u = (struct user){.request = {.op = op, .sector = 300 * i, .pieces = u->pieces, .count = count}};
	for (unsigned p = 0; p < count; p++) {
		pfn_t pfn = 100 + count * i + p;

		pages[pfn].kind = PAGE_USED;
		pages[pfn].refs = 1;
		u->pieces[p] = (struct block_piece){pfn_to_virt(pfn), PAGE_SIZE};
		memset(u->pieces[p].at, op == BLOCK_WRITE ? (int)(i + p + 1) : 0xee, PAGE_SIZE);
	}
	u->request.sectors = count * PAGE_SECTORS;
	return u;
}

/* ---- The back end ---- */

static u32 seen;
static u8 disk[1 << 20]; /* sector n is at n modulo its size */

/* Takes the next request: true, if there is one. */
static bool next(union blkif_sring_entry *e)
{
	if (seen == r->shared->req_prod)
		return false;
	*e = r->shared->ring[seen++ % BLK_SLOTS];
	return true;
}

static void transfer(u8 op, u64 sector, const struct blkif_request_segment *seg, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		u8 *page = at_ref(seg[i].gref, op == BLKIF_OP_READ);

		assert_true(seg[i].first_sect <= seg[i].last_sect && seg[i].last_sect < PAGE_SECTORS);
		for (unsigned s = seg[i].first_sect; s <= seg[i].last_sect; s++, sector++) {
			u8 *there = disk + sector * SECTOR_SIZE % sizeof(disk);

			if (op == BLKIF_OP_READ)
				memcpy(page + s * SECTOR_SIZE, there, SECTOR_SIZE);
			else
				memcpy(there, page + s * SECTOR_SIZE, SECTOR_SIZE);
		}
	}
}

static void say(u64 id, u8 op, int16_t status)
{
	r->shared->ring[r->shared->rsp_prod % BLK_SLOTS].rsp =
	    (struct blkif_response){.id = id, .operation = op, .status = status};
	r->shared->rsp_prod++;
}

/* Does one request: the number of its segments. */
static unsigned serve(int16_t status)
{
	union blkif_sring_entry e;
	const struct blkif_request_indirect *in = (void *)&e;
	bool indirect;

	assert_true(next(&e));
	indirect = e.req.operation == BLKIF_OP_INDIRECT;
	if (indirect)
		transfer(in->indirect_op, in->sector_number, (void *)at_ref(in->indirect_grefs[0], false),
			 in->nr_segments);
	else if (e.req.operation < BLKIF_OP_WRITE_BARRIER)
		transfer(e.req.operation, e.req.sector_number, e.req.seg, e.req.nr_segments);
	say(indirect ? in->id : e.req.id, indirect ? in->indirect_op : e.req.operation, status);
	return indirect ? in->nr_segments : e.req.nr_segments;
}

static int setup(void **state)
{
	memory_new(80);
	seen = 0;
	for (size_t i = 0; i < sizeof(disk); i++)
		disk[i] = i / SECTOR_SIZE;
	r = calloc(1, sizeof(*r));
	r->backend = BACK_END;
	r->name = "xvda";
	r->max_pieces = 11;
	r->flush_op = BLKIF_OP_FLUSH_DISKCACHE;
	assert_int_equal(blk_ring_open(r, NULL, NULL), 0);
	blk_ring_run(r);
	return 0;
}

static int teardown(void **state)
{
	free(r);
	free(pool);
	free(pages);
	return 0;
}

static unsigned granted_now(void)
{
	unsigned n = 0;

	for (u32 i = 0; i < REFS; i++)
		n += grants[i].pfn != 0;
	return n;
}

static void is_disks(const struct user *u)
{
	u64 sector = u->request.sector;

	for (unsigned p = 0; p < u->request.count; p++)
		for (unsigned s = 0; s < u->pieces[p].len / SECTOR_SIZE; s++, sector++)
			assert_memory_equal((u8 *)u->pieces[p].at + s * SECTOR_SIZE,
					    disk + sector * SECTOR_SIZE % sizeof(disk), SECTOR_SIZE);
}

/* ---- Right back ends ---- */

/* A page of the block layer is lent, no longer than needed, and no further than needed. */
static void test_lent(void **state)
{
	struct user *u = want(1, BLOCK_READ, 2), *w = want(2, BLOCK_WRITE, 2);
	unsigned before = granted_now();

	assert_true(blk_ring_submit(r, &u->request) && blk_ring_submit(r, &w->request));
	assert_int_equal(granted_now(), before + 4);
	serve(0);
	serve(0);
	assert_null(blk_ring_answers(r));
	assert_int_equal(u->ended + w->ended, 2);
	assert_int_equal(u->request.rc | w->request.rc, 0);
	is_disks(u);
	is_disks(w);
	assert_int_equal(granted_now(), before);
	assert_true(blk_ring_idle(r));
	assert_int_equal(notified, 1); /* for the first; the back end did not ask to hear of the second */
	r->shared->req_event = 4;
	for (unsigned i = 1; i < 3; i++) {
		assert_true(blk_ring_submit(r, &want(i, BLOCK_READ, 1)->request));
		assert_int_equal(notified, i);
	}
}

/* A part of a page: nothing else of that page can be seen. */
static void test_parts_of_pages(void **state)
{
	struct user *u = want(1, BLOCK_READ, 1);
	union blkif_sring_entry e;

	u->pieces[0].at = (u8 *)u->pieces[0].at + 100;
	u->pieces[0].len = 2 * SECTOR_SIZE;
	assert_true(blk_ring_submit(r, &u->request));
	e = r->shared->ring[0];
	assert_ptr_not_equal(at_ref(e.req.seg[0].gref, true), pfn_to_virt(101));
	assert_int_equal(e.req.seg[0].last_sect, 1);
	serve(0);
	assert_null(blk_ring_answers(r));
	is_disks(u);
	assert_int_equal(((u8 *)pfn_to_virt(101))[99], 0xee);
	assert_int_equal(((u8 *)pfn_to_virt(101))[100 + 2 * SECTOR_SIZE], 0xee);
}

/* Persistent: only pages of the ring's own, the same ones again, and never taken back between. */
static void test_persistent(void **state)
{
	unsigned before = 0;

	r->persistent = true;
	for (unsigned round = 0; round < 3; round++) {
		struct user *u = want(1, BLOCK_WRITE, 8), *v = want(2, BLOCK_READ, 8);

		assert_true(blk_ring_submit(r, &u->request) && blk_ring_submit(r, &v->request));
		serve(0);
		serve(0);
		for (u32 i = 0; i < REFS; i++)
			grants[i].mapped = grants[i].pfn; /* and stays so */
		assert_null(blk_ring_answers(r));
		is_disks(u);
		is_disks(v);
		assert_true(!round || granted_now() == before);
		before = granted_now();
	}
	assert_int_equal(before, 1 + 16);
}

/* Large ones: a table of segments if that is offered, else in parts, one after the other. */
static void test_large(void **state)
{
	struct user *u = want(1, BLOCK_READ, 32);

	assert_true(blk_ring_submit(r, &u->request));
	for (unsigned i = 0; i < 3; i++) {
		assert_false(u->ended);
		assert_int_equal(serve(0), i < 2 ? 11 : 10);
		assert_null(blk_ring_answers(r));
	}
	assert_int_equal(u->ended, 1);
	is_disks(u);
	r->max_pieces = 32;
	u = want(1, BLOCK_WRITE, 32);
	assert_true(blk_ring_submit(r, &u->request));
	assert_int_equal(serve(0), 32);
	assert_null(blk_ring_answers(r));
	assert_int_equal(u->ended, 1);
	is_disks(u);
}

/* One part fails: so does the request, and no further part is asked for. */
static void test_error(void **state)
{
	struct user *u = want(1, BLOCK_READ, 32);
	union blkif_sring_entry e;

	assert_true(blk_ring_submit(r, &u->request));
	serve(0);
	assert_null(blk_ring_answers(r));
	serve(BLKIF_RSP_ERROR);
	assert_null(blk_ring_answers(r));
	assert_true(u->ended == 1 && u->request.rc == -EIO);
	assert_false(next(&e));
}

/* All slots at once, answered in another order; one more finds no room, and finds it later. */
static void test_many(void **state)
{
	static const u32 step = 13; /* has no factor in common with the number of slots */
	u64 ids[BLK_SLOTS];
	union blkif_sring_entry e;

	for (unsigned i = 0; i < BLK_SLOTS; i++)
		assert_true(blk_ring_submit(r, &want(i, BLOCK_WRITE, 1)->request));
	assert_false(blk_ring_submit(r, &want(BLK_SLOTS, BLOCK_WRITE, 1)->request));
	for (unsigned i = 0; next(&e); i++)
		ids[i] = e.req.id;
	for (unsigned i = 0; i < BLK_SLOTS; i++)
		say(ids[i * step % BLK_SLOTS], BLKIF_OP_WRITE, 0);
	assert_null(blk_ring_answers(r));
	for (unsigned i = 0; i < BLK_SLOTS; i++)
		assert_true(users[i].ended == 1 && !users[i].request.rc);
	assert_true(blk_ring_submit(r, &users[BLK_SLOTS].request));
}

/* Without memory and with few grants everything ends, one page after the other. */
static void test_short_of_memory(void **state)
{
	r->max_pieces = 32;
	r->persistent = true;
	pages_left = 0;
	for (unsigned i = 0; i < 4; i++)
		assert_true(blk_ring_submit(r, &want(i, BLOCK_READ, 8)->request));
	for (unsigned i = 0; i < 32 && seen != r->shared->req_prod; i++) {
		serve(0);
		assert_null(blk_ring_answers(r));
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_true(users[i].ended == 1 && !users[i].request.rc);
		is_disks(&users[i]);
	}
	r->persistent = false;
	refs_left = 0;
	assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 4)->request));
	serve(0);
	assert_null(blk_ring_answers(r));
	is_disks(&users[1]);
}

static u8 asked_to_flush(int16_t status)
{
	union blkif_sring_entry e;

	assert_true(next(&e));
	assert_int_equal(e.req.nr_segments, 0);
	say(e.req.id, e.req.operation, status);
	assert_null(blk_ring_answers(r));
	return e.req.operation;
}

/* A flush, or a barrier in its place; a back end that cannot after all has nothing to flush. */
static void test_flush(void **state)
{
	r->has_barrier = true;
	assert_true(blk_ring_submit(r, &want(1, BLOCK_FLUSH, 0)->request));
	assert_int_equal(asked_to_flush(0), BLKIF_OP_FLUSH_DISKCACHE);
	assert_true(users[1].ended == 1 && !users[1].request.rc);
	assert_true(blk_ring_submit(r, &want(1, BLOCK_FLUSH, 0)->request));
	assert_int_equal(asked_to_flush(BLKIF_RSP_EOPNOTSUPP), BLKIF_OP_FLUSH_DISKCACHE);
	assert_false(users[1].ended);
	assert_int_equal(asked_to_flush(BLKIF_RSP_EOPNOTSUPP), BLKIF_OP_WRITE_BARRIER);
	assert_true(users[1].ended == 1 && !users[1].request.rc && !r->flush_op);
	r->flush_op = BLKIF_OP_FLUSH_DISKCACHE;
	assert_true(blk_ring_submit(r, &want(1, BLOCK_FLUSH, 0)->request));
	asked_to_flush(BLKIF_RSP_ERROR);
	assert_int_equal(users[1].request.rc, -EIO);
}

static void test_discard(void **state)
{
	struct user *u = want(3, BLOCK_DISCARD, 0);
	const struct blkif_request_discard *d = (void *)&r->shared->ring[0];

	u->request.sectors = 77;
	assert_true(blk_ring_submit(r, &u->request));
	assert_true(d->operation == BLKIF_OP_DISCARD && d->sector_number == 900 && d->nr_sectors == 77);
	say(d->id, BLKIF_OP_DISCARD, BLKIF_RSP_EOPNOTSUPP);
	assert_null(blk_ring_answers(r));
	assert_int_equal(u->request.rc, -EOPNOTSUPP);
}

/* The back end ends and comes again: what it has not answered is asked again, as often as needed; what it has, not. */
static void test_again(void **state)
{
	r->max_pieces = 32;
	for (unsigned i = 0; i < 3; i++)
		assert_true(blk_ring_submit(r, &want(i, BLOCK_WRITE, 4)->request));
	serve(0);
	assert_null(blk_ring_answers(r));
	blk_ring_close(r);
	assert_true(granted_now() == 0 && ports_open == 0);
	assert_true(blk_ring_submit(r, &want(3, BLOCK_READ, 32)->request)); /* it waits */
	assert_int_equal(users[1].ended + users[2].ended + users[3].ended, 0);
	assert_int_equal(blk_ring_open(r, NULL, NULL), 0);
	r->max_pieces = 11; /* of a plainer back end */
	seen = 0;
	blk_ring_run(r);
	while (seen != r->shared->req_prod) {
		serve(0);
		assert_null(blk_ring_answers(r));
	}
	for (unsigned i = 0; i < 4; i++)
		assert_true(users[i].ended == 1 && !users[i].request.rc);
	is_disks(&users[2]);
	is_disks(&users[3]);
}

static void test_end(void **state)
{
	assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 4)->request));
	blk_ring_close(r);
	blk_ring_fail(r);
	assert_true(users[1].ended == 1 && users[1].request.rc == -EIO && granted_now() == 0);
	assert_false(blk_ring_submit(r, &users[1].request));
}

/* ---- Back ends that lie ---- */

/* The request is not ended by the lie, but by the end of the ring, once. */
static void is_given_up(const char *wrong)
{
	assert_string_equal(blk_ring_answers(r), wrong);
	assert_false(users[1].ended);
	blk_ring_close(r);
	blk_ring_fail(r);
	assert_true(users[1].ended == 1 && users[1].request.rc == -EIO);
}

static void test_index(void **state)
{
	static const u32 ahead[] = {2, 33, 0x7fffffff, 0x80000000, 0xffffffff};

	for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
		assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 1)->request));
		r->shared->rsp_prod = ahead[i];
		is_given_up("answers more than was asked");
		r->refuses = false;
		assert_int_equal(blk_ring_open(r, NULL, NULL), 0);
		blk_ring_run(r);
	}
}

static void lie(u64 id, u8 op, int16_t status, const char *wrong)
{
	assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 1)->request));
	say(id, op, status);
	is_given_up(wrong);
}

static void test_id(void **state)
{
	lie(1, BLKIF_OP_READ, 0, "answers what nobody asked");
}

static void test_id_beyond(void **state)
{
	lie(1ull << 32, BLKIF_OP_READ, 0, "answers what nobody asked");
}

static void test_operation(void **state)
{
	lie(0, BLKIF_OP_WRITE, 0, "answers another operation than was asked");
}

static void test_status(void **state)
{
	lie(0, BLKIF_OP_READ, 1, "answers with a status that there is not");
}

static void test_status_below(void **state)
{
	lie(0, BLKIF_OP_READ, -3, "answers with a status that there is not");
}

static void test_twice(void **state)
{
	assert_true(blk_ring_submit(r, &want(2, BLOCK_READ, 1)->request));
	assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 1)->request));
	say(0, BLKIF_OP_READ, 0);
	say(0, BLKIF_OP_READ, 0);
	is_given_up("answers what nobody asked");
	assert_true(users[2].ended == 1 && !users[2].request.rc);
}

/* A page that it still has belongs to nobody from then on, whether the block layer's or the ring's own. */
static void test_keeps_pages(void **state)
{
	assert_true(blk_ring_submit(r, &want(1, BLOCK_READ, 1)->request));
	grants[r->slots[0].piece[0].granted.ref].mapped = true;
	say(0, BLKIF_OP_READ, 0);
	is_given_up("keeps pages that it has answered for");
	page_put(101); /* as the block layer does */
	assert_int_equal(pages[101].refs, 1);
	assert_int_equal(granted_now(), 1);
}

static void test_keeps_own_pages(void **state)
{
	grant_ref_t ref = r->unused[0].ref, ring = r->ref;
	pfn_t kept = grants[ref].pfn, kept_ring = grants[ring].pfn;

	grants[ref].mapped = grants[ring].mapped = true;
	blk_ring_close(r);
	assert_int_equal(granted_now(), 2);
	assert_true(pages[kept].refs == 1 && pages[kept_ring].refs == 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    T(test_lent),
	    T(test_parts_of_pages),
	    T(test_persistent),
	    T(test_large),
	    T(test_error),
	    T(test_many),
	    T(test_short_of_memory),
	    T(test_flush),
	    T(test_discard),
	    T(test_again),
	    T(test_end),
	    T(test_index),
	    T(test_id),
	    T(test_id_beyond),
	    T(test_operation),
	    T(test_status),
	    T(test_status_below),
	    T(test_twice),
	    T(test_keeps_pages),
	    T(test_keeps_own_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
