/* SPDX-License-Identifier: MIT */
/*
 * The store: its tree, the connections of domains, and what each of them has under way. Plain C without
 * system calls: main.c brings rings and events, the tests bring theirs.
 *
 *	ring.c      bytes between a shared page and a connection
 *	request.c   a whole message: which request, may it, the reply; request_node.c, request_domain.c
 *	ops.c       reading and changing a tree, with rights and quotas
 *	txn.c       transactions: a snapshot, a log, and its replay
 *	watch.c     which clients are told of a change
 *	event.c     events that wait to be read
 *	round.c     which client has a turn, and how long
 *	conn.c      connections and their queues of messages; limits.c, what each may have
 *	journal.c   notes by which the next daemon continues where this one was killed; replay.c does what they say; state.c, the
 *	            whole in one piece; save.c, all that in files
 *	tree.c, perms.c, path.c
 *
 * No client can hold up another: store_round() does at most ROUND_REQUESTS for each and never waits; clients that are
 * not ready (conn_ready()) cost it nothing, however many there are; a client that does not take its replies gets no
 * more requests done; merging limits the number of its events. What a guest's requests cost beyond ROUND_WORK is a
 * debt. The guest is not served before rounds have paid for it, so that others get as much done if they ask. The quotas
 * bound what a single request can cost.
 */
#pragma once

#include "queue.h"
#include "tree.h"

#include <xen/io/xs_wire.h>

struct bytes;
struct reader;

#define ROUND_REQUESTS 8
#define ROUND_WORK     2048 /* units (work.h) */

/* What one domain may have. */
struct quota {
	size_t nodes;        /* owned by it */
	size_t bytes;        /* in the values of nodes owned by it */
	size_t value;        /* bytes in a value */
	size_t path;         /* length of a path it makes */
	size_t perms;        /* entries of a node's permissions */
	size_t watches;      /* registered */
	size_t events;       /* waiting to be read, before they are merged */
	size_t replies;      /* requests whose replies it has not taken */
	size_t transactions; /* under way */
	size_t steps;        /* nodes read or changed in one transaction */
	size_t log;          /* bytes kept of what it does */
};

extern const struct quota quota_guest, quota_dom0;

/* A message to a client, sent as far as `sent`. */
struct message {
	struct message *next;
	/* Of an event of which nothing has been sent: */
	struct watch *watch;
	struct news *news;
	struct message *chain; /* in the same slot of c->waiting */
	size_t size, sent;
	char data[];
};

/* A path that some watches of a group have an event waiting for. */
struct news {
	struct news *chain; /* in the same slot of c->news */
	const struct watch_group *group;
	uint64_t hash; /* of the path */
	size_t n;      /* events */
	char path[];
};

struct watch {
	struct watch *next;       /* of the same client */
	struct watch *next_there; /* and of the same path */
	struct watch_group *group;
	char *path;     /* canonical, or one of the special names */
	char *as_given; /* as the client wrote it */
	char *token;
	size_t relative; /* how much of an event's path to leave out: the client wrote a relative path */
};

/* A client's watches of one path. */
struct watch_group {
	struct watch_group *chain; /* in the same slot of store.watched */
	struct conn *conn;
	uint64_t hash; /* of the path */
	struct watch *watches, **end;
	size_t n;
};

#define WAITING_SLOTS 512
#define WATCHED_SLOTS 1024

/* A domain's connection. */
struct conn {
	struct conn *next;
	struct link ready, touched; /* in the store's queues; ready since round ready_round */
	uint64_t ready_round;
	struct store *store;
	unsigned id, target; /* target: the domain whose rights it has too, or NO_DOMAIN */
	bool privileged;
	const struct quota *quota;
	bool seen_shutdown; /* its end has been told already */

	struct xenstore_domain_interface *ring;
	XENSTORE_RING_IDX req_cons, rsp_prod; /* the store's; the guest may overwrite the ring's copies */
	bool broken;                          /* it broke the protocol: silent until it reconnects */
	uint32_t error;                       /* why it should reconnect, for the ring; 0: it need not */
	bool anew;                            /* the ring must still be emptied */
	uint64_t mfn;
	unsigned remote_port;
	int port; /* the store's; -1: none */

	char in[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
	size_t have;
	struct message *out, **out_end;
	size_t replies, events;                 /* messages in out */
	struct message *waiting[WAITING_SLOTS]; /* events that can still be merged, by watch and path */
	struct news *news[WAITING_SLOTS];       /* by group and path */
	uint64_t debt;                          /* units of work that rounds before last_turn have not paid */
	uint64_t last_turn;
	struct watch *watches;
	size_t n_watches;
	struct txn *txns;
	size_t n_txns;
	uint32_t last_txn;
};

/* What the store asks of its surroundings. */
struct store_ops {
	/* Map the ring (c->mfn) and bind the event channel (c->remote_port) into c->ring, c->port. -errno. */
	int (*attach)(struct conn *c);
	void (*detach)(struct conn *c);
	/* Keep the notes in s->journal (journal.h), before clients see what came of them. May be NULL. */
	void (*keep)(struct store *s);
};

enum special {
	INTRODUCE_DOMAIN,
	RELEASE_DOMAIN,
	SPECIALS
};
extern const char *const special_names[SPECIALS]; /* "@introduceDomain", "@releaseDomain" */

struct store {
	struct tree tree;
	struct perms special[SPECIALS]; /* which domains may see these events */
	struct conn *conns;
	struct queue ready;    /* clients that may need a turn, in the order in which that became known */
	struct queue touched;  /* clients whose rings must show what this round did */
	struct bytes *journal; /* notes that are not yet kept; NULL: none are made */
	uint64_t rounds, last_idle; /* last_idle: the last round in which no client asked for anything */
	const struct store_ops *ops;
	struct watch_group *watched[WATCHED_SLOTS]; /* which client watches which path */
	uint64_t seed;                              /* of the hashes; set before the first watch */
};

void store_init(struct store *s, const struct store_ops *ops);
void store_free(struct store *s);
/* Serve each client that is ready a little. True: there is more to do at once. @tell is called for each connection
 * whose domain should get an event. */
bool store_round(struct store *s, void (*tell)(struct conn *c));

/* ---- conn.c ---- */

struct conn *conn_find(struct store *s, unsigned id);
/* The domain has come: *@out is its connection. -errno of attach. */
int conn_introduce(struct store *s, unsigned id, uint64_t mfn, unsigned port, struct conn **out);
/* An event came from it, or there is something for it: it has a turn in the next round. */
void conn_ready(struct conn *c);
/* At the round's end its ring shows what was done. */
void conn_touch(struct conn *c);
/* A connection that is not attached. */
struct conn *conn_new(struct store *s, unsigned id);
/* The domain has shut down: told once. */
void conn_shutdown(struct conn *c);
/* It is gone: forget it and its rights, tell the watchers of @releaseDomain. */
void conn_release(struct conn *c);
/* The same, when no client has asked for it. */
void conn_gone(struct conn *c);
/* It has come back with an empty ring: drop watches, transactions and messages. */
void conn_reset(struct conn *c);
/* Queue a message; returns it. */
struct message *conn_send(struct conn *c, const struct xsd_sockmsg *head, const void *data, size_t len);
/* The queue's first message has been sent. */
void conn_sent(struct conn *c);

/* ---- ring.c ---- */

/* Take bytes of the next request; true if there were any. */
bool ring_take(struct conn *c);
/* Give what is queued, as far as there is room; true if anything went. */
bool ring_give(struct conn *c);
/* The first @n bytes of what is queued have been given, by an earlier daemon. False: there are fewer. */
bool ring_gave(struct conn *c, size_t n);
/* The client's ring makes no sense. */
void ring_broke(struct conn *c, uint32_t error);
/* Let the client see what was taken and given. */
void ring_show(struct conn *c);
/* A whole request is in c->in; *@head is its head. */
bool ring_request(struct conn *c, struct xsd_sockmsg *head);
/* Handle a client that wants to reconnect. True if it should be told. */
bool ring_reconnect(struct conn *c);

/* ---- request.c ---- */

/* Answer the whole message in c->in. */
void request_serve(struct conn *c, const struct xsd_sockmsg *head);

/* ---- ops.c ---- */

/* What happened to a node, in the order in which things happened. There is no reference to the node, since shared
 * nodes are copied when they are changed. */
struct change {
	char *path;
	struct perms perms[2]; /* now, or when it was removed; before a change of permissions (else n is 0) */
	struct node *removed;  /* what was removed, counted; or NULL */
};

struct changes {
	struct change *list;
	size_t n;
};

void changes_free(struct changes *ch);

/* A request that changes the tree. */
struct op {
	unsigned type; /* XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS */
	char *path;
	char *data;
	size_t len;
	struct perms perms;
	int result;
};

/* Do it to @t with the rights of @c. 0 and notes in @ch, or -errno and nothing is changed. */
int op_apply(struct tree *t, const struct conn *c, const struct op *op, struct changes *ch);
/* The node for reading. 0, -ENOENT, -EACCES. */
int op_look(const struct tree *t, const struct conn *c, const char *path, struct node **out);
bool conn_may(const struct conn *c, const struct perms *p, unsigned access);
bool conn_owns(const struct conn *c, const struct perms *p);

/* ---- watch.c ---- */

int watch_add(struct conn *c, const char *path, const char *token);
/* Its first event, after the reply, which only says that the watch is set. */
void watch_begin(struct conn *c, const char *path, const char *token);
int watch_remove(struct conn *c, const char *path, const char *token);
void watch_remove_all(struct conn *c);
/* Tell all watchers of one of these. */
void watch_fire(struct store *s, const struct changes *ch);
void watch_fire_special(struct store *s, enum special which);
enum special special_of(const char *path); /* SPECIALS: none */

/* ---- event.c ---- */

/* A hash of @len characters that clients cannot predict. The hash of a prefix can be continued. */
uint64_t store_hash(uint64_t hash, const char *text, size_t len);
/* Tell the watches of a group of a change at @path, which has this hash, unless they still have that event to read. */
void event_tell(const struct watch_group *g, const char *path, uint64_t hash);
/* The same for one watch. */
void event_queue(struct watch *w, const char *path, uint64_t hash);
/* @m, which was sent to @w's client, waits as its event for a change at @path. */
void event_waits(struct message *m, struct watch *w, const char *path);
/* It can no longer be merged: it is sent, or dropped. */
void event_settled(struct message *m);
/* Take back what waits for a watch. */
void event_discard(struct conn *c, struct watch *w);

/* ---- txn.c ---- */

struct txn *txn_find(const struct conn *c, uint32_t id);
int txn_start(struct conn *c, uint32_t *id);
/* -EAGAIN: what it saw is no longer true. The transaction is gone in any case. */
int txn_end(struct conn *c, struct txn *t, bool commit);
void txn_drop_all(struct conn *c);
/* All transactions of this client restart from the current tree, and will fail at their ends with -EAGAIN: clients
 * repeat them. */
void txn_lose_all(struct conn *c);
/* Save what they did, when all are lost; load it into a client that has none. */
void txn_save(const struct conn *c, struct bytes *out);
void txn_load(struct conn *c, struct reader *r);
/* The same as op_apply() and op_look(), within the transaction. @children: the list is read, not the value.
 */
int txn_apply(struct conn *c, struct txn *t, const struct op *op);
int txn_look(struct conn *c, struct txn *t, const char *path, bool children, struct node **out);
