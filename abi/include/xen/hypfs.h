/* SPDX-License-Identifier: MIT */
/* hypfs_op(cmd, ...): a small file system of what the hypervisor knows of itself, for Dom0's tools. */
#pragma once

#include "xen.h"

#define XEN_HYPFS_VERSION     1
#define XEN_HYPFS_MAX_PATHLEN 1024 /* with the zero at the end */

/* The version; no arguments. */
#define XEN_HYPFS_OP_get_version 0
/* Path, its size, buffer, its size: a direntry, and behind it the contents, or the direntry alone and -ENOBUFS. */
#define XEN_HYPFS_OP_read 1
/* Path, its size, contents, their size. */
#define XEN_HYPFS_OP_write_contents 2

struct xen_hypfs_direntry {
	uint8_t type; /* XEN_HYPFS_TYPE_* */
	uint8_t encoding;
	uint16_t pad;
	uint32_t content_len;
	uint32_t max_write_len; /* 0: read only */
};
#define XEN_HYPFS_TYPE_DIR    0
#define XEN_HYPFS_TYPE_BLOB   1
#define XEN_HYPFS_TYPE_STRING 2
#define XEN_HYPFS_TYPE_UINT   3
#define XEN_HYPFS_TYPE_INT    4
#define XEN_HYPFS_TYPE_BOOL   5
#define XEN_HYPFS_ENC_PLAIN   0
#define XEN_HYPFS_ENC_GZIP    1

/* The contents of a directory: one after the other. */
struct xen_hypfs_dirlistentry {
	struct xen_hypfs_direntry e;
	uint16_t off_next; /* bytes to the next; 0: the last */
	char name[];
};
