/* SPDX-License-Identifier: MIT */
/*
 * Contents of files that are read before they are mapped or run, as a page fault cannot wait: frames of their own, which
 * nothing writes back.
 */
#ifndef KERN_FS_PREPARED_H
#define KERN_FS_PREPARED_H

#include "kern/fs/vfs.h"

struct prepared {
	u32 *frames; /* frame numbers; NULL: nothing is prepared */
	ulong count;
	u64 size; /* and mtime, of the file when it was read */
	s64 mtime;
};

static inline bool prepared_already(const struct prepared *p, const struct inode *inode)
{
	return p->frames && p->mtime == inode->mtime && p->size == inode->size;
}

/* Reads some of the file from pos on, at most n bytes, into *to by prepared_write(). How many; 0: its end; -errno. May sleep. */
typedef long (*prepared_read_t)(void *ctx, u64 pos, u64 n, struct prepared *to);

/* Reads the whole file, unless that has been done and it has not changed. Where it ends earlier, zeros remain. Others may do the
 * same meanwhile: the last one's frames stay, and those that are mapped have references of their own. */
int prepared_fill(struct prepared *p, const struct inode *inode, prepared_read_t read, void *ctx);
/* Copies n bytes, which stand at pos of the file, into those frames that there are. */
void prepared_write(const struct prepared *p, u64 pos, const u8 *data, size_t n);
void prepared_forget(struct prepared *p, ulong first); /* from this page on */
/* For the inode's operations of these names. */
long prepared_peek(const struct prepared *p, const struct inode *inode, u64 pos, void *buf, size_t n);
ulong prepared_page(const struct prepared *p, ulong index);

#endif
