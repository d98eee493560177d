/* SPDX-License-Identifier: MIT */
/*
 * Sending messages of 9P, and waiting for the answers. A task that is killed while it waits leaves its call behind: the
 * buffers stay the server's until the answer comes. A fid that such a call makes stays known to the server.
 */
#include "kern/console/log.h"
#include "kern/fs/p9.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"

static struct list servers = LIST_INIT(servers);

bool p9_add(struct p9 *p9)
{
	wait_init(&p9->waiters);
	list_init(&p9->unused);
	list_init(&p9->nodes);
	for (unsigned i = 0; i < P9_CALLS; i++) {
		pfn_t buffers = page_alloc_run(2 * P9_MESSAGE >> PAGE_SHIFT);

		if (!buffers)
			return false;
		p9->calls[i].p9 = p9;
		p9->calls[i].out.bytes = pfn_to_virt(buffers);
		p9->calls[i].in.bytes = p9->calls[i].out.bytes + P9_MESSAGE;
	}
	list_add_tail(&servers, &p9->list);
	return true;
}

struct p9 *p9_find(const char *tag)
{
	struct p9 *p9;

	list_for_each (p9, &servers, list) {
		if (!strcmp(p9->tag, tag))
			return p9;
	}
	return NULL;
}

static struct p9_call *free_call(struct p9 *p9)
{
	for (unsigned i = 0; i < P9_CALLS; i++)
		if (p9->calls[i].state == P9_FREE)
			return &p9->calls[i];
	return NULL;
}

static u16 tag_of(const struct p9_call *c)
{
	return c->type == P9_VERSION ? P9_NO_TAG : (u16)(c - c->p9->calls);
}

static void start(struct p9_call *c, u8 type, enum p9_state state)
{
	c->type = type;
	c->state = state;
	p9_start(&c->out, c->p9->message ? c->p9->message : P9_MESSAGE, type, tag_of(c));
}

static int send(struct p9_call *c)
{
	int rc = p9_finish(&c->out);

	if (!rc && (c->p9->broken || !c->p9->send(c->p9, c)))
		rc = -EIO;
	return rc;
}

/* Tells the server to forget fids, as long as there are calls for that; nobody waits for the answers. */
static void forget_fids(struct p9 *p9)
{
	struct p9_call *c;

	while (!list_empty(&p9->unused) && (c = free_call(p9))) {
		struct p9_fid *fid = list_entry(p9->unused.next, struct p9_fid, list);

		start(c, P9_CLUNK, P9_LEFT);
		p9_put(&c->out, "d", fid->number);
		if (send(c))
			c->state = P9_FREE;
		list_del(&fid->list);
		kfree(fid);
	}
}

void p9_done(struct p9_call *c, u32 written)
{
	c->written = written;
	c->state = c->state == P9_LEFT ? P9_FREE : P9_MINE;
	forget_fids(c->p9);
	wake_all(&c->p9->waiters);
}

void p9_break(struct p9 *p9)
{
	p9->broken = true;
	wake_all(&p9->waiters);
}

struct p9_call *p9_new(struct p9 *p9, u8 type)
{
	struct p9_call *c;
	int rc;

	while (!(c = free_call(p9)) && !p9->broken) {
		rc = wait_on_killable(&p9->waiters);
		if (rc)
			return ERR_PTR(rc);
	}
	if (p9->broken)
		return ERR_PTR(-EIO);
	start(c, type, P9_MINE);
	return c;
}

void p9_end(struct p9_call *c)
{
	c->state = P9_FREE;
	forget_fids(c->p9);
	wake_all(&c->p9->waiters);
}

int p9_run(struct p9_call *c)
{
	struct p9 *p9 = c->p9;
	int rc = send(c);

	if (!rc)
		c->state = P9_SENT;
	while (!rc && c->state == P9_SENT) {
		rc = p9->broken ? -EIO : wait_on_killable(&p9->waiters);
		if (rc && c->state == P9_SENT) {
			c->state = P9_LEFT;
			return rc;
		}
		rc = 0;
	}
	if (!rc)
		rc = p9_answer(&c->in, c->written, c->type, tag_of(c));
	if (rc)
		p9_end(c);
	return rc;
}

static struct p9_call *ask(struct p9 *p9, u8 type, const char *format, va_list ap)
{
	struct p9_call *c = p9_new(p9, type);
	int rc;

	if (IS_ERR(c))
		return c;
	p9_vput(&c->out, format, ap);
	rc = p9_run(c);
	return rc ? ERR_PTR(rc) : c;
}

struct p9_call *p9_ask(struct p9 *p9, u8 type, const char *format, ...)
{
	struct p9_call *c;
	va_list ap;

	va_start(ap, format);
	c = ask(p9, type, format, ap);
	va_end(ap);
	return c;
}

int p9_do(struct p9 *p9, u8 type, const char *format, ...)
{
	struct p9_call *c;
	va_list ap;

	va_start(ap, format);
	c = ask(p9, type, format, ap);
	va_end(ap);
	if (IS_ERR(c))
		return PTR_ERR(c);
	p9_end(c);
	return 0;
}

struct p9_fid *p9_fid_new(struct p9 *p9)
{
	struct p9_fid *fid = kzalloc(sizeof(*fid));

	if (fid)
		fid->number = p9->last_fid++;
	return fid;
}

void p9_fid_drop(struct p9 *p9, struct p9_fid *fid)
{
	if (!fid)
		return;
	list_add_tail(&p9->unused, &fid->list);
	forget_fids(p9);
}

struct p9_fid *p9_walk(struct p9 *p9, const struct p9_fid *from, const char *name, size_t len)
{
	struct p9_fid *fid = p9_fid_new(p9);
	struct p9_call *c;
	u16 steps;

	if (!fid)
		return ERR_PTR(-ENOMEM);
	c = len ? p9_ask(p9, P9_WALK, "ddws", from->number, fid->number, 1, name, len)
		: p9_ask(p9, P9_WALK, "ddw", from->number, fid->number, 0);
	if (IS_ERR(c)) {
		kfree(fid);
		return (void *)c;
	}
	if (!p9_get(&c->in, "w", &steps) || steps != !!len) {
		p9_end(c);
		kfree(fid);
		return ERR_PTR(-ENOENT);
	}
	p9_end(c);
	return fid;
}

struct p9_fid *p9_open_fid(struct p9 *p9, const struct p9_fid *from, u32 flags)
{
	struct p9_fid *fid = p9_walk(p9, from, NULL, 0);
	int rc = IS_ERR(fid) ? 0 : p9_do(p9, P9_LOPEN, "dd", fid->number, flags);

	if (!rc)
		return fid;
	p9_fid_drop(p9, fid);
	return ERR_PTR(rc);
}
