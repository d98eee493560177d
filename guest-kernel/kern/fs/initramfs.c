/* SPDX-License-Identifier: MIT */
/*
 * Unpacking the initramfs: names become inodes, contents stay where they are in memory.
 *
 * newc: a header of 6 + 13 * 8 characters in hexadecimal, the name, padding to 4, the contents, padding to 4;
 * the end is a file named TRAILER!!!. Of several names of one file only the last carries the contents.
 */
#include "kern/fs/initramfs.h"
#include "kern/fs/ramfs.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"

#define HEADER_SIZE 110
#define TRAILER     "TRAILER!!!"

enum {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_SIZE,
	F_DEV_MAJOR,
	F_DEV_MINOR,
	F_RDEV_MAJOR,
	F_RDEV_MINOR,
	F_NAMESIZE,
	F_CHECK,
	FIELDS
};

struct entry {
	u32 field[FIELDS];
	char *name;
	const char *data;
};

/* Files with several names met so far. */
struct hard_link {
	struct list list;
	u32 ino;
	struct inode *inode;
};

static u32 parse_hex8(const char *s)
{
	u32 value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 4 | (s[i] <= '9' ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
	return value;
}

/* Reads the entry at *at and moves *at to the next one. */
static bool next_entry(const char *archive, size_t size, size_t *at, struct entry *e)
{
	const char *h = archive + *at;
	size_t name_end, data;
	int i;

	if (*at > size || size - *at < HEADER_SIZE || memcmp(h, "07070", 5) || (h[5] != '1' && h[5] != '2'))
		return false;
	for (i = 0; i < FIELDS; i++)
		e->field[i] = parse_hex8(h + 6 + 8 * i);
	name_end = *at + HEADER_SIZE + e->field[F_NAMESIZE];
	data = ROUND_UP(name_end, 4UL);
	if (!e->field[F_NAMESIZE] || data < *at || data > size || size - data < e->field[F_SIZE] ||
	    archive[name_end - 1])
		return false;
	e->name = (char *)h + HEADER_SIZE;
	e->data = archive + data;
	*at = ROUND_UP(data + e->field[F_SIZE], 4UL);
	return strcmp(e->name, TRAILER);
}

static int create_file(struct inode *dir, const char *name, size_t len, const struct entry *e,
		       struct inode **out)
{
	u32 mode = e->field[F_MODE];
	char *target;
	int rc;

	if ((mode & S_IFMT) != S_IFLNK)
		return dir->ops->create(dir, name, len, mode,
					MKDEV(e->field[F_RDEV_MAJOR], e->field[F_RDEV_MINOR]), out);
	target = kzalloc(e->field[F_SIZE] + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, e->data, e->field[F_SIZE]);
	rc = dir->ops->symlink(dir, name, len, target);
	kfree(target);
	return rc ? rc : dir->ops->lookup(dir, name, len, out);
}

static struct inode *known_link(struct list *links, u32 ino)
{
	struct hard_link *l;

	list_for_each (l, links, list) {
		if (l->ino == ino)
			return l->inode;
	}
	return NULL;
}

static void remember_link(struct list *links, u32 ino, struct inode *inode)
{
	struct hard_link *l = kmalloc(sizeof(*l));

	if (!l)
		return;
	l->ino = ino;
	l->inode = inode;
	list_add(links, &l->list);
}

static int add_to(struct inode *dir, const char *name, size_t len, const struct entry *e, struct list *links)
{
	bool regular = (e->field[F_MODE] & S_IFMT) == S_IFREG;
	struct inode *inode,
	    *first = regular && e->field[F_NLINK] > 1 ? known_link(links, e->field[F_INO]) : NULL;
	int rc = dir->ops->lookup(dir, name, len, &inode);

	if (!rc) { /* "." and directories that were made on the way */
		inode->mode = e->field[F_MODE];
		inode_put(inode);
		return 0;
	}
	if (first) {
		rc = dir->ops->link(dir, name, len, first);
		inode = inode_get(first);
	} else {
		rc = create_file(dir, name, len, e, &inode);
	}
	if (rc)
		return rc;
	if (regular && e->field[F_SIZE])
		ramfs_set_image(inode, e->data, e->field[F_SIZE]);
	inode->uid = e->field[F_UID];
	inode->gid = e->field[F_GID];
	inode->mtime = (s64)e->field[F_MTIME] * 1000000000;
	if (regular && !first && e->field[F_NLINK] > 1)
		remember_link(links, e->field[F_INO], inode);
	inode_put(inode);
	return 0;
}

/* Makes the directories on the way to the last component, which is left in *name. */
static struct inode *make_way(struct inode *root, const char **name)
{
	struct inode *dir = inode_get(root), *next;
	const char *slash;

	for (;; *name = slash + 1) {
		size_t len;
		int rc;

		slash = strchr(*name, '/');
		if (!slash)
			return dir;
		len = slash - *name;
		if (!len || (len == 1 && **name == '.'))
			continue;
		rc = dir->ops->lookup(dir, *name, len, &next);
		if (rc)
			rc = dir->ops->create(dir, *name, len, S_IFDIR | 0755, 0, &next);
		inode_put(dir);
		if (rc)
			return NULL;
		dir = next;
	}
}

int initramfs_unpack(struct inode *root, const void *archive, size_t size)
{
	struct list links = LIST_INIT(links);
	struct hard_link *l, *next;
	struct entry e;
	size_t at = 0;
	int count = 0;

	while (next_entry(archive, size, &at, &e)) {
		const char *name = e.name;
		struct inode *dir = make_way(root, &name);

		if (!dir || (*name && strcmp(name, ".") && add_to(dir, name, strlen(name), &e, &links)))
			log_print("initramfs: no memory for %s\n", e.name);
		else
			count++;
		if (dir)
			inode_put(dir);
	}
	list_for_each_safe (l, next, &links, list)
		kfree(l);
	return count;
}
