/* SPDX-License-Identifier: MIT */
/* The hypervisor's file system (xen/hypfs.h): a fixed tree of names. Here is no guest memory. */
#pragma once

#include "lib/types.h"

struct xen_hypfs_direntry;

#define HYPFS_PATH_MAX    64  /* with the zero: no path is longer */
#define HYPFS_CONTENT_MAX 512 /* bytes, of any entry */

struct hypfs_entry {
	const char *path; /* whole; directories come before what is in them */
	uint8_t type;     /* XEN_HYPFS_TYPE_* */
	uint16_t write_max;
	uint32_t number;                       /* XEN_HYPFS_TYPE_UINT */
	const char *text;                      /* XEN_HYPFS_TYPE_STRING, or */
	void (*read)(char *text, size_t size); /* it may change; @text is cut if it does not fit, */
	bool (*write)(const char *text);       /* also by tools. False: no such value, nothing changes */
};

/* The entry at @path, which may end with a "/" if that is a directory. NULL, *@rc = -EINVAL: no path at all; -ENOENT. */
const struct hypfs_entry *hypfs_find(const char *path, long *rc);
/* Fill @to, its size of contents included. */
void hypfs_describe(const struct hypfs_entry *e, struct xen_hypfs_direntry *to);
/* Contents of @e: a number, a text with its zero, or xen_hypfs_dirlistentries. How many bytes, at most HYPFS_CONTENT_MAX. */
uint32_t hypfs_content(const struct hypfs_entry *e, uint8_t content[HYPFS_CONTENT_MAX]);
/* Give @e, which can be written, the value of these @n bytes, at most its write_max. -EDOM: no text with one zero, at its end; -EINVAL. */
long hypfs_set(const struct hypfs_entry *e, const char *text, uint32_t n);
