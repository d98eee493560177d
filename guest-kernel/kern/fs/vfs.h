/* SPDX-License-Identifier: MIT */
/*
 * The virtual file system: inodes with their operations, open files, mounts.
 *
 * There is no name cache. A directory entry belongs to its file system; path walking asks inode_ops.lookup
 * for every component and holds one counted reference on the current inode.
 *
 * Locking: none. The kernel is not preempted, so nothing changes between two sleeps; code that sleeps
 * (reads of pipes and ttys) checks its condition again afterwards.
 */
#ifndef KERN_FS_VFS_H
#define KERN_FS_VFS_H

#include "kern/lib/types.h"
#include "kern/lib/list.h"

struct area;
struct file;
struct inode;
struct lock;
struct poll_set;

#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFLNK  0120000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000

#define O_ACCMODE   3
#define O_RDONLY    0
#define O_WRONLY    1
#define O_RDWR      2
#define O_CREAT     0100
#define O_EXCL      0200
#define O_NOCTTY    0400
#define O_TRUNC     01000
#define O_APPEND    02000
#define O_NONBLOCK  04000
#define O_DSYNC     010000 /* each write has reached the disk when it returns */
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW  0400000
#define O_CLOEXEC   02000000
#define O_SYNC      04010000 /* as O_DSYNC, times and all */
#define O_PATH      010000000

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2

#define IO_MAX ((size_t)0x7ffff000) /* bytes of one call, as in Linux: the result fits into an int */

#define NAME_MAX 255
#define PATH_MAX 4096

#define MAX_LINKS 16 /* symbolic links on the way to a file */

#define MKDEV(major, minor) ((u32)((major) << 8 | (minor)))

/* What df shows. */
struct fs_space {
	u32 block_size;
	u64 all, left, reserved; /* blocks; reserved: of those left, not for everybody */
	u64 files, files_left;
};

struct fs_stat {
	const char *type; /* as in /proc/mounts */
	ulong magic;
	bool counts_memory; /* statfs shows the machine's memory as its space */
	ulong limit, used;  /* page frames that its files may have (0: as many as there are), and have */
	u32 inodes;         /* of a tmpfs: the last one takes this description with it */
	int (*sync)(
	    struct fs_stat *fs); /* all that was changed reaches the disk; may sleep. NULL: nothing to do */
	bool readonly;           /* nothing in it may be changed */
	u32 dev;                 /* number of the device that it is on; 0: none */
	/* Of the file system that `inode` is in. May sleep. NULL: by the frames above */
	int (*space)(const struct inode *inode, struct fs_space *space);
};

struct inode {
	u32 refs;             /* open files, path walks, mounts; a directory entry counts in nlink instead */
	u32 writers, running; /* files open for writing; address spaces that run it: one of the two is 0 */
	u32 mode, nlink, uid, gid, rdev;
	u64 ino, size;
	ulong frames; /* page frames that hold the contents: a sparse file has fewer than its size says */
	u64 sectors;  /* the same for one on a disk, of 512 bytes each */
	s64 atime, mtime, ctime; /* nanoseconds since 1970 */
	const struct inode_ops *ops;
	const struct file_ops *fops; /* NULL for devices and fifos: found at open */
	struct fs_stat *fs;
	struct inode *mounted; /* root of a file system mounted on this directory */
	struct inode *covers;  /* for the root of a mounted file system: the directory it covers */
	struct lock *locks;    /* locks.c */
	struct pipe *pipe;     /* the buffer of a fifo while it is open */
	void *private;
};

/* Called by readdir for each entry; false means stop, the entry did not fit. */
typedef bool (*dir_emit_t)(void *ctx, const char *name, size_t len, u64 ino, u32 mode);

/* Directory operations take names that are not terminated, and never "." or "..". */
struct inode_ops {
	int (*lookup)(struct inode *dir, const char *name, size_t len, struct inode **out);
	struct inode *(*parent)(struct inode *dir); /* counted reference */
	int (*create)(struct inode *dir, const char *name, size_t len, u32 mode, u32 rdev,
		      struct inode **out);
	int (*symlink)(struct inode *dir, const char *name, size_t len, const char *target);
	int (*link)(struct inode *dir, const char *name, size_t len, struct inode *inode);
	int (*unlink)(struct inode *dir, const char *name, size_t len, bool directory);
	int (*rename)(struct inode *from_dir, const char *from, size_t from_len, struct inode *to_dir,
		      const char *to, size_t to_len);
	/* Emits entries from position *pos on and moves *pos. Positions 0 and 1, "." and "..", are done. */
	void (*readdir)(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx);
	int (*readlink)(struct inode *inode, char *buf, size_t size); /* length, not terminated */
	/* The target of a link to an open file, whatever its name; counted. NULL: follow the text. */
	struct inode *(*target)(struct inode *link);
	int (*truncate)(struct inode *inode, u64 size);
	/* The three for files that others may change meanwhile; each may be NULL. Let mode, owner and times become those of
	 * `to` there; bring the attributes up to date; and get ready for peek() and page(), which cannot wait. */
	int (*change)(struct inode *inode, const struct inode *to);
	void (*refresh)(struct inode *inode);
	int (*prepare)(struct inode *inode);
	long (*peek)(struct inode *inode, u64 pos, void *kernel_buf, size_t n); /* read into kernel memory */
	/* The frame holding page `index` of a regular file, with a reference for the caller; 0: none. */
	ulong (*page)(struct inode *inode, ulong index, bool for_write);
	void (*release)(struct inode *inode); /* no reference is left */
};

struct file_ops {
	int (*open)(struct inode *inode, struct file *file);
	void (*release)(struct file *file);
	long (*read)(struct file *file, void *user_buf, size_t n, u64 *pos);
	long (*write)(struct file *file, const void *user_buf, size_t n, u64 *pos);
	/* A whole vector (struct iovec, in user memory) at once, for files of datagrams or frames: one vector is one of them. NULL:
	 * part by part. */
	long (*vector)(struct file *file, const void *vector, u32 count, bool writing);
	/* Around several calls of write() that are one to others, of n bytes in all. May sleep. Each may be NULL. */
	long (*write_begin)(struct file *file, size_t n);
	void (*write_end)(struct file *file);
	unsigned (*poll)(struct file *file, struct poll_set *set);
	long (*ioctl)(struct file *file, unsigned command, ulong arg);
	int (*mmap)(struct file *file, struct area *area);
	/* What was written reaches the disk; but for times and the like, if data_only. May sleep. NULL: nothing to do. */
	int (*sync)(struct file *file, bool data_only);
	u64 (*size)(struct file *file); /* bytes; NULL: the inode knows */
	bool seekable;
};

struct file {
	u32 refs, flags;
	u64 pos;
	struct inode *inode;
	const struct file_ops *ops;
	void *private;
};

#define FD_MAX 4096

struct fd {
	struct file *file; /* NULL: not open */
	bool cloexec;
};

/* What a process has of the file systems; changed by the process alone, under the kernel lock. The table grows with the
 * highest descriptor that was ever open. */
struct files {
	struct fd *fd;
	u32 room, umask;
	struct inode *cwd, *root; /* root: where its absolute paths begin (chroot). NULL: it has ended */
};

/* fs/inode.c */
struct inode *inode_alloc(struct fs_stat *fs, u32 mode);
struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode);
void inode_touch(struct inode *inode);   /* mtime and ctime become now */
void inode_refresh(struct inode *inode); /* attributes become those that the file has now; may sleep */
int inode_prepare(struct inode *inode);  /* before peek() and page() of a regular file; may sleep */
/* Mode, owner and times become those of `to`, a changed copy of the inode, and ctime now; may sleep. */
int inode_change(struct inode *inode, struct inode *to);

/* fs/path.c */
#define WALK_FOLLOW 1 /* follow a symbolic link in the last component too */
#define WALK_DIR    2 /* the result must be a directory */

/* Finds the inode of a path, starting from `at` (NULL: the current directory). */
int path_lookup(struct inode *at, const char *path, unsigned flags, struct inode **out);
/* Finds the directory of the last component; *name points into path, *len may be 0 for "/". */
int path_parent(struct inode *at, const char *path, struct inode **dir, const char **name, size_t *len);
/* Writes the absolute path of a directory; the length without the terminator, or -errno. */
int path_of_dir(struct inode *dir, char *buf, size_t size);
struct inode *mount_root(void);
void mount_set_root(struct inode *root);

/* fs/file.c */
struct file *file_open_inode(struct inode *inode, u32 flags);
struct file *file_alloc(struct inode *inode, const struct file_ops *ops, u32 flags);
struct file *file_get(struct file *file);
void file_put(struct file *file);
struct file *fd_file(int fd); /* of the current process, not counted; NULL if not open */
struct file *files_get(const struct files *files, int fd);   /* the same of any process */
int fd_install(struct file *file, int lowest, bool cloexec); /* takes the reference; -EMFILE puts it */
int fd_close(struct files *files, int fd);
int files_copy(struct files *to, const struct files *from); /* -ENOMEM: *to is empty */
void files_close_all(struct files *files);                  /* and gives all else back */
void files_close_on_exec(struct files *files);

/* fs/sync.c: what was written to the file reaches its disk, or just the data. */
int file_sync(struct file *file, bool data_only);

/* fs/open.c */
int file_open(struct inode *at, const char *path, u32 flags, u32 mode, struct file **out);

/* fs/open.c: copies a path from user memory; dirfd as in openat */
struct path_arg {
	char *text;
	struct inode *at;
};
int path_arg_get(struct path_arg *arg, int dirfd, const char *user_path);
void path_arg_put(struct path_arg *arg);
int user_path_lookup(int dirfd, const char *user_path, unsigned flags, struct inode **out);

#endif
