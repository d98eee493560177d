/* SPDX-License-Identifier: MIT */
/* Lies to the other end of a disk. */
#include "liar.h"
#include "rings.h"

#define RING  (d->first_ref)      /* grants of this device */
#define DATA  (d->first_ref + 1)  /* two pages, may be written */
#define RO    (d->first_ref + 3)  /* a page that may be read only */
#define OTHER (d->first_ref + 4)  /* a page for a domain that there is not */
#define TABLE (d->first_ref + 5)  /* a page of descriptors */
#define WRONG (d->first_ref + 6)  /* a frame that is not ours */
#define NEVER (d->first_ref + 99) /* nothing was granted there */

static struct blk_ring ring;
static char data[2][4096] __attribute__((aligned(4096)));
static struct blk_segment table[4096 / sizeof(struct blk_segment)] __attribute__((aligned(4096)));

bool blk_connect(struct device *d)
{
	if (!device_is_at(d, INIT_WAIT))
		return false;
	__builtin_memset(&ring, 0, sizeof(ring));
	ring.head.req_event = ring.head.rsp_event = 1;
	grant(RING, &ring, GTF_permit_access);
	grant(DATA, data[0], GTF_permit_access);
	grant(DATA + 1, data[1], GTF_permit_access);
	grant(RO, data[0], GTF_permit_access | GTF_readonly);
	grant_of(OTHER, va_to_mfn(data[0]), 77, GTF_permit_access);
	grant(TABLE, table, GTF_permit_access);
	grant_of(WRONG, 0xfffff, 0, GTF_permit_access);
	device_new_port(d);
	device_set_number(d, "/ring-ref", RING);
	device_set_number(d, "/event-channel", d->port);
	device_set(d, "/protocol", "x86_64-abi");
	device_set_number(d, "/feature-persistent", chance() % 2);
	device_set_number(d, "/state", INITIALISED);
	if (!device_is_at(d, CONNECTED))
		return false;
	device_set_number(d, "/state", CONNECTED);
	return true;
}

static union blk_request *next(unsigned op)
{
	union blk_request *r = &ring.slot[ring.head.req_prod++ % BLK_SLOTS];

	*r = (union blk_request){
	    .op = op, .segments = 1, .id = chance(), .segment[0] = {.last_sector = SECTORS_A_PAGE - 1}};
	return r;
}

static void push(struct device *d)
{
	barrier();
	storm(d->port, 1);
	rest(20);
	ring.head.rsp_event = ring.head.rsp_prod + 1;
}

/* One request for one page. */
static void page(struct device *d, unsigned op, uint32_t ref, uint64_t sector)
{
	union blk_request *r = next(op);

	r->segment[0].ref = ref;
	r->sector = sector;
	push(d);
}

static void far_ahead(struct device *d)
{
	static const uint32_t ahead[] = {0x7fffffff, 0xffffffff, BLK_SLOTS + 1, 0x80000000, 0};

	for (unsigned i = 0; i < ARRAY_SIZE(ahead); i++) {
		ring.head.req_prod = ring.head.rsp_prod + ahead[i];
		push(d);
		ring.head.rsp_prod = chance(); /* the other end's own number */
		push(d);
	}
}

static void wrong_grants(struct device *d)
{
	const uint32_t refs[] = {0xffffffff, 0x7fffffff, 100000, NEVER, OTHER, WRONG, RO, RING};

	for (unsigned i = 0; i < ARRAY_SIZE(refs); i++)
		for (unsigned op = BLK_READ; op <= BLK_WRITE; op++)
			page(d, op, refs[i], 0);
}

static void segments(struct device *d)
{
	static const struct {
		uint8_t count, first, last;
	} forms[] = {{0, 0, 7}, {12, 0, 7},    {255, 0, 7},  {1, 7, 3},
		     {1, 0, 8}, {1, 200, 255}, {11, 8, 255}, {2, 255, 0}};

	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		for (unsigned op = BLK_READ; op <= BLK_FLUSH; op++) {
			union blk_request *r = next(op);

			r->segments = forms[i].count;
			for (unsigned s = 0; s < BLK_SEGMENTS; s++)
				r->segment[s] = (struct blk_segment){DATA, forms[i].first, forms[i].last, 0};
			push(d);
		}
}

static void beyond_the_disk(struct device *d)
{
	static const uint64_t sectors[] = {1ull << 63, ~0ull, 1ull << 32, 16384 - 1, 16384, ~0ull - 7};

	for (unsigned i = 0; i < ARRAY_SIZE(sectors); i++) {
		union blk_request *r;

		page(d, BLK_READ, DATA, sectors[i]);
		page(d, BLK_WRITE, DATA, sectors[i]);
		r = next(BLK_DISCARD);
		r->discard.sector = sectors[i];
		r->discard.sectors = ~sectors[i] + chance() % 3;
		push(d);
	}
}

static void operations(struct device *d)
{
	for (unsigned op = BLK_BARRIER; op < 256; op += op < 8 ? 1 : 31)
		page(d, op, DATA, chance());
}

static void indirect(struct device *d)
{
	static const uint16_t counts[] = {0, 1, 12, 256, 512, 4097, 65535};
	const uint32_t refs[] = {TABLE, NEVER, RO, OTHER, 0xffffffff, RING, DATA};

	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(refs); k++) {
			union blk_request *r = next(BLK_INDIRECT);

			for (unsigned s = 0; s < ARRAY_SIZE(table); s++)
				table[s] = (struct blk_segment){k % 2 ? chance() : DATA, chance() % 9,
								chance() % 9, 0};
			r->indirect.indirect_op = k == 1 ? BLK_INDIRECT : k % 3;
			r->indirect.segments = counts[i];
			r->indirect.sector = k;
			for (unsigned s = 0; s < BLK_INDIRECTS; s++)
				r->indirect.ref[s] = refs[k];
			barrier();
			storm(d->port, 1);
			for (unsigned s = 0; s < 4000; s++) /* while they are read */
				table[chance() % ARRAY_SIZE(table)].ref = chance();
			push(d);
		}
}

/* True requests, whose grants and pages go while they are served. */
static void revoked(struct device *d)
{
	for (unsigned i = 0; i < 40; i++) {
		for (unsigned n = 0; n < BLK_SLOTS / 2; n++) {
			union blk_request *r = next(n % 2 ? BLK_WRITE : BLK_READ);

			r->segments = 2;
			r->segment[0].ref = DATA;
			r->segment[1] = (struct blk_segment){DATA + 1, 0, SECTORS_A_PAGE - 1, 0};
			r->sector = n * 16;
		}
		barrier();
		storm(d->port, 1);
		for (unsigned wait = chance() % 20000; wait; wait--)
			barrier();
		revoke(DATA + i % 2);
		page_renew(data[i % 2]);
		rest(chance() % 8);
		grant(DATA + i % 2, data[i % 2], GTF_permit_access);
	}
}

static void ring_changes(struct device *d)
{
	revoke(RING);
	for (unsigned i = 0; i < 200; i++) {
		uint32_t *word = (uint32_t *)&ring;

		for (unsigned n = 0; n < 64; n++)
			word[chance() % (sizeof(ring) / 4)] = chance() >> chance() % 32;
		ring.head.req_prod = ring.head.rsp_prod + chance() % BLK_SLOTS;
		barrier();
		storm(d->port, 1 + chance() % 8);
		if (i % 16 == 0)
			rest(2);
	}
	page_renew(&ring); /* theirs is the old one */
	storm(d->port, 10);
}

static void events(struct device *d)
{
	storm(d->port, 20000);
}

/* Last, since the other end may not come back from that. */
static void store(struct device *d)
{
	static const char *const nodes[] = {
	    "/ring-ref",  "/event-channel",          "/protocol",         "/ring-page-order",
	    "/ring-ref0", "/multi-queue-num-queues", "/queue-0/ring-ref", "/feature-persistent"};

	device_nonsense(d, nodes, ARRAY_SIZE(nodes), INITIALISED);
}

/* All kinds of true and false requests, as chance has it. */
static void anything(struct device *d)
{
	for (unsigned i = 0; i < 200; i++) {
		union blk_request *r = next(chance() % 7);

		r->segments = chance() % 16 ? chance() % 12 : chance();
		r->sector = chance() % 16 ? chance() % 17000 : (uint64_t)chance() << 32;
		for (unsigned s = 0; s < BLK_SEGMENTS; s++)
			r->segment[s] =
			    (struct blk_segment){d->first_ref + chance() % 7, chance() % 8, chance() % 9, 0};
		if (chance() % 4 == 0)
			storm(d->port, 1 + chance() % 3);
		if (chance() % 16 == 0)
			page_renew(data[chance() % 2]);
		if (chance() % 16 == 0)
			rest(1 + chance() % 4);
	}
	push(d);
}

const struct lie blk_lies[] = {
    {"disk: producer far ahead", far_ahead},
    {"disk: grants that are none", wrong_grants},
    {"disk: segments beyond the page", segments},
    {"disk: sectors beyond the disk", beyond_the_disk},
    {"disk: operations that are none", operations},
    {"disk: indirect descriptors", indirect},
    {"disk: grants revoked amid requests", revoked},
    {"disk: a ring that is no more", ring_changes},
    {"disk: events without end", events},
    {"disk: anything", anything},
    {"disk: nonsense in the store", store},
    {NULL, NULL},
};
