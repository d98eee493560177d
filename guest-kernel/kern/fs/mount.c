/* SPDX-License-Identifier: MIT */
/*
 * Mounting: the covered directory's inode points to the root that covers it (inode.mounted) and back
 * (inode.covers); path walking follows these. Mountable: proc, devtmpfs, tmpfs (an empty one each time), 9p (what a host
 * shares under the name that is the source), ext2 (a block device). The root's mount covers nothing.
 */
#include "kern/fs/mount.h"
#include "kern/console/log.h"
#include "kern/fs/devfs.h"
#include "kern/fs/ext2.h"
#include "kern/fs/p9.h"
#include "kern/fs/procfs.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "kern/mm/user.h"
#include "kern/sys/syscalls.h"
#include "kern/time/clock.h"

#define MS_RDONLY   1
#define MS_REMOUNT  32
#define MS_BIND     4096
#define TYPE_MAX    32
#define OPTIONS_MAX 128

struct list mounts = LIST_INIT(mounts);

static struct mount *mount_alloc(const char *path, const char *source, const char *type)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (!m)
		return NULL;
	m->path = kstrdup(path);
	m->source = kstrdup(source);
	m->type = type;
	if (m->path && m->source)
		return m;
	kfree(m->path);
	kfree(m->source);
	kfree(m);
	return NULL;
}

/* A tmpfs goes with its mount, an ext2 is closed; the others stay for ever. */
static void drop_root(struct inode *root)
{
	if (root->fs->type == ext2_type) {
		ext2_unmount(root);
		return;
	}
	if (!strcmp(root->fs->type, "tmpfs"))
		ramfs_remove_all(root);
	inode_put(root);
}

int mount_at(const char *path, const char *source, const char *type, struct inode *root)
{
	struct inode *point;
	struct mount *m;
	int rc = path_lookup(mount_root(), path, WALK_FOLLOW | WALK_DIR, &point);

	if (!rc && (point->covers || root->covers || point == root)) {
		inode_put(point);
		rc = -EBUSY;
	}
	if (rc) {
		drop_root(root);
		return rc;
	}
	m = mount_alloc(path, source, type);
	if (!m) {
		inode_put(point);
		drop_root(root);
		return -ENOMEM;
	}
	m->root = root;
	m->point = point;
	point->mounted = root;
	root->covers = point;
	list_add_tail(&mounts, &m->list);
	return 0;
}

void mount_make_root(const char *source, struct inode *root)
{
	struct mount *m = mount_alloc("/", source, root->fs->type);

	if (!m)
		panic("no memory for the root file system");
	m->root = root;
	list_add(&mounts, &m->list);
	mount_set_root(root);
}

void mount_switch_root(const char *source, struct inode *root)
{
	struct mount *m, *next;
	struct inode *old = mount_root(), *point;

	list_for_each_safe (m, next, &mounts, list) {
		if (!m->point) {
			list_del(&m->list);
		} else if (path_lookup(root, m->path + 1, WALK_FOLLOW | WALK_DIR, &point)) {
			log_warn("%s has no directory %s: what is mounted there is lost\n", source, m->path);
		} else {
			m->point->mounted = NULL;
			inode_put(m->point);
			m->point = point;
			point->mounted = m->root;
			m->root->covers = point;
		}
	}
	mount_make_root(source, root);
	ramfs_remove_all(old);
	inode_put(old);
}

static struct inode *ext2_root(const char *source, bool readonly)
{
	struct block_device *device;
	struct inode *inode;
	u32 mode, rdev;
	int rc = path_lookup(NULL, source, WALK_FOLLOW, &inode);

	if (rc)
		return ERR_PTR(rc);
	mode = inode->mode;
	rdev = inode->rdev;
	inode_put(inode);
	if ((mode & S_IFMT) != S_IFBLK)
		return ERR_PTR(-ENOTBLK);
	device = block_get(rdev);
	return device ? ext2_mount(device, readonly) : ERR_PTR(-ENXIO);
}

static struct inode *new_root(const char *type, const char *source, bool readonly, const char **name)
{
	if (!strcmp(type, "ext2")) {
		*name = "ext2";
		return ext2_root(source, readonly);
	}
	if (!strcmp(type, "proc")) {
		*name = "proc";
		return procfs_root();
	}
	if (!strcmp(type, "devtmpfs")) {
		*name = "devtmpfs";
		return devfs_root();
	}
	if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs")) {
		*name = "tmpfs";
		return ramfs_create_tmpfs();
	}
	if (!strcmp(type, "9p")) {
		*name = "9p";
		return p9_mount(source);
	}
	return ERR_PTR(-ENODEV);
}

/* The absolute path of a directory the user named, in a buffer of PATH_MAX bytes. */
static int absolute_path(const char *user_path, char *buf)
{
	struct inode *dir;
	int rc = user_path_lookup(AT_FDCWD, user_path, WALK_FOLLOW | WALK_DIR, &dir);

	if (rc)
		return rc;
	rc = path_of_dir(dir, buf, PATH_MAX);
	inode_put(dir);
	return rc < 0 ? rc : 0;
}

/* "512", "64k", "10M", "1g" in bytes, or "50%" of the memory: page frames; 0: no valid size. */
static ulong parse_size(const char *s)
{
	static const char units[] = "kmg";
	u64 n = parse_number(&s, 10);
	const char *unit = *s ? strchr(units, *s | 32) : NULL;

	if (*s == '%') {
		n = div64(MIN(n, 100ULL) * page_total_count(), 100, NULL);
		s++;
	} else if (n <= 1ULL << 33) {
		n = unit ? n << (10 * (unit - units + 1)) : n;
		n = (n + PAGE_SIZE - 1) >> PAGE_SHIFT;
		s += !!unit;
	}
	return *s || n > ~0U ? 0 : n;
}

/* Options, separated by commas; this takes the text apart. Only a tmpfs has some: size= and mode=. Of an ext2 each is
 * wrong, but others are only spared what they do not know. */
static int set_options(struct inode *root, char *options)
{
	char *next;
	const char *value;
	u32 mode;

	if (root->fs->type == ext2_type && *options) {
		log_warn("ext2: the option %s is not known, only ro and rw are\n", options);
		return -EINVAL;
	}
	if (!root->fs->inodes)
		return 0;
	for (; options && *options; options = next) {
		next = strchr(options, ',');
		if (next)
			*next++ = 0;
		value = options + 5;
		if (!strncmp(options, "size=", 5)) {
			root->fs->limit = parse_size(value);
			if (!root->fs->limit)
				return -EINVAL;
		} else if (!strncmp(options, "mode=", 5)) {
			mode = parse_number(&value, 8);
			if (*value)
				return -EINVAL;
			root->mode = S_IFDIR | (mode & 07777);
		} else {
			return -EINVAL;
		}
	}
	return 0;
}

static struct mount *mount_of(const struct inode *root)
{
	struct mount *m;

	list_for_each (m, &mounts, list) {
		if (m->root == root)
			return m;
	}
	return NULL;
}

static long remount(const char *user_path, bool readonly, char *options)
{
	struct inode *dir;
	int rc = user_path_lookup(AT_FDCWD, user_path, WALK_FOLLOW | WALK_DIR, &dir);

	if (rc)
		return rc;
	rc = mount_of(dir) ? set_options(dir, options) : -EINVAL;
	if (!rc && dir->fs->type == ext2_type)
		rc = ext2_remount(dir, readonly);
	inode_put(dir);
	return rc;
}

static long do_mount(const char *user_source, const char *user_path, const char *user_type, bool readonly,
		     char *path, char *options)
{
	char type[TYPE_MAX], source[64] = "none";
	struct inode *root;
	const char *name;
	int rc = absolute_path(user_path, path);

	if (rc)
		return rc;
	if (strncpy_from_user(type, user_type, sizeof(type)) < 0)
		return -EINVAL;
	if (user_source && strncpy_from_user(source, user_source, sizeof(source)) < 0)
		strlcpy(source, "none", sizeof(source));
	root = new_root(type, source, readonly, &name);
	if (!root)
		return -ENOMEM;
	if (IS_ERR(root))
		return PTR_ERR(root);
	rc = set_options(root, options);
	if (!rc)
		return mount_at(path, source, name, root);
	drop_root(root);
	return rc;
}

long sys_mount(const char *source, const char *user_path, const char *type, ulong flags, const void *data)
{
	char *path, options[OPTIONS_MAX] = "";
	long rc;

	if ((flags & MS_BIND) || (data && strncpy_from_user(options, data, sizeof(options)) < 0))
		return -EINVAL;
	if (flags & MS_REMOUNT)
		return remount(user_path, flags & MS_RDONLY, options);
	path = kmalloc(PATH_MAX);
	rc = path ? do_mount(source, user_path, type, flags & MS_RDONLY, path, options) : -ENOMEM;
	kfree(path);
	return rc;
}

/* A directory below the mount that is a process's current one, or an open file, keeps its inode; inodes that
 * only have names go away with them. */
static void unmount(struct mount *m)
{
	list_del(&m->list);
	m->point->mounted = NULL;
	m->root->covers = NULL;
	drop_root(m->root);
	inode_put(m->point);
	kfree(m->path);
	kfree(m->source);
	kfree(m);
}

static bool is_busy(const struct mount *m)
{
	size_t len = strlen(m->path);
	const struct mount *other;

	list_for_each (other, &mounts, list) {
		if (!strncmp(other->path, m->path, len) && other->path[len] == '/')
			return true; /* something is mounted below */
	}
	return !m->point || m->root->refs > 1;
}

long sys_umount2(const char *user_path, int flags)
{
	struct inode *dir;
	struct mount *m;
	int rc;

	ext2_reap(); /* removed files do not keep it busy */
	rc = user_path_lookup(AT_FDCWD, user_path, WALK_FOLLOW | WALK_DIR, &dir);
	if (rc)
		return rc;
	m = mount_of(dir);
	inode_put(dir);
	if (!m)
		return -EINVAL;
	if (is_busy(m))
		return -EBUSY;
	unmount(m);
	return 0;
}

long sys_umount(const char *user_path)
{
	return sys_umount2(user_path, 0);
}
