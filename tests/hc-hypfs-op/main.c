/* SPDX-License-Identifier: MIT */
/*
 * hypfs_op: from the root on, every directory lists what is in it, and each name in it can be read, with the type and the size
 * that the list says; the version is the one that xen_version tells. Too little room gives the entry without its contents and
 * -ENOBUFS. What can be written takes good values alone, shows them, and leaves everything as it was if a value is bad. Paths that are
 * none, sizes that are none or overflow, and addresses that cannot be used are refused.
 */
#include "fw.h"
#include "xen/hypfs.h"

const char test_title[] = "hc-hypfs-op";

#define CANARY 0x5a
#define LEVEL  "/params/guest_loglvl"

static union {
	struct xen_hypfs_direntry e;
	char bytes[4096];
} b;
static unsigned found, written;

static unsigned length(const char *s)
{
	unsigned n = 0;

	while (n < 100 && s[n])
		n++;
	return n;
}

static bool same(const void *a, const void *c, unsigned n)
{
	while (n && ((const char *)a)[n - 1] == ((const char *)c)[n - 1])
		n--;
	return !n;
}

static long do_read(const char *path, void *to, unsigned long room)
{
	return hypercall_hypfs_op(XEN_HYPFS_OP_read, path, length(path) + 1, to, room);
}

static long read_into(const char *path, unsigned long room)
{
	__builtin_memset(b.bytes, CANARY, sizeof(b.bytes));
	return do_read(path, &b, room);
}

static const char *content(void)
{
	return b.bytes + sizeof(b.e);
}

static long do_write(const char *path, const void *from, unsigned long size)
{
	return hypercall_hypfs_op(XEN_HYPFS_OP_write_contents, path, length(path) + 1, from, size);
}

static bool is(const char *text)
{
	return b.e.content_len == length(text) + 1 && same(content(), text, b.e.content_len);
}

/* One entry: all of it, all but one byte, the entry alone. */
static void read_sizes(const char *path)
{
	unsigned size;

	check_eq(read_into(path, sizeof(b)), 0);
	size = sizeof(b.e) + b.e.content_len;
	check(b.e.content_len && size < sizeof(b));
	check_eq(b.bytes[size], CANARY);
	check_eq(read_into(path, size - 1), -XEN_ENOBUFS);
	check_eq(b.e.content_len, size - sizeof(b.e));
	check_eq(content()[0], CANARY);
	check_eq(read_into(path, sizeof(b.e)), -XEN_ENOBUFS);
	check_eq(read_into(path, sizeof(b.e) - 1), -XEN_EINVAL);
	check_eq(read_into(path, size), 0);
}

static void join(char *to, const char *dir, const char *name)
{
	unsigned n = length(dir);

	__builtin_memcpy(to, dir, n);
	if (n > 1)
		to[n++] = '/';
	__builtin_memcpy(to + n, name, length(name) + 1);
}

static void walk(const char *path, const struct xen_hypfs_direntry *listed)
{
	char list[512], below[128];
	unsigned at = 0, next;

	read_sizes(path);
	found++;
	written += b.e.max_write_len != 0;
	check(!listed || same(listed, &b.e, sizeof(b.e)));
	if (b.e.type != XEN_HYPFS_TYPE_DIR) {
		check(b.e.type == XEN_HYPFS_TYPE_UINT ? b.e.content_len == 4
						      : !content()[b.e.content_len - 1]);
		return;
	}
	if (b.e.content_len > sizeof(list))
		error("a long list");
	__builtin_memcpy(list, content(), b.e.content_len);
	do {
		const struct xen_hypfs_dirlistentry *d = (void *)(list + at);

		join(below, path, d->name);
		next = d->off_next;
		walk(below, &d->e);
		at += next;
	} while (next);
}

static void version(void)
{
	const uint32_t told = hypercall_xen_version(XENVER_version, NULL);
	xen_extraversion_t extra;

	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), XEN_HYPFS_VERSION);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, NULL, 1, NULL, 0), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, &b, 0, NULL, 0), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, NULL, 0, &b, 0), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 1), -XEN_EINVAL);
	check_eq(read_into("/buildinfo/version/major", 64), 0);
	check_eq(*(const uint32_t *)content(), told >> 16);
	check_eq(read_into("/buildinfo/version/minor", 64), 0);
	check_eq(*(const uint32_t *)content(), told & 0xffff);
	check_eq(hypercall_xen_version(XENVER_extraversion, extra), 0);
	check_eq(read_into("/buildinfo/version/extra", 64), 0);
	check(is(extra));
}

/* Not on Xen, whose parameters are others. */
static void values(void)
{
	static const char bad[] = "info\0debug";
	char was[32];

	check_eq(read_into(LEVEL, 64), 0);
	__builtin_memcpy(was, content(), b.e.content_len);
	check(b.e.max_write_len >= sizeof("warning/debug"));
	check_eq(do_write(LEVEL, "warning/debug", sizeof("warning/debug")), 0);
	check_eq(read_into(LEVEL, 64), 0);
	check(is("warning/debug"));
	check_eq(do_write(LEVEL, "none", sizeof("none")), 0);
	check_eq(do_write(LEVEL, "loud", sizeof("loud")), -XEN_EINVAL);
	check_eq(do_write(LEVEL, "info", 4), -XEN_EDOM); /* without its zero */
	check_eq(do_write(LEVEL, bad, sizeof(bad)), -XEN_EDOM);
	check_eq(do_write(LEVEL, "", 0), -XEN_EDOM);
	check_eq(do_write(LEVEL, b.bytes, b.e.max_write_len + 1), -XEN_ENOSPC);
	check_eq(do_write(LEVEL, b.bytes, ~0ul), -XEN_ENOSPC);
	check_eq(do_write(LEVEL, (void *)8, 5), -XEN_EFAULT);
	check_eq(read_into(LEVEL, 64), 0);
	check(is("none/none"));
	check_eq(do_write(LEVEL, was, length(was) + 1), 0);
}

static void refused(void)
{
	static const unsigned long bad[] = BAD_POINTERS;
	static char longest[XEN_HYPFS_MAX_PATHLEN + 1];

	__builtin_memset(longest, '/', sizeof(longest));
	longest[XEN_HYPFS_MAX_PATHLEN - 1] = longest[XEN_HYPFS_MAX_PATHLEN] = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		check_eq(do_read("/buildinfo", (void *)bad[i], 4096), -XEN_EFAULT);
		check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, (void *)bad[i], 8, &b, sizeof(b)),
			 -XEN_EFAULT);
	}
	check_eq(read_into("/nothing", sizeof(b)), -XEN_ENOENT);
	check_eq(read_into("/buildinfo/versions", sizeof(b)), -XEN_ENOENT);
	check_eq(read_into("/buildinf", sizeof(b)), -XEN_ENOENT);
	check_eq(read_into("/buildinfo/version/major/x", sizeof(b)), -XEN_ENOENT);
	check_eq(read_into("buildinfo", sizeof(b)), -XEN_EINVAL);
	check_eq(read_into("", sizeof(b)), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, "/buildinfo", 0, &b, sizeof(b)), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, "/buildinfo", 10, &b, sizeof(b)), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, "/buildinfo", ~0ul, &b, sizeof(b)), -XEN_EINVAL);
	check_eq(hypercall_hypfs_op(XEN_HYPFS_OP_read, longest, sizeof(longest), &b, sizeof(b)), -XEN_EINVAL);
	check(hypercall_hypfs_op(XEN_HYPFS_OP_read, longest, sizeof(longest) - 1, &b, sizeof(b)) < 0);
	check_eq(hypercall_hypfs_op(3, "/buildinfo", sizeof("/buildinfo"), &b, sizeof(b)), -XEN_EOPNOTSUPP);
	check_eq(do_write("/buildinfo", b.bytes, 4), -XEN_EACCES);
	check_eq(do_write("/buildinfo/version/extra", b.bytes, 4), -XEN_EACCES);
}

void test_main(void)
{
	version();
	walk("/", NULL);
	printk("%u entries, %u can be written\n", found, written);
	check(found > 12 && written);
	refused();
	if (!read_into(LEVEL, 64))
		values();
}
