/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the teaching kernel's ext2: file systems of mke2fs, with files of all kinds, that the input damages in a few places, mostly
 * where the structures are; then it is mounted and used as the input says. Whatever the disk says: nothing outside of the buffers is
 * touched, entries of directories end with their blocks, every operation ends after so many reads of the cache, and in the end all
 * inodes, buffers and other memory are given back.
 */
#include "input.h"
#include "ext2_host.h"

#define FORMATS    3
#define RANGES_MAX 64
#define READS_MAX  400000 /* of the cache, for one operation: none may need more */
#define HELD       4

static struct format {
	const char *options, *length;
	u8 *image;
	size_t size;
	u32 ranges;
	struct range {
		u32 at, len;
	} range[RANGES_MAX]; /* where the structures are */
} formats[FORMATS] = {{"-b 1024", "256k"},
		      {"-b 4096 -I 128 -O ^resize_inode", "400k"},
		      {"-b 2048 -I 256 -O ^filetype", "400k"}};

static struct inode *root, *held[HELD];
static const char *const names[] = {"a",    "b",    "dir",  "dir2",
				    "slow", "fast", "hole", "a name of some length, so that blocks fill up"};

static void add_range(struct format *f, u32 at, u32 len)
{
	if (f->ranges < RANGES_MAX && at + len <= f->size)
		f->range[f->ranges++] = (struct range){at, len};
}

static struct inode *make(struct inode *dir, const char *name, u32 mode)
{
	struct inode *inode;

	if (ext2_ops.create(dir, name, strlen(name), mode, 0, &inode))
		abort();
	return inode;
}

static void put_at(struct inode *inode, const void *data, size_t n, u64 pos)
{
	struct file file = {.inode = inode, .flags = O_RDWR};

	ext2_file_ops.write(&file, data, n, &pos);
}

/* The block numbers of a file, and its contents if it is a directory. */
static void file_ranges(struct format *f, struct inode *inode)
{
	const struct ext2 *fs = ext2_of(inode);

	for (u32 i = ext2_is_dir(inode) ? 0 : EXT2_DIRECT; i < EXT2_POINTERS; i++)
		if (ext2_node(inode)->block[i])
			add_range(f, ext2_node(inode)->block[i] << fs->block_bits, fs->block_size);
}

static void fill(struct format *f)
{
	static u8 data[40000];
	struct inode *a = make(root, "a", S_IFREG | 0644), *dir = make(root, "dir", S_IFDIR | 0755), *b;
	const struct ext2 *fs = ext2_of(root);
	char name[60];

	put_at(a, data, 20000, 0); /* with a block of numbers where blocks are of 1 KiB */
	put_at(a, data, 5000, 1100000);
	ext2_ops.link(dir, "b", 1, a);
	b = make(dir, "hole", S_IFREG | 0600);
	put_at(b, data, 10, 70000000);
	inode_put(make(dir, "dir2", S_IFDIR | 0755));
	ext2_ops.symlink(dir, "fast", 4, "../a");
	ext2_ops.symlink(
	    root, "slow", 4,
	    "a target that is too long for the place in the inode, so it has a block of its own");
	for (u32 i = 0; i < fs->block_size / 48; i++) { /* to the end of a block and beyond */
		snprintf(name, sizeof(name), "a link with a name of forty bytes %06u", i);
		ext2_ops.link(dir, name, 40, a);
	}
	file_ranges(f, a);
	file_ranges(f, b);
	file_ranges(f, dir);
	file_ranges(f, root);
	add_range(f, EXT2_SUPER_AT, sizeof(struct ext2_super));
	add_range(f, (fs->first_block + 1) << fs->block_bits, sizeof(struct ext2_group_desc));
	add_range(f, fs->group[0].block_bitmap << fs->block_bits, 32);
	add_range(f, fs->group[0].inode_bitmap << fs->block_bits, 8);
	add_range(f, (ext2_node(dir)->block[0] + 1) * fs->block_size - 100, 100);
	add_range(f, (fs->group[0].inode_table << fs->block_bits) + fs->inode_size, fs->inode_size);
	add_range(f, (fs->group[0].inode_table << fs->block_bits) + 10 * fs->inode_size, 9 * fs->inode_size);
	inode_put(a);
	inode_put(b);
	inode_put(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char command[300];

	for (struct format *f = formats; f < formats + FORMATS; f++) {
		char file[] = "/tmp/ext2-fuzz-XXXXXX";
		FILE *image = fdopen(mkstemp(file), "rb");

		snprintf(
		    command, sizeof(command),
		    "PATH=$PATH:/usr/sbin:/sbin E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -F -t ext2 -N 32 "
		    "-U 01234567-89ab-cdef-0123-456789abcdef %s %s %s",
		    f->options, file, f->length);
		if (!image || system(command))
			abort();
		fseek(image, 0, SEEK_END);
		f->size = ftell(image);
		rewind(image);
		f->image = malloc(f->size);
		if (fread(f->image, 1, f->size, image) != f->size)
			abort();
		fclose(image);
		remove(file);
		disk_set(f->image, f->size);
		root = ext2_mount(&disk, false);
		if (IS_ERR(root))
			abort();
		fill(f);
		ext2_unmount(root);
		memcpy(f->image, disk_bytes, f->size);
	}
	return 0;
}

static void damage(const struct format *f, u8 *image)
{
	static const u32 odd[] = {0,  1,    2,    3,    5,      11,     12,         13,         14,
				  15, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};

	for (u32 n = input_below(16); n && !input_ended(); n--) {
		const struct range *r = &f->range[input_below(f->ranges)];
		u32 at = r->at + input_below(r->len), kind = input_below(8), value,
		    len = kind & 1   ? 4
			  : kind & 2 ? 2
				     : 1;

		value = kind & 4 ? odd[input_below(ARRAY_SIZE(odd))] : input_below(512);
		at = len == 1 ? at : at & ~(len - 1);
		memcpy(image + at, &value, len);
	}
}

static struct inode *some_inode(void)
{
	struct inode *inode = held[input_below(HELD)];

	return inode ? inode : root;
}

static struct inode *some_dir(void)
{
	struct inode *inode = some_inode();

	return ext2_is_dir(inode) ? inode : root;
}

static void hold(struct inode *inode)
{
	u32 n = input_below(HELD);

	if (held[n])
		inode_put(held[n]);
	held[n] = inode;
}

/* An entry, and the room behind its name, end with their block: a page of the cache may have another file's behind it. */
static void check_entry(const char *name)
{
	const struct ext2_entry *e = (const void *)(name - offsetof(struct ext2_entry, name));
	const u32 size = ext2_of(root)->block_size;

	for (u64 i = 0; i < disk_pages(); i++) {
		size_t at = buffers[i] ? (size_t)((const u8 *)e - (const u8 *)buffers[i]->data) : PAGE_SIZE;

		if (at < PAGE_SIZE && at % size + e->rec_len > size)
			abort();
	}
}

static bool count_name(void *ctx, const char *name, size_t len, u64 ino, u32 mode)
{
	check_entry(name);
	++*(u32 *)ctx;
	return !dice(50);
}

static void use_contents(struct inode *inode, u32 what)
{
	static u8 data[70000];
	u64 pos = (u64)input_below(256) << input_below(36);
	size_t n = input_below(sizeof(data));
	struct file file = {.inode = inode, .flags = O_RDWR};
	char target[PATH_MAX];

	if ((inode->mode & S_IFMT) == S_IFLNK)
		ext2_ops.readlink(inode, target, sizeof(target));
	if ((inode->mode & S_IFMT) != S_IFREG)
		return;
	if (what == 0)
		ext2_file_ops.read(&file, data, n, &pos);
	else if (what == 1)
		ext2_file_ops.write(&file, data, n, &pos);
	else if (what == 2)
		ext2_ops.truncate(inode, pos);
	else if (inode->size < 1 << 22 && !ext2_ops.prepare(inode))
		ext2_ops.peek(inode, pos, data, n);
}

static void list(struct inode *dir)
{
	u64 pos = 2;
	u32 n = 0;

	ext2_ops.readdir(dir, &pos, count_name, &n);
	if (input_below(4) == 0) {
		pos = input_below(65536);
		ext2_ops.readdir(dir, &pos, count_name, &n);
	}
}

static void step(void)
{
	const char *name = names[input_below(ARRAY_SIZE(names))],
		   *other = names[input_below(ARRAY_SIZE(names))];
	struct inode *dir = some_dir(), *inode = some_inode(), to, *found;

	switch (input_below(16)) {
	case 0:
	case 1:
	case 2:
		if (!ext2_ops.lookup(dir, name, strlen(name), &found))
			hold(found);
		break;
	case 3:
	case 4:
	case 5:
		use_contents(inode, input_below(4));
		break;
	case 6:
		list(dir);
		break;
	case 7:
		if (!ext2_ops.create(dir, name, strlen(name), input_below(2) ? S_IFREG : S_IFDIR, 0, &found))
			hold(found);
		break;
	case 8:
		ext2_ops.unlink(dir, name, strlen(name), false);
		break;
	case 9:
		ext2_ops.unlink(dir, name, strlen(name), true);
		break;
	case 10:
		ext2_ops.rename(dir, name, strlen(name), some_dir(), other, strlen(other));
		break;
	case 11:
		if (!ext2_is_dir(inode))
			ext2_ops.link(dir, name, strlen(name), inode);
		break;
	case 12:
		ext2_ops.symlink(
		    dir, name, strlen(name),
		    input_below(2) ? other : "a target that is too long for the place in an inode, by far");
		break;
	case 13:
		if (ext2_is_dir(inode))
			inode_put(ext2_ops.parent(inode));
		break;
	case 14:
		to = *inode;
		to.mtime = to.atime = (s64)input_below(65536) << 32;
		inode_change(inode, &to);
		break;
	case 15:
		inode->fs->sync(inode->fs);
		if (input_below(2))
			ext2_remount(root, input_below(2));
		break;
	}
	ext2_reap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct format *f;
	u8 *image;

	input_begin(data, size);
	f = &formats[input_below(FORMATS)];
	seed = 1;
	now_ns = 1700000000ull * NSEC_PER_SEC;
	read_errors = input_below(16) ? 0 : 50;
	image = malloc(f->size);
	memcpy(image, f->image, f->size);
	damage(f, image);
	disk_set(image, f->size);
	free(image);
	root = ext2_mount(&disk, !input_below(8));
	if (!IS_ERR(root)) {
		while (!input_ended()) {
			reads_left = READS_MAX;
			step();
		}
		for (u32 i = 0; i < HELD; i++)
			if (held[i])
				inode_put(held[i]);
		memset(held, 0, sizeof(held));
		ext2_reap();
		if (root->refs != 1)
			abort();
		ext2_unmount(root);
	}
	if (objects || pool_used)
		abort();
	for (u64 i = 0; i < disk_pages(); i++)
		if (buffers[i] && buffers[i]->refs)
			abort();
	disk_drop();
	return 0;
}
