/* SPDX-License-Identifier: MIT */
/*
 * Specification: a store that was killed goes on as if nothing had happened. Clients do what they like by seed (SEED=,
 * STEPS=): requests in pieces, transactions, watches, domains that come and go, restarted rings and rings of nonsense.
 * Again and again a second store is made from what was kept, and its whole state (tree, watches, messages under way,
 * what of a request has come) must be that of the first one, byte by byte; at times it takes the first one's place.
 */
#include "alloc.h"
#include "journal.h"
#include "tools_store_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DOMAINS 5

static struct bytes notes, base, kept; /* not yet kept; the state at some time; the notes since */
static struct bytes outgoing[DOMAINS + 1];
static uint64_t state = 1;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % n;
}

static void keep(struct store *s)
{
	bytes_put(&kept, s->journal->data, s->journal->n);
	s->journal->n = 0;
}

static struct store_ops ops;

/* From now on the notes are those since this state. */
static void whole(void)
{
	for (struct conn *c = store.conns; c; c = c->next)
		txn_lose_all(c);
	base.n = kept.n = 0;
	state_save(&store, &base);
}

/* ---- What clients do ---- */

static const char *path(void)
{
	static char text[64];
	static const char *const names[] = {
	    "a", "b", "a/b", "a/c", "data/x", "@releaseDomain", "/", "/local/domain"};
	unsigned which = below(12);

	if (which < 8)
		return names[which];
	snprintf(text, sizeof(text), "/local/domain/%u%s%s", below(DOMAINS + 1), which > 9 ? "/" : "",
		 which > 9 ? names[below(4)] : "");
	return text;
}

static void put_text(struct bytes *b, const char *text)
{
	bytes_put(b, text, strlen(text) + 1);
}

static void payload(struct bytes *b, unsigned type, unsigned id)
{
	char text[24];

	switch (type) {
	case XS_WRITE:
		put_text(b, path());
		for (unsigned n = below(20) ? below(100) : below(1500); n; n--)
			bytes_put(b, "x", 1);
		break;
	case XS_WATCH:
	case XS_UNWATCH:
		put_text(b, path());
		put_text(b, below(2) ? "one" : "two");
		break;
	case XS_SET_PERMS:
		put_text(b, path());
		snprintf(text, sizeof(text), "b%u", id);
		put_text(b, text);
		snprintf(text, sizeof(text), "r%u", below(DOMAINS + 1));
		put_text(b, text);
		break;
	case XS_TRANSACTION_START:
	case XS_RESET_WATCHES:
		put_text(b, "");
		break;
	case XS_TRANSACTION_END:
		put_text(b, below(4) ? "T" : "F");
		break;
	case XS_INTRODUCE:
	case XS_RELEASE:
	case XS_SET_TARGET:
		snprintf(text, sizeof(text), "%u", 1 + below(DOMAINS));
		put_text(b, text);
		snprintf(text, sizeof(text), "%u", 1 + below(DOMAINS));
		if (type != XS_RELEASE)
			put_text(b, text);
		if (type == XS_INTRODUCE)
			put_text(b, "1");
		break;
	default:
		put_text(b, path());
	}
}

static void request(unsigned id)
{
	static const unsigned types[] = {
	    XS_WRITE, XS_WRITE, XS_WRITE,     XS_WATCH,           XS_WATCH,           XS_UNWATCH,
	    XS_READ,  XS_MKDIR, XS_RM,        XS_SET_PERMS,       XS_DIRECTORY,       XS_TRANSACTION_START,
	    XS_READ,  XS_WRITE, XS_GET_PERMS, XS_TRANSACTION_END, XS_TRANSACTION_END, XS_RESET_WATCHES,
	};
	static const unsigned dom0s[] = {XS_INTRODUCE, XS_RELEASE, XS_SET_TARGET};
	unsigned type = id || below(5) ? types[below(sizeof(types) / sizeof(*types))] : dom0s[below(3)];
	struct xsd_sockmsg head = {.type = type, .req_id = below(1000), .tx_id = below(2) ? 0 : below(5)};
	struct bytes b = {0};

	if (outgoing[id].n > 6000)
		return;
	payload(&b, type, id);
	head.len = b.n;
	bytes_put(&outgoing[id], &head, sizeof(head));
	bytes_put(&outgoing[id], b.data, b.n);
	free(b.data);
}

/* Some bytes into the ring, some out of it. */
static void move(unsigned id)
{
	struct xenstore_domain_interface *ring = &client[id].ring;
	size_t room = XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons), n = outgoing[id].n;

	n = n < room ? n : room;
	if (room > XENSTORE_RING_SIZE)
		n = 0; /* spoilt */
	n = below(3) ? n : below(n + 1);
	for (size_t i = 0; i < n; i++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = outgoing[id].data[i];
	memmove(outgoing[id].data, outgoing[id].data + n, outgoing[id].n - n);
	outgoing[id].n -= n;
	n = ring->rsp_prod - ring->rsp_cons;
	if (n <= XENSTORE_RING_SIZE)
		ring->rsp_cons += below(3) ? n : below(n + 1);
}

static void step(void)
{
	unsigned id = below(DOMAINS + 1);

	request(id);
	move(id);
	if (id && !below(400))
		client[id].ring.req_prod += 5000;
	if (id && !below(200)) {
		client[id].ring.connection = XENSTORE_RECONNECT;
		outgoing[id].n = 0;
	}
	if (id && !below(300) && client[id].conn && client[id].conn == conn_find(&store, id))
		below(2) ? conn_shutdown(client[id].conn) : conn_gone(client[id].conn);
	for (unsigned n = below(3); n; n--)
		one_round();
}

/* ---- The other store ---- */

static void must_be_equal(struct store *other)
{
	struct bytes ours = {0}, theirs = {0};

	state_save(&store, &ours);
	state_save(other, &theirs);
	assert_int_equal(ours.n, theirs.n);
	assert_memory_equal(ours.data, theirs.data, ours.n);
	assert_true(tree_is_sound(&other->tree));
	free(ours.data);
	free(theirs.data);
}

static void begin_again(struct store *other)
{
	store_init(other, &ops);
	assert_true(state_load(other, base.data, base.n));
	assert_true(journal_replay(other, kept.data, kept.n));
}

static void compare(void)
{
	struct store *other = calloc(1, sizeof(*other));
	uint64_t generation = tree_generation;

	one_round(); /* so that all is kept */
	generation = tree_generation;
	begin_again(other);
	assert_int_equal(tree_generation, generation);
	must_be_equal(other);
	for (struct conn *c = other->conns; c; c = c->next)
		c->ring = NULL; /* not to be let go, they are the first one's */
	store_free(other);
	free(other);
	tree_generation = generation;
}

/* Killed, before or after the last round's notes were kept or shown. */
static void replace(void)
{
	struct xenstore_domain_interface shown[DOMAINS + 1];
	unsigned when = below(3);
	size_t before = kept.n;

	for (unsigned id = 0; id <= DOMAINS; id++)
		shown[id] = client[id].ring;
	one_round();
	if (when == 0) /* not kept: then it was not shown either */
		kept.n = before;
	for (unsigned id = 0; when < 2 && id <= DOMAINS;
	     id++) { /* the bytes are there, the indices are not */
		struct xenstore_domain_interface *ring = &client[id].ring;

		ring->req_cons = shown[id].req_cons;
		ring->rsp_prod = shown[id].rsp_prod;
		if (ring->connection != shown[id].connection) {
			ring->req_prod = shown[id].req_prod;
			ring->rsp_cons = shown[id].rsp_cons;
			ring->connection = shown[id].connection;
		}
	}
	store_free(&store);
	begin_again(&store);
	state_attach(&store);
	for (struct conn *c = store.conns; c; c = c->next)
		client[c->id].conn = c;
	store.journal = &notes;
	notes.n = 0;
	whole();
	one_round();
}

static void the_next_store_goes_on(void **unused)
{
	const char *seed = getenv("SEED"), *steps = getenv("STEPS");

	state = seed ? strtoull(seed, NULL, 10) : 1;
	clients_begin(DOMAINS);
	ops = *store.ops;
	ops.keep = keep;
	store.ops = &ops;
	store.journal = &notes;
	whole();
	for (long n = steps ? strtol(steps, NULL, 10) : 20000; n; n--) {
		step();
		if (!below(40))
			compare();
		if (!below(200))
			whole();
		if (!below(100))
			replace();
	}
	clients_end();
}

static void let_go(struct conn *c)
{
	c->ring = NULL;
}

/* Whatever of it a killed writer, or a bad disk, left. */
static void what_makes_no_sense_is_refused(void **unused)
{
	struct store *other = calloc(1, sizeof(*other));

	clients_begin(DOMAINS);
	ops = *store.ops;
	ops.detach = let_go; /* its numbers may be any */
	assert_string_equal(put_value(1, 0, "a", "value"), "");
	assert_string_equal(ask_two(1, XS_WATCH, 0, "a", "token"), "");
	base.n = 0;
	state_save(&store, &base);
	for (size_t n = 0; n < base.n; n++) {
		store_init(other, &ops);
		state_load(other, base.data, n); /* what is cut between two connections may pass */
		store_free(other);
	}
	for (unsigned n = 0; n < 20000; n++) {
		size_t at = below(base.n);
		char was = base.data[at];

		base.data[at] = (char)below(256);
		store_init(other, &ops);
		if (state_load(other, base.data, base.n))
			journal_replay(other, base.data + at, base.n - at);
		store_free(other);
		base.data[at] = was;
	}
	free(other);
	clients_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_next_store_goes_on),
	    cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
