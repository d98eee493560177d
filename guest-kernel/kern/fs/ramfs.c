/* SPDX-License-Identifier: MIT */
/*
 * Names in the file system in memory. An inode lives as long as it has names (nlink) or users (refs).
 * Entries of a directory are kept in order of a cookie that only grows, so that a listing interrupted by
 * removals continues at the right place.
 */
#include "kern/fs/ramfs_internal.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "machine.h"

#define TMPFS_MAGIC 0x01021994

#define ENTRIES_MAX 65536 /* of a directory: they are searched one by one */

struct ram_entry {
	struct list list;
	struct inode *inode;
	u64 cookie;
	u32 len, hash;
	char name[];
};

/* inode.private of a directory. */
struct ram_dir {
	struct list entries;
	struct inode *parent; /* counted once the directory is removed: until then its parent is not empty */
	u64 last_cookie;
	u32 count;
};

/* These are never freed, even without inodes. */
struct fs_stat ramfs_root = {"rootfs", TMPFS_MAGIC, true, .inodes = 1};
struct fs_stat ramfs_devtmpfs = {"devtmpfs", TMPFS_MAGIC, true, .inodes = 1};
static struct fs_stat nameless = {"tmpfs", TMPFS_MAGIC, true, .inodes = 1};

static const struct inode_ops ramfs_ops;

static struct inode *dying; /* large files without names and users */

static bool is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

static void free_inode(struct inode *inode)
{
	if (!--inode->fs->inodes)
		kfree(inode->fs);
	kfree(inode->private);
	kfree(inode);
}

static struct inode *new_inode(struct fs_stat *fs, struct inode *parent, u32 mode)
{
	struct inode *inode = inode_alloc(fs, mode);
	struct ram_dir *d;

	if (!inode)
		return NULL;
	inode->ops = &ramfs_ops;
	fs->inodes++;
	if (is_dir(inode)) {
		d = inode->private = kzalloc(sizeof(*d));
		if (d) {
			list_init(&d->entries);
			d->parent = parent ? parent : inode;
			d->last_cookie = 2; /* positions 0 and 1 are "." and ".." */
			inode->nlink = 2;
		}
	} else if ((mode & S_IFMT) == S_IFREG) {
		inode->private = kzalloc(sizeof(struct ram_file));
		inode->fops = &ramfs_file_ops;
	} else {
		return inode;
	}
	if (!inode->private) {
		free_inode(inode);
		return NULL;
	}
	return inode;
}

/* Frees a removed directory, and those above it that were removed too and that only it has kept. */
static void release_dir(struct inode *dir)
{
	while (!dir->nlink && !dir->refs) {
		struct inode *parent = ((struct ram_dir *)dir->private)->parent;
		bool top = parent == dir;

		free_inode(dir);
		if (top)
			return;
		dir = parent;
		dir->refs--;
	}
}

static void ramfs_release(struct inode *inode)
{
	if (is_dir(inode)) {
		release_dir(inode);
		return;
	}
	if (inode->nlink)
		return;
	if ((inode->mode & S_IFMT) == S_IFREG && inode->frames > RAM_STEP >> PAGE_SHIFT) {
		((struct ram_file *)inode->private)->next = dying;
		dying = inode;
		return;
	}
	if ((inode->mode & S_IFMT) == S_IFREG)
		ramfs_truncate_now(inode, 0);
	free_inode(inode);
}

void ramfs_reap(void)
{
	struct inode *inode;

	while ((inode = dying)) {
		struct ram_file *rf = inode->private;

		if (ramfs_truncate_some(inode, 0)) {
			kernel_breathe();
			continue;
		}
		dying = rf->next;
		ramfs_truncate_now(inode, 0);
		free_inode(inode);
	}
}

/* With it few names of a long directory are compared. */
static u32 hash_of(const char *name, size_t len)
{
	u32 hash = len;

	while (len--)
		hash = hash * 31 + (u8)*name++;
	return hash;
}

static struct ram_entry *find(struct inode *dir, const char *name, size_t len)
{
	struct ram_dir *d = dir->private;
	u32 hash = hash_of(name, len);
	struct ram_entry *e;

	list_for_each (e, &d->entries, list) {
		if (e->hash == hash && e->len == len && !memcmp(e->name, name, len))
			return e;
	}
	return NULL;
}

static int add_entry(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	struct ram_dir *d = dir->private;
	struct ram_entry *e;

	if (!dir->nlink) /* removed, but still a current directory */
		return -ENOENT;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (d->count == ENTRIES_MAX)
		return -ENOSPC;
	e = kmalloc(sizeof(*e) + len);
	if (!e)
		return -ENOSPC;
	e->inode = inode;
	e->len = len;
	e->hash = hash_of(name, len);
	e->cookie = d->last_cookie++;
	memcpy(e->name, name, len);
	list_add_tail(&d->entries, &e->list);
	d->count++;
	if (is_dir(inode))
		dir->nlink++;
	inode_touch(dir);
	return 0;
}

/* Takes the name away and with it one link of the inode. */
static void remove_entry(struct inode *dir, struct ram_entry *e)
{
	struct inode *inode = e->inode;

	((struct ram_dir *)dir->private)->count--;
	list_del(&e->list);
	kfree(e);
	inode_touch(dir);
	inode_get(inode);
	if (is_dir(inode)) {
		dir->nlink--;
		inode->nlink = 0;
		inode_get(dir); /* it stays ".." of what is removed */
	} else {
		inode->nlink--;
	}
	inode_put(inode);
}

/* Depth first without recursion: go down while there is a directory, remove what is there. */
void ramfs_remove_all(struct inode *root)
{
	struct inode *dir = root;

	for (;;) {
		struct ram_dir *d = dir->private;
		struct ram_entry *e = list_entry(d->entries.next, struct ram_entry, list);

		if (kernel_breathe()) {
			dir = root; /* others may have changed the rest */
			continue;
		}
		if (list_empty(&d->entries)) {
			if (dir == root)
				break;
			dir = d->parent;
			d = dir->private;
			remove_entry(dir, list_entry(d->entries.next, struct ram_entry, list));
		} else if (is_dir(e->inode)) {
			dir = e->inode;
		} else {
			remove_entry(dir, e);
		}
	}
	root->nlink = 0; /* the last user frees it */
}

static int ramfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct ram_entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	*out = inode_get(e->inode);
	return 0;
}

static struct inode *ramfs_parent(struct inode *dir)
{
	struct ram_dir *d = dir->private;

	return inode_get(d->parent);
}

static int ramfs_create(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev,
			struct inode **out)
{
	struct inode *inode = new_inode(dir->fs, dir, mode);
	int rc;

	if (!inode)
		return -ENOSPC;
	inode->rdev = rdev;
	rc = add_entry(dir, name, len, inode);
	if (rc) {
		inode->nlink = 0;
		if (is_dir(inode))
			inode_get(dir);
		inode_put(inode);
		return rc;
	}
	*out = inode;
	return 0;
}

static int ramfs_symlink(struct inode *dir, const char *name, size_t len, const char *target)
{
	struct inode *inode;
	int rc = ramfs_create(dir, name, len, S_IFLNK | 0777, 0, &inode);

	if (rc)
		return rc;
	inode->private = kstrdup(target);
	inode->size = strlen(target);
	if (!inode->private) {
		remove_entry(dir, find(dir, name, len));
		rc = -ENOSPC;
	}
	inode_put(inode);
	return rc;
}

static int ramfs_readlink(struct inode *inode, char *buf, size_t size)
{
	size_t n = MIN(strlen(inode->private), size);

	memcpy(buf, inode->private, n);
	return n;
}

static int ramfs_link(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	int rc = inode->nlink ? add_entry(dir, name, len, inode) : -ENOENT;

	inode->nlink += !rc;
	return rc;
}

static bool is_empty(struct inode *dir)
{
	struct ram_dir *d = dir->private;

	return list_empty(&d->entries);
}

static int ramfs_unlink(struct inode *dir, const char *name, size_t len, bool directory)
{
	struct ram_entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	if (directory != is_dir(e->inode))
		return directory ? -ENOTDIR : -EISDIR;
	if (directory && !is_empty(e->inode))
		return -ENOTEMPTY;
	if (e->inode->mounted)
		return -EBUSY;
	remove_entry(dir, e);
	return 0;
}

/* Is `dir` the inode `above` or somewhere below it? */
static bool is_below(struct inode *dir, const struct inode *above)
{
	for (;;) {
		struct ram_dir *d = dir->private;

		if (dir == above)
			return true;
		if (d->parent == dir)
			return false;
		dir = d->parent;
	}
}

static int check_target(const struct ram_entry *target, struct inode *inode)
{
	if (is_dir(target->inode) != is_dir(inode))
		return is_dir(inode) ? -ENOTDIR : -EISDIR;
	if (is_dir(inode) && !is_empty(target->inode))
		return -ENOTEMPTY;
	return target->inode->mounted ? -EBUSY : 0;
}

static int ramfs_rename(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
			const char *to, size_t to_len)
{
	struct ram_entry *e = find(from_dir, from, from_len), *target = find(to_dir, to, to_len);
	struct inode *inode;
	int rc;

	if (!e)
		return -ENOENT;
	inode = e->inode;
	if (target && target->inode == inode)
		return 0;
	if (inode->mounted)
		return -EBUSY;
	if (is_dir(inode) && is_below(to_dir, inode))
		return -EINVAL;
	rc = target ? check_target(target, inode) : 0;
	if (rc)
		return rc;
	rc = add_entry(to_dir, to, to_len, inode);
	if (rc)
		return rc;
	if (target)
		remove_entry(to_dir, target);
	((struct ram_dir *)from_dir->private)->count--;
	list_del(&e->list);
	kfree(e);
	inode_touch(from_dir);
	if (is_dir(inode)) {
		struct ram_dir *d = inode->private;

		d->parent = to_dir;
		from_dir->nlink--;
	}
	return 0;
}

static void ramfs_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx)
{
	struct ram_dir *d = dir->private;
	struct ram_entry *e;

	list_for_each (e, &d->entries, list) {
		if (e->cookie < *pos)
			continue;
		if (!emit(ctx, e->name, e->len, e->inode->ino, e->inode->mode))
			return;
		*pos = e->cookie + 1;
	}
}

static const struct inode_ops ramfs_ops = {
    .lookup = ramfs_lookup,
    .parent = ramfs_parent,
    .create = ramfs_create,
    .symlink = ramfs_symlink,
    .link = ramfs_link,
    .unlink = ramfs_unlink,
    .rename = ramfs_rename,
    .readdir = ramfs_readdir,
    .readlink = ramfs_readlink,
    .truncate = ramfs_truncate,
    .peek = ramfs_peek,
    .page = ramfs_page,
    .release = ramfs_release,
};

struct inode *ramfs_create_root(struct fs_stat *fs)
{
	return new_inode(fs, NULL, S_IFDIR | 0755);
}

struct inode *ramfs_create_tmpfs(void)
{
	struct fs_stat *fs = kzalloc(sizeof(*fs));
	struct inode *root;

	if (!fs)
		return NULL;
	*fs = (struct fs_stat){"tmpfs", TMPFS_MAGIC, true, .inodes = 1};
	root = ramfs_create_root(fs);
	if (!--fs->inodes) /* no root */
		kfree(fs);
	return root;
}

struct file *ramfs_anonymous_file(size_t size)
{
	struct inode *inode = new_inode(&nameless, NULL, S_IFREG | 0600);
	struct file *file;

	if (!inode)
		return NULL;
	inode->nlink = 0;
	inode->size = size;
	file = file_alloc(inode, inode->fops, O_RDWR);
	inode_put(inode);
	return file;
}
