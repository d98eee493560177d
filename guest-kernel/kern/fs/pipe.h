/* SPDX-License-Identifier: MIT */
/* Pipes and named pipes. */
#ifndef KERN_FS_PIPE_H
#define KERN_FS_PIPE_H

#include "kern/fs/vfs.h"

extern const struct file_ops fifo_ops;

#endif
