/* SPDX-License-Identifier: MIT */
/*
 * Names and attributes of a 9P file system. The server may change under us at any time: a lookup always asks it. A file
 * that is in memory already is recognised by its qid, so that each file has one inode, and its locks and "is running"
 * are right; it gets the new fid, since the name by which it was found before may be gone.
 */
#include "kern/fs/p9.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

#define P9_MAGIC     0x01021997
#define VERSION      "9P2000.L"
#define MESSAGE_MIN  4096
#define ASK_ALL      0x7ffULL /* Tgetattr: what stat shows */
#define REMOVE_DIR   0x200    /* Tunlinkat */
#define FIRST_COOKIE 3        /* a position is the server's and this; positions up to 2 are the VFS's */

/* Tsetattr's `valid`. */
enum {
	SET_MODE = 1,
	SET_UID = 2,
	SET_GID = 4,
	SET_SIZE = 8,
	SET_ATIME = 0x10,
	SET_MTIME = 0x20,
	SET_TIMES = 0x180
};

static const struct inode_ops p9_ops;

struct attributes {
	struct p9_qid qid;
	u32 mode, uid, gid;
	u64 nlink, size, blocks;
	u64 atime[2], mtime[2], ctime[2]; /* seconds, nanoseconds */
};

static bool known_type(u32 mode)
{
	u32 type = mode & S_IFMT;

	return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFIFO || type == S_IFSOCK ||
	       type == S_IFCHR || type == S_IFBLK;
}

static int get_attributes(struct p9 *p9, const struct p9_fid *fid, struct attributes *a)
{
	struct p9_call *c = p9_ask(p9, P9_GETATTR, "dq", fid->number, ASK_ALL);
	u64 valid, rdev, block_size;
	bool ok;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ok = p9_get(&c->in, "qQdddqqqqqqqqqqq", &valid, &a->qid, &a->mode, &a->uid, &a->gid, &a->nlink, &rdev,
		    &a->size, &block_size, &a->blocks, &a->atime[0], &a->atime[1], &a->mtime[0], &a->mtime[1],
		    &a->ctime[0], &a->ctime[1]);
	p9_end(c);
	return ok && known_type(a->mode) && (s64)a->size >= 0 ? 0 : -EIO;
}

static s64 time_of(const u64 t[2])
{
	return t[0] * NSEC_PER_SEC + t[1];
}

static void apply(struct inode *inode, const struct attributes *a)
{
	inode->mode = (inode->mode & S_IFMT) | (a->mode & 07777);
	inode->uid = a->uid;
	inode->gid = a->gid;
	inode->nlink = a->nlink;
	inode->size = a->size;
	inode->sectors = a->blocks;
	inode->atime = time_of(a->atime);
	inode->mtime = time_of(a->mtime);
	inode->ctime = time_of(a->ctime);
}

static struct inode *find_inode(struct p9 *p9, const struct attributes *a)
{
	struct p9_node *n;

	list_for_each (n, &p9->nodes, list) {
		if (n->inode->ino == a->qid.path && (n->inode->mode & S_IFMT) == (a->mode & S_IFMT))
			return inode_get(n->inode);
	}
	return NULL;
}

static struct inode *new_inode(struct p9 *p9, struct inode *parent, const struct attributes *a)
{
	struct inode *inode = inode_alloc(&p9->fs, a->mode);
	struct p9_node *n = inode ? kzalloc(sizeof(*n)) : NULL;

	if (!n) {
		kfree(inode);
		return NULL;
	}
	inode->ino = a->qid.path;
	inode->ops = &p9_ops;
	inode->fops = (a->mode & S_IFMT) == S_IFREG ? &p9_file_ops : NULL;
	inode->private = n;
	n->inode = inode;
	if ((a->mode & S_IFMT) == S_IFDIR)
		n->parent = parent ? inode_get(parent) : inode;
	list_add(&p9->nodes, &n->list);
	return inode;
}

/* A directory may have been moved, by the server or by us. The root stays its own parent; and of two directories that a
 * server shows inside each other one stays where it was, or they would keep each other for ever. */
static void set_parent(struct inode *inode, struct inode *parent)
{
	struct inode *old = p9_node(inode)->parent, *above = parent;

	if (!old || old == inode || old == parent)
		return;
	while (above != inode && above != p9_node(above)->parent)
		above = p9_node(above)->parent;
	if (above == inode)
		return;
	p9_node(inode)->parent = inode_get(parent);
	inode_put(old);
}

/* The inode of what a new fid stands for; the fid is the inode's then, or dropped. */
static int inode_of(struct p9 *p9, struct p9_fid *fid, struct inode *parent, struct inode **out)
{
	struct attributes a;
	int rc = get_attributes(p9, fid, &a);
	struct inode *inode = rc ? NULL : find_inode(p9, &a);

	if (!rc && !inode) {
		inode = new_inode(p9, parent, &a);
		rc = inode ? 0 : -ENOMEM;
	}
	if (rc) {
		p9_fid_drop(p9, fid);
		return rc;
	}
	p9_fid_drop(p9, p9_node(inode)->fid);
	p9_node(inode)->fid = fid;
	apply(inode, &a);
	if (parent)
		set_parent(inode, parent);
	*out = inode;
	return 0;
}

static int p9_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct p9_fid *fid = p9_walk(p9_of(dir), p9_node(dir)->fid, name, len);

	return IS_ERR(fid) ? PTR_ERR(fid) : inode_of(p9_of(dir), fid, dir, out);
}

static struct inode *p9_parent(struct inode *dir)
{
	return inode_get(p9_node(dir)->parent);
}

/* The new file is open already, as it may be one that nobody may open again: its first open takes that. */
static int create_file(struct inode *dir, const char *name, size_t len, u32 mode, struct inode **out)
{
	struct p9 *p9 = p9_of(dir);
	struct p9_fid *fid = p9_walk(p9, p9_node(dir)->fid, NULL, 0);
	int rc;

	if (IS_ERR(fid))
		return PTR_ERR(fid);
	rc = p9_do(p9, P9_LCREATE, "dsddd", fid->number, name, len, O_RDWR | O_CREAT | O_EXCL, mode, 0);
	if (!rc)
		rc = p9_lookup(dir, name, len, out);
	if (rc || p9_node(*out)->opened)
		p9_fid_drop(p9, fid);
	else
		p9_node(*out)->opened = fid;
	return rc;
}

/* Other types are not made: QEMU refuses to touch what is neither a file nor a directory. */
static int p9_create(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev, struct inode **out)
{
	u32 type = mode & S_IFMT;
	int rc = -EPERM;

	if (type == S_IFREG)
		return create_file(dir, name, len, mode & 07777, out);
	if (type == S_IFDIR)
		rc = p9_do(p9_of(dir), P9_MKDIR, "dsdd", p9_node(dir)->fid->number, name, len, mode & 07777,
			   0);
	return rc ? rc : p9_lookup(dir, name, len, out);
}

static int p9_symlink(struct inode *dir, const char *name, size_t len, const char *target)
{
	return p9_do(p9_of(dir), P9_SYMLINK, "dssd", p9_node(dir)->fid->number, name, len, target,
		     strlen(target), 0);
}

static int p9_link(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	int rc = p9_do(p9_of(dir), P9_LINK, "dds", p9_node(dir)->fid->number, p9_node(inode)->fid->number,
		       name, len);

	inode->nlink += !rc;
	return rc;
}

static int p9_unlink(struct inode *dir, const char *name, size_t len, bool directory)
{
	struct inode *inode;
	int rc = p9_lookup(dir, name, len, &inode);

	if (rc)
		return rc;
	rc = inode->mounted ? -EBUSY
			    : p9_do(p9_of(dir), P9_UNLINKAT, "dsd", p9_node(dir)->fid->number, name, len,
				    directory ? REMOVE_DIR : 0);
	if (!rc && inode->nlink)
		inode->nlink--;
	inode_put(inode);
	return rc;
}

static int p9_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
		     const char *to, size_t to_len)
{
	struct inode *inode;
	int rc = p9_lookup(from_dir, from, from_len, &inode);

	if (rc)
		return rc;
	rc = inode->mounted ? -EBUSY
			    : p9_do(p9_of(from_dir), P9_RENAMEAT, "dsds", p9_node(from_dir)->fid->number,
				    from, from_len, p9_node(to_dir)->fid->number, to, to_len);
	if (!rc)
		set_parent(inode, to_dir);
	inode_put(inode);
	return rc;
}

/* Opens the directory once, for all who list it. */
static int open_listing(struct inode *dir)
{
	struct p9_node *n = p9_node(dir);
	struct p9_fid *fid;

	if (n->opened)
		return 0;
	fid = p9_open_fid(p9_of(dir), n->fid, O_RDONLY | O_DIRECTORY);
	if (IS_ERR(fid))
		return PTR_ERR(fid);
	if (n->opened) /* another task was faster */
		p9_fid_drop(p9_of(dir), fid);
	else
		n->opened = fid;
	return 0;
}

/* Emits the entries of one answer. False: there are no more, or no more are wanted. */
static bool emit_entries(struct p9_message *in, u64 *pos, dir_emit_t emit, void *ctx)
{
	struct p9_qid qid;
	u32 bytes;
	u64 cookie;
	u8 type;
	const char *name;
	size_t len;

	if (!p9_get(in, "d", &bytes) || !bytes || bytes > in->size - in->at)
		return false;
	in->size = in->at + bytes;
	while (in->at < in->size) {
		if (!p9_get(in, "Qqbs", &qid, &cookie, &type, &name, &len))
			return false;
		if (p9_name_ok(name, len) && !emit(ctx, name, len, qid.path, (u32)type << 12))
			return false;
		*pos = cookie + FIRST_COOKIE;
	}
	return true;
}

static void p9_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx)
{
	struct p9 *p9 = p9_of(dir);
	struct p9_call *c;
	bool more = !open_listing(dir);

	while (more) {
		c = p9_ask(p9, P9_READDIR, "dqd", p9_node(dir)->opened->number,
			   *pos < FIRST_COOKIE ? 0 : *pos - FIRST_COOKIE, P9_DATA(p9));
		if (IS_ERR(c))
			return;
		more = emit_entries(&c->in, pos, emit, ctx);
		p9_end(c);
	}
}

static int p9_readlink(struct inode *inode, char *buf, size_t size)
{
	struct p9_call *c = p9_ask(p9_of(inode), P9_READLINK, "d", p9_node(inode)->fid->number);
	const char *text;
	size_t len;
	bool ok;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ok = p9_get(&c->in, "s", &text, &len);
	if (ok)
		memcpy(buf, text, MIN(len, size));
	p9_end(c);
	return ok ? (int)MIN(len, size) : -EIO;
}

static int set_attributes(struct inode *inode, u32 valid, const struct inode *to, u64 size)
{
	u32 a_nsec, m_nsec;
	u64 a_sec = div64(to->atime, NSEC_PER_SEC, &a_nsec), m_sec = div64(to->mtime, NSEC_PER_SEC, &m_nsec);

	return p9_do(p9_of(inode), P9_SETATTR, "dddddqqqqq", p9_node(inode)->fid->number, valid,
		     to->mode & 07777, to->uid, to->gid, size, a_sec, (u64)a_nsec, m_sec, (u64)m_nsec);
}

static int p9_truncate(struct inode *inode, u64 size)
{
	int rc = set_attributes(inode, SET_SIZE, inode, size);

	if (rc)
		return rc;
	inode->size = size;
	prepared_forget(&p9_node(inode)->prepared, size >> PAGE_SHIFT);
	return 0;
}

/* An owner that the server may not give, as it is no superuser, is not an error: files there are its own (QEMU's
 * security_model=none), and mv or tar would complain of each. */
static int p9_change(struct inode *inode, const struct inode *to)
{
	u32 valid = 0;
	int rc;

	if (to->mode != inode->mode)
		valid |= SET_MODE;
	if (to->uid != inode->uid)
		valid |= SET_UID;
	if (to->gid != inode->gid)
		valid |= SET_GID;
	if (to->atime != inode->atime || to->mtime != inode->mtime)
		valid |= SET_ATIME | SET_MTIME | SET_TIMES;
	rc = valid ? set_attributes(inode, valid, to, 0) : 0;
	return rc == -EPERM && !(valid & ~(SET_UID | SET_GID)) ? 0 : rc;
}

/* What the server says is believed as far as it can be true. */
static int p9_space(const struct inode *inode, struct fs_space *s)
{
	struct p9_call *c = p9_ask(p9_of(inode), P9_STATFS, "d", p9_node(inode)->fid->number);
	u64 for_users;
	u32 type;
	bool ok;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ok = p9_get(&c->in, "ddqqqqq", &type, &s->block_size, &s->all, &s->left, &for_users, &s->files,
		    &s->files_left);
	p9_end(c);
	s->left = MIN(s->left, s->all);
	s->reserved = s->left - MIN(for_users, s->left);
	s->files_left = MIN(s->files_left, s->files);
	return ok && s->block_size ? 0 : -EIO;
}

/* If the server does not answer, or the file's name is gone, what was known stays. */
static void p9_refresh(struct inode *inode)
{
	struct attributes a;

	if (!get_attributes(p9_of(inode), p9_node(inode)->fid, &a))
		apply(inode, &a);
}

/* Then its parents, if only it has kept them: in a loop, since there may be any number of them. */
static void p9_release(struct inode *inode)
{
	while (inode) {
		struct p9_node *n = p9_node(inode);
		struct inode *parent = n->parent == inode ? NULL : n->parent;

		prepared_forget(&n->prepared, 0);
		p9_fid_drop(p9_of(inode), n->fid);
		p9_fid_drop(p9_of(inode), n->opened);
		list_del(&n->list);
		kfree(n);
		kfree(inode);
		inode = parent && !--parent->refs ? parent : NULL;
	}
}

static const struct inode_ops p9_ops = {
    .lookup = p9_lookup,
    .parent = p9_parent,
    .create = p9_create,
    .symlink = p9_symlink,
    .link = p9_link,
    .unlink = p9_unlink,
    .rename = p9_rename,
    .readdir = p9_readdir,
    .readlink = p9_readlink,
    .truncate = p9_truncate,
    .change = p9_change,
    .refresh = p9_refresh,
    .prepare = p9_prepare,
    .peek = p9_peek,
    .page = p9_page,
    .release = p9_release,
};

/* Agrees with the server upon the longest message: the first thing said. */
static int agree(struct p9 *p9)
{
	struct p9_call *c = p9_ask(p9, P9_VERSION, "ds", P9_MESSAGE, VERSION, strlen(VERSION));
	const char *version;
	size_t len;
	u32 message;
	bool ok;

	if (IS_ERR(c))
		return PTR_ERR(c);
	ok = p9_get(&c->in, "ds", &message, &version, &len) && message >= MESSAGE_MIN &&
	     len == strlen(VERSION) && !memcmp(version, VERSION, len);
	p9_end(c);
	if (!ok)
		return -EOPNOTSUPP;
	p9->message = MIN(message, P9_MESSAGE);
	/* A fault finds no page only behind the file's end, or after the file was changed: no program is to blame. */
	p9->fs = (struct fs_stat){.type = "9p", .magic = P9_MAGIC, .limit = 1, .used = 1, .space = p9_space};
	return 0;
}

struct inode *p9_mount(const char *tag)
{
	struct p9 *p9 = p9_find(tag);
	struct p9_fid *fid;
	struct inode *root;
	int rc = p9 ? 0 : -ENOENT;

	if (!rc && !p9->message)
		rc = agree(p9);
	if (rc)
		return ERR_PTR(rc);
	fid = p9_fid_new(p9);
	if (!fid)
		return ERR_PTR(-ENOMEM);
	rc = p9_do(p9, P9_ATTACH, "ddssd", fid->number, P9_NO_FID, "root", (size_t)4, "", (size_t)0, 0);
	if (rc) {
		kfree(fid);
		return ERR_PTR(rc);
	}
	rc = inode_of(p9, fid, NULL, &root);
	if (!rc && (root->mode & S_IFMT) != S_IFDIR) {
		inode_put(root);
		rc = -ENOTDIR;
	}
	return rc ? ERR_PTR(rc) : root;
}
