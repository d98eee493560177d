/* SPDX-License-Identifier: MIT */
/* Contents of files of a 9P file system: read and written at the server; for mappings, read beforehand. */
#include "kern/fs/p9.h"
#include "kern/lib/errno.h"
#include "kern/mm/user.h"

static int p9_open(struct inode *inode, struct file *file)
{
	struct p9_node *n = p9_node(inode);

	if (n->opened) {
		file->private = n->opened;
		n->opened = NULL;
		return 0;
	}
	file->private = p9_open_fid(p9_of(inode), n->fid, file->flags & O_ACCMODE);
	return IS_ERR(file->private) ? PTR_ERR(file->private) : 0;
}

static void p9_close(struct file *file)
{
	p9_fid_drop(p9_of(file->inode), file->private);
}

/* Asks for up to n bytes; *data is where in the answer they are, to be given back by p9_end(). Fewer: the end. */
static long ask_data(struct p9 *p9, const struct p9_fid *fid, u64 pos, size_t n, struct p9_call **c,
		     const u8 **data)
{
	u32 wanted = MIN(n, (size_t)P9_DATA(p9)), got;

	*c = p9_ask(p9, P9_READ, "dqd", fid->number, pos, wanted);
	if (IS_ERR(*c))
		return PTR_ERR(*c);
	if (!p9_get(&(*c)->in, "d", &got) || got > wanted || got > (*c)->in.size - (*c)->in.at) {
		p9_end(*c);
		return -EIO;
	}
	*data = (*c)->in.bytes + (*c)->in.at;
	return got;
}

static long p9_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct p9 *p9 = p9_of(file->inode);
	struct p9_call *c;
	const u8 *data;
	size_t done = 0;
	long got = 1;

	while (done < n && got > 0) {
		got = ask_data(p9, file->private, *pos + done, n - done, &c, &data);
		if (got < 0)
			break;
		if (copy_to_user((char *)buf + done, data, got))
			got = -EFAULT;
		else
			done += got;
		p9_end(c);
	}
	*pos += done;
	return done ? (long)done : got;
}

/* Writes what one message holds. How much it was, or -errno. */
static long write_some(struct file *file, const void *buf, size_t n, u64 pos)
{
	struct p9 *p9 = p9_of(file->inode);
	struct p9_call *c = p9_new(p9, P9_WRITE);
	u32 len = MIN(n, (size_t)P9_DATA(p9)), got;
	u8 *data;
	int rc;

	if (IS_ERR(c))
		return PTR_ERR(c);
	p9_put(&c->out, "dqd", ((struct p9_fid *)file->private)->number, pos, len);
	data = c->out.bytes + c->out.at;
	if (copy_from_user(data, buf, len)) {
		p9_end(c);
		return -EFAULT;
	}
	c->out.at += len;
	rc = p9_run(c);
	if (rc)
		return rc;
	if (!p9_get(&c->in, "d", &got) || got > len)
		rc = -EIO;
	else
		prepared_write(&p9_node(file->inode)->prepared, pos, data, got); /* mappings show it */
	p9_end(c);
	return rc ? rc : (long)got;
}

static long p9_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct inode *inode = file->inode;
	size_t done = 0;
	long got = 1;

	while (done < n && got > 0) {
		got = write_some(file, (const char *)buf + done, n - done, *pos + done);
		done += MAX(got, 0L);
	}
	*pos += done;
	inode->size = MAX(inode->size, *pos);
	return done ? (long)done : got;
}

const struct file_ops p9_file_ops = {
    .open = p9_open,
    .release = p9_close,
    .read = p9_read,
    .write = p9_write,
    .seekable = true,
};

struct source {
	struct p9 *p9;
	struct p9_fid *fid;
};

static long read_some(void *ctx, u64 pos, u64 n, struct prepared *to)
{
	struct source *from = ctx;
	struct p9_call *c;
	const u8 *data;
	long got = ask_data(from->p9, from->fid, pos, MIN(n, (u64)P9_MESSAGE), &c, &data);

	if (got < 0)
		return got;
	prepared_write(to, pos, data, got);
	p9_end(c);
	return got;
}

int p9_prepare(struct inode *inode)
{
	struct p9_node *n = p9_node(inode);
	struct source from = {.p9 = p9_of(inode)};
	int rc;

	inode->ops->refresh(inode);
	if (prepared_already(&n->prepared, inode))
		return 0;
	from.fid = p9_open_fid(from.p9, n->fid, O_RDONLY);
	if (IS_ERR(from.fid))
		return PTR_ERR(from.fid);
	rc = prepared_fill(&n->prepared, inode, read_some, &from);
	p9_fid_drop(from.p9, from.fid);
	return rc;
}

long p9_peek(struct inode *inode, u64 pos, void *buf, size_t n)
{
	return prepared_peek(&p9_node(inode)->prepared, inode, pos, buf, n);
}

ulong p9_page(struct inode *inode, ulong index, bool for_write)
{
	return prepared_page(&p9_node(inode)->prepared, index);
}
