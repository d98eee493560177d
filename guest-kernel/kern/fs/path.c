/* SPDX-License-Identifier: MIT */
/*
 * Path walking: from a string to an inode, across mounts and symbolic links; and back from a directory to its
 * path, by asking each parent for the name of its child.
 */
#include "kern/fs/vfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/proc/process.h"

static struct inode *root;

struct inode *mount_root(void)
{
	return root;
}

void mount_set_root(struct inode *inode)
{
	root = inode;
}

static bool is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

static bool is_dot(const char *name, size_t len)
{
	return len == 1 && name[0] == '.';
}

static bool is_dot_dot(const char *name, size_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

/* Where the current process's absolute paths begin; at boot there is no process yet. */
static struct inode *top(void)
{
	return current && current->process->files.root ? current->process->files.root : root;
}

/* The parent directory; leaves a mounted file system through its root, but never the process's root. Counted. */
static struct inode *dir_parent(struct inode *dir)
{
	if (dir == top())
		return inode_get(dir);
	while (dir->covers)
		dir = dir->covers;
	return dir == root ? inode_get(dir) : dir->ops->parent(dir);
}

/* One step down from dir. If something is mounted there, the result is its root. */
static int step(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct inode *next;
	int rc;

	if (!is_dir(dir))
		return -ENOTDIR;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (is_dot(name, len)) {
		*out = inode_get(dir);
		return 0;
	}
	if (is_dot_dot(name, len)) {
		*out = dir_parent(dir);
		return 0;
	}
	rc = dir->ops->lookup(dir, name, len, &next);
	if (rc)
		return rc;
	while (next->mounted) {
		struct inode *top = inode_get(next->mounted);

		inode_put(next);
		next = top;
	}
	*out = next;
	return 0;
}

/* Cuts the next component off *path. */
static size_t next_name(const char **path, const char **name)
{
	size_t len;

	while (**path == '/')
		(*path)++;
	*name = *path;
	for (len = 0; (*path)[len] && (*path)[len] != '/'; len++)
		;
	*path += len;
	return len;
}

static bool at_end(const char *path)
{
	while (*path == '/')
		path++;
	return !*path;
}

static int walk(struct inode *at, const char *path, unsigned flags, int links, struct inode **out);

/* Replaces *inode, a symbolic link found in dir, by what it points to. */
static int follow(struct inode *dir, struct inode **inode, int links)
{
	char *target;
	struct inode *found;
	int n;

	if (links >= MAX_LINKS)
		return -ELOOP;
	found = (*inode)->ops->target ? (*inode)->ops->target(*inode) : NULL;
	if (found) {
		inode_put(*inode);
		*inode = found;
		return 0;
	}
	target = kmalloc(PATH_MAX);
	if (!target)
		return -ENOMEM;
	n = (*inode)->ops->readlink(*inode, target, PATH_MAX - 1);
	if (n >= 0) {
		target[n] = 0;
		n = walk(dir, target, WALK_FOLLOW, links + 1, &found);
	}
	kfree(target);
	if (n < 0)
		return n;
	inode_put(*inode);
	*inode = found;
	return 0;
}

static int walk(struct inode *at, const char *path, unsigned flags, int links, struct inode **out)
{
	struct inode *here = inode_get(*path == '/' ? top() : at), *next;
	const char *name;
	size_t len;
	int rc = *path ? 0 : -ENOENT;

	while (!rc && (len = next_name(&path, &name))) {
		kernel_breathe(); /* each directory may be long */
		rc = step(here, name, len, &next);
		if (rc)
			break;
		if ((next->mode & S_IFMT) == S_IFLNK && (!at_end(path) || *path || (flags & WALK_FOLLOW)))
			rc = follow(here, &next, links);
		inode_put(here);
		here = next;
		if (!rc && *path && !is_dir(here))
			rc = -ENOTDIR;
	}
	if (!rc && (flags & WALK_DIR) && !is_dir(here))
		rc = -ENOTDIR;
	if (rc)
		inode_put(here);
	else
		*out = here;
	return rc;
}

int path_lookup(struct inode *at, const char *path, unsigned flags, struct inode **out)
{
	return walk(at ? at : current->process->files.cwd, path, flags, 0, out);
}

int path_parent(struct inode *at, const char *path, struct inode **dir, const char **name, size_t *len)
{
	const char *scan = path, *end;
	char *head;
	int rc;

	if (!*path)
		return -ENOENT;
	*len = 0;
	*name = path;
	while (!at_end(scan))
		*len = next_name(&scan, name);
	end = *name;
	if (end == path) {
		*dir = inode_get(at ? at : current->process->files.cwd);
		return is_dir(*dir) ? 0 : (inode_put(*dir), -ENOTDIR);
	}
	head = kmalloc(end - path + 1);
	if (!head)
		return -ENOMEM;
	memcpy(head, path, end - path);
	head[end - path] = 0;
	rc = path_lookup(at, head, WALK_FOLLOW | WALK_DIR, dir);
	kfree(head);
	return rc;
}

struct name_search {
	u64 ino;
	char name[NAME_MAX + 1];
	bool found;
};

static bool match_ino(void *ctx, const char *name, size_t len, u64 ino, u32 mode)
{
	struct name_search *s = ctx;

	if (ino != s->ino)
		return true;
	memcpy(s->name, name, len);
	s->name[len] = 0;
	s->found = true;
	return false;
}

/* Puts "/name" before the text at *start. */
static int prepend_name(struct inode *dir, struct inode *parent, char *buf, char **start)
{
	struct name_search *s = kzalloc(sizeof(*s));
	u64 pos = 2;
	size_t len;
	int rc = -ENOENT;

	if (!s)
		return -ENOMEM;
	s->ino = dir->ino;
	parent->ops->readdir(parent, &pos, match_ino, s);
	len = strlen(s->name);
	if (s->found && *start - buf < (long)len + 1) {
		rc = -ERANGE;
	} else if (s->found) {
		*start -= len;
		memcpy(*start, s->name, len);
		*--*start = '/';
		rc = 0;
	}
	kfree(s);
	return rc;
}

int path_of_dir(struct inode *dir, char *buf, size_t size)
{
	char *start = buf + size;
	int rc = 0;

	if (size < 2)
		return -ERANGE;
	*--start = 0;
	inode_get(dir);
	while (dir != top() && !rc) {
		struct inode *parent;

		if (dir->covers) {
			parent = inode_get(dir->covers);
			inode_put(dir);
			dir = parent;
			continue;
		}
		parent = dir->ops->parent(dir);
		rc = prepend_name(dir, parent, buf, &start);
		inode_put(dir);
		dir = parent;
	}
	inode_put(dir);
	if (rc)
		return rc;
	if (!*start)
		*--start = '/';
	memmove(buf, start, buf + size - start);
	return strlen(buf);
}
