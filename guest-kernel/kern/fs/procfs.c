/* SPDX-License-Identifier: MIT */
/* /proc: directories, lookup and files of text. What the files say is in proc_system.c and proc_process.c. */
#include "kern/fs/procfs.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"

#define PROC_MAGIC 0x9fa0
#define ROOT_INO   1
/* ino = pid * 64 + 2 + index of the file; index DIR_INDEX is the process's directory. In /proc itself pid is
 * 0. */
#define PER_PROCESS 64
#define DIR_INDEX   60
#define NET_INDEX   32                   /* in /proc: of the first file of /proc/net */
#define NET_INO     (2 + (u64)DIR_INDEX) /* of /proc/net itself */

struct fs_stat procfs = {.type = "proc", .magic = PROC_MAGIC};
static const struct inode_ops proc_ops;
static const struct file_ops proc_file_ops;
const struct proc_file *procfs_net_files;

void proc_write(struct proc_text *t, const void *bytes, size_t n)
{
	size_t room = t->room ? t->room : 256;
	char *bigger;

	while (room < t->len + n + 1)
		room *= 2;
	if (room != t->room) {
		bigger = kmalloc(room);
		if (!bigger) {
			t->failed = true;
			return;
		}
		memcpy(bigger, t->text, t->len);
		kfree(t->text);
		t->text = bigger;
		t->room = room;
	}
	memcpy(t->text + t->len, bytes, n);
	t->len += n;
}

void proc_print(struct proc_text *t, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	proc_write(t, line, MIN(n, (int)sizeof(line) - 1));
}

static u64 ino_of(int pid, u32 index)
{
	return (u64)pid * PER_PROCESS + 2 + index;
}

static int pid_of(const struct inode *inode)
{
	return inode->ino == ROOT_INO ? 0 : (u32)(inode->ino - 2) / PER_PROCESS;
}

static const struct proc_file *file_of(const struct inode *inode)
{
	return inode->private;
}

static struct inode *new_inode(u64 ino, u32 mode, const struct proc_file *file)
{
	struct inode *inode = inode_alloc(&procfs, mode);

	if (!inode)
		return NULL;
	inode->ino = ino;
	inode->ops = &proc_ops;
	inode->private = (void *)file;
	inode->fops = file ? &proc_file_ops : NULL;
	return inode;
}

struct inode *procfs_root(void)
{
	static struct inode *root;

	if (!root)
		root = new_inode(ROOT_INO, S_IFDIR | 0555, NULL);
	return root ? inode_get(root) : NULL;
}

static u32 index_of(const struct proc_file *files, const struct proc_file *f)
{
	return f - files + (files == procfs_net_files ? NET_INDEX : 0);
}

static int lookup_file(const struct proc_file *files, int pid, const char *name, size_t len,
		       struct inode **out)
{
	const struct proc_file *f;

	for (f = files; f->name; f++) {
		if (strlen(f->name) == len && !memcmp(f->name, name, len)) {
			if (f->show)
				*out = new_inode(ino_of(pid, index_of(files, f)), f->mode, f);
			else
				*out = pid ? procfs_fd_dir(pid, ino_of(pid, f - files))
					   : new_inode(NET_INO, S_IFDIR | 0555, NULL);
			return *out ? 0 : -ENOMEM;
		}
	}
	return -ENOENT;
}

struct inode *procfs_process_dir(int pid)
{
	return new_inode(ino_of(pid, DIR_INDEX), S_IFDIR | 0555, NULL);
}

static int lookup_process(const char *name, size_t len, struct inode **out)
{
	const char *end = name;
	u32 pid = parse_number(&end, 10);

	if (end != name + len || !pid || !process_find(pid))
		return -ENOENT;
	*out = procfs_process_dir(pid);
	return *out ? 0 : -ENOMEM;
}

static int proc_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	int pid = pid_of(dir);

	if (pid)
		return process_find(pid) ? lookup_file(proc_process_files, pid, name, len, out) : -ENOENT;
	if (dir->ino == NET_INO)
		return lookup_file(procfs_net_files, 0, name, len, out);
	if (*name >= '0' && *name <= '9')
		return lookup_process(name, len, out);
	return lookup_file(proc_system_files, 0, name, len, out);
}

static struct inode *proc_parent(struct inode *dir)
{
	return procfs_root();
}

static bool list_files(const struct proc_file *files, int pid, u64 *pos, dir_emit_t emit, void *ctx)
{
	u64 at = 2;
	const struct proc_file *f;

	for (f = files; f->name; f++, at++) {
		if (at < *pos)
			continue;
		if (!emit(ctx, f->name, strlen(f->name), ino_of(pid, index_of(files, f)), f->mode))
			return false;
		*pos = at + 1;
	}
	return true;
}

/* In /proc the processes come after the files, at position PER_PROCESS + pid, in order of their number. */
static struct process *next_process(u64 pos)
{
	struct process *p, *best = NULL;

	list_for_each (p, &all_processes, all) {
		if ((u64)p->pid + PER_PROCESS >= pos && (!best || p->pid < best->pid))
			best = p;
	}
	return best;
}

static void proc_readdir(struct inode *dir, u64 *pos, dir_emit_t emit, void *ctx)
{
	int pid = pid_of(dir);
	struct process *p;
	char name[12];

	if (pid) {
		list_files(proc_process_files, pid, pos, emit, ctx);
		return;
	}
	if (dir->ino == NET_INO) {
		list_files(procfs_net_files, 0, pos, emit, ctx);
		return;
	}
	if (*pos < PER_PROCESS && !list_files(proc_system_files, 0, pos, emit, ctx))
		return;
	while ((p = next_process(*pos))) {
		snprintf(name, sizeof(name), "%d", p->pid);
		if (!emit(ctx, name, strlen(name), ino_of(p->pid, DIR_INDEX), S_IFDIR))
			return;
		*pos = (u64)PER_PROCESS + p->pid + 1;
	}
}

static int make_text(struct inode *inode, struct proc_text *t)
{
	int pid = pid_of(inode);
	struct process *p = pid ? process_find(pid) : NULL;

	*t = (struct proc_text){0};
	if (pid && !p)
		return -ESRCH;
	file_of(inode)->show(t, p);
	return 0;
}

static int proc_readlink(struct inode *inode, char *buf, size_t size)
{
	struct proc_text t;
	int n = make_text(inode, &t);

	if (!n) {
		n = MIN(t.len, size);
		memcpy(buf, t.text, n);
	}
	kfree(t.text);
	return n ? n : -ENOENT;
}

static void proc_release(struct inode *inode)
{
	kfree(inode);
}

static const struct inode_ops proc_ops = {
    .lookup = proc_lookup,
    .parent = proc_parent,
    .readdir = proc_readdir,
    .readlink = proc_readlink,
    .release = proc_release,
};

static int proc_open(struct inode *inode, struct file *file)
{
	struct proc_text *t = kmalloc(sizeof(*t));
	int rc = t ? make_text(inode, t) : -ENOMEM;

	file->private = t;
	if (rc)
		kfree(t);
	return rc;
}

static void proc_file_release(struct file *file)
{
	struct proc_text *t = file->private;

	kfree(t->text);
	kfree(t);
}

static long proc_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct proc_text *t = file->private;

	if (*pos >= t->len)
		return 0;
	n = MIN(n, (size_t)(t->len - *pos));
	if (copy_to_user(buf, t->text + *pos, n))
		return -EFAULT;
	*pos += n;
	return n;
}

/* One line at a time. */
static long proc_file_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	const struct proc_file *f = file_of(file->inode);
	char line[64], *end;
	size_t len = MIN(n, sizeof(line) - 1);
	int rc;

	if (!f->store)
		return -EACCES;
	if (copy_from_user(line, buf, len))
		return -EFAULT;
	line[len] = 0;
	end = strchr(line, '\n');
	if (end)
		*end = 0;
	rc = f->store(line);
	return rc ? rc : (long)n;
}

static const struct file_ops proc_file_ops = {
    .open = proc_open,
    .release = proc_file_release,
    .read = proc_read,
    .write = proc_file_write,
    .seekable = true,
};
