/* SPDX-License-Identifier: MIT */
/*
 * /proc: what the kernel knows, as text made when a file is opened. Inodes are made on lookup and carry in
 * their number which file of which process they are.
 */
#ifndef KERN_FS_PROCFS_H
#define KERN_FS_PROCFS_H

#include "kern/fs/vfs.h"

struct process;

/* Text that grows while it is written. */
struct proc_text {
	char *text;
	size_t len, room;
	bool failed; /* no memory: the file shows what there is */
};

void proc_print(struct proc_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void proc_write(struct proc_text *t, const void *bytes, size_t n);

struct proc_file {
	const char *name;
	u32 mode; /* type and rights */
	/* p is NULL in /proc itself; without this function it is a directory: of open files, or /proc/net */
	void (*show)(struct proc_text *t, struct process *p);
	int (*store)(const char *line); /* called with what was written; NULL: read only */
};

/* fs/proc_system.c and fs/proc_process.c; the last entry has no name */
extern const struct proc_file proc_system_files[], proc_process_files[];

extern const struct proc_file *procfs_net_files; /* those of /proc/net: kern/net's, which sets this */

extern struct fs_stat procfs;

struct inode *procfs_root(void); /* counted, as all below */
struct inode *procfs_process_dir(int pid);
struct inode *procfs_fd_dir(int pid, u64 ino); /* fs/proc_fd.c */
void proc_show_mounts(struct proc_text *t, struct process *p);

#endif
