/* SPDX-License-Identifier: MIT */
/*
 * Unpacking the initramfs: names become inodes, contents stay where they are in memory.
 *
 * newc: a header of 6 + 13 * 8 characters in hexadecimal, the name, padding to 4, the contents, padding to 4;
 * the end is a file named TRAILER!!!. Of several names of one file only the last carries the contents. Zeros and
 * another archive may follow; each may be packed by gzip. The later of two files with one name wins.
 */
#include "kern/fs/initramfs.h"
#include "kern/fs/ramfs.h"
#include "kern/console/log.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/page.h"
#include "dom/inflate.h"
#include "dom/packed.h"

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

/* Reads the entry at *at and moves *at to the next one: 1; 0: it was the trailer; -1: no valid entry. */
static int next_entry(const char *archive, size_t size, size_t *at, struct entry *e)
{
	const char *h = archive + *at;
	size_t name_end, data;
	int i;

	if (*at > size || size - *at < HEADER_SIZE || memcmp(h, "07070", 5) || (h[5] != '1' && h[5] != '2'))
		return -1;
	for (i = 0; i < FIELDS; i++)
		e->field[i] = parse_hex8(h + 6 + 8 * i);
	name_end = *at + HEADER_SIZE + e->field[F_NAMESIZE];
	data = ROUND_UP(name_end, 4UL);
	if (!e->field[F_NAMESIZE] || data < *at || data > size || size - data < e->field[F_SIZE] ||
	    archive[name_end - 1])
		return -1;
	e->name = (char *)h + HEADER_SIZE;
	e->data = archive + data;
	*at = ROUND_UP(data + e->field[F_SIZE], 4UL);
	return strcmp(e->name, TRAILER) != 0;
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
	l->inode = inode_get(inode);
	list_add(links, &l->list);
}

static int add_to(struct inode *dir, const char *name, size_t len, const struct entry *e, struct list *links)
{
	bool regular = (e->field[F_MODE] & S_IFMT) == S_IFREG;
	struct inode *inode,
	    *first = regular && e->field[F_NLINK] > 1 ? known_link(links, e->field[F_INO]) : NULL;
	int rc = dir->ops->lookup(dir, name, len, &inode);

	if (!rc) {
		bool old = (inode->mode & S_IFMT) == S_IFDIR, new = (e->field[F_MODE] & S_IFMT) == S_IFDIR;

		if (old && new) /* made on the way, or there already */
			inode->mode = e->field[F_MODE];
		inode_put(inode);
		if (old && new)
			return 0;
		rc = dir->ops->unlink(dir, name, len, old);
		if (rc)
			return rc;
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
		if ((dir->mode & S_IFMT) != S_IFDIR) {
			inode_put(dir);
			return NULL;
		}
	}
}

/* Unpacks one archive, from *at on. Returns the number of entries, or -1: it is cut off or damaged at *at. */
static int unpack_one(struct inode *root, const char *archive, size_t size, size_t *at)
{
	struct list links = LIST_INIT(links);
	struct hard_link *l, *next;
	struct entry e;
	int count = 0, more;

	while ((more = next_entry(archive, size, at, &e)) > 0) {
		const char *name = e.name;
		struct inode *dir = make_way(root, &name);

		if (!dir || (*name && strcmp(name, ".") && add_to(dir, name, strlen(name), &e, &links)))
			log_warn("initramfs: cannot make %s\n", e.name);
		else
			count++;
		if (dir)
			inode_put(dir);
	}
	list_for_each_safe (l, next, &links, list) {
		inode_put(l->inode);
		kfree(l);
	}
	return more < 0 ? -1 : count;
}

/* Unpacks the gzip file at @from. NULL: failed, with a line in the log. */
static const char *unpack_gzip(const char *from, size_t *size)
{
	const char *wrong = "it is cut off or damaged", *to = NULL;
	size_t unpacked;

	if (*size && gzip_detect(from, *size, &unpacked)) {
		pfn_t pfn = page_alloc_run((unpacked + PAGE_SIZE - 1) / PAGE_SIZE);

		to = pfn ? pfn_to_virt(pfn) : NULL;
		wrong = to ? gzip_unpack(from, *size, (void *)to, unpacked) : "there is no room to unpack it";
		*size = unpacked;
	}
	if (!wrong)
		return to;
	log_warn("initramfs: error: gzip: %s; what comes before is there\n", wrong);
	return NULL;
}

/* Archives one after the other, @inside a gzip file or not. False: one could not be read; a line is in the log. */
static bool unpack_all(struct inode *root, const char *archive, size_t size, bool inside, int *count)
{
	size_t at, part;
	const char *by, *to;
	int n;

	for (at = 0; at < size; at += part) {
		part = 1;
		if (!archive[at])
			continue;
		by = packed_by(archive + at, size - at);
		if (by && !strcmp(by, "gzip") && !inside) {
			size_t unpacked = part = gzip_length(archive + at, size - at);

			to = unpack_gzip(archive + at, &unpacked);
			if (!to || !unpack_all(root, to, unpacked, true, count))
				return false;
			continue;
		}
		part = 0;
		n = by ? -1 : unpack_one(root, archive + at, size - at, &part);
		if (n < 0) {
			log_warn("initramfs: error: %s%s at byte %lu of %lu; what comes before is there\n",
				 by ? "unpack it, or use gzip: it is packed by " : "it is cut off or damaged",
				 by ? by : "", (ulong)(at + part), (ulong)size);
			return false;
		}
		*count += n;
	}
	return true;
}

int initramfs_unpack(struct inode *root, const void *module, size_t size)
{
	int count = 0;

	unpack_all(root, module, size, false, &count);
	return count;
}
