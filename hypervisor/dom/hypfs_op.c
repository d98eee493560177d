/* SPDX-License-Identifier: MIT */
/* Hypercall 42, hypfs_op (xen/hypfs.h): Dom0 reads and writes the hypervisor's file system. The dispatcher has checked that the
 * caller may. */
#include "dom/hypfs.h"
#include "guest/hypercall.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "xen/hypfs.h"

/* The entry at a path of @size bytes with its zero. NULL: *@rc says why. */
static const struct hypfs_entry *entry_at(gva_t at, uint64_t size, long *rc)
{
	char path[HYPFS_PATH_MAX];

	*rc = -EINVAL;
	if (!size || size > XEN_HYPFS_MAX_PATHLEN)
		return NULL;
	*rc = -ENOENT; /* there is none so long */
	if (size > sizeof(path))
		return NULL;
	*rc = -EFAULT;
	if (guest_read(path, at, size))
		return NULL;
	*rc = -EINVAL;
	return path[size - 1] ? NULL : hypfs_find(path, rc);
}

static long read_entry(const struct hypfs_entry *e, gva_t to, uint64_t room)
{
	uint8_t content[HYPFS_CONTENT_MAX];
	struct xen_hypfs_direntry d;

	if (room < sizeof(d))
		return -EINVAL;
	hypfs_describe(e, &d);
	d.content_len = hypfs_content(e, content); /* another vCPU may be writing it */
	if (guest_write(to, &d, sizeof(d)))
		return -EFAULT;
	if (room - sizeof(d) < d.content_len)
		return -ENOBUFS;
	return guest_write(to + sizeof(d), content, d.content_len);
}

static long write_entry(const struct hypfs_entry *e, gva_t from, uint64_t size)
{
	char content[HYPFS_CONTENT_MAX];

	if (!e->write)
		return -EACCES;
	if (size > e->write_max)
		return -ENOSPC;
	if (guest_read(content, from, size))
		return -EFAULT;
	return hypfs_set(e, content, size);
}

long hc_hypfs_op(uint64_t cmd, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4)
{
	const struct hypfs_entry *e;
	long rc;

	if ((uint32_t)cmd == XEN_HYPFS_OP_get_version)
		return arg1 || arg2 || arg3 || arg4 ? -EINVAL : XEN_HYPFS_VERSION;
	hypercall_was_long();
	e = entry_at(arg1, arg2, &rc);
	if (!e)
		return rc;
	switch ((uint32_t)cmd) {
	case XEN_HYPFS_OP_read:
		return read_entry(e, arg3, arg4);
	case XEN_HYPFS_OP_write_contents:
		return write_entry(e, arg3, arg4);
	default:
		return -EOPNOTSUPP;
	}
}
