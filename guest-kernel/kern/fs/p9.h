/* SPDX-License-Identifier: MIT */
/*
 * A file system that another machine has, by 9P2000.L. Three files stand on one another: p9_message.c knows the form of
 * messages, p9_call.c sends them and waits for the answers, p9.c and p9_file.c make a file system of them. Whatever
 * carries the messages (drivers/virtio_9p.c) calls p9_add().
 *
 * Nothing is kept that the server does not know: each write has reached it before the call returns, each path is
 * walked there again. The one exception is a file that is mapped or run: a fault cannot wait, so its contents are read
 * before (p9_prepare()).
 */
#ifndef KERN_FS_P9_H
#define KERN_FS_P9_H

#include "kern/fs/p9_message.h"
#include "kern/fs/prepared.h"
#include "kern/fs/vfs.h"
#include "kern/proc/wait.h"

#define P9_TAG_MAX  32u
#define P9_CALLS    4u                     /* at a time */
#define P9_MESSAGE  ((u32)(8 * PAGE_SIZE)) /* room for one */
#define P9_DATA(p9) ((p9)->message - 24)   /* the most that a message can carry beside its header */

enum p9_state {
	P9_FREE,
	P9_MINE, /* a task makes it, or reads the answer */
	P9_SENT, /* the server has it, and a task waits */
	P9_LEFT, /* the server has it, and nobody waits */
};

struct p9_call {
	struct p9 *p9;
	enum p9_state state;
	u8 type;
	u32 written; /* by the server */
	struct p9_message out, in;
};

/* A server's name for a file: each open file and each inode has its own. */
struct p9_fid {
	struct list list; /* in p9.unused */
	u32 number;
};

/* A connection. Interrupts and tasks change it, with the kernel lock. */
struct p9 {
	struct list list;
	char tag[P9_TAG_MAX + 1];                       /* what mount calls it */
	bool (*send)(struct p9 *p9, struct p9_call *c); /* p9_done() will follow */
	struct p9_call calls[P9_CALLS];
	struct wait_queue waiters; /* for an answer, or a free call */
	struct list unused;        /* fids that the server has not been told to forget */
	u32 message, last_fid;     /* the longest message; 0: no version is agreed upon yet */
	bool broken;               /* every call fails */
	struct list nodes;         /* all inodes in memory */
	struct fs_stat fs;
};

/* p9_call.c, for the carrier. send, and the tag, are set. False: no memory. */
bool p9_add(struct p9 *p9);
void p9_done(struct p9_call *c, u32 written);
void p9_break(struct p9 *p9);

/* Sends a message and waits for its answer, which is then in ->in. An ERR_PTR of what the server says, or
 * -ERESTARTSYS: killed meanwhile. The call is to be given back by p9_end(). */
struct p9_call *p9_ask(struct p9 *p9, u8 type, const char *format, ...);
void p9_end(struct p9_call *c);
/* Both, where the answer says nothing more. */
int p9_do(struct p9 *p9, u8 type, const char *format, ...);
/* The same in two steps, for data in between: p9_new() and p9_put(), then p9_run(), which gives the call back if it fails. */
struct p9_call *p9_new(struct p9 *p9, u8 type);
int p9_run(struct p9_call *c);

struct p9 *p9_find(const char *tag);
/* A number that the server does not know yet; NULL: no memory. */
struct p9_fid *p9_fid_new(struct p9 *p9);
/* The server forgets it, later: this does not wait. NULL is allowed. */
void p9_fid_drop(struct p9 *p9, struct p9_fid *fid);
/* A new fid for the file `name` in the directory `from`, or with an empty name for the same file; or an ERR_PTR. */
struct p9_fid *p9_walk(struct p9 *p9, const struct p9_fid *from, const char *name, size_t len);
/* A new fid for the same file, open. */
struct p9_fid *p9_open_fid(struct p9 *p9, const struct p9_fid *from, u32 flags);

/* An inode's private part. */
struct p9_node {
	struct list list;
	struct inode *inode, *parent; /* of a directory: counted, except the root's, which is itself */
	struct p9_fid *fid,
	    *opened; /* opened: a directory that is listed, or a file just made, for its first open */
	struct prepared prepared; /* contents, for mappings */
};

static inline struct p9 *p9_of(const struct inode *inode)
{
	return container_of(inode->fs, struct p9, fs);
}

static inline struct p9_node *p9_node(const struct inode *inode)
{
	return inode->private;
}

/* p9.c: the root of what the host calls `tag`; or an ERR_PTR. */
struct inode *p9_mount(const char *tag);

/* p9_file.c */
extern const struct file_ops p9_file_ops;
int p9_prepare(struct inode *inode);
long p9_peek(struct inode *inode, u64 pos, void *buf, size_t n);
ulong p9_page(struct inode *inode, ulong index, bool for_write);

#endif
