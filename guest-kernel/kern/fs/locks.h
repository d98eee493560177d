/* SPDX-License-Identifier: MIT */
/* Advisory locks on files: see locks.c. */
#ifndef KERN_FS_LOCKS_H
#define KERN_FS_LOCKS_H

#include "kern/fs/vfs.h"

#define F_GETLK      5
#define F_SETLK      6
#define F_SETLKW     7
#define F_GETLK64    12
#define F_SETLK64    13
#define F_SETLKW64   14
#define F_OFD_GETLK  36
#define F_OFD_SETLK  37
#define F_OFD_SETLKW 38

/* fcntl's commands above, for an open descriptor of the current process; arg is the user's struct flock. May sleep. */
long file_lock(int fd, int command, ulong arg);
/* The owner, a process or an open file, gives back what it has locked of the inode. */
void locks_drop(struct inode *inode, const void *owner);

#endif
