/* SPDX-License-Identifier: MIT */
/*
 * Pipes: a ring of bytes between readers and writers. A named pipe gets its ring when it is first opened and
 * loses it at the last close. Writes of up to PIPE_BUF bytes are never mixed with others.
 */
#include "kern/fs/pipe.h"
#include "kern/fs/poll.h"
#include "kern/lib/errno.h"
#include "kern/lib/string.h"
#include "kern/mm/kmalloc.h"
#include "kern/mm/user.h"
#include "kern/proc/process.h"
#include "kern/sys/syscalls.h"

#define PIPE_SIZE 8192
#define PIPE_BUF  4096
#define FIONREAD  0x541b

struct pipe {
	char *ring;
	u32 head, count; /* oldest byte, bytes in the ring */
	u32 readers, writers;
	u32 reader_opens,
	    writer_opens; /* ever: a fifo's open waits for the other side to come, not to stay */
	struct wait_queue changed;
};

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->ring = kmalloc(PIPE_SIZE);
	if (!p->ring) {
		kfree(p);
		return NULL;
	}
	wait_init(&p->changed);
	return p;
}

static bool may_read(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(const struct file *file)
{
	return (file->flags & O_ACCMODE) != O_RDONLY;
}

static void pipe_join(struct pipe *p, const struct file *file)
{
	if (may_read(file)) {
		p->readers++;
		p->reader_opens++;
	}
	if (may_write(file)) {
		p->writers++;
		p->writer_opens++;
	}
	wake_all(&p->changed);
}

static void pipe_release(struct file *file)
{
	struct pipe *p = file->inode->pipe;

	p->readers -= may_read(file);
	p->writers -= may_write(file);
	wake_all(&p->changed);
	if (p->readers || p->writers)
		return;
	file->inode->pipe = NULL;
	kfree(p->ring);
	kfree(p);
}

/* Copies between the ring at offset `at` and user memory, in up to two parts. */
static int ring_copy(struct pipe *p, u32 at, void *user, u32 n, bool to_user)
{
	u32 first;

	at %= PIPE_SIZE;
	first = MIN(n, PIPE_SIZE - at);
	if (to_user)
		return copy_to_user(user, p->ring + at, first) ||
		       copy_to_user((char *)user + first, p->ring, n - first);
	return copy_from_user(p->ring + at, user, first) ||
	       copy_from_user(p->ring, (char *)user + first, n - first);
}

static long pipe_read(struct file *file, void *buf, size_t n, u64 *pos)
{
	struct pipe *p = file->inode->pipe;
	u32 part;
	int rc;

	if (!n)
		return 0;
	while (!p->count) {
		if (!p->writers)
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = wait_on(&p->changed);
		if (rc)
			return rc;
	}
	part = MIN(n, (size_t)p->count);
	if (ring_copy(p, p->head, buf, part, true))
		return -EFAULT;
	p->head = (p->head + part) % PIPE_SIZE;
	p->count -= part;
	wake_all(&p->changed);
	return part;
}

/* Is there room for a short write as a whole, or for anything of a long one? */
static inline bool has_room(const struct pipe *p, size_t left)
{
	return PIPE_SIZE - p->count >= (left <= PIPE_BUF ? left : 1) && p->readers;
}

/* There was none. */
static int wait_for_room(struct file *file, struct pipe *p, size_t left)
{
	int rc;

	do {
		if (!p->readers) {
			signal_send(current->process, SIGPIPE, NULL);
			return -EPIPE;
		}
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		rc = wait_on(&p->changed);
		if (rc)
			return rc;
	} while (!has_room(p, left));
	return 0;
}

static long pipe_write(struct file *file, const void *buf, size_t n, u64 *pos)
{
	struct pipe *p = file->inode->pipe;
	size_t done = 0;

	while (done < n) {
		int rc = has_room(p, n - done) ? 0 : wait_for_room(file, p, n - done);
		u32 part = MIN(n - done, (size_t)(PIPE_SIZE - p->count));

		if (!rc && ring_copy(p, p->head + p->count, (char *)buf + done, part, false))
			rc = -EFAULT;
		if (rc)
			return done ? (long)done : rc;
		p->count += part;
		done += part;
		wake_all(&p->changed);
	}
	return done;
}

/* Room for a short vector as a whole: its parts do not sleep then. */
static long pipe_write_begin(struct file *file, size_t n)
{
	struct pipe *p = file->inode->pipe;

	return n && n <= PIPE_BUF && !has_room(p, n) ? wait_for_room(file, p, n) : 0;
}

static unsigned pipe_poll(struct file *file, struct poll_set *set)
{
	struct pipe *p = file->inode->pipe;
	unsigned mask = 0;

	poll_wait(set, &p->changed);
	if (may_read(file))
		mask |= (p->count ? POLLIN : 0) | (!p->writers && p->writer_opens ? POLLHUP : 0);
	if (may_write(file))
		mask |= (PIPE_SIZE - p->count >= PIPE_BUF ? POLLOUT : 0) | (p->readers ? 0 : POLLERR);
	return mask;
}

static long pipe_ioctl(struct file *file, unsigned command, ulong arg)
{
	return command == FIONREAD ? put_user((int)file->inode->pipe->count, (int *)arg) : -ENOTTY;
}

/* A fifo opened for one direction waits until the other one is opened too. */
static int wait_for_peer(struct file *file, struct pipe *p)
{
	u32 *opens = may_read(file) ? &p->writer_opens : &p->reader_opens, before = *opens;
	u32 peers = may_read(file) ? p->writers : p->readers;
	int rc = 0;

	if (peers || (file->flags & O_ACCMODE) == O_RDWR)
		return 0;
	if (file->flags & O_NONBLOCK)
		return may_read(file) ? 0 : -ENXIO;
	while (!rc && *opens == before)
		rc = wait_on(&p->changed);
	return rc;
}

static struct fs_stat pipefs = {.type = "pipefs", .magic = 0x50495045};

/* An unnamed pipe that is opened again, by /proc/self/fd, does not wait for peers: what they left can be read. */
static int fifo_open(struct inode *inode, struct file *file)
{
	int rc;

	if (!inode->pipe)
		inode->pipe = pipe_alloc();
	if (!inode->pipe)
		return -ENOMEM;
	pipe_join(inode->pipe, file);
	rc = inode->fs == &pipefs ? 0 : wait_for_peer(file, inode->pipe);
	if (rc)
		pipe_release(file);
	return rc;
}

const struct file_ops fifo_ops = {
    .open = fifo_open,
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .write_begin = pipe_write_begin,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
};

static void pipe_inode_release(struct inode *inode)
{
	kfree(inode);
}

static const struct inode_ops pipe_inode_ops = {.release = pipe_inode_release};

static struct file *pipe_end(struct inode *inode, u32 flags)
{
	struct file *file = file_alloc(inode, &fifo_ops, flags);

	if (file)
		pipe_join(inode->pipe, file);
	return file;
}

static struct inode *pipe_inode(void)
{
	struct inode *inode = inode_alloc(&pipefs, S_IFIFO | 0600);

	if (!inode)
		return NULL;
	inode->ops = &pipe_inode_ops;
	inode->pipe = pipe_alloc();
	if (!inode->pipe) {
		kfree(inode);
		return NULL;
	}
	return inode;
}

long sys_pipe2(int *user_fds, int flags)
{
	struct inode *inode = pipe_inode();
	struct file *reader, *writer;
	int fds[2];

	if (!inode)
		return -ENOMEM;
	reader = pipe_end(inode, O_RDONLY | (flags & O_NONBLOCK));
	writer = reader ? pipe_end(inode, O_WRONLY | (flags & O_NONBLOCK)) : NULL;
	inode_put(inode);
	if (!writer) {
		if (reader)
			file_put(reader);
		return -ENOMEM;
	}
	fds[0] = fd_install(reader, 0, flags & O_CLOEXEC);
	fds[1] = fds[0] < 0 ? (file_put(writer), fds[0]) : fd_install(writer, 0, flags & O_CLOEXEC);
	if (fds[1] >= 0 && !copy_to_user(user_fds, fds, sizeof(fds)))
		return 0;
	if (fds[0] >= 0)
		sys_close(fds[0]);
	if (fds[1] >= 0)
		sys_close(fds[1]);
	return fds[0] < 0 || fds[1] < 0 ? -EMFILE : -EFAULT;
}

long sys_pipe(int *user_fds)
{
	return sys_pipe2(user_fds, 0);
}
