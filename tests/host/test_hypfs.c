/* SPDX-License-Identifier: MIT */
/*
 * Specification of the hypervisor's file system (hypervisor/dom/hypfs.c):
 *   tree    each directory stands before what is in it, no path is too long, names are sorted, contents fit; a list names just
 *           what is in its directory
 *   paths   are found whole, a directory also with a "/" behind it; nothing else is
 *   values  a parameter shows what was set; what is no text, or no value, changes nothing
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dom/hypfs.c"

const char version_changeset[] = "2026-01-01 git:0123456789ab";
static char level[LOG_SOURCES][HYPFS_CONTENT_MAX];

void log_get_level(enum log_source source, char *text, size_t size)
{
	strncpy(text, level[source], size);
}
bool log_set_level(enum log_source source, const char *text)
{
	if (!strcmp(text, "bad"))
		return false;
	strcpy(level[source], text);
	return true;
}
size_t strlcpy(char *dst, const char *src, size_t size)
{
	strncpy(dst, src, size - 1);
	dst[size - 1] = 0;
	return strlen(src);
}

static const struct hypfs_entry *find(const char *path)
{
	long rc = 77;
	const struct hypfs_entry *e = hypfs_find(path, &rc);

	assert_true(e || rc == -ENOENT);
	return e;
}

static unsigned listed(const struct hypfs_entry *dir)
{
	uint8_t content[HYPFS_CONTENT_MAX + 1];
	uint32_t size, at = 0;
	unsigned n = 0;

	memset(content, 0x5a, sizeof(content));
	size = hypfs_content(dir, content);
	assert_true(size && size <= HYPFS_CONTENT_MAX);
	assert_int_equal(content[size], 0x5a);
	for (;; n++) {
		const struct xen_hypfs_dirlistentry *d = (void *)(content + at);
		struct xen_hypfs_direntry e;
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", dir == tree ? "" : dir->path, d->name);
		assert_non_null(find(path));
		hypfs_describe(find(path), &e);
		assert_memory_equal(&e, &d->e, sizeof(e));
		if (!d->off_next)
			return n + 1;
		at += d->off_next;
		assert_true(at < size);
	}
}

static void whole_tree(void **state)
{
	unsigned in_lists = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(tree); i++) {
		struct xen_hypfs_direntry e;
		uint8_t content[HYPFS_CONTENT_MAX];
		const char *slash = strrchr(tree[i].path, '/');
		size_t n = slash - tree[i].path;
		unsigned parent = 0;

		assert_true(strlen(tree[i].path) < HYPFS_PATH_MAX);
		assert_ptr_equal(find(tree[i].path), &tree[i]);
		assert_true(i < 2 || strcmp(tree[i].path, tree[i - 1].path) > 0);
		while (n && (strlen(tree[parent].path) != n || strncmp(tree[parent].path, tree[i].path, n)))
			parent++;
		assert_true(!i || parent < i);
		assert_int_equal(tree[parent].type, XEN_HYPFS_TYPE_DIR);
		hypfs_describe(&tree[i], &e);
		assert_int_equal(hypfs_content(&tree[i], content), e.content_len);
		assert_int_equal(!e.max_write_len, !tree[i].write);
		if (tree[i].type == XEN_HYPFS_TYPE_DIR)
			in_lists += listed(&tree[i]);
	}
	assert_int_equal(in_lists, ARRAY_SIZE(tree) - 1);
}

static void paths(void **state)
{
	long rc;

	assert_ptr_equal(find("/buildinfo/"), find("/buildinfo"));
	assert_null(find("/buildinfo//"));
	assert_null(find("//"));
	assert_null(find("/buildinfos"));
	assert_null(find("/buildinf"));
	assert_null(find("/buildinfo/changeset/"));
	assert_null(find("/buildinfo/changeset/x"));
	assert_null(hypfs_find("", &rc));
	assert_int_equal(rc, -EINVAL);
	assert_null(hypfs_find("buildinfo", &rc));
	assert_int_equal(rc, -EINVAL);
}

static void values(void **state)
{
	const struct hypfs_entry *e = find("/params/loglvl");
	uint8_t content[HYPFS_CONTENT_MAX];

	assert_int_equal(hypfs_set(e, "some", 5), 0);
	assert_string_equal(level[LOG_OWN], "some");
	assert_int_equal(hypfs_content(e, content), 5);
	assert_string_equal(content, "some");
	assert_int_equal(hypfs_set(e, "bad", 4), -EINVAL);
	assert_int_equal(hypfs_set(e, "some", 4), -EDOM);
	assert_int_equal(hypfs_set(e, "a\0b", 4), -EDOM);
	assert_int_equal(hypfs_set(e, "", 0), -EDOM);
	assert_string_equal(level[LOG_OWN], "some");
	assert_int_equal(hypfs_set(find("/params/guest_loglvl"), "other", 6), 0);
	assert_string_equal(level[LOG_GUEST], "other");
	assert_string_equal(level[LOG_OWN], "some");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_tree),
	    cmocka_unit_test(paths),
	    cmocka_unit_test(values),
	};

	return cmocka_run_group_tests_name("hypfs", tests, NULL, NULL);
}
