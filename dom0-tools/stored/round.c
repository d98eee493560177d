/* SPDX-License-Identifier: MIT */
/* A round: each client that is ready has a turn, within its share; then everything is kept, and shown. */
#include "store.h"
#include "work.h"

/* The next client that became ready before this round and has not had its turn; NULL: none. */
static struct conn *next_turn(struct store *s)
{
	struct conn *c = queue_entry(s->ready.first, struct conn, ready);

	if (!c || c->ready_round == s->rounds)
		return NULL;
	work(1);
	queue_remove(&s->ready, &c->ready);
	return c;
}

/* Charge the client for a request or a reconnection, before which the store's work was @before. */
static void charge(struct conn *c, uint64_t before)
{
	if (!c->privileged)
		c->debt += store_work - before;
}

/* Subtract what rounds have paid since the last turn: each pays ROUND_WORK; one in which no client asked for anything
 * pays all, since the debt is owed to clients that ask. */
static void pay(struct conn *c)
{
	const struct store *s = c->store;
	uint64_t paid = (s->rounds - c->last_turn) * ROUND_WORK;

	c->debt -= c->debt < paid || s->last_idle >= c->last_turn ? c->debt : paid;
	c->last_turn = s->rounds;
}

/* One client's turn; *@served counts requests. */
static void serve(struct conn *c, unsigned *served)
{
	struct xsd_sockmsg head;
	uint64_t before = store_work;
	bool anew = ring_reconnect(c);
	unsigned done = 0;

	pay(c);
	charge(c, before);
	while (!anew && !c->broken && c->replies < c->quota->replies && done < ROUND_REQUESTS &&
	       c->debt < ROUND_WORK) {
		before = store_work;
		ring_take(c);
		if (!ring_request(c, &head))
			break;
		request_serve(c, &head);
		charge(c, before);
		ring_give(c);
		done++;
	}
	if (!anew)
		ring_give(c); /* also events that others caused */
	*served += done;
	if (anew || done == ROUND_REQUESTS || c->debt >= ROUND_WORK)
		conn_ready(c);
}

/* What this round did: first it is kept, then clients see it. */
static void show_all(struct store *s, void (*tell)(struct conn *c))
{
	struct conn *c;

	if (s->ops->keep)
		s->ops->keep(s);
	while ((c = queue_entry(queue_take(&s->touched), struct conn, touched))) {
		ring_show(c);
		tell(c);
	}
}

bool store_round(struct store *s, void (*tell)(struct conn *c))
{
	unsigned served = 0;
	struct conn *c;

	s->rounds++;
	/* A client that becomes ready meanwhile has its turn in the next round. A request may add or remove other
	 * connections, never the one being served: only Dom0 may do that, and it cannot be released. */
	while ((c = next_turn(s)))
		serve(c, &served);
	if (!served)
		s->last_idle = s->rounds;
	show_all(s, tell);
	return s->ready.first;
}
