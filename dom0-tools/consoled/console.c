/* SPDX-License-Identifier: MIT */
/* The console ring of a guest: see guest.h. Each side writes its own index, after the bytes (out) or after it
 * has taken them (in); the barriers keep that order. */
#include "guest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* A ring whose indices make no sense: say so once in the log, and drop what is in it. */
static void broken(struct guest *g)
{
	static const char text[] = "\r\n(rl) this domain broke its console ring; output is lost\r\n";

	if (!g->ring_broken)
		conlog_append(&g->log, text, sizeof(text) - 1);
	g->ring_broken = true;
}

void console_resume(struct guest *g)
{
	struct xencons_interface *ring = g->ring;
	XENCONS_RING_IDX cons = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED),
			 there = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE) - cons;

	if (there <= sizeof(ring->out) && g->log.cons - cons <= there)
		ring->out_cons = g->log.cons;
}

size_t console_drain(struct guest *g, bool *tell)
{
	struct xencons_interface *ring = g->ring;
	/* Each is read once, since the guest may change it meanwhile: what was checked is what is used. */
	XENCONS_RING_IDX cons = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED),
			 prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
	char out[sizeof(ring->out)];
	size_t n = 0;

	*tell = prod != cons;
	if (!*tell)
		return 0;
	if (prod - cons > sizeof(ring->out)) {
		broken(g);
		cons = prod;
	}
	while (cons != prod)
		out[n++] = ring->out[MASK_XENCONS_IDX(cons++, ring->out)];
	g->log.cons = prod - n;
	if (n)
		conlog_append(&g->log, out, n);
	barrier();
	ring->out_cons = prod;
	return n;
}

size_t console_room(const struct guest *g)
{
	XENCONS_RING_IDX prod = __atomic_load_n(&g->ring->in_prod, __ATOMIC_RELAXED),
			 used = prod - __atomic_load_n(&g->ring->in_cons, __ATOMIC_RELAXED);

	return used >= sizeof(g->ring->in) ? 0 : sizeof(g->ring->in) - used;
}

bool console_feed(struct guest *g, int fd, bool *more)
{
	struct xencons_interface *ring = g->ring;
	XENCONS_RING_IDX prod = ring->in_prod;
	size_t room = console_room(g);
	char keys[sizeof(ring->in)];
	ssize_t got = room ? read(fd, keys, room) : 0;

	*more = !room || got > 0 || (got < 0 && errno == EAGAIN);
	if (got <= 0)
		return false;
	barrier(); /* the guest has taken what was there before it is overwritten */
	for (ssize_t i = 0; i < got; i++)
		ring->in[MASK_XENCONS_IDX(prod++, ring->in)] = keys[i];
	barrier();
	ring->in_prod = prod;
	return true;
}
