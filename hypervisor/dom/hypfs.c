/* SPDX-License-Identifier: MIT */
/* See hypfs.h. The names are those that Xen's tools know; a parameter is here if it takes effect when it is written. */
#include "dom/hypfs.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/loglevel.h"
#include "lib/string.h"
#include "lib/version.h"
#include "xen/hypfs.h"

#define PARAMETER_MAX 32 /* bytes, with the zero */

static void read_loglvl(char *text, size_t size)
{
	log_get_level(LOG_OWN, text, size);
}

static bool write_loglvl(const char *text)
{
	return log_set_level(LOG_OWN, text);
}

static void read_guest_loglvl(char *text, size_t size)
{
	log_get_level(LOG_GUEST, text, size);
}

static bool write_guest_loglvl(const char *text)
{
	return log_set_level(LOG_GUEST, text);
}

#define DIR(p)                                          \
	{                                               \
		.path = (p), .type = XEN_HYPFS_TYPE_DIR \
	}
#define TEXT(p, t)                                                      \
	{                                                               \
		.path = (p), .type = XEN_HYPFS_TYPE_STRING, .text = (t) \
	}
#define NUMBER(p, n)                                                    \
	{                                                               \
		.path = (p), .type = XEN_HYPFS_TYPE_UINT, .number = (n) \
	}
#define PARAMETER(p, f)                                                                                   \
	{                                                                                                 \
		.path = (p), .type = XEN_HYPFS_TYPE_STRING, .write_max = PARAMETER_MAX, .read = read_##f, \
		.write = write_##f                                                                        \
	}

static const struct hypfs_entry tree[] = {
    DIR("/"),
    DIR("/buildinfo"),
    TEXT("/buildinfo/changeset", version_changeset),
    DIR("/buildinfo/compileinfo"),
    TEXT("/buildinfo/compileinfo/compile_by", VERSION_COMPILE_BY),
    TEXT("/buildinfo/compileinfo/compile_date", VERSION_COMPILE_DATE),
    TEXT("/buildinfo/compileinfo/compile_domain", VERSION_COMPILE_DOMAIN),
    TEXT("/buildinfo/compileinfo/compiler", VERSION_COMPILER),
    DIR("/buildinfo/version"),
    TEXT("/buildinfo/version/extra", VERSION_EXTRA),
    NUMBER("/buildinfo/version/major", VERSION_MAJOR),
    NUMBER("/buildinfo/version/minor", VERSION_MINOR),
    DIR("/cpupool"),
    DIR("/cpupool/0"),
    TEXT("/cpupool/0/sched-gran", "cpu"),
    DIR("/params"),
    PARAMETER("/params/guest_loglvl", guest_loglvl),
    PARAMETER("/params/loglvl", loglvl),
};

/* Is @path below the entry @e, or it? */
static bool leads_through(const struct hypfs_entry *e, const char *path)
{
	size_t n = strlen(e->path);

	return !strncmp(path, e->path, n) && (path[n] == '/' || !path[n]);
}

const struct hypfs_entry *hypfs_find(const char *path, long *rc)
{
	size_t n = strlen(path);

	*rc = *path == '/' ? -ENOENT : -EINVAL;
	if (*path != '/' || n == 1)
		return n == 1 && *path == '/' ? &tree[0] : NULL;
	for (unsigned i = 1; i < ARRAY_SIZE(tree); i++) {
		const char *rest;

		if (!leads_through(&tree[i], path))
			continue;
		rest = path + strlen(tree[i].path);
		if (!*rest || (tree[i].type == XEN_HYPFS_TYPE_DIR && !rest[1]))
			return &tree[i];
	}
	return NULL;
}

/* The name of @e if it is in @dir itself. */
static const char *name_in(const struct hypfs_entry *dir, const struct hypfs_entry *e)
{
	size_t n = dir == &tree[0] ? 0 : strlen(dir->path);

	if (e == &tree[0] || strncmp(e->path, dir->path, n) || e->path[n] != '/' ||
	    strchr(e->path + n + 1, '/'))
		return NULL;
	return e->path + n + 1;
}

static uint32_t text_of(const struct hypfs_entry *e, char *content)
{
	if (e->read)
		e->read(content, HYPFS_CONTENT_MAX);
	else
		strlcpy(content, e->text, HYPFS_CONTENT_MAX);
	return strlen(content) + 1;
}

/* The size of @e's contents; a directory's is that of its list, which holds no more than names and sizes. */
static uint32_t size_of(const struct hypfs_entry *e)
{
	char text[HYPFS_CONTENT_MAX];
	uint32_t size = 0;

	if (e->type == XEN_HYPFS_TYPE_UINT)
		return sizeof(e->number);
	if (e->type != XEN_HYPFS_TYPE_DIR)
		return text_of(e, text);
	for (unsigned i = 0; i < ARRAY_SIZE(tree); i++) {
		const char *name = name_in(e, &tree[i]);

		if (name)
			size += ROUND_UP(sizeof(struct xen_hypfs_dirlistentry) + strlen(name) + 1, 4);
	}
	return size;
}

void hypfs_describe(const struct hypfs_entry *e, struct xen_hypfs_direntry *to)
{
	*to = (struct xen_hypfs_direntry){
	    .type = e->type, .content_len = size_of(e), .max_write_len = e->write_max};
}

static uint32_t list(const struct hypfs_entry *dir, uint8_t *content)
{
	struct xen_hypfs_dirlistentry *last = NULL;
	uint32_t at = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(tree); i++) {
		const char *name = name_in(dir, &tree[i]);
		uint32_t size;

		if (!name)
			continue;
		if (last)
			last->off_next = content + at - (uint8_t *)last;
		size = ROUND_UP(sizeof(*last) + strlen(name) + 1, 4);
		last = (void *)(content + at);
		memset(last, 0, size);
		hypfs_describe(&tree[i], &last->e);
		strlcpy(last->name, name, size - offsetof(struct xen_hypfs_dirlistentry, name));
		at += size;
	}
	return at;
}

uint32_t hypfs_content(const struct hypfs_entry *e, uint8_t content[HYPFS_CONTENT_MAX])
{
	if (e->type == XEN_HYPFS_TYPE_DIR)
		return list(e, content);
	if (e->type != XEN_HYPFS_TYPE_UINT)
		return text_of(e, (char *)content);
	memcpy(content, &e->number, sizeof(e->number));
	return sizeof(e->number);
}

long hypfs_set(const struct hypfs_entry *e, const char *text, uint32_t n)
{
	if (!n || strnlen(text, n) != n - 1) /* one zero, at the end */
		return -EDOM;
	return e->write(text) ? 0 : -EINVAL;
}
