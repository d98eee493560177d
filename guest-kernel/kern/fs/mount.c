/* SPDX-License-Identifier: MIT */
/*
 * Mounting: the covered directory's inode points to the root that covers it (inode.mounted) and back
 * (inode.covers); path walking follows these. Mountable: proc, devtmpfs, tmpfs (an empty one each time).
 */
#include "kern/fs/mount.h"
#include "kern/fs/devfs.h"
#include "kern/fs/procfs.h"
#include "kern/fs/ramfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/sys/syscalls.h"

#define MS_REMOUNT 32
#define MS_BIND    4096
#define TYPE_MAX   32

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
		inode_put(root);
		return rc;
	}
	m = mount_alloc(path, source, type);
	if (!m) {
		inode_put(point);
		inode_put(root);
		return -ENOMEM;
	}
	m->root = root;
	m->point = point;
	point->mounted = root;
	root->covers = point;
	list_add_tail(&mounts, &m->list);
	return 0;
}

static struct inode *new_root(const char *type, const char **name)
{
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
		return ramfs_create_root(&ramfs_tmpfs);
	}
	return NULL;
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

static long do_mount(const char *user_source, const char *user_path, const char *user_type, char *path)
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
	root = new_root(type, &name);
	return root ? mount_at(path, source, name, root) : -ENODEV;
}

long sys_mount(const char *source, const char *user_path, const char *type, ulong flags, const void *data)
{
	char *path;
	long rc;

	if (flags & MS_REMOUNT)
		return 0; /* no mount has options that could change */
	if (flags & MS_BIND)
		return -EINVAL;
	path = kmalloc(PATH_MAX);
	rc = path ? do_mount(source, user_path, type, path) : -ENOMEM;
	kfree(path);
	return rc;
}

/* A directory below the mount that is somebody's current one, or an open file, keeps its inodes; what only
 * has names goes away with them. */
static void unmount(struct mount *m)
{
	list_del(&m->list);
	m->point->mounted = NULL;
	m->root->covers = NULL;
	if (m->root->fs == &ramfs_tmpfs)
		ramfs_remove_all(m->root);
	inode_put(m->root);
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
	return m->root->refs > 1;
}

long sys_umount2(const char *user_path, int flags)
{
	struct inode *dir;
	struct mount *m;
	int rc = user_path_lookup(AT_FDCWD, user_path, WALK_FOLLOW | WALK_DIR, &dir);

	if (rc)
		return rc;
	rc = -EINVAL;
	list_for_each (m, &mounts, list) {
		if (m->root == dir) {
			rc = 0;
			break;
		}
	}
	inode_put(dir);
	if (!rc && is_busy(m))
		rc = -EBUSY;
	if (!rc)
		unmount(m);
	return rc;
}

long sys_umount(const char *user_path)
{
	return sys_umount2(user_path, 0);
}
