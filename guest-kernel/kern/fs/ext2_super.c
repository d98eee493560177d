/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting; the lock, the barrier, and what happens when something on the disk is wrong. */
#include "kern/console/log.h"
#include "kern/fs/ext2.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/time/clock.h"

#define COMPLAINTS  20 /* lines in the log for one mount */
#define GROUPS_MAX  65536
#define ON_ERROR_RO 2 /* superblock's `errors`: from this on, no more changes after an error */

const char ext2_type[] = "ext2";
static struct list mounted = LIST_INIT(mounted);

void ext2_lock(struct ext2 *fs)
{
	while (fs->locked)
		wait_for(&fs->unlocked);
	fs->locked = true;
}

void ext2_unlock(struct ext2 *fs)
{
	fs->locked = false;
	wake_all(&fs->unlocked);
}

int ext2_begin(struct ext2 *fs)
{
	ext2_lock(fs);
	return fs->fs.readonly ? ext2_end(fs, -EROFS) : 0;
}

int ext2_end(struct ext2 *fs, int rc)
{
	ext2_unlock(fs);
	return rc;
}

void ext2_super_changed(struct ext2 *fs)
{
	buffer_dirty(fs->super_buffer);
}

int ext2_wrong(struct ext2 *fs, u64 ino, u32 block, const char *what)
{
	if (fs->complaints++ < COMPLAINTS)
		log_warn("ext2 %s: inode %u, block %u: %s\n", fs->device->name, (u32)ino, block, what);
	if (fs->fs.readonly)
		return -EUCLEAN;
	fs->state_before |= EXT2_ERRORS;
	fs->super->state |= EXT2_ERRORS;
	ext2_super_changed(fs);
	if (fs->super->errors >= ON_ERROR_RO) {
		log_warn("ext2 %s: read-only from now on, as its superblock says for errors\n",
			 fs->device->name);
		fs->fs.readonly = true;
	}
	return -EUCLEAN;
}

int ext2_commit(struct ext2 *fs)
{
	int rc = buffer_sync(fs->device);

	if (rc)
		return rc;
	fs->linked = false;
	return ext2_parted(fs);
}

static u32 offset_of(const struct ext2 *fs, u32 block)
{
	return ((u64)block << fs->block_bits) & ~PAGE_MASK;
}

u8 *ext2_block(struct ext2 *fs, u32 block, struct buffer **held)
{
	*held = buffer_read(fs->device, (u64)block << fs->block_bits >> PAGE_SHIFT);
	return IS_ERR(*held) ? (u8 *)*held : (u8 *)(*held)->data + offset_of(fs, block);
}

u8 *ext2_block_zeroed(struct ext2 *fs, u32 block, struct buffer **held)
{
	u64 page = (u64)block << fs->block_bits >> PAGE_SHIFT;
	u8 *data;

	*held = fs->block_size == PAGE_SIZE ? buffer_fresh(fs->device, page) : buffer_read(fs->device, page);
	if (IS_ERR(*held))
		return (u8 *)*held;
	data = (u8 *)(*held)->data + offset_of(fs, block);
	memset(data, 0, fs->block_size);
	buffer_dirty(*held);
	return data;
}

struct feature {
	u32 bit;
	const char *name;
};

static const struct feature incompatible[] = {
    {0x1, "compression"}, {0x4, "needs_recovery"}, {0x8, "journal_dev"},   {0x10, "meta_bg"},
    {0x40, "extent"},     {0x80, "64bit"},         {0x100, "mmp"},         {0x200, "flex_bg"},
    {0x400, "ea_inode"},  {0x1000, "dirdata"},     {0x2000, "csum_seed"},  {0x4000, "large_dir"},
    {0x10000, "encrypt"}, {0x20000, "casefold"},   {0x8000, "inline_data"}};
static const struct feature for_reading[] = {
    {0x8, "huge_file"}, {0x10, "uninit_bg"}, {0x20, "dir_nlink"},      {0x40, "extra_isize"},
    {0x100, "quota"},   {0x200, "bigalloc"}, {0x400, "metadata_csum"}, {0x2000, "project"}};

/* Those that only these bits name, each in a line. */
static void tell_features(const struct ext2 *fs, u32 bits, const struct feature *f, size_t n, const char *so)
{
	for (size_t i = 0; i < n; i++, bits &= i ? ~f[i - 1].bit : ~0U)
		if (bits & f[i].bit)
			log_warn("ext2 %s: it has the feature \"%s\", which this kernel does not know: %s\n",
				 fs->device->name, f[i].name, so);
	for (size_t i = 0; i < n; i++)
		bits &= ~f[i].bit;
	if (bits)
		log_warn("ext2 %s: it has features (%#x) that this kernel does not know: %s\n",
			 fs->device->name, bits, so);
}

static int check_features(const struct ext2 *fs, const struct ext2_super *s, bool readonly)
{
	u32 unknown = s->feature_incompat & ~EXT2_INCOMPAT_FILETYPE;

	if (s->rev_level != 1) {
		log_warn("ext2 %s: revision %u is not known, only 1 (tune2fs can raise a 0): not mounted\n",
			 fs->device->name, s->rev_level);
		return -EINVAL;
	}
	if (unknown) {
		tell_features(fs, unknown, incompatible, ARRAY_SIZE(incompatible), "not mounted");
		return -EINVAL;
	}
	unknown = s->feature_ro_compat & ~(EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE);
	if (unknown && !readonly) {
		tell_features(fs, unknown, for_reading, ARRAY_SIZE(for_reading),
			      "it can be mounted read-only (-o ro)");
		return -EROFS;
	}
	return 0;
}

/* The numbers that everything else relies on, or what is wrong with them. */
static const char *read_numbers(struct ext2 *fs, const struct ext2_super *s)
{
	if (s->log_block_size > 2)
		return "blocks of more than 4096 bytes";
	fs->block_bits = 10 + s->log_block_size;
	fs->block_size = 1U << fs->block_bits;
	fs->blocks = s->blocks_count;
	fs->first_block = s->first_data_block;
	fs->blocks_per_group = s->blocks_per_group;
	fs->inodes = s->inodes_count;
	fs->inodes_per_group = s->inodes_per_group;
	fs->inode_size = s->inode_size;
	fs->first_ino = s->first_ino;
	fs->reserved_descs = s->reserved_gdt_blocks;
	if (fs->first_block != (fs->block_size == 1024) || fs->blocks <= fs->first_block)
		return "an impossible number of blocks";
	if (fs->blocks > fs->device->sectors >> (fs->block_bits - SECTOR_SHIFT))
		return "it is larger than its device";
	if (fs->inode_size < EXT2_INODE_SIZE || fs->inode_size > fs->block_size ||
	    (fs->inode_size & (fs->inode_size - 1)))
		return "an impossible size of inodes";
	if (fs->blocks_per_group < 8 || fs->blocks_per_group > fs->block_size * 8 ||
	    s->log_frag_size != s->log_block_size)
		return "an impossible number of blocks in a group";
	if (!fs->inodes_per_group || fs->inodes_per_group > fs->block_size * 8 ||
	    fs->inodes_per_group % (fs->block_size / fs->inode_size))
		return "an impossible number of inodes in a group";
	fs->groups = (fs->blocks - fs->first_block - 1) / fs->blocks_per_group + 1;
	if (fs->groups > GROUPS_MAX || (u64)fs->groups * fs->inodes_per_group != fs->inodes)
		return "an impossible number of groups or inodes";
	if (fs->first_ino <= EXT2_ROOT_INO || fs->first_ino > fs->inodes_per_group)
		return "an impossible first inode";
	return NULL;
}

static int read_super(struct ext2 *fs, bool readonly)
{
	const char *wrong;
	int rc;

	fs->super_buffer = buffer_read(fs->device, 0);
	if (IS_ERR(fs->super_buffer))
		return PTR_ERR(fs->super_buffer);
	fs->super = (struct ext2_super *)((u8 *)fs->super_buffer->data + EXT2_SUPER_AT);
	if (fs->super->magic != EXT2_MAGIC)
		return -EINVAL;
	rc = check_features(fs, fs->super, readonly);
	if (rc)
		return rc;
	fs->file_types = fs->super->feature_incompat & EXT2_INCOMPAT_FILETYPE;
	fs->sparse = fs->super->feature_ro_compat & EXT2_RO_SPARSE_SUPER;
	fs->state_before = fs->super->state;
	wrong = read_numbers(fs, fs->super);
	if (!wrong)
		return ext2_groups_read(fs);
	log_warn("ext2 %s: the superblock is wrong, %s: not mounted\n", fs->device->name, wrong);
	return -EUCLEAN;
}

static int space(const struct inode *inode, struct fs_space *s)
{
	const struct ext2 *fs = container_of(inode->fs, struct ext2, fs);
	const struct ext2_super *super = fs->super;

	s->block_size = fs->block_size;
	s->all = fs->blocks;
	s->left = MIN(super->free_blocks_count + fs->parting_blocks, fs->blocks);
	s->reserved = MIN((u64)super->r_blocks_count, s->left);
	s->files = fs->inodes;
	s->files_left = MIN(super->free_inodes_count, fs->inodes);
	return 0;
}

/* Rule 5 of ext2.h: before anything else is changed. */
static int begin_writing(struct ext2 *fs)
{
	if (fs->device->readonly) {
		log_warn("ext2 %s: the device is read-only (-o ro)\n", fs->device->name);
		return -EROFS;
	}
	if (!(fs->state_before & EXT2_VALID) || (fs->state_before & EXT2_ERRORS))
		log_warn("ext2 %s: it was not unmounted as it should be, or has errors: e2fsck is needed\n",
			 fs->device->name);
	fs->fs.readonly = false;
	fs->super->state &= ~EXT2_VALID;
	fs->super->mtime = div64(clock_realtime(), NSEC_PER_SEC, NULL);
	fs->super->mnt_count++;
	ext2_super_changed(fs);
	return ext2_commit(fs);
}

static bool has_orphans(const struct ext2 *fs)
{
	struct ext2_node *n;

	list_for_each (n, &fs->nodes, list)
		if (n->orphan)
			return true;
	return false;
}

/* The clearing of bits after the commit must have been written before the superblock may say that all is well. */
static int end_writing(struct ext2 *fs)
{
	int rc = ext2_commit(fs);

	if (!rc)
		rc = buffer_sync(fs->device);
	if (rc)
		return rc;
	if (!has_orphans(fs)) /* the machine ends: they are for the next mount, or e2fsck */
		fs->super->state = fs->state_before;
	fs->super->wtime = div64(clock_realtime(), NSEC_PER_SEC, NULL);
	ext2_super_changed(fs);
	fs->fs.readonly = true;
	return buffer_sync(fs->device);
}

static void free_fs(struct ext2 *fs)
{
	if (!IS_ERR(fs->super_buffer))
		buffer_put(fs->super_buffer);
	buffer_forget(fs->device);
	block_put(fs->device);
	kfree(fs->group);
	kfree(fs);
}

static int open_root(struct ext2 *fs, bool readonly, struct inode **root)
{
	int rc = read_super(fs, readonly);

	if (!rc)
		rc = ext2_inode_get(fs, EXT2_ROOT_INO, root);
	if (rc)
		return rc;
	fs->root = *root;
	if (!ext2_is_dir(*root))
		rc = ext2_wrong(fs, EXT2_ROOT_INO, 0, "the root is no directory");
	if (!rc && !readonly)
		rc = begin_writing(fs);
	if (!rc && !readonly)
		rc = ext2_orphans_clean(fs);
	if (rc)
		inode_put(*root);
	return rc;
}

static int sync(struct fs_stat *stat)
{
	struct ext2 *fs = container_of(stat, struct ext2, fs);

	return ext2_begin(fs) ? 0 : ext2_end(fs, ext2_commit(fs));
}

struct inode *ext2_mount(struct block_device *device, bool readonly)
{
	struct inode *root;
	struct ext2 *fs;
	int rc = -ENOMEM;

	list_for_each (fs, &mounted, list) {
		if (fs->device == device) {
			block_put(device);
			return ERR_PTR(-EBUSY);
		}
	}
	fs = kzalloc(sizeof(*fs));
	if (!fs) {
		block_put(device);
		return ERR_PTR(rc);
	}
	fs->device = device;
	/* limit, used: a fault finds no page only behind the file's end: no program is to blame. */
	fs->fs = (struct fs_stat){.type = ext2_type,
				  .magic = EXT2_MAGIC,
				  .limit = 1,
				  .used = 1,
				  .space = space,
				  .sync = sync,
				  .readonly = true,
				  .dev = device->rdev};
	list_init(&fs->nodes);
	list_init(&fs->dying);
	wait_init(&fs->unlocked);
	list_add(&mounted, &fs->list);
	ext2_lock(fs);
	rc = open_root(fs, readonly, &root);
	if (!rc) {
		ext2_unlock(fs);
		return root;
	}
	list_del(&fs->list);
	free_fs(fs);
	return ERR_PTR(rc);
}

/* The root is held, so that nobody unmounts it meanwhile. */
static void reap(struct ext2 *fs)
{
	struct inode *root = inode_get(fs->root);

	ext2_lock(fs);
	while (!list_empty(&fs->dying)) {
		ext2_inode_free(list_entry(fs->dying.next, struct ext2_node, dying)->inode);
		kernel_breathe();
	}
	ext2_unlock(fs);
	inode_put(root);
}

/* Each turn begins anew, as the list may change while one sleeps. */
void ext2_reap(void)
{
	struct ext2 *fs, *found;

	do {
		found = NULL;
		list_for_each (fs, &mounted, list)
			if (!list_empty(&fs->dying))
				found = fs;
		if (found)
			reap(found);
	} while (found);
}

void ext2_unmount(struct inode *root)
{
	struct ext2 *fs = ext2_of(root);
	int rc = 0;

	reap(fs);
	ext2_lock(fs);
	if (!fs->fs.readonly)
		rc = end_writing(fs);
	if (rc)
		log_warn("ext2 %s: not all could be written (error %d)\n", fs->device->name, -rc);
	list_del(&fs->list);
	inode_put(root);
	free_fs(fs);
}

void ext2_end_all(void)
{
	struct ext2 *fs;

	list_for_each (fs, &mounted, list)
		if (!ext2_begin(fs))
			ext2_end(fs, end_writing(fs));
}

static bool being_written(const struct ext2 *fs)
{
	struct ext2_node *n;

	list_for_each (n, &fs->nodes, list)
		if (n->inode->writers)
			return true;
	return has_orphans(fs);
}

int ext2_remount(struct inode *root, bool readonly)
{
	struct ext2 *fs = ext2_of(root);
	int rc = 0;

	reap(fs);
	ext2_lock(fs);
	if (readonly == fs->fs.readonly)
		return ext2_end(fs, 0);
	if (readonly && being_written(fs))
		return ext2_end(fs, -EBUSY);
	if (readonly)
		return ext2_end(fs, end_writing(fs));
	rc = check_features(fs, fs->super, false);
	if (!rc)
		rc = begin_writing(fs);
	if (!rc)
		rc = ext2_orphans_clean(fs);
	return ext2_end(fs, rc);
}
