/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/xenbus. Each open file is a client of the store of its own: what is written to it is a stream of
 * requests, what is read a stream of replies and events (xen/io/xs_wire.h), in pieces of any size. When the
 * file is closed, its watches and transactions end.
 *
 * Locking: none, interrupts are off outside of sleeps (kern/proc/wait.h).
 */
#include "drivers/xenbus.h"
#include "drivers/xs_ring.h"
#include "kern/fs/devfs.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"

#define ASKED_MAX  8   /* requests under way */
#define UNREAD_MAX 512 /* messages a client may leave unread */

struct transaction {
	struct list list;
	u32 id;
};

struct user {
	struct xs_client client;
	struct wait_queue queue; /* readers, and writers with too many requests under way */
	struct list unread;      /* messages for it; the first one is read up to `read` */
	size_t read;
	unsigned n_unread, asked;
	struct list watches; /* the messages that registered them */
	struct list transactions;
	struct {
		struct xsd_sockmsg head;
		char payload[XENSTORE_PAYLOAD_MAX];
	} request; /* being written, as far as `have` */
	size_t have;
};

/* ---- From the store ---- */

static void add_unread(struct user *u, struct xs_message *m)
{
	list_add_tail(&u->unread, &m->list);
	u->n_unread++;
	wake_all(&u->queue);
}

static void remember_transaction(struct user *u, const struct xs_message *m)
{
	struct transaction *t = kmalloc(sizeof(*t));
	const char *text = m->payload;

	if (!t)
		return;
	t->id = parse_number(&text, 10);
	list_add_tail(&u->transactions, &t->list);
}

static void receive(struct xs_client *c, struct xs_message *m)
{
	struct user *u = container_of(c, struct user, client);

	if (m->head.type == XS_WATCH_EVENT && u->n_unread >= UNREAD_MAX) {
		kfree(m); /* the client does not read its messages */
		return;
	}
	if (m->head.type != XS_WATCH_EVENT)
		u->asked--;
	if (m->head.type == XS_TRANSACTION_START)
		remember_transaction(u, m);
	add_unread(u, m);
}

/* ---- Requests ---- */

/* An answer that the kernel makes itself. */
static int answer(struct user *u, u32 type, const char *text)
{
	struct xs_message *m = xs_message(type, u->request.head.tx_id, text, strlen(text) + 1);

	if (!m)
		return -ENOMEM;
	m->head.req_id = u->request.head.req_id;
	add_unread(u, m);
	return 0;
}

static struct transaction *transaction_of(struct user *u, u32 id)
{
	struct transaction *t;

	list_for_each (t, &u->transactions, list) {
		if (t->id == id)
			return t;
	}
	return NULL;
}

static void forget_transaction(struct user *u, u32 id)
{
	struct transaction *t = transaction_of(u, id);

	if (t) {
		list_del(&t->list);
		kfree(t);
	}
}

static int remember_watch(struct user *u)
{
	struct xs_message *m = xs_message(XS_UNWATCH, 0, u->request.payload, u->request.head.len);

	if (!m)
		return -ENOMEM;
	list_add_tail(&u->watches, &m->list);
	return 0;
}

static void forget_watch(struct user *u)
{
	struct xs_message *m;

	list_for_each (m, &u->watches, list) {
		if (m->head.len != u->request.head.len || memcmp(m->payload, u->request.payload, m->head.len))
			continue;
		list_del(&m->list);
		kfree(m);
		return;
	}
}

/* Its transactions answer ENOENT from now on. */
static void again(struct xs_client *c)
{
	struct user *u = container_of(c, struct user, client);
	struct xs_message *m;

	while (!list_empty(&u->transactions))
		forget_transaction(u, list_entry(u->transactions.next, struct transaction, list)->id);
	list_for_each (m, &u->watches, list)
		xs_send_quietly(c, xs_message(XS_WATCH, 0, m->payload, m->head.len));
}

static void end_watches(struct user *u)
{
	while (!list_empty(&u->watches)) {
		struct xs_message *m = list_entry(u->watches.next, struct xs_message, list);

		list_del(&m->list);
		xs_send_quietly(&u->client, m);
	}
}

static void end_transactions(struct user *u)
{
	while (!list_empty(&u->transactions)) {
		u32 id = list_entry(u->transactions.next, struct transaction, list)->id;

		xs_send_quietly(&u->client, xs_message(XS_TRANSACTION_END, id, "F", 2));
		forget_transaction(u, id);
	}
}

/* A whole request has been written. */
static int submit(struct user *u)
{
	const struct xsd_sockmsg *head = &u->request.head;
	struct xs_message *m;
	int rc = 0;

	if (head->tx_id && !transaction_of(u, head->tx_id))
		return answer(u, XS_ERROR, "ENOENT");
	if (head->type == XS_RESET_WATCHES) { /* the store would end the watches of all clients */
		end_transactions(u);
		end_watches(u);
		return answer(u, XS_RESET_WATCHES, "OK");
	}
	if (head->type == XS_WATCH)
		rc = remember_watch(u);
	else if (head->type == XS_UNWATCH)
		forget_watch(u);
	else if (head->type == XS_TRANSACTION_END)
		forget_transaction(u, head->tx_id);
	m = rc ? NULL : xs_message(head->type, head->tx_id, u->request.payload, head->len);
	if (!m)
		return -ENOMEM;
	m->head.req_id = head->req_id;
	u->asked++;
	rc = xs_send(&u->client, m);
	if (rc)
		u->asked--;
	return rc;
}

/* ---- The file ---- */

static int xenbus_open(struct inode *inode, struct file *file)
{
	struct user *u;

	if (!xenbus_served())
		return -ENXIO;
	u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	wait_init(&u->queue);
	list_init(&u->unread);
	list_init(&u->watches);
	list_init(&u->transactions);
	u->client.receive = receive;
	u->client.again = again;
	xs_client_add(&u->client);
	file->private = u;
	return 0;
}

static void xenbus_release(struct file *file)
{
	struct user *u = file->private;

	end_transactions(u);
	end_watches(u);
	xs_client_remove(&u->client);
	while (!list_empty(&u->unread)) {
		struct xs_message *m = list_entry(u->unread.next, struct xs_message, list);

		list_del(&m->list);
		kfree(m);
	}
	kfree(u);
}

static long xenbus_read(struct file *file, void *user, size_t n, u64 *pos)
{
	struct user *u = file->private;
	size_t done = 0;

	while (list_empty(&u->unread)) {
		int rc = file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&u->queue);

		if (rc)
			return rc;
	}
	while (done < n && !list_empty(&u->unread)) {
		struct xs_message *m = list_entry(u->unread.next, struct xs_message, list);
		size_t size = sizeof(m->head) + m->head.len, part = MIN(n - done, size - u->read);

		if (copy_to_user((char *)user + done, (char *)&m->head + u->read, part))
			return done ? (long)done : -EFAULT;
		done += part;
		u->read += part;
		if (u->read == size) {
			u->read = 0;
			u->n_unread--;
			list_del(&m->list);
			kfree(m);
		}
	}
	return done;
}

static int wait_for_turn(struct file *file, struct user *u)
{
	while (u->asked >= ASKED_MAX) {
		int rc = file->flags & O_NONBLOCK ? -EAGAIN : wait_on(&u->queue);

		if (rc)
			return rc;
	}
	return u->n_unread >= UNREAD_MAX ? -ENOSPC : 0;
}

/* Bytes still missing from the request being written. */
static size_t wanted(const struct user *u)
{
	size_t head = sizeof(u->request.head);

	return u->have < head ? head - u->have : head + u->request.head.len - u->have;
}

static long xenbus_write(struct file *file, const void *user, size_t n, u64 *pos)
{
	struct user *u = file->private;
	size_t done = 0;
	int rc = 0;

	while (done < n && !rc) {
		size_t part = MIN(n - done, wanted(u));

		rc = wait_for_turn(file, u);
		if (!rc && copy_from_user((char *)&u->request + u->have, (const char *)user + done, part))
			rc = -EFAULT;
		if (rc)
			break;
		done += part;
		u->have += part;
		if (u->have < sizeof(u->request.head))
			continue;
		if (u->request.head.len > XENSTORE_PAYLOAD_MAX)
			rc = -EINVAL;
		if (rc || !wanted(u)) {
			u->have = 0;
			rc = rc ? rc : submit(u);
		}
	}
	return rc == -EINVAL || rc == -ENOMEM || !done ? (rc ? rc : 0) : (long)done;
}

static unsigned xenbus_poll(struct file *file, struct poll_set *set)
{
	struct user *u = file->private;

	poll_wait(set, &u->queue);
	return (u->asked < ASKED_MAX ? POLLOUT : 0) | (list_empty(&u->unread) ? 0 : POLLIN);
}

static const struct file_ops xenbus_ops = {
    .open = xenbus_open,
    .release = xenbus_release,
    .read = xenbus_read,
    .write = xenbus_write,
    .poll = xenbus_poll,
};

void xenbus_init(void)
{
	if (xs_ring_present())
		devfs_add("xen/xenbus", MKDEV(DEV_MISC, 62), 0600, &xenbus_ops);
}
